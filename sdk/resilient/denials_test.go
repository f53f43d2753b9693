package resilient_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestMemoryChangesNoDecision runs random checks, with pauses down to a fraction of a
// millisecond, through two limiters of the same strategy at the same instants, one of them
// with a memory of denials: they admit the same checks, and a denial from memory names a
// time after which the check is admitted.
func TestMemoryChangesNoDecision(t *testing.T) {
	for _, d := range strategy.All() {
		if d.RetryHint == script.HintLoose {
			continue
		}
		t.Run(d.Name, func(t *testing.T) {
			cached := uint64(0)
			for seed := range uint64(40) {
				synctest.Test(t, func(t *testing.T) { cached += memoryChangesNothing(t, d, seed) })
			}
			if cached < 1000 {
				t.Errorf("%d denials were from memory, want enough to prove something", cached)
			}
		})
	}
}

func memoryChangesNothing(t *testing.T, d *script.Definition, seed uint64) uint64 {
	random := rand.New(rand.NewPCG(seed, 4))
	limit, period := 1+random.IntN(20), time.Duration(1+random.IntN(1000))*time.Millisecond
	params := map[string]float64{}
	for _, p := range d.Params {
		switch p.Unit {
		case script.Milliseconds:
			params[p.Name] = script.Millis(period)
		case script.PerSecond:
			params[p.Name] = float64(limit) / period.Seconds()
		default:
			params[p.Name] = float64(limit)
		}
	}
	plan, err := d.New(params)
	if err != nil {
		t.Fatal(err)
	}
	open := func() *localdoor.Limiter {
		l, err := localdoor.New(plan, localdoor.WithClock(time.Now))
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	bare, below := open(), open()
	defer bare.Close()
	defer below.Close()
	l := newLimiter(t, below, resilient.WithDenyCache(100))
	// What a hint may be off by, and what whole milliseconds may.
	const grain = time.Millisecond
	off := time.Duration(0)
	if d.RetryHint == script.HintWithinMillisecond {
		off = time.Millisecond
	}
	deniedAt := map[string]int64{} // the cost of the denial that is remembered, if nothing was spent since
	for step := range 300 {
		key, cost := fmt.Sprint(random.IntN(2)), int64(1+random.IntN(max(1, limit/3)))
		want, err := bare.CheckN(t.Context(), key, cost)
		if err != nil {
			t.Fatal(err)
		}
		before := l.Stats().Cached
		got, err := l.CheckN(t.Context(), key, cost)
		if err != nil {
			t.Fatal(err)
		}
		fromMemory := l.Stats().Cached > before
		switch {
		case got.Allowed != want.Allowed, got.Limit != want.Limit, got.Source != throttlekit.SourceContract:
			t.Fatalf("seed %d, step %d: with memory %+v, without %+v (from memory: %v)", seed, step, got, want, fromMemory)
		case !fromMemory && got != want:
			t.Fatalf("seed %d, step %d: not from memory, and %+v rather than %+v", seed, step, got, want)
		case got.RetryAfter > want.RetryAfter+grain+off,
			got.RetryAfter < want.RetryAfter-off && cost == deniedAt[key]:
			t.Fatalf("seed %d, step %d: wait %v with memory, %v without", seed, step, got.RetryAfter, want.RetryAfter)
		}
		if got.Allowed {
			delete(deniedAt, key)
		} else if !fromMemory {
			deniedAt[key] = cost
		}
		time.Sleep(time.Duration(random.Int64N(int64(period) / 20)))
	}
	return l.Stats().Cached
}

// TestMemoryGivesWayToARoundedHint looks for token buckets whose hint is a millisecond late,
// since it divides where the check multiplies, and asks again within that millisecond: when
// least time has passed that the contract, which counts in whole ones, takes for so long.
func TestMemoryGivesWayToARoundedHint(t *testing.T) {
	random, late := rand.New(rand.NewPCG(6, 4)), 0
	synctest.Test(t, func(t *testing.T) {
		for range 1000 {
			capacity := 1 + random.Int64N(50)
			cost := 1 + random.Int64N(capacity)
			wholes := float64(2 + random.IntN(1000)) // milliseconds in which the cost comes back
			bucket := strategy.TokenBucket{Capacity: capacity, RefillPerSec: float64(cost) * 1000 / wholes}
			open := func() throttlekit.Limiter {
				l, err := localdoor.New(bucket, localdoor.WithClock(time.Now), localdoor.WithMaxKeys(1))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = l.Close() })
				return l
			}
			bare, below := open(), open()
			remembers := newLimiter(t, below, resilient.WithDenyCache(1))
			check := func(l throttlekit.Limiter, cost int64) throttlekit.Decision {
				d, err := l.CheckN(t.Context(), secretKey, cost)
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			time.Sleep(time.Until(time.Now().Truncate(time.Millisecond).Add(time.Millisecond + 900*time.Microsecond)))
			for _, l := range []throttlekit.Limiter{bare, remembers} {
				check(l, capacity)
				check(l, cost)
			}
			wait := check(remembers, cost).RetryAfter
			time.Sleep(wait - 1900*time.Microsecond)
			want := check(bare, cost)
			if want.Allowed {
				late++
			}
			if got := check(remembers, cost); got.Allowed != want.Allowed {
				t.Fatalf("%+v: with memory %+v, without %+v", bucket, got, want)
			}
		}
	})
	if late == 0 {
		t.Error("no hint was late, so that nothing was proved")
	}
	t.Logf("%d of 1000 hints were late", late)
}

