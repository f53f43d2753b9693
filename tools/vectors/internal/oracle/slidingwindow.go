package oracle

import "math"

// slidingWindow counts in buckets that move with the clock. The window's buckets, and the
// one that fades out behind them, share buckets+1 slots of a ring; each slot names the
// bucket it holds.
type slidingWindow struct {
	windowMs, limit, buckets float64

	slots map[float64]bucket
}

// bucket is one slot as it was stored: both numbers went through text.
type bucket struct{ index, count float64 }

// view is what the formulas make of the ring at one instant.
type view struct {
	width, current float64 // of a bucket; the newest bucket's index
	old, fading    float64 // the fading bucket's count; the part of it that still counts
	estimate       float64
	edge, resetAt  float64 // of the newest bucket; of the window after it
	now, limit     float64
}

func (s *slidingWindow) view(now float64) view {
	width := s.windowMs / s.buckets
	current := math.Floor(now / width)

	elapsed := max(0, now-float64(current*width))
	weight := min(max((width-elapsed)/width, 0), 1)
	full := 0.0
	for j := current - s.buckets + 1; j <= current; j++ {
		full += s.count(j)
	}
	old := s.count(current - s.buckets)
	fading := float64(old * weight)
	edge := float64((current + 1) * width)
	return view{
		width: width, current: current, old: old, fading: fading, estimate: full + fading,
		edge: edge, resetAt: math.Ceil(edge + s.windowMs), now: now, limit: s.limit,
	}
}

func (v view) remaining() float64 { return max(0, math.Floor(v.limit-v.estimate)) }

// retry is the hint of a check that goes beyond the limit by excess.
func (v view) retry(excess float64) float64 {
	if v.old > 0 && excess <= v.fading {
		return max(1, math.Ceil(float64(excess*v.width)/v.old))
	}
	return max(1, math.Ceil(v.edge-v.now))
}

func (s *slidingWindow) Check(now, cost float64) Reply {
	v := s.view(now)
	projected := v.estimate + cost
	if projected <= s.limit {
		s.slots[s.slot(v.current)] = bucket{index: reread(v.current), count: reread(s.count(v.current) + cost)}
		return reply(true, s.limit, max(0, math.Floor(s.limit-projected)), v.resetAt, 0)
	}
	return reply(false, s.limit, v.remaining(), v.resetAt, v.retry(projected-s.limit))
}

func (s *slidingWindow) Peek(now float64) Reply {
	v := s.view(now)
	return peeked(v.estimate+1 <= s.limit, s.limit, v.remaining(), v.resetAt, v.retry(v.estimate+1-s.limit))
}

func (s *slidingWindow) Forecast(now, cost float64) Forecast {
	v := s.view(now)
	return Forecast{math.Floor(v.remaining() / cost), math.Ceil(v.edge), v.resetAt}
}

// count is what bucket index has been charged. A slot that another bucket holds, or a
// bucket whose index did not survive 14 digits, counts nothing.
func (s *slidingWindow) count(index float64) float64 {
	if b, ok := s.slots[s.slot(index)]; ok && b.index == index {
		return b.count
	}
	return 0
}

// slot is index mod buckets+1. Bucket indexes below zero, before the epoch, get keys
// that nothing was ever stored under, so they need no care for the sign.
func (s *slidingWindow) slot(index float64) float64 { return math.Mod(index, s.buckets+1) }
