package resilient_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
)

var ofSeven = resilient.WithStrategy(strategy.GCRA{Limit: 100, Period: time.Hour, Burst: 7})

// What each mode answers for a check that could not be made.
var (
	open   = throttlekit.Decision{Allowed: true, Limit: 7, Remaining: 7, Source: throttlekit.SourceOpen}
	closed = throttlekit.Decision{Limit: 7, Source: throttlekit.SourceClosed}
	local  = throttlekit.Decision{Allowed: true, Limit: 2, Remaining: 1, ResetAt: whole, Source: throttlekit.SourceLocal}
)

type mode struct {
	name   string
	option resilient.Option
	want   throttlekit.Decision // for a fault; the zero Decision stands for the fault itself
}

func modes() []mode {
	own := local
	own.Source = throttlekit.SourceContract // as far as it knows
	return []mode{
		{"error", resilient.WithFailMode(resilient.FailError), throttlekit.Decision{}},
		{"open", resilient.WithFailMode(resilient.FailOpen), open},
		{"closed", resilient.WithFailMode(resilient.FailClosed), closed},
		{"local", resilient.WithFailLocal(answering(own, nil)), local},
	}
}

// TestFaultsByMode is the table of the package documentation: which faults the mode
// answers, which of them open the breaker, and what is counted.
func TestFaultsByMode(t *testing.T) {
	server := func(kind error, consumed bool) error {
		return &throttlekit.Error{Op: "check", Source: throttlekit.SourceServer, Kind: kind, MayHaveConsumed: consumed, Err: errors.New("said so")}
	}
	for _, row := range []struct {
		name     string
		err      error
		standsIn bool
		opens    bool
		counts   resilient.Stats
	}{
		{"unavailable, outcome unknown", gone, true, true, resilient.Stats{Unavailable: 1, MayHaveConsumed: 1}},
		{"unavailable, by the server", server(throttlekit.ErrUnavailable, false), true, true, resilient.Stats{Unavailable: 1}},
		{"a broken way", &throttlekit.Error{Op: "check", Source: throttlekit.SourceTransport}, true, true, resilient.Stats{Other: 1}},
		{"an answer that is none", &throttlekit.Error{Op: "check", Source: throttlekit.SourceDecoding, Kind: throttlekit.ErrMalformedReply, MayHaveConsumed: true},
			true, true, resilient.Stats{Malformed: 1, MayHaveConsumed: 1}},
		{"an error after which the outcome is unknown", server(nil, true), true, true, resilient.Stats{Other: 1, MayHaveConsumed: 1}},
		{"an error about this key alone, such as another type: the server is there", server(nil, false), true, false, resilient.Stats{Other: 1}},
		{"an error that nobody knows", errors.New("out of cheese"), true, true, resilient.Stats{Other: 1}},
		{"cancelled, but not by the caller", context.Canceled, true, true, resilient.Stats{Other: 1}},
		{"an argument", wrong, false, false, resilient.Stats{Refused: 1}},
		{"an operation that there is not", server(throttlekit.ErrNotSupported, false), false, false, resilient.Stats{Refused: 1}},
		{"a policy that there is not", server(throttlekit.ErrPolicyNotFound, false), false, false, resilient.Stats{Refused: 1}},
	} {
		for _, mode := range modes() {
			t.Run(row.name+"/"+mode.name, func(t *testing.T) {
				below := answering(throttlekit.Decision{}, row.err)
				l := newLimiter(t, below, mode.option, ofSeven, resilient.WithBreaker(2, time.Hour))
				want, wantErr := mode.want, row.err
				if row.standsIn && want != (throttlekit.Decision{}) {
					wantErr = nil
				} else {
					want = throttlekit.Decision{}
				}
				d, err := l.Check(t.Context(), secretKey)
				if diff := cmp.Diff(want, d); diff != "" || !errors.Is(err, wantErr) {
					t.Errorf("Check: %v, want %v (-want +got):\n%s", err, wantErr, diff)
				}
				counts := row.counts
				if wantErr == nil {
					counts = with(counts, want.Source, 1)
				}
				if diff := cmp.Diff(counts, l.Stats()); diff != "" {
					t.Errorf("counts (-want +got):\n%s", diff)
				}
				for _, ask := range []func() error{
					func() error { _, err := l.Peek(t.Context(), secretKey); return err },
					func() error { _, err := l.Forecast(t.Context(), secretKey, 1); return err },
				} {
					if err := ask(); !errors.Is(err, row.err) && !strings.Contains(err.Error(), "breaker is open") {
						t.Errorf("about a state nothing is made up, and yet: %v", err)
					}
				}
				if opened := l.Stats().Breaker == resilient.BreakerOpen; opened != row.opens {
					t.Errorf("the breaker is %v after three faults, want open %v", l.Stats().Breaker, row.opens)
				}
			})
		}
	}
}