// TestCachedDenialCountsDown follows one denial to its end.
func TestCachedDenialCountsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := &scripted{}
		below.check = func(context.Context, string, int64) (throttlekit.Decision, error) {
			time.Sleep(3 * time.Millisecond) // on the way there
			defer time.Sleep(2 * time.Millisecond)
			return throttlekit.Decision{Limit: 7, Remaining: 2, ResetAt: whole, RetryAfter: 100 * time.Millisecond}, nil
		}
		l := newLimiter(t, below, ofSeven, resilient.WithDenyCache(10))
		began := time.Now()
		for _, row := range []struct {
			name   string
			at     time.Duration
			cost   int64
			cached bool
			retry  time.Duration
		}{
			{"the denial itself", 0, 3, false, 100 * time.Millisecond},
			{"at once: from the latest instant at which it can have been denied", 5 * time.Millisecond, 3, true, 100 * time.Millisecond},
			{"a part of a millisecond later: rounded up", 5*time.Millisecond + 1, 3, true, 100 * time.Millisecond},
			{"half way", 55 * time.Millisecond, 3, true, 50 * time.Millisecond},
			{"a higher cost", 55 * time.Millisecond, 4, true, 50 * time.Millisecond},
			{"the last moment: counted from the earliest instant, by the contract's whole milliseconds", 99*time.Millisecond - 1, 3, true, 7 * time.Millisecond},
			{"it may be over", 99 * time.Millisecond, 3, false, 100 * time.Millisecond},
		} {
			time.Sleep(row.at - time.Since(began))
			asked := below.asked.Load()
			d, err := l.CheckN(t.Context(), secretKey, row.cost)
			want := throttlekit.Decision{Limit: 7, Remaining: 2, ResetAt: whole, RetryAfter: row.retry}
			if cached := below.asked.Load() == asked; err != nil || cached != row.cached || d != want {
				t.Errorf("%s: %+v, %v, from memory %v; want %+v, %v", row.name, d, err, cached, want, row.cached)
			}
		}
	})
}

func TestWhatIsNotRemembered(t *testing.T) {
	long := strings.Repeat("k", 1025)
	for _, row := range []struct {
		name        string
		key         string
		decision    throttlekit.Decision
		first, then int64
	}{
		{"an admission", "k", admitted, 1, 1},
		{"a denial that another limiter made up", "k", throttlekit.Decision{RetryAfter: time.Hour, Source: throttlekit.SourceLocal}, 1, 1},
		{"a denial without a hint", "k", throttlekit.Decision{Limit: 7}, 1, 1},
		{"a denial that is over at once", "k", throttlekit.Decision{Limit: 7, RetryAfter: time.Millisecond}, 1, 1},
		{"a key too long to keep", long, denied, 1, 1},
		{"a denial of more than is asked now", "k", denied, 3, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			below := answering(row.decision, nil)
			l := newLimiter(t, below, ofSeven, resilient.WithDenyCache(10))
			for _, cost := range []int64{row.first, row.then} {
				if d, err := l.CheckN(t.Context(), row.key, cost); d != row.decision || err != nil {
					t.Errorf("got %+v, %v", d, err)
				}
			}
			if n := below.asked.Load(); n != 2 {
				t.Errorf("the limiter was asked %d times, want twice", n)
			}
		})
	}
}

