package resilient_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// dialled is a pool with as many connections as it may have, all of them idle.
func dialled(tb testing.TB, s *redistest.Server) *redis.Pool {
	tb.Helper()
	pool, err := redisdoor.Dial(s.URL())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = pool.Close() })
	var conns []redis.Conn
	for range pool.MaxActive {
		conn := pool.Get()
		if _, err := conn.Do("PING"); err != nil {
			tb.Fatal(err)
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		_ = conn.Close() // hands it back
	}
	return pool
}

// breath is how long a caller waits between two checks.
const breath = 2 * time.Millisecond

// crowd is callers that check as fast as they are answered, with a breath between.
type crowd struct {
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	waits []time.Duration // of each check since the last harvest
	back  time.Time       // of the first decision of the contract since then
	late  time.Duration   // at most, that the machine woke a caller after its time
}

func assemble(tb testing.TB, limiter throttlekit.Limiter, callers int) *crowd {
	c := &crowd{stop: make(chan struct{})}
	for i := range callers {
		c.done.Go(func() {
			for {
				began := time.Now()
				select {
				case <-c.stop:
					return
				case <-time.After(breath):
				}
				late := time.Since(began) - breath
				began = time.Now()
				d, err := limiter.Check(context.Background(), fmt.Sprint(secretKey, i))
				ended := time.Now()
				if err != nil {
					tb.Error(err)
				}
				c.mu.Lock()
				c.waits, c.late = append(c.waits, ended.Sub(began)), max(c.late, late)
				if c.back.IsZero() && !d.Degraded() {
					c.back = ended
				}
				c.mu.Unlock()
			}
		})
	}
	return c
}

func (c *crowd) disperse() {
	close(c.stop)
	c.done.Wait()
}

// harvest returns how long the checks took since the last harvest, sorted.
func (c *crowd) harvest() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	waits := c.waits
	c.waits, c.back = nil, time.Time{}
	slices.Sort(waits)
	return waits
}

func (c *crowd) backSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.back
}

// latest is how much longer than it should the machine had somebody sleep, and so what
// bounds on times have to allow for.
func (c *crowd) latest() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.late
}

func eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("never: %s", what)
		}
	}
}

// TestOutage takes a Redis away from callers and gives it back. What it bounds is what the
// user is promised: the deadline and 10 ms at most for anybody, next to nothing for nearly
// everybody, and the contract's decisions within a second of its return.
func TestOutage(t *testing.T) {
	for _, row := range []struct {
		name       string
		away, back func(*redistest.Server) error
		door       []redisdoor.Option
	}{
		{"killed and started again, fused", (*redistest.Server).Kill, (*redistest.Server).Restart, nil},
		{"killed and started again, alone", (*redistest.Server).Kill, (*redistest.Server).Restart, []redisdoor.Option{redisdoor.WithoutFusing()}},
		{"frozen, fused", (*redistest.Server).Freeze, (*redistest.Server).Thaw, nil},
		{"frozen, alone", (*redistest.Server).Freeze, (*redistest.Server).Thaw, []redisdoor.Option{redisdoor.WithoutFusing()}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := redistest.StartServer(t)
			door, err := redisdoor.New(dialled(t, s), strategy.GCRA{Limit: 1000, Period: time.Hour}, row.door...)
			if err != nil {
				t.Fatal(err)
			}
			l := newLimiter(t, door, resilient.WithFailMode(resilient.FailOpen))
			c := assemble(t, l, 16)
			defer c.disperse()
			eventually(t, "checks", func() bool { return l.Stats().Contract > 100 })

			c.harvest()
			if err := row.away(s); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the breaker is open", func() bool { return l.Stats().Breaker == resilient.BreakerOpen })
			longest := last(c.harvest())
			opened := l.Stats().Opened
			eventually(t, "two tries in vain", func() bool { return l.Stats().Opened > opened+1 })
			waits := c.harvest()
			longest = max(longest, last(waits))
			p99 := waits[len(waits)*99/100]
			if longest > resilient.DefaultDeadline+10*time.Millisecond+c.latest() || p99 > time.Millisecond {
				t.Errorf("without Redis p99 was %v and the longest check %v, want below 1ms and at most 60ms (and the machine's %v)", p99, longest, c.latest())
			}

			if err := row.back(s); err != nil {
				t.Fatal(err)
			}
			returned := time.Now()
			c.harvest()
			eventually(t, "a decision of Redis", func() bool { return !c.backSince().IsZero() })
			took := c.backSince().Sub(returned)
			if took > time.Second+c.latest() {
				t.Errorf("the contract was back %v after its Redis, want within a second", took)
			}
			t.Logf("%d checks without Redis: p50 %v, p99 %v, longest %v; back after %v; %+v",
				len(waits), waits[len(waits)/2], p99, longest, took, l.Stats())
		})
	}
}

func last(waits []time.Duration) time.Duration {
	if len(waits) == 0 {
		return 0
	}
	return waits[len(waits)-1]
}
