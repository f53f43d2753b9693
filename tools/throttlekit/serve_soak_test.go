//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

const (
	// soakVariable is how long the clients put on load, besides what the restarts take. The
	// default is for every day; a minute is for a release.
	soakVariable = "THROTTLEKIT_SOAK"
	soakDefault  = 2 * time.Second

	soakClients  = 64
	soakRestarts = 2
	soakLimit    = 30 // of every policy, and so long that nothing comes back
	soakPolicies = `limiters:
  even: {strategy: gcra, limit: 30, period: 365d}
  bucket: {strategy: tokenBucket, capacity: 30, refillPerSec: 0.000001}
  fixed: {strategy: fixedWindow, limit: 30, period: 365d}
  sliding: {strategy: slidingWindow, limit: 30, period: 365d}
  log: {strategy: slidingWindowLog, limit: 30, period: 365d}
`
)

var (
	soakNames = []string{"even", "bucket", "fixed", "sliding", "log"}
	soakKeys  = []string{"ann", "bob", "eve"}
)

// budget is one limited key in one state of Redis, or, with span set, on its way from that
// state into the next: then nobody can say which of the two decided.
type budget struct {
	state       int64
	span        bool
	policy, key string
}

// spending is what the clients were told about a budget, in units.
type spending struct{ admitted, unknown int64 }

// soak is the clients and what they saw.
type soak struct {
	t         *testing.T
	state     atomic.Int64 // a new one begins when Redis is down, before it starts again
	exhausted sync.Map     // budget: seen to be denied by Redis

	mu    sync.Mutex
	spent map[budget]spending
	calls map[string]int
	given int64 // decisions
}

