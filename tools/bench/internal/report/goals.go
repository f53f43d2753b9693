package report

import (
	"bytes"
	"fmt"

	"golang.org/x/perf/benchmath"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/contest"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// goal is a quotient of two contenders of one match that shall hold.
type goal struct {
	match       string
	over, under string
	unit        string
	wanted      bound
	benchstat   bool // judged as benchstat does, by the medians of all rounds
}

// bound is what a quotient has to keep.
type bound struct {
	text  string
	holds func(v float64) bool
}

func atLeast(least float64) bound {
	return bound{"at least " + ratio(least), func(v float64) bool { return v >= least }}
}

func atMost(most float64) bound {
	return bound{"at most " + ratio(most), func(v float64) bool { return v <= most }}
}

func below(limit float64) bound {
	return bound{"below " + ratio(limit), func(v float64) bool { return v < limit }}
}

// goals are what this benchmark was written to show.
var goals = []goal{
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

// of says what the quotients of a unit are of.
var of = map[string]string{results.Rate: "checks a second", results.P99: "p99", results.PerCheck: "latency"}

func writeGoals(b *bytes.Buffer, r *results.Results) {
	b.WriteString("## Goals\n\n")
	t := table{left: []bool{true, true, true, true, false, true}}
	t.add("match", "ratio", "of", "wanted", "measured", "")
	for _, g := range goals {
		measured, verdict := g.judge(r)
		t.add(title(g.match), g.over+" ÷ "+g.under, of[g.unit], g.wanted.text, measured, verdict)
	}
	t.writeTo(b)
}

// judge says what was measured and whether it is what was wanted.
func (g goal) judge(r *results.Results) (measured, verdict string) {
	over, under := results.Cell{Match: g.match, Contender: g.over}, results.Cell{Match: g.match, Contender: g.under}
	s, ok := r.Ratio(over, under, g.unit)
	if !ok {
		return absent, "not measured"
	}
	v := s.Median
	measured = cellWithRange(s, true, ratio)
	if g.benchstat {
		v, measured = g.compare(r.Metric(over, g.unit), r.Metric(under, g.unit))
	}
	if g.wanted.holds(v) {
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
