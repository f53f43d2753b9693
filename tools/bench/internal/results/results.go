// Package results holds what a run measured, in order, and the few statistics that the
// reports draw from it. Its file is in the format of Go's benchmarks, which benchstat
// reads, and is complete: every report is made from the file alone.
package results

import "slices"

// Sample is one measurement: one contender, for a moment, in one round.
type Sample struct {
	Checks  int                // decided in that moment
	Metrics map[string]float64 // by unit; what was not measured is not there
}

// The units of a sample. One op is one check, however many a call asks for.
const (
	PerCheck = "ns/op"     // wall-clock time; with many goroutines far less than a latency
	P50      = "p50-ns"    // latency of a call, median
	P99      = "p99-ns"    // latency of a call, 99th percentile
	Bytes    = "B/op"      // allocated by this process
	Allocs   = "allocs/op" // by this process
	Rate     = "checks/s"  // over all goroutines
	Admitted = "admitted/op"
	PerKey   = "B/key"      // of memory
	Longest  = "longest-ns" // that any call took
	Machine  = "machine-ns" // that doing nothing but to look at the clock took, as often
)

// units are in the order in which they are written.
var units = []string{PerCheck, P50, P99, Bytes, Allocs, Rate, Admitted, PerKey, Longest, Machine}

// Cell is what a sample is of. Those of one match are measured next to each other in each
// round, so that their quotients mean something on a machine that others use as well.
type Cell struct {
	Match     string // such as Check/goroutines=64
	Contender string
}

// Fact is what a reader has to know of a run: its machine, its versions, its settings.
type Fact struct{ Key, Value string }

// Results are the samples of a run. The zero value is empty.
type Results struct {
	Facts []Fact

	cells   []Cell // in the order of their first sample
	samples map[Cell][]Sample
}

// Add appends a sample of the cell's next round.
func (r *Results) Add(cell Cell, s Sample) {
	if r.samples == nil {
		r.samples = make(map[Cell][]Sample)
	}
	if _, known := r.samples[cell]; !known {
		r.cells = append(r.cells, cell)
	}
	r.samples[cell] = append(r.samples[cell], s)
}

// Fact returns the value of a fact, or "" when it is not known.
func (r *Results) Fact(key string) string {
	for _, f := range r.Facts {
		if f.Key == key {
			return f.Value
		}
	}
	return ""
}

// Matches lists the matches in the order in which they were first measured.
func (r *Results) Matches() []string {
	var matches []string
	for _, c := range r.cells {
		if !slices.Contains(matches, c.Match) {
			matches = append(matches, c.Match)
		}
	}
	return matches
}

// Contenders lists who was measured in a match, in the order of the first round.
func (r *Results) Contenders(match string) []string {
	var names []string
	for _, c := range r.cells {
		if c.Match == match {
			names = append(names, c.Contender)
		}
	}
	return names
}

// Metric returns a metric of the cell's rounds, in order. It is empty unless every round
// has it: a quotient of other rounds than a reader believes would be worse than none.
func (r *Results) Metric(cell Cell, unit string) []float64 {
	var values []float64
	for _, s := range r.samples[cell] {
		v, measured := s.Metrics[unit]
		if !measured {
			return nil
		}
		values = append(values, v)
	}
	return values
}
