package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/vectors/internal/oracle"
)

var states = flag.Int("states", 100, "random states per strategy in TestPeekAndForecast")

// TestPeekAndForecast draws states, and at an instant of each holds what the Redis door
// says without spending against what a check then does, and against the oracle.
func TestPeekAndForecast(t *testing.T) {
	kinds := strategies(t)
	r := newReplayer(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			if settings[kind] == nil {
				t.Fatalf("no settings to draw for %s", kind)
			}
			const enough = 3
			seen, differing := tally{}, 0
			for i := 0; i < *states && differing < enough; i++ {
				s := newDraw(*seed, kind+" state", i).state(kind)
				report := ""
				for try := range tries { // as in TestDifferential
					if report = s.differences(t.Context(), r, seen); report == "" {
						break
					}
					t.Logf("try %d of %d of state %d differs", try+1, tries, i)
				}
				if report != "" {
					differing++
					t.Errorf("state %d of seed %d:\n%s%s", i, *seed, report, s.listing())
				}
			}
			t.Logf("%d states: %v", *states, seen)
			if least := min(seen["admitted"], seen["denied"]); *states >= 100 && least < *states/20 {
				t.Errorf("%d of %d states are of one kind: too few to compare anything", least, *states)
			}
		})
	}
}

// tally counts what the states held, so that a draw which stops reaching something shows.
type tally map[string]int

// look makes the state and asks all questions.
func (m *moment) look(ctx context.Context, strat script.Strategy) error {
	if err := m.prepare(strat, "base"); err != nil {
		return err
	}
	defer m.do("DEL", m.key("base"), m.key("looked"), m.key("spent"), m.key("other"))

	if err := m.copyBase("looked", "spent"); err != nil {
		return err
	}
	peek, err := m.PeekAt(ctx, "looked", m.at(0))
	if err != nil {
		return err
	}
	forecast, err := m.ForecastAt(ctx, "looked", int64(m.cost), m.at(0))
	if err != nil {
		return err
	}
	if err := m.unchanged(ctx, "looked", "spent"); err != nil {
		return err
	}
	m.holdPeek(peek)
	m.holdForecast(forecast)

	if err := m.copyBase("spent"); err != nil {
		return err
	}
	one, err := m.CheckAt(ctx, "spent", 1, m.at(0))
	if err != nil {
		return err
	}
	if peek.Allowed != one.Allowed {
		m.differ("peek says allowed=%t, and a check of 1 then %t", peek.Allowed, one.Allowed)
	}
	m.seen[map[bool]string{true: "admitted", false: "denied"}[one.Allowed]]++
	for _, cost := range []float64{1, m.cost, m.limit()} {
		if err := m.wait(ctx, int64(cost)); err != nil {
			return err
		}
	}
	return nil
}

// unchanged holds that nobody can tell a key that was looked at from one that was not.
func (m *moment) unchanged(ctx context.Context, looked, untouched string) error {
	// A denied check may drop what has expired already, and so may a look.
	if err := m.copyBase("other"); err != nil {
		return err
	}
	if d, err := m.CheckAt(ctx, "other", int64(m.limit())+1, m.at(0)); err != nil || d.Allowed {
		return fmt.Errorf("a cost above the limit: %+v, %v", d, err)
	}
	left, err := redis.Int64(m.do("PTTL", m.key(looked)))
	if err != nil {
		return err
	}
	denied, err := redis.Int64(m.do("PTTL", m.key("other")))
	if err != nil {
		return err
	}
	const gone = -2
	switch {
	case (left == gone) != (denied == gone):
		m.differ("looking left a PTTL of %d, and a denied check %d", left, denied)
	case left != gone && (left > far || left < far-3_600_000):
		m.differ("looking set an expiry: PTTL is %d, and was %.0f", left, far)
	}

	after, err := m.CheckAt(ctx, looked, int64(m.cost), m.at(0))
	if err != nil {
		return err
	}
	without, err := m.CheckAt(ctx, untouched, int64(m.cost), m.at(0))
	if err != nil {
		return err
	}
	if after != without {
		m.differ("a check of %.0f after a look %+v,\n    and without one %+v", m.cost, after, without)
	}
	return nil
}