// with is counts and n decisions of a source.
func with(s resilient.Stats, source throttlekit.Source, n uint64) resilient.Stats {
	switch source {
	case throttlekit.SourceContract:
		s.Contract += n
	case throttlekit.SourceOpen:
		s.Open += n
	case throttlekit.SourceClosed:
		s.Closed += n
	case throttlekit.SourceLocal:
		s.Local += n
	}
	return s
}

func TestDecisionsPassAsTheyAre(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.name, func(t *testing.T) {
			for _, want := range []throttlekit.Decision{admitted, denied} {
				l := newLimiter(t, answering(want, nil), mode.option)
				d, err := l.Check(t.Context(), secretKey)
				many, manyErr := l.CheckMany(t.Context(), []string{"a", "b"}, 3)
				peek, peekErr := l.Peek(t.Context(), secretKey)
				if err := errors.Join(err, manyErr, peekErr); err != nil || d != want || many[0] != want || many[1] != want || peek != want {
					t.Errorf("got %+v, %+v and %+v (%v), want %+v", d, many, peek, err, want)
				}
				if got := (resilient.Stats{Contract: 3}); l.Stats() != got {
					t.Errorf("counts are %+v, want %+v", l.Stats(), got)
				}
			}
		})
	}
}

// TestTheDeadline holds the deadline against limiters that answer in their own time, the
// callers' contexts in theirs, to the nanosecond of a synctest bubble.
func TestTheDeadline(t *testing.T) {
	const deadline = 50 * time.Millisecond
	for _, row := range []struct {
		name     string
		context  func(context.Context) (context.Context, context.CancelFunc)
		takes    time.Duration
		want     error // nil is a decision of the limiter
		standsIn bool
		after    time.Duration
		counts   resilient.Stats
	}{
		{"in time", context.WithCancel, deadline - 1, nil, false, deadline - 1, resilient.Stats{Contract: 1}},
		{"too late, and the caller set no deadline", context.WithCancel, time.Hour, throttlekit.ErrUnavailable, true, deadline, resilient.Stats{Timeouts: 1}},
		{"too late, and the caller would wait longer", within(time.Second), time.Hour, throttlekit.ErrUnavailable, true, deadline, resilient.Stats{Timeouts: 1}},
		{"the caller's deadline is earlier, and so the caller's own end", within(deadline - 1), time.Hour, context.DeadlineExceeded, false, deadline - 1, resilient.Stats{Ended: 1}},
		{"the caller gives up meanwhile", cancelled(time.Millisecond), time.Hour, context.Canceled, false, time.Millisecond, resilient.Stats{Ended: 1}},
		{"the caller gave up before", cancelled(0), 0, context.Canceled, false, 0, resilient.Stats{Ended: 1}},
	} {
		for _, mode := range modes() {
			t.Run(row.name+"/"+mode.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := newLimiter(t, taking(row.takes), mode.option, ofSeven, resilient.WithDeadline(deadline), resilient.WithBreaker(1, time.Hour))
					ctx, cancel := row.context(t.Context())
					defer cancel()
					began := time.Now()
					d, err := l.Check(ctx, secretKey)
					if after := time.Since(began); after != row.after {
						t.Errorf("it took %v, want %v", after, row.after)
					}
					counts := row.counts
					switch {
					case row.want == nil:
						if d != admitted || err != nil {
							t.Errorf("got %+v, %v", d, err)
						}
					case row.standsIn && mode.want != (throttlekit.Decision{}):
						counts = with(counts, mode.want.Source, 1)
						if d != mode.want || err != nil {
							t.Errorf("got %+v, %v, want %+v", d, err, mode.want)
						}
					default:
						if !errors.Is(err, row.want) || d != (throttlekit.Decision{}) {
							t.Errorf("got %+v, %v, want the error %v", d, err, row.want)
						}
						if errors.Is(err, throttlekit.ErrUnavailable) == (row.counts.Ended > 0) {
							t.Errorf("%v: the caller's own end is no fault, and a fault is one", err)
						}
					}
					if opened := l.Stats().Opened; opened != row.counts.Timeouts {
						t.Errorf("the breaker opened %d times, want %d: a caller's end says nothing about the limiter", opened, row.counts.Timeouts)
					}
					got := l.Stats()
					got.Breaker, got.Opened = 0, 0
					if diff := cmp.Diff(counts, got); diff != "" {
						t.Errorf("counts (-want +got):\n%s", diff)
					}
				})
			})
		}
	}
}

