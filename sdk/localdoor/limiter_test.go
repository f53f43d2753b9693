package localdoor_test

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

func TestExactlyTheLimitIsAdmitted(t *testing.T) {
	const limit, goroutines, each = 1000, 512, 10
	every(t, limit, time.Hour, func(t *testing.T, plan *script.Plan) {
		l := newLimiter(t, plan, newClock(noon).option())
		var admitted atomic.Int64
		var all sync.WaitGroup
		for range goroutines {
			all.Go(func() {
				for range each {
					d, err := l.Check(t.Context(), "key")
					if err != nil {
						t.Error(err)
						return
					}
					if d.Allowed {
						admitted.Add(1)
					}
				}
			})
		}
		all.Wait()
		if n := admitted.Load(); n != limit {
			t.Errorf("%d of %d checks were admitted, want %d", n, goroutines*each, limit)
		}
	})
}

// TestEverythingAtOnce has all operations meet on few keys, in a limiter that is full, and
// closed in the end. The race detector is its judge; and that what is not evicted counts.
func TestEverythingAtOnce(t *testing.T) {
	every(t, 50, time.Hour, func(t *testing.T, plan *script.Plan) {
		c := newClock(noon)
		l := newLimiter(t, plan, c.option(), localdoor.WithMaxKeys(40))
		keys := make([]string, 64)
		for i := range keys {
			keys[i] = strconv.Itoa(i)
		}
		ctx := t.Context()
		var all sync.WaitGroup
		var closed atomic.Int64
		for g := range 32 {
			all.Go(func() {
				for i := range 200 {
					key := keys[(g*7+i)%len(keys)]
					var err error
					switch i % 8 {
					case 0:
						_, err = l.Peek(ctx, key)
					case 1:
						_, err = l.Forecast(ctx, key, 2)
					case 2:
						err = l.Reset(ctx, key)
					case 3:
						_, err = l.CheckMany(ctx, keys[:3], 1)
					case 4:
						c.add(time.Minute)
						l.Stats()
					default:
						_, err = l.CheckN(ctx, key, int64(i%3+1))
					}
					if errors.Is(err, throttlekit.ErrUnavailable) {
						closed.Add(1)
					} else if err != nil {
						t.Errorf("step %d: %v", i, err)
						return
					}
					if g == 0 && i == 150 {
						if n := l.Stats().Keys; n > 40+32 {
							t.Errorf("%d keys are there, want 40 and those that are just coming", n)
						}
						if err := l.Close(); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		all.Wait()
		if closed.Load() == 0 {
			t.Error("no call found the limiter closed")
		}
		if n := l.Stats().Keys; n != 0 {
			t.Errorf("a closed limiter has %d keys", n)
		}
	})
}

func TestCheckManyDecidesInOrderAtOneInstant(t *testing.T) {
	every(t, 3, time.Minute, func(t *testing.T, plan *script.Plan) {
		at := newClock(noon)
		// A clock that moves on with every look would show a second look.
		moving := localdoor.WithClock(func() time.Time {
			at.add(7 * time.Second)
			return at.now()
		})
		keys := []string{"ann", "bob", "ann", "ann", "eve", "ann"}
		got, err := newLimiter(t, plan, moving).CheckMany(t.Context(), keys, 1)
		if err != nil {
			t.Fatal(err)
		}
		one := newLimiter(t, plan)
		for i, key := range keys {
			want, err := one.CheckAt(t.Context(), key, 1, noon.Add(7*time.Second))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got[i]); diff != "" {
				t.Errorf("keys[%d] (-want +got):\n%s", i, diff)
			}
		}
		none, err := one.CheckMany(t.Context(), nil, 1)
		if none == nil || len(none) != 0 || err != nil {
			t.Errorf("no keys give %v and %v, want an empty slice", none, err)
		}
	})
}

func TestRefusedCalls(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	l := newLimiter(t, fivePerHour)
	log := newLimiter(t, strategy.SlidingWindowLog{Limit: 1 << 40, Window: time.Hour})
	shut := newLimiter(t, fivePerHour)
	for range 2 {
		if err := shut.Close(); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat(secretKey, localdoor.MaxKeyBytes/len(secretKey)+1)
	moments := []localdoor.Moment{{Now: 1, Cost: 1}}
	for _, row := range []struct {
		name, op string
		kind     error
		call     func(context.Context, *localdoor.Limiter) error
		limiter  *localdoor.Limiter
		ctx      context.Context
	}{
		{"a cost of nothing", "check", throttlekit.ErrInvalidArgument, checkN(0), l, t.Context()},
		{"a cost that gives back", "check", throttlekit.ErrInvalidArgument, checkN(-1), l, t.Context()},
		{"a cost that is no longer exact", "check", throttlekit.ErrInvalidArgument, checkN(1 << 53), l, t.Context()},
		{"the cost comes before the context", "check", throttlekit.ErrInvalidArgument, checkN(0), l, ended},
		{"a cost that would hold everybody up", "check", throttlekit.ErrInvalidArgument, checkN(100_000), log, t.Context()},
		{"many of a cost of nothing", "checkMany", throttlekit.ErrInvalidArgument, checkMany(0), l, t.Context()},
		{"a forecast of nothing", "forecast", throttlekit.ErrInvalidArgument, forecast(0), l, t.Context()},
		{"a key that is too long", "check", throttlekit.ErrInvalidArgument, check(long), l, t.Context()},
		{"a key that is too long, peeked at", "peek", throttlekit.ErrInvalidArgument, peek(long), l, t.Context()},
		{"the epoch stands for the server's clock", "check", throttlekit.ErrInvalidArgument, checkAt(time.UnixMilli(0)), l, t.Context()},
		{"so it does for a peek", "peek", throttlekit.ErrInvalidArgument, peekAt(time.UnixMilli(0)), l, t.Context()},
		{"and for a forecast", "forecast", throttlekit.ErrInvalidArgument, forecastAt(time.UnixMilli(0)), l, t.Context()},
		{"an instant that is no longer exact", "check", throttlekit.ErrInvalidArgument, checkAt(time.UnixMilli(1 << 53)), l, t.Context()},
		{"an instant long before the epoch", "check", throttlekit.ErrInvalidArgument, checkAt(time.UnixMilli(-1 << 53)), l, t.Context()},
		{"a replay of the epoch", "replay", throttlekit.ErrInvalidArgument, replay([]localdoor.Moment{{Now: 0, Cost: 1}}), l, t.Context()},
		{"a replay of no cost", "replay", throttlekit.ErrInvalidArgument, replay([]localdoor.Moment{{Now: 1, Cost: math.NaN()}}), l, t.Context()},
		{"an ended context of a check", "check", context.Canceled, checkN(1), l, ended},
		{"an ended context of many", "checkMany", context.Canceled, checkMany(1), l, ended},
		{"an ended context of a peek", "peek", context.Canceled, peek("k"), l, ended},
		{"an ended context of a forecast", "forecast", context.Canceled, forecast(1), l, ended},
		{"an ended context of a reset", "reset", context.Canceled, reset, l, ended},
		{"an ended context of a replay", "replay", context.Canceled, replay(moments), l, ended},
		{"a check after Close", "check", throttlekit.ErrUnavailable, checkN(1), shut, t.Context()},
		{"many after Close", "checkMany", throttlekit.ErrUnavailable, checkMany(1), shut, t.Context()},
		{"a peek after Close", "peek", throttlekit.ErrUnavailable, peek("k"), shut, t.Context()},
		{"a forecast after Close", "forecast", throttlekit.ErrUnavailable, forecast(1), shut, t.Context()},
		{"a reset after Close", "reset", throttlekit.ErrUnavailable, reset, shut, t.Context()},
		{"a replay after Close", "replay", throttlekit.ErrUnavailable, replay(moments), shut, t.Context()},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := row.call(row.ctx, row.limiter)
			fault := new(throttlekit.Error)
			if !errors.Is(err, row.kind) || !errors.As(err, &fault) {
				t.Fatalf("got %v, want an Error of kind %v", err, row.kind)
			}
			if fault.Op != row.op || fault.MayHaveConsumed || fault.Source != throttlekit.SourceSDK {
				t.Errorf("op %q, source %s, may have consumed %t; want %s by the sdk, and nothing consumed",
					fault.Op, fault.Source, fault.MayHaveConsumed, row.op)
			}
			if strings.Contains(err.Error(), secretKey) {
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
	for _, l := range []*localdoor.Limiter{l, log, shut} {
		if n := l.Stats().Keys; n != 0 {
			t.Errorf("refused calls left %d keys", n)
		}
	}
}

type call = func(context.Context, *localdoor.Limiter) error

func check(key string) call {
	return func(ctx context.Context, l *localdoor.Limiter) error { _, err := l.Check(ctx, key); return err }
}

func checkN(cost int64) call {
	return func(ctx context.Context, l *localdoor.Limiter) error {
		_, err := l.CheckN(ctx, secretKey, cost)
		return err
	}
}

func checkAt(now time.Time) call {
	return func(ctx context.Context, l *localdoor.Limiter) error {
		_, err := l.CheckAt(ctx, secretKey, 1, now)
		return err
	}
}

func checkMany(cost int64) call {
	return func(ctx context.Context, l *localdoor.Limiter) error {
		_, err := l.CheckMany(ctx, []string{secretKey}, cost)
		return err
	}
}

func peek(key string) call {
	return func(ctx context.Context, l *localdoor.Limiter) error { _, err := l.Peek(ctx, key); return err }
}

func peekAt(now time.Time) call {
	return func(ctx context.Context, l *localdoor.Limiter) error {
		_, err := l.PeekAt(ctx, secretKey, now)
		return err
	}
}

func forecast(cost int64) call {
	return func(ctx context.Context, l *localdoor.Limiter) error {
		_, err := l.Forecast(ctx, secretKey, cost)
		return err
	}
}

func forecastAt(now time.Time) call {
	return func(ctx context.Context, l *localdoor.Limiter) error {
		_, err := l.ForecastAt(ctx, secretKey, 1, now)
		return err
	}
}

func replay(moments []localdoor.Moment) call {
	return func(ctx context.Context, l *localdoor.Limiter) error {
		if _, err := l.Replay(ctx, secretKey, moments); err == nil {
			return nil
		}
		_, _, err := l.ProbeReplay(ctx, secretKey, moments)
		return err
	}
}

func reset(ctx context.Context, l *localdoor.Limiter) error { return l.Reset(ctx, secretKey) }

func TestRaisedWorkIsDone(t *testing.T) {
	l := newLimiter(t, strategy.SlidingWindowLog{Limit: 1 << 40, Window: time.Hour}, localdoor.WithMaxWork(1<<20))
	d, err := l.CheckN(t.Context(), "key", 50_000)
	if err != nil || !d.Allowed || d.Remaining != 1<<40-50_000 {
		t.Errorf("got %+v, %v; want it admitted", d, err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := localdoor.New(nil); err == nil {
		t.Error("no strategy is accepted")
	}
	if _, err := localdoor.New(strategy.GCRA{Limit: -1, Period: time.Hour}); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Errorf("a strategy that is none: %v, want the field named", err)
	}
	plan, err := fivePerHour.Plan()
	if err != nil {
		t.Fatal(err)
	}
	d := *plan.Definition()
	d.Local, d.NotLocal = nil, "gcra.check.lua:3: a while loop"
	_, err = localdoor.New(plan1(t, &d))
	if !errors.Is(err, throttlekit.ErrNotSupported) {
		t.Fatalf("a strategy without a form in Go: %v, want ErrNotSupported", err)
	}
	for _, says := range []string{d.Name, d.NotLocal, "embedded.Start"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("the error does not say %q: %v", says, err)
		}
	}
}

func plan1(t *testing.T, d *script.Definition) *script.Plan { return plan(t, d, 1, time.Second) }

func TestWith(t *testing.T) {
	l := newLimiter(t, strategy.FixedWindow{Limit: 5, Window: time.Hour}, newClock(noon).option())
	if _, err := l.With(nil); err == nil {
		t.Error("no strategy is accepted")
	}
	if _, err := l.With(strategy.FixedWindow{}); err == nil {
		t.Error("a strategy that is none is accepted")
	}
	if _, err := l.With(fivePerHour); err == nil {
		t.Error("a strategy that cannot read the state is accepted")
	}
	more, err := l.With(strategy.FixedWindow{Limit: 10, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []*localdoor.Limiter{l, more} {
		if d, err := l.CheckN(t.Context(), "key", 5); err != nil || !d.Allowed {
			t.Errorf("got %+v, %v; want five of five, and then five of ten", d, err)
		}
	}
	if s := l.Stats(); s.Keys != 1 || s != more.Stats() {
		t.Errorf("got %+v and %+v, want the one key that they share", s, more.Stats())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := more.Check(t.Context(), "key"); !errors.Is(err, throttlekit.ErrUnavailable) {
		t.Errorf("after Close of the other: %v, want ErrUnavailable", err)
	}
}

// TestStrategyWithoutDryRun: what needs the dry run says so, and all else works, eviction
// included.
func TestStrategyWithoutDryRun(t *testing.T) {
	plan, err := fivePerHour.Plan()
	if err != nil {
		t.Fatal(err)
	}
	d := *plan.Definition()
	d.Probe = script.Script{}
	l := newLimiter(t, plan1(t, &d))
	for name, call := range map[string]call{"peek": peek("k"), "forecast": forecast(1), "probe replay": func(ctx context.Context, l *localdoor.Limiter) error {
		_, _, err := l.ProbeReplay(ctx, "k", nil)
		return err
	}} {
		if err := call(t.Context(), l); !errors.Is(err, throttlekit.ErrNotSupported) {
			t.Errorf("%s: %v, want ErrNotSupported", name, err)
		}
	}
	if d, err := l.Check(t.Context(), "k"); err != nil || !d.Allowed {
		t.Errorf("check: %+v, %v", d, err)
	}
}

// TestFaultOfTheCheck: an error that the script raises reaches the caller as one, and with
// many keys, each has its own.
func TestFaultOfTheCheck(t *testing.T) {
	plan, err := fivePerHour.Plan()
	if err != nil {
		t.Fatal(err)
	}
	d := *plan.Definition()
	raised := errors.New("gcra.check.lua:9: x is nil, want a number")
	check := d.Local
	d.Local = func(s *script.State, in script.Input) (allowed, limit, remaining, resetAt, retryAfterMs float64, err error) {
		if in.Clock == 1 {
			return 0, 0, 0, 0, 0, raised
		}
		return check(s, in)
	}
	var first atomic.Bool
	l := newLimiter(t, plan1(t, &d), localdoor.WithClock(func() time.Time {
		if first.CompareAndSwap(false, true) {
			return noon
		}
		return time.UnixMilli(-5)
	}))
	if _, err := l.Check(t.Context(), "known"); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"known", "unknown"} {
		_, err := l.Check(t.Context(), key)
		if fault := new(throttlekit.Error); !errors.As(err, &fault) || !errors.Is(err, raised) || !fault.MayHaveConsumed {
			t.Errorf("%s key: got %v, want what the script raised", key, err)
		}
	}
	if _, err := l.Peek(t.Context(), "known"); !errors.Is(err, raised) {
		t.Errorf("peek: got %v, want what the script raised", err)
	}
	_, err = l.CheckMany(t.Context(), []string{"known", "unknown"}, 1)
	if many := new(throttlekit.ManyError); !errors.As(err, &many) || many.Errors[0] == nil || many.Errors[1] == nil {
		t.Errorf("many: got %v, want an error for each", err)
	}
	if _, err := l.Replay(t.Context(), "known", []localdoor.Moment{{Now: 5, Cost: 1}}); !errors.Is(err, raised) {
		t.Errorf("replay: got %v, want what the script raised", err)
	}
}
