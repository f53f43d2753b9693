package chaos

import (
	"fmt"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/account"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/network"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/process"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/report"
)

const (
	defaultCallers  = 64
	defaultPause    = 4 * time.Millisecond
	defaultDeadline = 200 * time.Millisecond

	// beyond is how much later than its deadline a caller may come back, besides what
	// the machine made the whole process wait.
	beyond = 10 * time.Millisecond

	// recovery is how soon after the end of a fault the last check may fail.
	recovery = time.Second

	// patience is for what has to happen some time.
	patience = 20 * time.Second

	// The Redis door's: what one fault can leave unknown.
	workers = redisdoor.DefaultWorkers
	batch   = 256
	pool    = 64
	givenUp = time.Second // what nobody waits for any more

	year = 365 * 24 * time.Hour
)

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

var keys = []string{"ann", "bob", "eve", "joe"}

// stage is where a scenario is played: its verbs are the words it is told in.
type stage struct {
	*testing.T
	size
	door     door
	setup    setup
	redis    *process.Redis
	serve    *process.Serve
	toxic    *network.Toxic
	knife    *network.Knife
	frames   *network.Frames
	books    *account.Account
	callers  *load.Load
	strategy map[string]script.Strategy

	lost int64     // checks whose outcome the faults so far may have left unknown
	back time.Time // when the last fault was over
}

// play plays one scenario and judges it.
func play(t *testing.T, sc scenario, d door) report.Row {
	s := &stage{T: t, size: sizes(), door: d, setup: sc.setup}
	s.defaults()
	s.strategy = strategies(s.limit)
	var budgets []account.Budget
	for name := range s.strategy {
		for _, key := range keys {
			budgets = append(budgets, account.Budget{Limiter: name, Key: key})
		}
	}
	s.books = account.New(s.limit, budgets)
	s.redis = process.StartRedis(t, s.setup.redis...)
	limiters, hangUp := s.open()
	if s.setup.before != nil {
		s.setup.before(s)
	}
	stall := load.WatchStall()
	s.callers = load.Start(load.Settings{
		Callers: s.setup.callers, Limiters: limiters, Keys: keys,
		Deadline: s.setup.deadline, Pause: s.setup.pause, Fickle: s.setup.fickle,
	})
	ended := false
	end := func() {
		if !ended {
			ended = true
			s.callers.Stop()
			stall.Stop()
		}
	}
	defer end() // also where a verb gives up
	sc.play(s)
	s.settles(sc)
	end()
	hangUp()
	return s.judge(sc, stall.Worst())
}

func (s *stage) defaults() {
	set := &s.setup
	if set.callers == 0 {
		set.callers = defaultCallers
	}
	if set.pause == 0 {
		set.pause = defaultPause
	}
	if set.deadline == 0 {
		set.deadline = defaultDeadline
	}
}

// open returns the limiters that the callers use, and what closes all behind them.
func (s *stage) open() (limiters map[string]throttlekit.Limiter, hangUp func()) {
	s.Helper()
	limiters = map[string]throttlekit.Limiter{}
	if s.setup.service {
		s.serve = process.StartServe(s, binary, s.redis.URL(), policies(s.limit), s.setup.serve...)
		return limiters, s.openService(limiters, s.through(s.serve.Address))
	}
	return limiters, s.openRedis(limiters, s.through(s.redis.Address))
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

func (s *stage) openRedis(limiters map[string]throttlekit.Limiter, address string) (hangUp func()) {
	s.Helper()
	var opts []redisdoor.Option
	if s.door == alone {
		opts = append(opts, redisdoor.WithoutFusing())
	}
	connections, err := redisdoor.Dial("redis://" + address)
	if err != nil {
		s.Fatal(err)
	}
	d := redisdoor.Open(connections, opts...)
	for name, strategy := range s.strategy {
		limiter, err := d.Limiter(strategy, redisdoor.WithPrefix(name))
		if err != nil {
			s.Fatal(err)
		}
		limiters[name] = s.books.Watch(name, limiter)
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

func (s *stage) openService(limiters map[string]throttlekit.Limiter, address string) (hangUp func()) {
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
		limiters[name] = s.books.Watch(name, client.Limiter(name))
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

// ---- The verbs ----

// spends waits until the callers have spent this share of the limits.
func (s *stage) spends(share float64) {
	s.Helper()
	want := int64(share * float64(s.limit) * float64(len(s.strategy)*len(keys)))
	s.eventually("the callers have spent their share", func() bool { return s.books.Spent() >= want })
}

// strikes counts a fault that loses whatever is under way, so many times.
func (s *stage) strikes(times int) { s.lost += int64(times) * s.underWay() }

// underWay is how many checks can be on their way to Redis at one moment.
func (s *stage) underWay() int64 {
	callers := int64(s.setup.callers)
	switch {
	case s.door == fused:
		return min(callers, workers*batch)
	case s.setup.service:
		return callers // each has a stream of its own
	}
	return min(callers, pool)
}

// perConnection is how many checks can be on their way over one connection.
func (s *stage) perConnection() int64 {
	if s.door == fused {
		return min(int64(s.setup.callers), batch)
	}
	return 1
}

// perRequest is how many checks can be on their way in one request to the service.
func (s *stage) perRequest() int64 { return s.perConnection() }

// silent counts what is lost while nothing answers for as long as a fault lasts, and at
// its end. Without fusing a connection is given up with its caller's deadline, and the
// next caller's check goes out on another. With it, what was sent is waited for.
func (s *stage) silent() {
	rounds := 1 + int(s.fault/givenUp)
	if s.door == alone {
		rounds = 1 + int(s.fault/s.setup.deadline)
	}
	s.strikes(rounds + 1)
}

// lasts lets some time pass, in which the callers go on.
func (s *stage) lasts(d time.Duration) { time.Sleep(d) }

// loses has Redis lose what it held, by change.
func (s *stage) loses(change func()) { s.books.Replace(change) }

// recovers says that the fault is over: from here on all has to go well by itself, soon.
func (s *stage) recovers() { s.back = time.Now() }

func (s *stage) eventually(what string, holds func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			seen := s.callers.Seen()
			s.Fatalf("not within %v: %s; %+v, %+v", patience, what, s.books.Totals(), seen)
		}
	}
}

// settles goes on until every limit is spent and all has been well for a while.
func (s *stage) settles(sc scenario) {
	s.Helper()
	s.eventually("every limit is spent", s.books.Exhausted)
	if sc.lasting {
		return
	}
	s.eventually("no check fails any more", func() bool {
		bad := s.callers.Seen().LastBad
		if bad.Before(s.back) {
			bad = s.back
		}
		return time.Since(bad) > s.quiet
	})
}