func TestServeSurvivesItsRedis(t *testing.T) {
	length := soakDefault
	if text := os.Getenv(soakVariable); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", soakVariable, err)
		}
	}
	redis := newRedisProcess(t)
	if err := redis.start(); err != nil {
		t.Fatal(err)
	}
	// Closed, so that a decision that the service made up is never an admission.
	c := launch(t, writePolicies(t, soakPolicies), "--redis", redis.url(), "--fail", "closed", "--metrics-port", "0")
	s := &soak{t: t, spent: map[budget]spending{}, calls: map[string]int{}}
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	defer clients.Wait()
	defer stop()
	for i := range soakClients {
		client := c.client(t, [][]servicedoor.Option{nil, {servicedoor.WithConnect()}, {servicedoor.WithGRPCWeb()}}[i%3]...)
		clients.Go(func() { s.run(ctx, client, rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	for state := range soakRestarts + 1 {
		time.Sleep(length / (soakRestarts + 1)) // the load; what follows waits for what it needs
		eventually(t, "every limit is reached", func() bool { return s.reached(int64(state)) })
		eventually(t, "all of every limit is accounted for", func() bool { return s.accounted(int64(state)) })
		if state == soakRestarts {
			break
		}
		redis.kill()
		for _, service := range []string{"throttlekit.store", "", "throttlekit.v1.RateLimiter"} {
			eventually(t, service+" is NOT_SERVING", func() bool { return healthOf(t, c.address, service) == "NOT_SERVING" })
		}
		s.state.Add(1)
		if err := redis.start(); err != nil {
			t.Fatal(err)
		}
		for _, service := range []string{"throttlekit.store", "", "throttlekit.v1.RateLimiter"} {
			eventually(t, service+" is SERVING", func() bool { return healthOf(t, c.address, service) == "SERVING" })
		}
	}
	stop()
	clients.Wait()
	s.judge()

	_, metrics := get(t, "http://"+c.metrics+"/metrics")
	// The last call of a client was cut off, with up to four decisions.
	counted := sumOf(t, metrics, "throttlekit_decisions_total") + sumOf(t, metrics, "throttlekit_synthesized_decisions_total")
	if counted < s.given || counted > s.given+4*soakClients {
		t.Errorf("the metrics count %d decisions, the clients were given %d", counted, s.given)
	}
	c.signal(t, syscall.SIGTERM)
	if code := c.code(t); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	if log := c.log.String(); strings.Contains(log, "panic") || strings.Count(log, `msg="the store fails"`) < soakRestarts {
		t.Errorf("logged\n%s", log)
	}
}

// run is one client, who mixes all operations until ctx ends.
func (s *soak) run(ctx context.Context, client *servicedoor.Client, random *rand.Rand) {
	key := func() string { return soakKeys[random.IntN(len(soakKeys))] }
	for ctx.Err() == nil {
		policy, cost := soakNames[random.IntN(len(soakNames))], 1+max(0, random.Int64N(8)-5)
		keys := []string{key()}
		var ds []throttlekit.Decision
		var err error
		op := "check"
		before := s.state.Load()
		switch random.IntN(10) {
		case 0:
			op = "peek"
			_, err = client.Peek(ctx, policy, keys[0])
		case 1:
			op = "forecast"
			_, err = client.Forecast(ctx, policy, keys[0], cost)
		case 2, 3:
			op = "checkMany"
			keys = []string{key(), key(), key(), key()}
			ds, err = client.CheckMany(ctx, policy, keys, cost)
		default:
			ds = make([]throttlekit.Decision, 1)
			ds[0], err = client.CheckN(ctx, policy, keys[0], cost)
		}
		after := s.state.Load()
		if ctx.Err() != nil {
			// It may have been consumed all the same, in the last state.
			for _, k := range keys {
				s.count(budget{state: before, policy: policy, key: k}, spending{unknown: cost})
			}
			return
		}
		s.saw(op, len(ds), err)
		for i, d := range ds {
			b := budget{state: before, span: before != after, policy: policy, key: keys[i]}
			switch {
			case d.ResetAt.IsZero():
				s.count(b, spending{unknown: cost})
			case d.Allowed:
				s.count(b, spending{admitted: cost})
			case cost == 1 && !b.span:
				s.exhausted.Store(b, true)
			}
		}
	}
}

// saw counts a call and holds its error to what the service promises: Check and CheckMany
// have none, the others INTERNAL while Redis is away.
func (s *soak) saw(op string, decisions int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[op]++
	s.given += int64(decisions)
	if err != nil && (strings.HasPrefix(op, "check") || connect.CodeOf(err) != connect.CodeInternal) {
		s.t.Errorf("%s: %v", op, err)
	}
}

func (s *soak) count(b budget, more spending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := s.spent[b]
	s.spent[b] = spending{sum.admitted + more.admitted, sum.unknown + more.unknown}
}

func (s *soak) reached(state int64) bool {
	for _, policy := range soakNames {
		for _, key := range soakKeys {
			if _, ok := s.exhausted.Load(budget{state: state, policy: policy, key: key}); !ok {
				return false
			}
		}
	}
	return true
}

// accounted reports whether the clients were told of all that a state's limits allow, but
// for what the service could not tell them.
func (s *soak) accounted(state int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, policy := range soakNames {
		for _, key := range soakKeys {
			here, into := s.spent[budget{state, false, policy, key}], s.spent[budget{state - 1, true, policy, key}]
			if here.admitted+here.unknown+into.admitted+into.unknown < soakLimit {
				return false
			}
		}
	}
	return true
}

// judge holds each budget to its limit: never more was admitted in one state of Redis.
func (s *soak) judge() {
	spans, total := map[int64]int64{}, int64(0)
	for state := range int64(soakRestarts + 1) {
		for _, policy := range soakNames {
			for _, key := range soakKeys {
				b := budget{state: state, policy: policy, key: key}
				across := s.spent[budget{state: state, span: true, policy: policy, key: key}]
				if admitted := s.spent[b].admitted; admitted > soakLimit {
					s.t.Errorf("%+v: %d units admitted, want at most %d", b, admitted, soakLimit)
				}
				spans[state] += across.admitted
				total += s.spent[b].admitted + across.admitted
			}
		}
		// At most one call of each client is under way at a restart: four keys of cost 3.
		if spans[state] > soakClients*4*3 {
			s.t.Errorf("%d units were admitted across restart %d", spans[state], state)
		}
	}
	s.t.Logf("%v; %d units admitted, %d of them across a restart", s.calls, total, spans[0]+spans[1])
	for _, op := range []string{"check", "checkMany", "peek", "forecast"} {
		if s.calls[op] == 0 {
			s.t.Errorf("no %s", op)
		}
	}
}

// sumOf adds up a counter over its labels.
func sumOf(t *testing.T, text, name string) int64 {
	t.Helper()
	sum := int64(0)
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, name+"{"); ok {
			var n int64
			if _, err := fmt.Sscan(rest[strings.LastIndexByte(rest, ' ')+1:], &n); err != nil {
				t.Fatal(err)
			}
			sum += n
		}
	}
	return sum
}
