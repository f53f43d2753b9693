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
	start, end, count := f.window(now)
	if count+cost <= f.limit {
		f.start, f.count, f.stored = start, count+cost, true
		return reply(true, f.limit, f.limit-(count+cost), end, 0)
	}
	return reply(false, f.limit, max(0, f.limit-count), end, math.Ceil(end-now))
}

// window is the window of the instant now, and what was counted in it.
func (f *fixedWindow) window(now float64) (start, end, count float64) {
	start = float64(math.Floor(now/f.windowMs) * f.windowMs)
	if f.stored && f.start == start {
		count = f.count
	}
	return start, start + f.windowMs, count
}

func (f *fixedWindow) Peek(now float64) Reply {
	_, end, count := f.window(now)
	return peeked(count+1 <= f.limit, f.limit, max(0, math.Floor(f.limit-count)), math.Ceil(end), math.Ceil(end-now))
}

func (f *fixedWindow) Forecast(now, cost float64) Forecast {
	_, end, count := f.window(now)
	return Forecast{math.Floor(max(0, f.limit-count) / cost), math.Ceil(end), math.Ceil(end)}
}
