package chaos

import (
	"bytes"
	"fmt"
	"log/slog"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/network"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/process"
)

const year = 365 * 24 * time.Hour

// strategies are limits of which nothing comes back while a scenario lasts.
func strategies(limit int64) map[string]script.Strategy {
	return map[string]script.Strategy{
		"even":    strategy.GCRA{Limit: limit, Period: year},
		"bucket":  strategy.TokenBucket{Capacity: limit, RefillPerSec: 1e-6},
		"fixed":   strategy.FixedWindow{Limit: limit, Window: year},
		"sliding": strategy.SlidingWindow{Limit: limit, Window: year},
		"log":     strategy.SlidingWindowLog{Limit: limit, Window: year},
	}
}

// policies is the same for a service.
func policies(limit int64) string {
	return fmt.Sprintf(`limiters:
  even: {strategy: gcra, limit: %[1]d, period: 365d}
  bucket: {strategy: tokenBucket, capacity: %[1]d, refillPerSec: 0.000001}
  fixed: {strategy: fixedWindow, limit: %[1]d, period: 365d}
  sliding: {strategy: slidingWindow, limit: %[1]d, period: 365d}
  log: {strategy: slidingWindowLog, limit: %[1]d, period: 365d}
`, limit)
}

var keys = []string{"ann@home", "bob@home", "eve@home", "joe@home"}

// replicas is among how many the limiters that stand in locally believe to share.
const replicas = 4

// mode is how a limiter fails: each in another way, so that all are seen in each scenario.
func (s *stage) mode(name string) resilient.Option {
	s.Helper()
	switch name {
	case "even":
		return resilient.WithFailMode(resilient.FailOpen)
	case "bucket":
		return resilient.WithFailMode(resilient.FailClosed)
	case "sliding":
		return resilient.WithFailMode(resilient.FailError)
	}
	local, err := resilient.LocalShare(s.strategy[name], replicas)
	if err != nil {
		s.Fatal(err)
	}
	return resilient.WithFailLocal(local)
}

// guard puts the books over a limiter, and what keeps it from doing harm over these.
func (s *stage) guard(name string, limiter throttlekit.Limiter) {
	s.Helper()
	guarded, err := resilient.New(s.books.Watch(name, limiter),
		resilient.WithStrategy(s.strategy[name]), // the books hide it
		resilient.WithDeadline(s.setup.deadline),
		s.mode(name),
		s.diary(),
	)
	if err != nil {
		s.Fatal(err)
	}
	s.limiters[name] = guarded
}

// diary has a limiter log to somebody who minds keys.
func (s *stage) diary() resilient.Option {
	return resilient.WithLogger(slog.New(slog.NewTextHandler(discreet{s}, &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// discreet fails the test when a key is written to it.
type discreet struct{ *stage }

// Write implements [io.Writer].
func (d discreet) Write(line []byte) (int, error) {
	for _, key := range keys {
		if bytes.Contains(line, []byte(key)) {
			d.Errorf("the key %s stands in the log: %s", key, line)
		}
	}
	return len(line), nil
}

// keep starts what the limits are kept in.
func (s *stage) keep() {
	s.Helper()
	switch s.setup.store {
	case cluster:
		s.cluster = process.StartCluster(s)
		s.url, s.nodes = s.cluster.URL(), s.cluster.All
	case sentinels:
		s.watch = process.StartWatch(s)
		s.url, s.nodes = s.watch.URL(), s.watch.All
	default:
		s.redis = process.StartRedis(s, s.setup.redis...)
		s.url, s.nodes = s.redis.URL(), func() []process.Redis { return []process.Redis{s.redis} }
	}
}

// open makes the limiters.
func (s *stage) open() {
	s.Helper()
	switch {
	case s.setup.service:
		s.serve = process.StartServe(s, binary, s.url, policies(s.limit), s.setup.serve...)
		s.hangUp = s.openService(s.through(s.serve.Address))
	case s.setup.way == straight:
		s.hangUp = s.openRedis(s.url)
	default:
		s.hangUp = s.openRedis("redis://" + s.through(s.redis.Address()))
	}
}

// through puts the scenario's way before the server at address, and returns where to dial.
func (s *stage) through(address string) string {
	s.Helper()
	switch s.setup.way {
	case toxic:
		s.toxic = network.StartToxic(s, address)
		return s.toxic.Address
	case knife:
		s.knife = network.StartKnife(s, address)
		return s.knife.Address
	case frames:
		s.frames = network.StartFrames(s, address)
		return s.frames.Address
	}
	return address
}

func (s *stage) openRedis(url string) (hangUp func()) {
	s.Helper()
	connections, err := redisdoor.DialAny(url)
	if err != nil {
		s.Fatal(err)
	}
	var opts []redisdoor.Option
	if s.door == alone {
		opts = append(opts, redisdoor.WithoutFusing())
	}
	d := redisdoor.Open(connections, opts...)
	for name, strategy := range s.strategy {
		limiter, err := d.Limiter(strategy, redisdoor.WithPrefix(name))
		if err != nil {
			s.Fatal(err)
		}
		s.guard(name, limiter)
	}
	return func() {
		if err := d.Close(s.Context()); err != nil {
			s.Errorf("the door does not close: %v", err)
		}
		if err := connections.Close(); err != nil {
			s.Errorf("the pool does not close: %v", err)
		}
	}
}

func (s *stage) openService(address string) (hangUp func()) {
	s.Helper()
	var opts []servicedoor.Option
	if s.door == fused {
		opts = append(opts, servicedoor.WithGathering())
	}
	client, err := servicedoor.New(address, opts...)
	if err != nil {
		s.Fatal(err)
	}
	for name := range s.strategy {
		s.guard(name, client.Limiter(name))
	}
	return func() {
		if err := client.Close(); err != nil {
			s.Error(err)
		}
		s.serve.Terminate()
		if said := s.serve.Complaints(); said != "" {
			s.Errorf("the service said:\n%s", said)
		}
	}
}
