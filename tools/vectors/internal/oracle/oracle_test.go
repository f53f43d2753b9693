package oracle

import (
	"math"
	"strings"
	"testing"
)

type check struct {
	now, cost float64
	want      Reply
}

func yes(limit, remaining, resetAt float64) Reply { return Reply{true, limit, remaining, resetAt, 0} }

func no(limit, remaining, resetAt, retry float64) Reply {
	return Reply{false, limit, remaining, resetAt, retry}
}

// The numbers were worked out from the formulas, or were measured on Redis where the
// reason says so. The vectors' timelines, which hold many more, check the oracle too.
func TestJudges(t *testing.T) {
	for _, tt := range []struct {
		name, why string
		kind      string
		options   map[string]float64
		checks    []check
	}{
		{
			"gcra cost above burst", "measured: denied without a trace, retry is the interval times the excess",
			"gcra", map[string]float64{"periodMs": 1000, "limit": 10, "burst": 5},
			[]check{{1000, 9, no(5, 5, 1000, 400)}, {1000, 5, yes(5, 0, 1500)}},
		},
		{
			"gcra one short", "measured: six a second admit five at once, and the sixth a millisecond later",
			"gcra", map[string]float64{"periodMs": 1000, "limit": 6, "burst": 6},
			[]check{
				{1750000000000, 1, yes(6, 4, 1750000000167)},
				{1750000000000, 1, yes(6, 3, 1750000000334)},
				{1750000000000, 1, yes(6, 2, 1750000000501)},
				{1750000000000, 1, yes(6, 1, 1750000000667)},
				{1750000000000, 1, yes(6, 0, 1750000000834)},
				{1750000000000, 1, no(6, 0, 1750000000834, 1)},
				{1750000000001, 1, yes(6, 0, 1750000001001)},
			},
		},
		{
			"tokenBucket clock back", "measured: the span that was stepped back over refills twice",
			"tokenBucket", map[string]float64{"capacity": 10, "refillPerSec": 5},
			[]check{{60000, 4, yes(10, 6, 60800)}, {59000, 1, yes(10, 5, 60000)}, {60000, 1, yes(10, 9, 60200)}},
		},
		{
			"fixedWindow fractions", "measured: count and end keep their fractions, the reply is cut",
			"fixedWindow", map[string]float64{"limit": 5.5, "windowMs": 333.3},
			[]check{{1000, 2, yes(5, 3, 1333)}},
		},
		{
			"slidingWindow old bucket fades", "5 units that weigh 0.8 leave room for 1 of 5",
			"slidingWindow", map[string]float64{"windowMs": 1000, "limit": 5, "buckets": 1},
			[]check{{1000, 5, yes(5, 0, 3000)}, {2200, 2, no(5, 1, 4000, 200)}, {2200, 1, yes(5, 0, 4000)}},
		},
		{
			"slidingWindow index beyond 14 digits", "measured: with buckets of 0.01 ms nothing is ever counted",
			"slidingWindow", map[string]float64{"windowMs": 500, "limit": 10, "buckets": 50000},
			[]check{
				{1750000000001.755, 3, yes(10, 7, 1750000000502)},
				{1750000000001.755, 3, yes(10, 7, 1750000000502)},
				{1750000000001.755, 3, yes(10, 7, 1750000000502)},
				{1750000000001.755, 3, yes(10, 7, 1750000000502)},
			},
		},
		{
			"slidingWindow before the first bucket", "buckets before the epoch count nothing",
			"slidingWindow", map[string]float64{"windowMs": 1000, "limit": 3, "buckets": 10},
			[]check{{1, 2, yes(3, 1, 1100)}, {99, 2, no(3, 1, 1100, 1)}, {100, 1, yes(3, 0, 1200)}},
		},
		{
			"slidingWindowLog denied cost", "2 then 4 of 5 at one millisecond: the oldest must leave first",
			"slidingWindowLog", map[string]float64{"windowMs": 1000, "limit": 5},
			[]check{{1000, 2, yes(5, 3, 2000)}, {1000, 4, no(5, 3, 2000, 1000)}},
		},
		{
			"slidingWindowLog cold denied cost", "9 of 5 on a cold key: the window as it is",
			"slidingWindowLog", map[string]float64{"windowMs": 1000, "limit": 5},
			[]check{{1000, 9, no(5, 5, 2000, 1000)}, {1000, 5, yes(5, 0, 2000)}},
		},
		{
			"slidingWindowLog fractional limit", "of 2 and 2 more above 2.5, 1.5 must leave: the second oldest decides",
			"slidingWindowLog", map[string]float64{"windowMs": 1000, "limit": 2.5},
			[]check{{1000, 1, yes(2, 1, 2000)}, {1400, 1, yes(2, 0, 2000)}, {1500, 2, no(2, 0, 2000, 900)}},
		},
		{
			"slidingWindowLog names in 14 digits", "two instants that differ in the 15th digit share their names",
			"slidingWindowLog", map[string]float64{"windowMs": 1000, "limit": 3},
			// The first entry leaves with the third check, which is denied. So the fourth
			// has rank 2, like the second, and …900.21 reads as …900.2 like its …900.25:
			// the name is taken, its score moves, and there is still one entry.
			[]check{
				{1749999999000.2, 1, yes(3, 2, 1750000000001)},
				{1749999999900.25, 1, yes(3, 1, 1750000000001)},
				{1750000000000.3, 5, no(3, 2, 1750000000901, 900)},
				{1749999999900.21, 1, yes(3, 1, 1750000000901)},
				{1749999999900.21, 3, no(3, 2, 1750000000901, 1000)},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			judge, err := New(tt.kind, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range tt.checks {
				if got := judge.Check(c.now, c.cost); got != c.want {
					t.Errorf("check %d, now %v, cost %v: got %+v, want %+v (%s)", i, c.now, c.cost, got, c.want, tt.why)
				}
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		kind    string
		options map[string]float64
		want    string
	}{
		{"unknown strategy", "leakyBucket", nil, `unknown strategy "leakyBucket"`},
		{"missing option", "gcra", map[string]float64{"periodMs": 1, "limit": 1}, "gcra needs the option burst"},
		{"option too many", "fixedWindow", map[string]float64{"limit": 1, "windowMs": 1, "burst": 1}, "fixedWindow has no option burst"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := New(tt.kind, tt.options); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one that says %q", err, tt.want)
			}
		})
	}
}

// A retry that is rounded up from between -1 and 0 is -0, which JSON would show.
func TestTruncated(t *testing.T) {
	for _, tt := range []struct{ in, want float64 }{{1.9, 1}, {-1.9, -1}, {333.3, 333}, {math.Ceil(-0.3), 0}} {
		if got := truncated(tt.in); got != tt.want || math.Signbit(got) != math.Signbit(tt.want) {
			t.Errorf("truncated(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

// text must be what C's "%.14g" gives, as far as two names are equal or not.
func TestText(t *testing.T) {
	for _, tt := range []struct {
		in   float64
		want string
	}{
		{1750000000000, "1750000000000"},
		{1750000000000.25, "1750000000000.2"},
		{1.0 / 3, "0.33333333333333"},
		{0.1 + 0.2, "0.3"},
		{123456789012347, "1.2345678901235e+14"},
	} {
		if got := text(tt.in); got != tt.want {
			t.Errorf("text(%v) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestMeter(t *testing.T) {
	m := NewMeter(100, 60000)
	for i, c := range []check{
		{0, 80, yes(100, 20, 60000)},
		{10, 30, yes(100, 0, 60000)}, // crosses the budget, and is served whole
		{10, 1, no(100, 0, 60000, 59990)},
		{60000, 1, yes(100, 99, 120000)},
		{59999, 1, yes(100, 98, 120000)}, // the window never rolls back
	} {
		if got := m.Debit(c.now, c.cost); got != c.want {
			t.Errorf("debit %d: got %+v, want %+v", i, got, c.want)
		}
	}
}

func TestSpender(t *testing.T) {
	for _, coupled := range []bool{true, false} {
		s := NewSpender(5, 1000, coupled)
		if _, ok := s.Spend(0, 1); ok {
			t.Fatal("spent without a lease")
		}
		s.Grant(5, 1000)
		if got, ok := s.Spend(999, 2); !ok || got != yes(5, 3, 1000) {
			t.Errorf("coupled %t, before the expiry: %+v, %t", coupled, got, ok)
		}
		if _, ok := s.Spend(999, 4); ok {
			t.Errorf("coupled %t: spent 4 of 3", coupled)
		}
		got, ok := s.Spend(1000, 3)
		if coupled && ok {
			t.Errorf("coupled: spent %+v at the expiry", got)
		}
		if want := yes(5, 0, 1000); !coupled && (!ok || got != want) {
			t.Errorf("not coupled, at the expiry: %+v, %t, want %+v", got, ok, want)
		}
	}
}
