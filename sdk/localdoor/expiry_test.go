package localdoor_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// TestExpiredStateIsGone: a state that has expired is none, whether or not anybody has
// taken it out of memory.
func TestExpiredStateIsGone(t *testing.T) {
	every(t, 3, time.Minute, func(t *testing.T, plan *script.Plan) {
		c := newClock(noon)
		l := newLimiter(t, plan, c.option())
		first, err := l.CheckN(t.Context(), "key", 3)
		if err != nil || !first.Allowed {
			t.Fatalf("got %+v, %v", first, err)
		}
		if d, err := l.Check(t.Context(), "key"); err != nil || d.Allowed {
			t.Fatalf("a spent limit: got %+v, %v", d, err)
		}
		c.add(time.Hour)
		again, err := l.CheckN(t.Context(), "key", 3)
		if err != nil || !again.Allowed || again.Remaining != first.Remaining {
			t.Errorf("an hour later: got %+v, %v; want what the first check got, %+v", again, err, first)
		}
		if n := l.Stats().Keys; n != 1 {
			t.Errorf("%d keys are there, want 1", n)
		}
	})
}

// TestDenialsLeaveNothing: a key that has spent nothing takes no memory.
func TestDenialsLeaveNothing(t *testing.T) {
	every(t, 3, time.Minute, func(t *testing.T, plan *script.Plan) {
		c := newClock(noon)
		l := newLimiter(t, plan, c.option())
		if d, err := l.CheckN(t.Context(), "new", 4); err != nil || d.Allowed {
			t.Fatalf("more than the limit: got %+v, %v", d, err)
		}
		if _, err := l.Peek(t.Context(), "other"); err != nil {
			t.Fatal(err)
		}
		if n := l.Stats().Keys; n != 0 {
			t.Errorf("%d keys are there, want none", n)
		}
		if _, err := l.Check(t.Context(), "new"); err != nil {
			t.Fatal(err)
		}
		c.add(time.Hour)
		if d, err := l.CheckN(t.Context(), "new", 4); err != nil || d.Allowed {
			t.Fatalf("more than the limit, later: got %+v, %v", d, err)
		}
		if n := l.Stats().Keys; n != 0 {
			t.Errorf("%d keys are there after all has expired, want none", n)
		}
	})
}

// TestNewKeysTakeExpiredOnesOut: memory stays bounded by what is alive, without the
// janitor, whose timer does not fire in the time of this test.
func TestNewKeysTakeExpiredOnesOut(t *testing.T) {
	c := newClock(noon)
	l := newLimiter(t, strategy.FixedWindow{Limit: 1, Window: time.Minute}, c.option())
	const each = 30_000
	for minute := range 5 {
		for i := range each {
			if _, err := l.Check(t.Context(), strconv.Itoa(minute*each+i)); err != nil {
				t.Fatal(err)
			}
		}
		if n := l.Stats().Keys; minute > 0 && n > each+each/2 {
			t.Errorf("%d keys are there, of which %d are alive; want no more than half of that again", n, each)
		}
		c.add(time.Minute)
	}
}

// TestJanitor: memory returns when keys have expired and nobody calls.
func TestJanitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, strategy.FixedWindow{Limit: 1, Window: time.Minute})
		const keys = 200_000
		before := heap()
		fill := func() {
			for i := range keys {
				if _, err := l.Check(t.Context(), strconv.Itoa(i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		fill()
		full := heap() - before
		if n := l.Stats().Keys; n != keys || full < 48*keys {
			t.Fatalf("%d keys in %d bytes, want %d of 48 bytes at least", n, full, keys)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n, left := l.Stats().Keys, heap()-before; n != 0 || left > full/20 {
			t.Errorf("%d keys and %d of %d bytes are left, want none", n, left, full)
		}
		fill() // and it wakes again
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := l.Stats().Keys; n != 0 {
			t.Errorf("%d keys are left the second time, want none", n)
		}
	})
}

// TestJanitorDoesNotAskTheClock: it goes by what the last call was told, so that a test's
// clock need not expect it.
func TestJanitorDoesNotAskTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now, asked := noon, 0
		l := newLimiter(t, strategy.FixedWindow{Limit: 1, Window: time.Minute}, localdoor.WithClock(func() time.Time {
			asked++
			return now
		}))
		checkAll(t, l, "key", 1000)
		now = now.Add(time.Hour)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := l.Stats().Keys; n != 1000 {
			t.Errorf("%d keys are left, want all: nobody has told the limiter the time", n)
		}
		checkAll(t, l, "later", 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := l.Stats().Keys; n != 1 || asked != 1001 {
			t.Errorf("%d keys are left and the clock was asked %d times, want 1 key, and 1001 times", n, asked)
		}
	})
}

// TestClockSteps: a clock that is set back or far forward changes no more than what has
// expired by it, and one before 1970 counts as 1970.
func TestClockSteps(t *testing.T) {
	every(t, 3, time.Minute, func(t *testing.T, plan *script.Plan) {
		c := newClock(noon)
		l := newLimiter(t, plan, c.option())
		steps := []time.Duration{0, -time.Millisecond, -24 * time.Hour, 48 * time.Hour, -time.Hour, 100 * 365 * 24 * time.Hour, -200 * 365 * 24 * time.Hour, 150 * 365 * 24 * time.Hour}
		for i, step := range steps {
			c.add(step)
			d, err := l.Check(t.Context(), "key")
			if err != nil {
				t.Fatalf("step %d: %v", i, err)
			}
			peeked, err := l.Peek(t.Context(), "key")
			if err != nil || d.Allowed && peeked.Remaining != d.Remaining || d.Remaining < 0 || d.Remaining > d.Limit {
				t.Errorf("step %d: the check left %+v, and a peek finds %+v, %v", i, d, peeked, err)
			}
			fresh, err := l.Check(t.Context(), "fresh "+strconv.Itoa(i))
			if err != nil || !fresh.Allowed || fresh.Remaining != 2 {
				t.Errorf("step %d: a fresh key got %+v, %v", i, fresh, err)
			}
		}
	})
}

// TestExpiryGoesByTheClock: whatever instant a check names, as in Redis.
func TestExpiryGoesByTheClock(t *testing.T) {
	every(t, 1, time.Minute, func(t *testing.T, plan *script.Plan) {
		c := newClock(noon)
		l := newLimiter(t, plan, c.option())
		past := noon.Add(-365 * 24 * time.Hour)
		check := func(name string, allowed bool) {
			t.Helper()
			if d, err := l.CheckAt(t.Context(), "key", 1, past); err != nil || d.Allowed != allowed {
				t.Errorf("%s: got %+v, %v; want allowed %t", name, d, err, allowed)
			}
		}
		check("the first", true)
		check("the second at that instant", false)
		c.add(time.Hour)
		check("at that instant, when all has expired", true)
	})
}