// holdPeek compares with the oracle.
func (m *moment) holdPeek(d throttlekit.Decision) {
	got, want := reply(d), m.judge().Peek(m.now)
	if end := m.windowEnd(); m.kind == "fixedWindow" && end != math.Floor(end) {
		// The formula rounds the end of a fractional window up; a check reports it cut,
		// and a peek says what its check would.
		m.seen["fractional ends"]++
		want.ResetAt = math.Floor(end)
	}
	if one := m.judge().Check(m.now, 1); m.kind == "gcra" && one.Allowed != want.Allowed {
		// Where a unit is there but for a rounding, the formulas of peek and of check
		// round to two sides, and a peek says what its check would.
		m.seen["roundings"]++
		if late := !one.Allowed && one.RetryAfterMs > 1; late || one.Allowed && !m.judge().Peek(m.now+1).Allowed {
			m.differ("a check of 1 is %s, a peek %s: more than a rounding apart", text(one), text(want))
		}
		want.Allowed, want.RetryAfterMs = one.Allowed, one.RetryAfterMs
	}
	if got != want {
		m.differ("peek is   %s\n    oracle is %s", text(got), text(want))
	}
}

// windowEnd is the end of the fixed window that the instant lies in.
func (m *moment) windowEnd() float64 {
	window := m.options["windowMs"]
	return float64(math.Floor(m.now/window)*window) + window
}

// endsByRounding reports whether the fixed window would end on a whole millisecond if
// its length were exact in binary: the sum that a check's hint comes from and the
// product that begins the next window then round to two sides of it.
func (m *moment) endsByRounding() bool {
	end, whole := m.windowEnd(), math.Round(m.windowEnd())
	window := m.options["windowMs"]
	return window != math.Floor(window) && math.Abs(end-whole) < 1.0/256
}

// holdForecast compares with the oracle, but for the two differences that the door
// documents.
func (m *moment) holdForecast(f throttlekit.Forecast) {
	judge := m.judge()
	want := judge.Forecast(m.now, m.cost)
	got := oracle.Forecast{
		SpendableNow:    float64(f.SpendableNow),
		NextReplenishAt: float64(f.NextReplenishAt.UnixMilli()),
		FullAt:          float64(f.FullAt.UnixMilli()),
	}
	untouched := m.judge().Check(m.now, m.limit()).Allowed
	switch {
	case untouched && (m.kind == "fixedWindow" || m.kind == "slidingWindow"):
		// Full now, rather than at the window's end.
		m.seen["untouched windows"]++
		want.NextReplenishAt, want.FullAt = m.now, m.now
	case m.kind == "slidingWindow":
		// The next unit comes when the window's own hint for it says.
		hint := judge.Check(m.now, judge.Peek(m.now).Remaining+1)
		if want.NextReplenishAt != m.now+hint.RetryAfterMs {
			m.seen["sooner units"]++
		}
		want.NextReplenishAt = m.now + hint.RetryAfterMs
	}
	if got != want {
		m.differ("forecast of %.0f is %+v\n    oracle is %+v", m.cost, got, want)
	}
}

// wait holds that the hint of a denied check is exact: after it the check is admitted,
// and a millisecond sooner it is not. A token bucket's may be a millisecond off, as a
// fractional fixed window's that ends on a whole one; a sliding window's is a hint only.
func (m *moment) wait(ctx context.Context, cost int64) error {
	check := func(after time.Duration) (throttlekit.Decision, error) {
		if err := m.copyBase("spent"); err != nil {
			return throttlekit.Decision{}, err
		}
		return m.CheckAt(ctx, "spent", cost, m.at(after))
	}
	d, err := check(0)
	if err != nil || d.Allowed {
		return err
	}
	slack := time.Duration(0)
	switch {
	case m.kind == "slidingWindow":
		if d.RetryAfter < time.Millisecond {
			m.differ("a check of %d is denied without a hint", cost)
		}
		return nil
	case m.kind == "tokenBucket" && m.clockIsBehind():
		return nil // a bucket counts no time until the clock is where it was
	case m.kind == "tokenBucket":
		slack = time.Millisecond
	case m.kind == "fixedWindow" && m.endsByRounding():
		m.seen["ends by rounding"]++
		slack = time.Millisecond
	}
	m.seen["waits"]++
	if d.RetryAfter+slack < time.Millisecond {
		m.differ("a check of %d is denied with nothing to wait for", cost)
	}
	late, err := check(d.RetryAfter + slack)
	if err != nil {
		return err
	}
	if !late.Allowed {
		m.differ("a check of %d is denied for %v, and denied after %v, too", cost, d.RetryAfter, d.RetryAfter+slack)
	}
	if early := d.RetryAfter - time.Millisecond - slack; early > 0 {
		soon, err := check(early)
		if err != nil {
			return err
		}
		if soon.Allowed {
			m.differ("a check of %d is denied for %v, and admitted after %v", cost, d.RetryAfter, early)
		}
	}
	return nil
}

// clockIsBehind reports whether the timeline was ahead of the instant before.
func (m *moment) clockIsBehind() bool {
	for _, o := range m.ops {
		if o.now > m.now {
			return true
		}
	}
	return false
}