func within(d time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, d) }
}

func cancelled(after time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		if after == 0 {
			cancel()
		} else {
			time.AfterFunc(after, cancel)
		}
		return ctx, cancel
	}
}

// taking is a limiter that admits after some time, or gives up with its context.
func taking(d time.Duration) *scripted {
	return &scripted{check: func(ctx context.Context, _ string, _ int64) (throttlekit.Decision, error) {
		select {
		case <-ctx.Done():
			return throttlekit.Decision{}, &throttlekit.Error{Op: "check", Source: throttlekit.SourceTransport, Err: ctx.Err()}
		case <-time.After(d):
			return admitted, nil
		}
	}}
}

// TestEachKeyMoreIsAMillisecondMore in a synctest bubble, whose time is exact.
func TestEachKeyMoreIsAMillisecondMore(t *testing.T) {
	for keys, want := range map[int]time.Duration{1: 50, 2: 51, 1000: 1049} {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, taking(time.Hour), resilient.WithFailMode(resilient.FailOpen))
			began := time.Now()
			if _, err := l.CheckMany(t.Context(), make([]string, keys), 1); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took != want*time.Millisecond {
				t.Errorf("%d keys took %v, want %dms", keys, took, want)
			}
		})
	}
}

func TestArgumentsAreRefusedWhateverTheMode(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.name, func(t *testing.T) {
			below := answering(throttlekit.Decision{}, gone)
			l := newLimiter(t, below, mode.option, resilient.WithBreaker(1, time.Hour))
			_, _ = l.Check(t.Context(), secretKey) // opens the breaker
			for _, cost := range []int64{0, -1, throttlekit.MaxCost + 1} {
				_, err := l.CheckN(t.Context(), secretKey, cost)
				_, manyErr := l.CheckMany(t.Context(), []string{secretKey}, cost)
				_, forecastErr := l.Forecast(t.Context(), secretKey, cost)
				for _, err := range []error{err, manyErr, forecastErr} {
					if !errors.Is(err, throttlekit.ErrInvalidArgument) {
						t.Errorf("a cost of %d: %v, want invalid argument", cost, err)
					}
				}
			}
			if n := below.asked.Load(); n != 1 {
				t.Errorf("the limiter was asked %d times, want once", n)
			}
		})
	}
}

func TestALocalLimiterThatFailsIsNoHelp(t *testing.T) {
	full := &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable, Err: errors.New("full")}
	l := newLimiter(t, answering(throttlekit.Decision{}, gone), resilient.WithFailLocal(answering(throttlekit.Decision{}, full)))
	_, err := l.Check(t.Context(), secretKey)
	if !errors.Is(err, gone) || !errors.Is(err, full) {
		t.Errorf("got %v, want both faults", err)
	}
	_, err = l.CheckMany(t.Context(), []string{"a", "b"}, 1)
	var many *throttlekit.ManyError
	if !errors.As(err, &many) || !errors.Is(many.Errors[1], gone) || !errors.Is(many.Errors[1], full) {
		t.Errorf("got %v, want both faults for each key", err)
	}
}

