package results

import "slices"

// Spread is a median with the least and the greatest value beside it.
type Spread struct{ Median, Min, Max float64 }

// SpreadOf returns the spread of values; ok is false when there are none.
func SpreadOf(values []float64) (s Spread, ok bool) {
	if len(values) == 0 {
		return Spread{}, false
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	median := sorted[half]
	if len(sorted)%2 == 0 {
		median = (sorted[half-1] + sorted[half]) / 2
	}
	return Spread{Median: median, Min: sorted[0], Max: sorted[len(sorted)-1]}, true
}

// Spread returns the spread of a metric over the cell's rounds.
func (r *Results) Spread(cell Cell, unit string) (Spread, bool) {
	return SpreadOf(r.Metric(cell, unit))
}

// Ratio returns the spread of the quotients of a metric, each of two samples of the same
// round: what slows down a whole round then cancels out, as it does not in a quotient of
// medians. Of a run that was cut short, the last round may have one of the two only.
func (r *Results) Ratio(over, under Cell, unit string) (Spread, bool) {
	a, b := r.Metric(over, unit), r.Metric(under, unit)
	quotients := make([]float64, min(len(a), len(b)))
	for i := range quotients {
		if b[i] == 0 {
			return Spread{}, false
		}
		quotients[i] = a[i] / b[i]
	}
	return SpreadOf(quotients)
}
