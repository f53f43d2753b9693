package redisdoor_test

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// ages is a period that no test outlives, and in which no window of the epoch's ends: 2^40
// ms are 35 years, and the next such window begins in 2039. It and plenty are powers of
// two, so that no strategy rounds.
const (
	ages   = 1 << 40
	plenty = 256
)

// ofPlenty fills in any strategy for a limit of plenty in ages; params win.
func ofPlenty(tb testing.TB, d *script.Definition, params map[string]float64) script.Strategy {
	tb.Helper()
	all := map[string]float64{}
	for _, p := range d.Params {
		switch given, ok := params[p.Name]; {
		case ok:
			all[p.Name] = given
		case p.Default != 0 || p.DefaultFrom != "":
		case p.Unit == script.Milliseconds:
			all[p.Name] = ages
		case p.Unit == script.PerSecond:
			all[p.Name] = plenty * 1000.0 / ages
		default:
			all[p.Name] = plenty
		}
	}
	s, err := strategy.New(d.Name, all)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// openDoor returns a door that is closed when the test ends.
func openDoor(tb testing.TB, pool redisdoor.Pool, opts ...redisdoor.Option) *redisdoor.Door {
	tb.Helper()
	door := redisdoor.Open(pool, opts...)
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := door.Close(ctx); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return door
}

func behind(tb testing.TB, door *redisdoor.Door, s script.Strategy, opts ...redisdoor.LimiterOption) *redisdoor.Limiter {
	tb.Helper()
	l, err := door.Limiter(s, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// teach loads the scripts of a strategy, so that no NOSCRIPT disturbs a count.
func teach(tb testing.TB, pool *redis.Pool, s script.Strategy) *script.Plan {
	tb.Helper()
	plan, err := s.Plan()
	if err != nil {
		tb.Fatal(err)
	}
	for _, text := range []string{plan.Definition().Check.Source, plan.Definition().Many.Source} {
		command(tb, pool, "SCRIPT", "LOAD", text)
	}
	return plan
}

// noticed is a context that tells when its check waits: Do asks for Done before and
// after it has put the check in the queue.
type noticed struct {
	context.Context
	asked  atomic.Int64
	queued chan struct{}
}

func (n *noticed) Done() <-chan struct{} {
	if n.asked.Add(1) == 2 {
		close(n.queued)
	}
	return n.Context.Done()
}

// checker is one check by a goroutine of its own.
type checker struct {
	leave    context.CancelFunc
	returned chan struct{}
	decision throttlekit.Decision
	err      error
}

// start has a goroutine check, and returns when its check waits in the queue or has gone
// on from there.
func start(tb testing.TB, l *redisdoor.Limiter, key string) *checker {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	tb.Cleanup(cancel)
	n := &noticed{Context: ctx, queued: make(chan struct{})}
	c := &checker{leave: cancel, returned: make(chan struct{})}
	go func() {
		defer close(c.returned)
		c.decision, c.err = l.Check(n, key)
	}()
	select {
	case <-n.queued:
	case <-c.returned:
	}
	return c
}

func startMany(tb testing.TB, l *redisdoor.Limiter, keys ...string) []*checker {
	tb.Helper()
	all := make([]*checker, len(keys))
	for i, key := range keys {
		all[i] = start(tb, l, key)
	}
	return all
}

// wait returns when the check has its outcome.
func (c *checker) wait(tb testing.TB) {
	tb.Helper()
	select {
	case <-c.returned:
	case <-time.After(15 * time.Second):
		tb.Fatal("a check hangs")
	}
}

func (c *checker) wantAllowed(tb testing.TB) {
	tb.Helper()
	c.wait(tb)
	if c.err != nil || !c.decision.Allowed {
		tb.Errorf("got %+v, %v, want a check that is allowed", c.decision, c.err)
	}
}

// wantFault also wants no decision beside the error: it would be somebody else's.
func (c *checker) wantFault(t *testing.T, want fault) {
	t.Helper()
	c.wait(t)
	wantFault(t, c.err, want)
	if c.decision != (throttlekit.Decision{}) {
		t.Errorf("got %+v beside the error %v, want none", c.decision, c.err)
	}
}

// inFlight makes checks be in flight in one script, their replies held: the first alone,
// and the others, if any, together, when it has its answer.
func inFlight(tb testing.TB, way *link, l *redisdoor.Limiter, keys ...string) []*checker {
	tb.Helper()
	first := start(tb, l, keys[0])
	way.awaitHeld(tb)
	if len(keys) == 1 {
		return []*checker{first}
	}
	others := startMany(tb, l, keys[1:]...)
	way.letPass(tb)
	first.wantAllowed(tb)
	way.awaitHeld(tb)
	return others
}

// crowd has n goroutines check each times, from the same moment on, and returns their
// decisions; an error fails the test. Every other goroutine has a context that may end.
func crowd(tb testing.TB, n, each int, check func(ctx context.Context, goroutine, time int) (throttlekit.Decision, error)) []throttlekit.Decision {
	tb.Helper()
	decisions := make([]throttlekit.Decision, n*each)
	gate := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			ctx := context.Background()
			if i%2 == 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithCancel(ctx)
				defer cancel()
			}
			<-gate
			for j := range each {
				d, err := check(ctx, i, j)
				if err != nil {
					tb.Errorf("check %d of goroutine %d: %v", j, i, err)
					return
				}
				decisions[i*each+j] = d
			}
		})
	}
	close(gate)
	all.Wait()
	return decisions
}

func admitted(decisions []throttlekit.Decision) (n int64) {
	for _, d := range decisions {
		if d.Allowed {
			n++
		}
	}
	return n
}

// logged is a script that Redis ran.
type logged struct {
	took time.Duration
	args []string
}

// slowlogFrom has Redis note every command from now on.
func slowlogFrom(tb testing.TB, pool *redis.Pool) {
	tb.Helper()
	command(tb, pool, "CONFIG", "SET", "slowlog-max-len", "4000")
	command(tb, pool, "CONFIG", "SET", "slowlog-log-slower-than", "0")
	command(tb, pool, "SLOWLOG", "RESET")
}

// slowlog returns the scripts that Redis ran since, the latest first.
func slowlog(tb testing.TB, pool *redis.Pool) (scripts []logged) {
	tb.Helper()
	entries, err := redis.SlowLogs(command(tb, pool, "SLOWLOG", "GET", "4000"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range entries {
		if e.Args[0] == "EVALSHA" || e.Args[0] == "EVAL" {
			scripts = append(scripts, logged{e.ExecutionTime, e.Args})
		}
	}
	return scripts
}

func numbered(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "key" + strconv.Itoa(i)
	}
	return keys
}
