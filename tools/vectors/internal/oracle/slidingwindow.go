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

func (s *slidingWindow) Check(now, cost float64) Reply {
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

	estimate := full + fading
	projected := estimate + cost
	edge := float64((current + 1) * width)
	reset := math.Ceil(edge + s.windowMs)
	if projected <= s.limit {
		s.slots[s.slot(current)] = bucket{index: reread(current), count: reread(s.count(current) + cost)}
		return reply(true, s.limit, max(0, math.Floor(s.limit-projected)), reset, 0)
	}

	excess := projected - s.limit
	retry := math.Ceil(edge - now)
	if old > 0 && excess <= fading {
		retry = math.Ceil(float64(excess*width) / old)
	}
	return reply(false, s.limit, max(0, math.Floor(s.limit-estimate)), reset, max(1, retry))
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
