package resilient_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
)

// nodes is a limiter whose keys are at several servers: at which, their first letter says.
// Those at b fail while down.
type nodes struct {
	*scripted
	down  bool
	asked []string // the keys of each CheckMany, in their order
}

func newNodes() *nodes {
	n := &nodes{down: true}
	n.scripted = &scripted{check: func(_ context.Context, key string, _ int64) (throttlekit.Decision, error) {
		if n.down && key[0] == 'b' {
			return throttlekit.Decision{}, gone
		}
		return admitted, nil
	}}
	return n
}

func (n *nodes) Node(key string) string {
	if key[0] == '?' {
		return ""
	}
	return key[:1] + ":6379"
}

func (n *nodes) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	n.asked = append(n.asked, strings.Join(keys, " "))
	return n.scripted.CheckMany(ctx, keys, cost)
}

func TestANodeThatFailsTakesNoOtherAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below, log := newNodes(), &record{}
		var told []resilient.StateChange
		l := newLimiter(t, below, resilient.WithBreaker(3, time.Second), resilient.WithFailMode(resilient.FailClosed),
			resilient.WithLogger(log.logger(slog.LevelDebug)),
			resilient.WithStateHook(func(c resilient.StateChange) { told = append(told, c) }))
		check := func(key string) throttlekit.Source {
			t.Helper()
			d, err := l.Check(t.Context(), key)
			if err != nil {
				t.Error(err)
			}
			return d.Source
		}
		for range 10 {
			// The good answers of the others do not hide that b fails.
			if check("b1") != throttlekit.SourceClosed || check("a1") != throttlekit.SourceContract || check("?") != throttlekit.SourceContract {
				t.Error("want b closed, a and what is nowhere yet by the contract")
			}
		}
		if n := below.scripted.asked.Load(); n != 23 {
			t.Errorf("the limiter was asked %d times, want 3 for b and 20 for the others", n)
		}
		if s := l.Stats(); s.Breaker != resilient.BreakerOpen || s.Opened != 1 || s.Rejected != 7 || s.Contract != 20 || s.Closed != 10 {
			t.Errorf("counts are %+v", s)
		}
		time.Sleep(time.Second + 1)
		below.down = false
		if check("b2") != throttlekit.SourceContract || l.Stats().Breaker != resilient.BreakerClosed {
			t.Errorf("b is back, and its breaker %v", l.Stats().Breaker)
		}
		want := []resilient.StateChange{
			{From: resilient.BreakerClosed, To: resilient.BreakerOpen, Node: "b:6379"},
			{From: resilient.BreakerOpen, To: resilient.BreakerHalfOpen, Node: "b:6379"},
			{From: resilient.BreakerHalfOpen, To: resilient.BreakerClosed, Node: "b:6379"},
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if lines := strings.Count(log.String(), "node=b:6379"); lines != 3 {
			t.Errorf("%d lines name the node, want 3:\n%s", lines, log)
		}
	})
}

func TestCheckManyAsksTheNodesThatAnswer(t *testing.T) {
	for _, mode := range modes() {
		t.Run(mode.name, func(t *testing.T) {
			below := newNodes()
			l := newLimiter(t, below, mode.option, ofSeven, resilient.WithBreaker(2, time.Hour))
			keys := []string{"b1", "a1", "c1", "b2", "?", "a2"}
			for range 4 {
				decisions, err := l.CheckMany(t.Context(), keys, 1)
				want := throttlekit.Decision{}
				if many, ok := err.(*throttlekit.ManyError); mode.want == want {
					if !ok || many.Errors[0] == nil || many.Errors[1] != nil || many.Errors[2] != nil || many.Errors[3] == nil || many.Errors[5] != nil {
						t.Errorf("error is %v, want one for keys 0 and 3", err)
					}
				} else if want = mode.want; err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff([]throttlekit.Decision{want, admitted, admitted, want, admitted, admitted}, decisions); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			all, others := strings.Join(keys, " "), "a1 c1 ? a2"
			if diff := cmp.Diff([]string{all, all, others, others}, below.asked); diff != "" {
				t.Errorf("the limiter was asked for (-want +got):\n%s", diff)
			}
			if s := l.Stats(); s.Rejected != 4 || s.Unavailable != 4 || s.Contract != 16 {
				t.Errorf("counts are %+v", s)
			}
			// Only keys that nobody may be asked for.
			if _, err := l.CheckMany(t.Context(), []string{"b1", "b2"}, 1); (err == nil) != (mode.want != throttlekit.Decision{}) || len(below.asked) != 4 {
				t.Errorf("error is %v after asking %q", err, below.asked)
			}
		})
	}
}

// TestWhatTravelledTogetherFailsOnce: callers whose checks shared a way share its error.
func TestWhatTravelledTogetherFailsOnce(t *testing.T) {
	for _, row := range []struct {
		name   string
		faults func() func() error // an error for each call
		calls  int
		opens  bool
	}{
		{"one way", func() func() error { return func() error { return gone } }, 100, false},
		{"two ways, whose callers hear of it by turns", func() func() error {
			ways, n := [2]error{gone, &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable}}, 0
			return func() error { n++; return ways[n%2] }
		}, 100, false},
		{"as many ways as it takes", func() func() error {
			return func() error { return &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable} }
		}, 5, true},
		{"an error that is not of the SDK", func() func() error {
			return func() error { return fmt.Errorf("down") }
		}, 5, true},
		{"an error that is always the same, at different times", func() func() error {
			return func() error { time.Sleep(20 * time.Millisecond); return gone }
		}, 5, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, sharing{fault: row.faults()})
				for range row.calls - 1 {
					_, _ = l.Check(t.Context(), secretKey)
				}
				if s := l.Stats(); s.Breaker != resilient.BreakerClosed {
					t.Errorf("after %d calls: %+v", row.calls-1, s)
				}
				_, _ = l.Check(t.Context(), secretKey)
				if s := l.Stats(); (s.Breaker == resilient.BreakerOpen) != row.opens || s.Unavailable+s.Other != uint64(row.calls) {
					t.Errorf("after %d calls: %+v, want it open %v", row.calls, s, row.opens)
				}
			})
		})
	}
}

// sharing is a limiter whose errors are as they are.
type sharing struct {
	throttlekit.Limiter
	fault func() error
}

func (s sharing) CheckN(context.Context, string, int64) (throttlekit.Decision, error) {
	return throttlekit.Decision{}, s.fault()
}
