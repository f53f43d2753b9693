package oracle

import (
	"maps"
	"math"
	"slices"
)

// slidingWindowLog keeps every unit: a sorted set with a member per unit, whose
// score is the instant it was spent. Members go by name, as in Redis: adding a name that
// is there already only moves its score, so when the clock steps back onto an instant
// whose names are partly in use, units are lost. The judge must lose the same ones.
type slidingWindowLog struct {
	windowMs, limit float64

	entries map[string]float64
}

func (l *slidingWindowLog) Check(now, cost float64) Reply {
	units := math.Ceil(cost)
	maps.DeleteFunc(l.entries, func(_ string, score float64) bool { return score <= now-l.windowMs })
	n := float64(len(l.entries))

	if n+units <= l.limit {
		for i := 1.0; i <= units; i++ {
			l.entries[text(now)+"-"+text(n+i)] = now
		}
		lowest := l.scores()[0]
		return reply(true, l.limit, max(0, l.limit-(n+units)), math.Ceil(lowest+l.windowMs), 0)
	}

	lowest, retry := l.denied(now, units, l.scores())
	return reply(false, l.limit, max(0, l.limit-n), math.Ceil(lowest+l.windowMs), retry)
}

// denied returns the oldest score and the wait for units that do not fit beside the
// scores.
func (l *slidingWindowLog) denied(now, units float64, scores []float64) (lowest, retry float64) {
	n := float64(len(scores))
	if n == 0 {
		return now, l.windowMs
	}
	// The k oldest units have to leave first. With a fractional limit that is a
	// fraction, and only the next whole unit makes room.
	k := math.Ceil(min(max(n+units-l.limit, 1), n))
	return scores[0], max(1, math.Ceil(scores[int(k)-1]+l.windowMs-now))
}

func (l *slidingWindowLog) Peek(now float64) Reply {
	scores := l.live(now)
	n := float64(len(scores))
	lowest, retry := l.denied(now, 1, scores)
	return peeked(n+1 <= l.limit, l.limit, max(0, l.limit-n), math.Ceil(lowest+l.windowMs), retry)
}

func (l *slidingWindowLog) Forecast(now, cost float64) Forecast {
	scores := l.live(now)
	n := float64(len(scores))
	f := Forecast{math.Floor(max(0, l.limit-n) / cost), now, now}
	if n > 0 {
		f.NextReplenishAt = math.Ceil(scores[0] + l.windowMs)
		f.FullAt = math.Ceil(scores[len(scores)-1] + l.windowMs)
	}
	return f
}

// live returns the scores that still count at the instant now.
func (l *slidingWindowLog) live(now float64) []float64 {
	return slices.DeleteFunc(l.scores(), func(score float64) bool { return score <= now-l.windowMs })
}

// scores returns the entries' scores in ascending order.
func (l *slidingWindowLog) scores() []float64 { return slices.Sorted(maps.Values(l.entries)) }