func TestMemoryIsOnlyForPromises(t *testing.T) {
	for _, d := range strategy.All() {
		params := map[string]float64{}
		for _, p := range d.Params {
			params[p.Name] = 10
		}
		plan, err := d.New(params)
		if err != nil {
			t.Fatal(err)
		}
		below, err := localdoor.New(plan)
		if err != nil {
			t.Fatal(err)
		}
		_, err = resilient.New(below, resilient.WithDenyCache(10))
		want := "resilient: WithDenyCache: the RetryAfter of strategy " + d.Name + " is a hint and no promise: a check may be admitted sooner"
		if d.RetryHint == script.HintLoose && (err == nil || err.Error() != want) || d.RetryHint != script.HintLoose && err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
	if _, err := resilient.New(answering(denied, nil), resilient.WithDenyCache(10)); err == nil ||
		err.Error() != "resilient: WithDenyCache: the limiter does not say which strategy it runs; WithStrategy can" {
		t.Errorf("a limiter of an unknown strategy: %v", err)
	}
}

// TestMemoryIsBounded denies far more keys than may be remembered, most of them for long
// and some that are soon over.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := &scripted{check: func(_ context.Context, key string, _ int64) (throttlekit.Decision, error) {
			d := denied
			if d.RetryAfter = time.Hour; strings.HasSuffix(key, "0") {
				d.RetryAfter = time.Second
			}
			return d, nil
		}}
		const most = 100
		l := newLimiter(t, below, ofSeven, resilient.WithDenyCache(most))
		deny := func(keys int) (cached uint64) {
			before := l.Stats().Cached
			for i := range keys {
				if _, err := l.Check(t.Context(), fmt.Sprint(i)); err != nil {
					t.Fatal(err)
				}
			}
			return l.Stats().Cached - before
		}
		deny(10 * most)
		// Whatever is asked now, no more than what is remembered can come from memory.
		if n := resilient.Remembered(l); n > most || n < most/2 {
			t.Errorf("%d keys are remembered, want nearly %d and no more", n, most)
		}
		if n := deny(10 * most); n > 10*most/2 {
			t.Errorf("%d of %d denials came from memory", n, 10*most)
		}
	})
}

// TestResetReachesTheMemory, and keeps a denial from it that was under way meanwhile.
func TestResetReachesTheMemory(t *testing.T) {
	below := answering(denied, nil)
	l := newLimiter(t, below, ofSeven, resilient.WithDenyCache(10))
	check := func() throttlekit.Decision {
		d, err := l.Check(t.Context(), secretKey)
		if err != nil {
			t.Error(err)
		}
		return d
	}
	check()
	check()
	if n := below.asked.Load(); n != 1 {
		t.Fatalf("the limiter was asked %d times, want once", n)
	}

	asked, answer := make(chan struct{}), make(chan struct{})
	if err := l.Reset(t.Context(), secretKey); err != nil {
		t.Fatal(err)
	}
	below.check = func(context.Context, string, int64) (throttlekit.Decision, error) {
		asked <- struct{}{}
		<-answer
		return denied, nil
	}
	var underWay sync.WaitGroup
	underWay.Go(func() { check() })
	<-asked
	below.check = func(context.Context, string, int64) (throttlekit.Decision, error) { return admitted, nil }
	if err := l.Reset(t.Context(), secretKey); err != nil {
		t.Fatal(err)
	}
	close(answer) // of before the reset
	underWay.Wait()
	if d := check(); !d.Allowed {
		t.Errorf("after a reset: %+v, a denial of before it", d)
	}
}

// TestMemoryOutlivesAnOutage: what the contract said holds while it cannot be asked.
func TestMemoryOutlivesAnOutage(t *testing.T) {
	below := answering(denied, nil)
	l := newLimiter(t, below, ofSeven, resilient.WithDenyCache(10), resilient.WithFailMode(resilient.FailOpen), resilient.WithBreaker(1, time.Hour))
	for _, key := range []string{"denied", "another"} {
		if d, err := l.Check(t.Context(), key); err != nil || d.Allowed == (key == "denied") {
			t.Errorf("%s: %+v, %v", key, d, err)
		}
		below.check = func(context.Context, string, int64) (throttlekit.Decision, error) {
			return throttlekit.Decision{}, gone
		}
	}
	if d, err := l.Check(t.Context(), "denied"); err != nil || d.Allowed || d.Degraded() || d.RetryAfter == 0 {
		t.Errorf("with the breaker %v: %+v, %v; want the denial", l.Stats().Breaker, d, err)
	}
}

// TestMemoryOfRealRedis waits as long as a denial from memory says, and is admitted: by a
// server whose clock is its own.
func TestMemoryOfRealRedis(t *testing.T) {
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	door, err := redisdoor.New(pool, strategy.GCRA{Limit: 20, Period: time.Second, Burst: 1}, redisdoor.WithPrefix(fmt.Sprint("memory", rand.Uint64())))
	if err != nil {
		t.Fatal(err)
	}
	l := newLimiter(t, door, resilient.WithDenyCache(10), resilient.WithDeadline(10*time.Second))
	for range 5 {
		d, err := l.Check(t.Context(), secretKey)
		if err != nil || !d.Allowed {
			t.Fatalf("%+v, %v; want to be admitted after the wait", d, err)
		}
		for range 3 {
			if d, err = l.Check(t.Context(), secretKey); err != nil {
				t.Fatal(err)
			}
		}
		if !d.Allowed {
			time.Sleep(d.RetryAfter)
		}
	}
	if s := l.Stats(); s.Cached == 0 {
		t.Errorf("%+v: nothing came from memory", s)
	}
}
