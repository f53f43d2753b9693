package main

import (
	"hash/fnv"
	"math"
	"math/rand/v2"

	"github.com/throttlekit/throttlekit-go/tools/vectors/internal/oracle"
)

// setting is a strategy with drawn parameters, and what the clock and the costs should
// aim at to hit its edges.
type setting struct {
	options options
	unitMs  float64 // the time between two of its edges
	lifeMs  float64 // its key's longest life
	size    float64 // what it admits at once
}

// settings draws parameters within the product's bounds: periods of at least 1 ms,
// buckets of at least 0.05 ms, a burst of at least 1.
var settings = map[string]func(d draw) setting{
	"gcra": func(d draw) setting {
		period, limit := d.period(), d.size()
		burst := max(1, d.one(limit, limit/3, 2*limit, math.Ceil(limit), 1, 2.5, 5))
		interval := period / limit
		return setting{options{"periodMs": period, "limit": limit, "burst": burst}, interval, interval * burst, burst}
	},
	"tokenBucket": func(d draw) setting {
		capacity := d.one(d.size(), d.size(), d.size(), 0.5)
		refill := min(1<<53-1, capacity/d.period()*1000)
		if capacity < 100 && d.IntN(2) == 0 {
			refill = d.one(0.5, 1, 3, 5, 10, 100.0/3, 1000)
		}
		return setting{options{"capacity": capacity, "refillPerSec": refill}, 1000 / refill, capacity / refill * 1000, capacity}
	},
	"fixedWindow": func(d draw) setting {
		limit, window := d.size(), d.period()
		return setting{options{"limit": limit, "windowMs": window}, window, window, limit}
	},
	"slidingWindow": func(d draw) setting {
		limit, window, buckets := d.size(), d.period(), d.one(1, 2, 3, 7, 10, 100, float64(1+d.IntN(40)))
		if window/buckets < 0.05 {
			buckets = 1
		}
		width := window / buckets
		return setting{options{"limit": limit, "windowMs": window, "buckets": buckets}, width, window + width, limit}
	},
	"slidingWindowLog": func(d draw) setting {
		// Small, since a check of this strategy is as much work as its cost.
		limit, window := d.number(1, 30), d.period()
		return setting{options{"limit": limit, "windowMs": window}, window, window, limit}
	},
}

// draw is a source of numbers as rate limits meet them, good and bad.
type draw struct{ *rand.Rand }

// newDraw gives every timeline a source of its own, so that each can be drawn again
// without the others.
func newDraw(seed uint64, kind string, index int) draw {
	h := fnv.New64a()
	h.Write([]byte(kind))
	return draw{rand.New(rand.NewPCG(seed^h.Sum64(), uint64(index)))}
}

func (d draw) one(values ...float64) float64 { return values[d.IntN(len(values))] }

func (d draw) chance(percent int) bool { return d.IntN(100) < percent }

// number is between low and high: mostly whole, else with one decimal, or with as many
// binary digits as there are.
func (d draw) number(low, high float64) float64 {
	x := low + d.Float64()*(high-low)
	switch d.IntN(6) {
	case 0:
		return x
	case 1:
		return max(low, math.Floor(x*10)/10)
	default:
		return max(1, math.Floor(x))
	}
}

func (d draw) period() float64 {
	high := d.one(10, 1000, 100000)
	return d.one(1000, 60000, 333.3, 1000.0/3, d.number(1, high), d.number(1, high))
}

// size is a limit or a capacity, once in a while one whose counts have more digits than
// Lua prints.
func (d draw) size() float64 {
	if d.chance(4) {
		return math.Floor(d.Float64() * (1 << 48))
	}
	return d.one(1, 5, 10, d.number(0.3, 5), d.number(1, 60))
}

// timeline draws the parameters and the ops of one timeline. The oracle is asked on the
// way, because the worst instants are those that a reply has just named.
func (d draw) timeline(kind string) timeline {
	s := settings[kind](d)
	t := timeline{kind: kind, options: s.options}
	judge, err := oracle.New(kind, s.options)
	if err != nil {
		panic(err)
	}
	clock := clock{
		draw: d, setting: s, back: d.chance(40), fractional: d.chance(10),
		now: d.one(float64(1+d.IntN(3000)), 1e9+float64(d.IntN(1e9)), 1.75e12+float64(d.IntN(1e9)), 1.75e12, 4.1e12),
	}
	fractionalCosts := d.chance(25)
	for range 4 + d.IntN(28) {
		o := at(clock.now, d.cost(s.size, fractionalCosts))
		t.ops = append(t.ops, o)
		clock.tick(t.ops, judge.Check(o.now, o.cost))
	}
	return t
}

func (d draw) cost(size float64, fractional bool) float64 {
	whole := max(1, math.Floor(size))
	switch d.IntN(10) {
	case 0:
		return whole
	case 1:
		return whole + 1
	case 2:
		return math.Ceil(whole * d.one(1.5, 2, 3))
	case 3, 4, 5:
		if fractional {
			return d.one(size, size/3, 0.1, 0.5, 0.7, 1.1, max(0.001, d.Float64()*size))
		}
		return math.Ceil(d.Float64() * whole)
	}
	return 1
}

// clock draws the instants of one timeline.
type clock struct {
	draw
	setting    setting
	back       bool // steps back, too
	fractional bool // is not bound to whole milliseconds
	now        float64
}

// latest keeps instants within the range that a door's durations can express.
const latest = 8e12

func (c *clock) tick(past []op, last oracle.Reply) {
	next := c.now
	nudge := c.one(-1, 0, 0, 1)
	switch c.IntN(13) {
	case 0:
		next++
	case 1, 2:
		next += c.Float64() * c.setting.unitMs * 2
	case 3:
		next += last.RetryAfterMs + nudge
	case 4:
		next = last.ResetAt + nudge
	case 5:
		next = math.Ceil(next/c.setting.unitMs)*c.setting.unitMs + nudge
	case 6:
		next = math.Floor(next/c.setting.unitMs+1)*c.setting.unitMs + nudge
	case 7:
		next += math.Ceil(c.setting.lifeMs)*c.one(1, 1, 2, 5) + nudge
	case 8:
		if c.back {
			next -= c.Float64() * c.setting.lifeMs * 1.5
		}
	case 9, 10:
		// Back onto an instant of before, soon after it: entries that share its name
		// may have lost their elders in between.
		if c.back {
			next = past[max(0, len(past)-1-c.IntN(4))].now
		}
	}
	if c.fractional && c.chance(50) {
		next += c.Float64()
	} else {
		next = math.Round(next)
	}
	if next > latest || !c.back && next < c.now {
		return
	}
	c.now = max(1, next)
}