func TestAStandInsStandInSaysWhatItIs(t *testing.T) {
	inner := newLimiter(t, answering(throttlekit.Decision{}, gone), resilient.WithFailMode(resilient.FailClosed))
	l := newLimiter(t, answering(throttlekit.Decision{}, gone), resilient.WithFailLocal(inner))
	if d, err := l.Check(t.Context(), secretKey); err != nil || d.Source != throttlekit.SourceClosed {
		t.Errorf("got %+v, %v, want the closed decision of the second limiter", d, err)
	}
	outer := newLimiter(t, inner)
	if d, err := outer.Check(t.Context(), secretKey); err != nil || d.Source != throttlekit.SourceClosed {
		t.Errorf("got %+v, %v, want the inner limiter's decision as it is", d, err)
	}
}

func TestResetReachesBothLimiters(t *testing.T) {
	var forgotten []string
	below, beside := answering(admitted, nil), answering(admitted, nil)
	below.forget = func(key string) { forgotten = append(forgotten, "below "+key) }
	beside.forget = func(key string) { forgotten = append(forgotten, "local "+key) }
	l := newLimiter(t, below, resilient.WithFailLocal(beside))
	if err := l.Reset(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(forgotten, ", "); got != "local k, below k" {
		t.Errorf("forgotten: %s", got)
	}
	below.check = func(context.Context, string, int64) (throttlekit.Decision, error) {
		return throttlekit.Decision{}, gone
	}
	if err := l.Reset(t.Context(), "k"); !errors.Is(err, gone) {
		t.Errorf("got %v, want the fault", err)
	}
	without := newLimiter(t, struct{ throttlekit.Limiter }{below})
	if err := without.Reset(t.Context(), "k"); !errors.Is(err, throttlekit.ErrNotSupported) {
		t.Errorf("got %v, want not supported", err)
	}
}

func TestNewRefuses(t *testing.T) {
	fine := answering(admitted, nil)
	for _, row := range []struct {
		name    string
		limiter throttlekit.Limiter
		option  resilient.Option
		says    string
	}{
		{"no limiter", nil, resilient.WithDeadline(1), "resilient: the limiter is nil"},
		{"no option", fine, nil, "resilient: an option is nil"},
		{"no time", fine, resilient.WithDeadline(0), "WithDeadline was given 0s, want more than 0"},
		{"no failures", fine, resilient.WithBreaker(0, 1), "WithBreaker was given 0 failures and 1ns, want at least 1 and more than 0"},
		{"no tries", fine, resilient.WithBreaker(1, 0), "WithBreaker was given 1 failures and 0s"},
		{"a local mode without a limiter", fine, resilient.WithFailMode(resilient.FailLocal), "WithFailMode was given local, want FailError, FailOpen or FailClosed; WithFailLocal takes a limiter"},
		{"a mode that there is not", fine, resilient.WithFailMode(9), "WithFailMode was given fail mode 9"},
		{"a nil local limiter", fine, resilient.WithFailLocal(nil), "WithFailLocal was given nil"},
		{"a nil strategy", fine, resilient.WithStrategy(nil), "WithStrategy was given nil"},
		{"a strategy that is none", fine, resilient.WithStrategy(strategy.GCRA{}), "WithStrategy: strategy gcra: periodMs (Period) is 0"},
		{"a cache of nothing", fine, resilient.WithDenyCache(0), "WithDenyCache was given 0 keys, want at least 1"},
		{"a nil logger", fine, resilient.WithLogger(nil), "WithLogger was given nil"},
		{"a nil hook", fine, resilient.WithStateHook(nil), "WithStateHook was given nil"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := resilient.New(row.limiter, row.option)
			if err == nil || !strings.Contains(err.Error(), row.says) || !strings.HasPrefix(err.Error(), "resilient: ") {
				t.Errorf("got %v, want an error that says %q", err, row.says)
			}
		})
	}
}

func TestFailModeNames(t *testing.T) {
	for mode, want := range map[resilient.FailMode]string{resilient.FailError: "error", resilient.FailOpen: "open",
		resilient.FailClosed: "closed", resilient.FailLocal: "local", 9: "fail mode 9"} {
		if mode.String() != want {
			t.Errorf("mode %d is %q, want %q", mode, mode, want)
		}
		if _, made := mode.Decision(7); made != (mode == resilient.FailOpen || mode == resilient.FailClosed) {
			t.Errorf("mode %v makes a decision up: %v", mode, made)
		}
	}
}
