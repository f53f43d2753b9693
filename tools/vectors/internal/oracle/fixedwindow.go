package oracle

import "math"

// fixedWindow counts in windows aligned to the epoch. Nothing is rounded but the retry;
// Redis truncates the rest.
type fixedWindow struct {
	limit, windowMs float64

	stored       bool
	start, count float64
}

func (f *fixedWindow) Check(now, cost float64) Reply {
	start := float64(math.Floor(now/f.windowMs) * f.windowMs)
	end := start + f.windowMs
	count := 0.0
	if f.stored && f.start == start {
		count = f.count
	}
	if count+cost <= f.limit {
		f.start, f.count, f.stored = start, count+cost, true
		return reply(true, f.limit, f.limit-(count+cost), end, 0)
	}
	return reply(false, f.limit, max(0, f.limit-count), end, math.Ceil(end-now))
}
