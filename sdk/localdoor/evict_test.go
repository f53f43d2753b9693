package localdoor_test

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// checkAll checks so many keys once each, and wants all admitted.
func checkAll(t *testing.T, l *localdoor.Limiter, name string, keys int) {
	t.Helper()
	for i := range keys {
		if d, err := l.Check(t.Context(), name+strconv.Itoa(i)); err != nil || !d.Allowed {
			t.Fatalf("%s%d: got %+v, %v; want it admitted", name, i, d, err)
		}
	}
}

// TestFloodDoesNotFreeTheSpent: whoever has spent a limit does not get it back by making
// the limiter forget, since what has spent least goes first.
func TestFloodDoesNotFreeTheSpent(t *testing.T) {
	every(t, 5, time.Hour, func(t *testing.T, plan *script.Plan) {
		const most = 1000
		l := newLimiter(t, plan, newClock(noon).option(), localdoor.WithMaxKeys(most))
		for i := range 10 {
			for range 5 {
				if _, err := l.Check(t.Context(), "spent"+strconv.Itoa(i)); err != nil {
					t.Fatal(err)
				}
			}
		}
		checkAll(t, l, "flood", 20*most)
		for i := range 10 {
			if d, err := l.Check(t.Context(), "spent"+strconv.Itoa(i)); err != nil || d.Allowed {
				t.Errorf("a flood gave a spent key its limit back: %+v, %v", d, err)
			}
		}
		s := l.Stats()
		if want := (localdoor.Stats{Keys: most, Evictions: 19*most + 10}); s != want {
			t.Errorf("got %+v, want %+v", s, want)
		}
	})
}

// TestFullLimiterFirstForgetsWhatIsNothing: what has expired goes before what counts.
func TestFullLimiterFirstForgetsWhatIsNothing(t *testing.T) {
	const most = 1000
	c := newClock(noon)
	l := newLimiter(t, strategy.GCRA{Limit: 60, Period: time.Minute}, c.option(), localdoor.WithMaxKeys(most))
	checkAll(t, l, "short", most-10) // for a second each
	for i := range 10 {
		if _, err := l.CheckN(t.Context(), "long"+strconv.Itoa(i), 60); err != nil {
			t.Fatal(err)
		}
	}
	c.add(2 * time.Second)
	// Not as many as had expired: a new key finds those of its own shard only, and the
	// last of them may be elsewhere.
	checkAll(t, l, "new", most/2)
	if s := l.Stats(); s.Evictions != 0 || s.Keys > most {
		t.Errorf("got %+v, want no eviction: %d keys had expired", s, most-10)
	}
}

// TestWhatCameBackIsNoLoss: a bucket that is full again may go although its state has not
// expired.
func TestWhatCameBackIsNoLoss(t *testing.T) {
	const most = 100
	c := newClock(noon)
	l := newLimiter(t, strategy.TokenBucket{Capacity: 100, RefillPerSec: 1}, c.option(),
		localdoor.WithMaxKeys(most), localdoor.WithoutEviction())
	checkAll(t, l, "old", most) // full again in a second, and kept for a hundred
	if _, err := l.Check(t.Context(), "new"); !errors.Is(err, throttlekit.ErrUnavailable) {
		t.Fatalf("in a limiter that is full of spent keys: %v, want ErrUnavailable", err)
	}
	c.add(2 * time.Second)
	checkAll(t, l, "new", most/10)
	if s := l.Stats(); s != (localdoor.Stats{Keys: most}) {
		t.Errorf("got %+v, want %d keys and no eviction", s, most)
	}
}

func TestWithoutEviction(t *testing.T) {
	every(t, 5, time.Hour, func(t *testing.T, plan *script.Plan) {
		const most = 50
		c := newClock(noon)
		l := newLimiter(t, plan, c.option(), localdoor.WithMaxKeys(most), localdoor.WithoutEviction())
		checkAll(t, l, "known", most)
		_, err := l.Check(t.Context(), secretKey)
		fault := new(throttlekit.Error)
		if !errors.Is(err, throttlekit.ErrUnavailable) || !errors.As(err, &fault) || fault.MayHaveConsumed {
			t.Fatalf("a new key: %v, want ErrUnavailable and nothing consumed", err)
		}
		if d, err := l.CheckN(t.Context(), secretKey, 6); err != nil || d.Allowed {
			t.Errorf("a new key above the limit: %+v, %v; want the denial, which needs no room", d, err)
		}
		if d, err := l.Peek(t.Context(), secretKey); err != nil || d.Remaining != 5 {
			t.Errorf("a peek at the new key: %+v, %v; want it untouched", d, err)
		}
		decisions, err := l.CheckMany(t.Context(), []string{"known1", secretKey}, 1)
		if many := new(throttlekit.ManyError); !errors.As(err, &many) || many.Errors[0] != nil || many.Errors[1] == nil || !decisions[0].Allowed {
			t.Errorf("many: %+v, %v; want the known key admitted and the other refused", decisions, err)
		}
		checkAll(t, l, "known", most)
		if s := l.Stats(); s != (localdoor.Stats{Keys: most}) {
			t.Errorf("got %+v, want %d keys and no eviction", s, most)
		}
		c.add(5 * time.Hour)
		checkAll(t, l, "later", most)
	})
}

// TestWithoutDryRunTheSoonestGoes: where nobody can tell how much is spent, what expires
// soonest goes first.
func TestWithoutDryRunTheSoonestGoes(t *testing.T) {
	const most = 1000
	d := *strategy.All()[0]
	d.Probe = script.Script{}
	check := d.Local
	d.Local = func(s *script.State, in script.Input) (allowed, limit, remaining, resetAt, retryAfterMs float64, err error) {
		if in.Dry {
			return 0, 0, 0, 0, 0, errors.New("does not run dry")
		}
		return check(s, in)
	}
	c := newClock(noon)
	l := newLimiter(t, plan(t, &d, 5, time.Hour), c.option(), localdoor.WithMaxKeys(most))
	if _, err := l.CheckN(t.Context(), "spent", 5); err != nil {
		t.Fatal(err)
	}
	checkAll(t, l, "flood", 10*most)
	if d, err := l.Check(t.Context(), "spent"); err != nil || d.Allowed {
		t.Errorf("the key that lasts longest went first: %+v, %v", d, err)
	}
}

func TestOneKey(t *testing.T) {
	l := newLimiter(t, fivePerHour, newClock(noon).option(), localdoor.WithMaxKeys(0))
	checkAll(t, l, "key", 10)
	if s := l.Stats(); s != (localdoor.Stats{Keys: 1, Evictions: 9}) {
		t.Errorf("got %+v, want the one key that fits", s)
	}
}
