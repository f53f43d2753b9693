package report

import (
	"bytes"
	"fmt"
	"time"

	"golang.org/x/perf/benchmath"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/contest"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// goal is a quotient of two contenders of one match that shall hold, or a number of one.
type goal struct {
	match       string
	over, under string // under is empty when over is judged by itself
	unit        string
	wanted      bound
	benchstat   bool // judged as benchstat does, by the medians of all rounds
}

// bound is what a goal's number has to keep.
type bound struct {
	words string
	limit float64
	holds func(v, limit float64) bool
}

func atLeast(least float64) bound {
	return bound{"at least", least, func(v, least float64) bool { return v >= least }}
}

func atMost(most float64) bound {
	return bound{"at most", most, func(v, most float64) bool { return v <= most }}
}

func above(limit float64) bound {
	return bound{"above", limit, func(v, limit float64) bool { return v > limit }}
}

func below(limit float64) bound {
	return bound{"below", limit, func(v, limit float64) bool { return v < limit }}
}

// goals are what this benchmark was written to show.
var goals = append(doorGoals, localGoals()...)

var doorGoals = []goal{
	{match: contest.CheckMatch(512), over: contest.Fused, under: "redis-benchmark-p16", unit: results.Rate, wanted: atLeast(1.7)},
	{match: contest.CheckMatch(512), over: contest.Fused, under: "rueidis", unit: results.Rate, wanted: atLeast(2.2)},
	{match: contest.CheckMatch(64), over: contest.Fused, under: "redis-benchmark-p16", unit: results.Rate, wanted: atLeast(1.4)},
	{match: contest.CheckMatch(64), over: contest.Fused, under: "rueidis", unit: results.Rate, wanted: atLeast(1.6)},
	{match: contest.CheckMatch(64), over: contest.Fused, under: "redis_rate", unit: results.Rate, wanted: atLeast(2.2)},
	{match: contest.CheckMatch(64), over: contest.Fused, under: "redigo", unit: results.Rate, wanted: atLeast(2)},
	{match: contest.CheckMatch(64), over: contest.Fused, under: "rueidis", unit: results.P99, wanted: below(1)},
	{match: contest.LoneMatch(false), over: contest.Fused, under: "redigo", unit: results.PerCheck, wanted: atMost(1.05), benchstat: true},
	{match: contest.LoneMatch(true), over: contest.Fused, under: "redigo", unit: results.PerCheck, wanted: atMost(1.05), benchstat: true},
	{match: contest.ManyMatch(1000), over: contest.CheckMany, under: contest.RawMany, unit: results.Rate, wanted: atLeast(0.9)},
	{match: contest.ManyMatch(1000), over: contest.CheckMany, under: contest.Bounded, unit: results.Rate, wanted: atLeast(0.9)},
	{match: contest.ServiceMatch(64), over: contest.Gathered, under: contest.Service, unit: results.Rate, wanted: atLeast(5)},
	{match: contest.ServiceMatch(512), over: contest.Gathered, under: contest.Service, unit: results.Rate, wanted: atLeast(5)},
	{match: contest.ServiceMatch(64), over: contest.Service, under: contest.BareEcho, unit: results.Rate, wanted: atLeast(0.8)},
	{match: contest.ServiceMatch(512), over: contest.Service, under: contest.BareEcho, unit: results.Rate, wanted: atLeast(0.8)},
}

// localGoals are of the in-process door, with whatever strategies the contract has: what
// one may take depends on what the work of its check grows with.
func localGoals() []goal {
	var goals []goal
	for _, goroutines := range []int{1, 64} {
		goals = append(goals, goal{match: contest.LocalMatch(goroutines), over: contest.LocalLimit, under: contest.XTimeRate,
			unit: results.PerCheck, wanted: atMost(1.5)})
	}
	for _, under := range []string{contest.ThrottledMemory, contest.ThrottledLRU, contest.UluleMemory} {
		goals = append(goals, goal{match: contest.LocalMatch(64), over: contest.LocalLimit, under: under,
			unit: results.Rate, wanted: above(1)})
	}
	most := map[contest.Growth]float64{contest.Constant: 169, contest.Parameters: 400, contest.Units: 1000}
	for _, d := range strategy.All() {
		if d.Local == nil {
			continue
		}
		growth := contest.GrowthOf(d)
		alone := goal{match: contest.LocalMatch(1), over: contest.Local(d), unit: results.PerCheck, wanted: atMost(most[growth])}
		goals = append(goals, alone)
		if growth == contest.Constant {
			alone.unit, alone.wanted = results.Allocs, below(0.01) // what the runtime allocates meanwhile is not the door's
			goals = append(goals, alone)
		}
	}
	return append(goals, goal{match: contest.MemoryMatch, over: contest.LocalDoor, unit: results.Longest, wanted: below(float64(10 * time.Millisecond))})
}

// of says what the numbers of a unit are, and how they are written.
var of = map[string]struct {
	text   string
	format func(float64) string
}{
	results.Rate:     {"checks a second", thousands},
	results.P99:      {"p99", latency},
	results.PerCheck: {"time a check", latency},
	results.Allocs:   {"allocations a check", ratio},
	results.Longest:  {"longest check", latency},
}

func writeGoals(b *bytes.Buffer, r *results.Results) {
	b.WriteString("## Goals\n\n")
	t := table{left: []bool{true, true, true, true, false, true}}
	t.add("match", "contenders", "of", "wanted", "measured", "")
	for _, g := range goals {
		measured, verdict := g.judge(r)
		contenders := g.over
		if g.under != "" {
			contenders += " ÷ " + g.under
		}
		wanted := g.wanted.words + " " + g.format()(g.wanted.limit)
		t.add(title(g.match), contenders, of[g.unit].text, wanted, measured, verdict)
	}
	t.writeTo(b)
}

// format returns how the goal's numbers are written.
func (g goal) format() func(float64) string {
	if g.under == "" {
		return of[g.unit].format
	}
	return ratio
}

// judge says what was measured and whether it is what was wanted.
func (g goal) judge(r *results.Results) (measured, verdict string) {
	over, under := results.Cell{Match: g.match, Contender: g.over}, results.Cell{Match: g.match, Contender: g.under}
	s, ok := r.Ratio(over, under, g.unit)
	if g.under == "" {
		s, ok = r.Spread(over, g.unit)
	}
	if !ok {
		return absent, "not measured"
	}
	v := s.Median
	measured = cellWithRange(s, true, g.format())
	if g.benchstat {
		v, measured = g.compare(r.Metric(over, g.unit), r.Metric(under, g.unit))
	}
	if g.wanted.holds(v, g.wanted.limit) {
		return measured, "met"
	}
	return measured, "not met"
}

// compare is benchstat's comparison of two samples, which assumes nothing of how they are
// distributed.
func (g goal) compare(over, under []float64) (quotient float64, measured string) {
	sample := func(values []float64) *benchmath.Sample {
		return benchmath.NewSample(values, &benchmath.DefaultThresholds)
	}
	const confidence = 0.95
	a, b := sample(over), sample(under)
	center := func(s *benchmath.Sample) float64 { return benchmath.AssumeNothing.Summary(s, confidence).Center }
	difference := benchmath.AssumeNothing.Compare(b, a)
	return center(a) / center(b), fmt.Sprintf("%s; benchstat: %s (%s)",
		ratio(center(a)/center(b)), difference.FormatDelta(center(b), center(a)), difference)
}
