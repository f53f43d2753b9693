package resilient_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
)

// byKey answers a key by its name.
func byKey(_ context.Context, key string, _ int64) (throttlekit.Decision, error) {
	switch key {
	case "good":
		return admitted, nil
	case "denied":
		return denied, nil
	case "bad":
		return throttlekit.Decision{}, wrong
	}
	return throttlekit.Decision{}, gone
}

// TestCheckManyAnswersKeyByKey: what was decided stands, what failed is the mode's, and what
// was refused stays refused.
func TestCheckManyAnswersKeyByKey(t *testing.T) {
	keys := []string{"good", "gone", "bad", "denied", "gone"}
	for _, mode := range modes() {
		t.Run(mode.name, func(t *testing.T) {
			l := newLimiter(t, &scripted{check: byKey}, mode.option, ofSeven, resilient.WithBreaker(1, time.Hour))
			decisions, err := l.CheckMany(t.Context(), keys, 1)
			if diff := cmp.Diff([]throttlekit.Decision{admitted, mode.want, {}, denied, mode.want}, decisions); diff != "" {
				t.Errorf("decisions (-want +got):\n%s", diff)
			}
			var many *throttlekit.ManyError
			if !errors.As(err, &many) || len(many.Errors) != len(keys) {
				t.Fatalf("got %v, want a ManyError of %d keys", err, len(keys))
			}
			madeUp := mode.want != throttlekit.Decision{}
			for i, key := range keys {
				want := map[string]error{"bad": wrong, "gone": gone}[key]
				if key == "gone" && madeUp {
					want = nil
				}
				if !errors.Is(many.Errors[i], want) {
					t.Errorf("keys[%d] (%s): %v, want %v", i, key, many.Errors[i], want)
				}
			}
			want := resilient.Stats{Contract: 2, Refused: 1, Unavailable: 2, MayHaveConsumed: 2}
			if madeUp {
				want = with(want, mode.want.Source, 2)
			}
			if diff := cmp.Diff(want, l.Stats()); diff != "" {
				t.Errorf("counts; a call that decided on some keys is no failure (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckManyWithoutOneDecision(t *testing.T) {
	for _, row := range []struct {
		name     string
		limiter  throttlekit.Limiter
		keys     []string
		want     error // of the whole call, when nothing is made up; nil for a ManyError
		standsIn bool
		opens    bool
	}{
		{"each key failed", &scripted{check: byKey}, []string{"gone", "gone"}, nil, true, true},
		{"the call failed", together{nil, gone}, []string{"a", "b"}, gone, true, true},
		{"a ManyError of other keys", together{nil, &throttlekit.ManyError{Errors: []error{gone}}}, []string{"a", "b"}, gone, true, true},
		{"no decisions and no error", together{}, []string{"a", "b"}, throttlekit.ErrMalformedReply, true, true},
		{"a decision too many", together{make([]throttlekit.Decision, 3), nil}, []string{"a", "b"}, throttlekit.ErrMalformedReply, true, true},
		{"the call was refused", together{nil, wrong}, []string{"a", "b"}, wrong, false, false},
	} {
		for _, mode := range modes() {
			t.Run(row.name+"/"+mode.name, func(t *testing.T) {
				l := newLimiter(t, row.limiter, mode.option, ofSeven, resilient.WithBreaker(2, time.Hour))
				for range 3 {
					decisions, err := l.CheckMany(t.Context(), row.keys, 1)
					if row.standsIn && mode.want != (throttlekit.Decision{}) {
						if diff := cmp.Diff([]throttlekit.Decision{mode.want, mode.want}, decisions); diff != "" || err != nil {
							t.Errorf("%v (-want +got):\n%s", err, diff)
						}
						continue
					}
					var many *throttlekit.ManyError
					rejected := l.Stats().Rejected > 0
					switch {
					case rejected && errors.Is(err, throttlekit.ErrUnavailable) && decisions == nil:
					case row.want != nil && errors.Is(err, row.want) && decisions == nil:
					case row.want == nil && errors.As(err, &many) && len(decisions) == 2:
					default:
						t.Errorf("got %v, %v", decisions, err)
					}
				}
				if s := l.Stats(); (s.Breaker == resilient.BreakerOpen) != row.opens || (s.Rejected == 2) != row.opens {
					t.Errorf("after three calls: %+v, want the breaker open %v and the last call rejected", s, row.opens)
				}
			})
		}
	}
}

// together is a limiter whose CheckMany answers as one.
type together struct {
	decisions []throttlekit.Decision
	err       error
}

func (m together) CheckMany(context.Context, []string, int64) ([]throttlekit.Decision, error) {
	return m.decisions, anew(m.err)
}

func (m together) Check(context.Context, string) (throttlekit.Decision, error) {
	panic("not asked")
}

func (m together) CheckN(context.Context, string, int64) (throttlekit.Decision, error) {
	panic("not asked")
}

func (m together) Peek(context.Context, string) (throttlekit.Decision, error) { panic("not asked") }

func (m together) Forecast(context.Context, string, int64) (throttlekit.Forecast, error) {
	panic("not asked")
}

func TestCheckManyOfNothingAsksNobody(t *testing.T) {
	below := answering(throttlekit.Decision{}, gone)
	l := newLimiter(t, below)
	for _, keys := range [][]string{nil, {}} {
		if decisions, err := l.CheckMany(t.Context(), keys, 1); err != nil || decisions == nil || len(decisions) != 0 || below.asked.Load() != 0 {
			t.Errorf("got %v, %v, asked %d times; want an empty slice and no question", decisions, err, below.asked.Load())
		}
	}
}

// TestCheckManyEndsWithItsCaller: nobody stands in for a caller who has left.
func TestCheckManyEndsWithItsCaller(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	below := &scripted{check: func(ctx context.Context, key string, _ int64) (throttlekit.Decision, error) {
		if key == "good" {
			return admitted, nil
		}
		cancel()
		return throttlekit.Decision{}, &throttlekit.Error{Op: "checkMany", MayHaveConsumed: true, Err: ctx.Err()}
	}}
	l := newLimiter(t, below, resilient.WithFailMode(resilient.FailOpen), resilient.WithBreaker(1, time.Hour))
	decisions, err := l.CheckMany(ctx, []string{"good", "late"}, 1)
	if !errors.Is(err, context.Canceled) || len(decisions) != 2 || decisions[0] != admitted || decisions[1] != (throttlekit.Decision{}) {
		t.Errorf("got %v, %v; want what was decided before the end", decisions, err)
	}
	if diff := cmp.Diff(resilient.Stats{Contract: 1, Ended: 1, MayHaveConsumed: 1}, l.Stats()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestCheckManyWithMemory(t *testing.T) {
	below := &scripted{check: byKey}
	l := newLimiter(t, below, ofSeven, resilient.WithDenyCache(100), resilient.WithFailMode(resilient.FailClosed))
	for round := range 2 {
		decisions, err := l.CheckMany(t.Context(), []string{"denied", "good", "gone", "denied"}, 1)
		if err != nil || len(decisions) != 4 {
			t.Fatalf("round %d: %v, %v", round, decisions, err)
		}
		for i, want := range []throttlekit.Source{throttlekit.SourceContract, throttlekit.SourceContract, throttlekit.SourceClosed, throttlekit.SourceContract} {
			if decisions[i].Source != want || decisions[i].Allowed != (i == 1) {
				t.Errorf("round %d: keys[%d] is %+v, want a decision by %v", round, i, decisions[i], want)
			}
		}
	}
	if s := l.Stats(); s.Cached != 2 || s.Contract != 6 || s.Closed != 2 {
		t.Errorf("%+v, want the two denials of the second round from memory", s)
	}
	if decisions, err := l.CheckMany(t.Context(), []string{"denied", "denied"}, 3); err != nil || len(decisions) != 2 || below.asked.Load() != 2 {
		t.Errorf("%v, %v: asked %d times, want not a third time", decisions, err, below.asked.Load())
	}
}
