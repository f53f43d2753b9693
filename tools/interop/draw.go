package main

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// The two clients that share a key.
const (
	ours   = 0
	theirs = 1
)

// clientNames are for the reader.
var clientNames = [2]string{"ours", "theirs"}

// timeline is a strategy and the checks on one key of it.
type timeline struct {
	strategy *script.Definition
	params   map[string]float64
	ops      []op
}

// op is one check.
type op struct {
	by      int   // who asks the shared key
	cost    int64 // in units
	now     int64 // the instant in epoch milliseconds; 0 for the server's time
	pauseMs int64 // before it, at the server's time
}

// String lists the timeline so that it can be replayed by hand.
func (t timeline) String() string {
	var b strings.Builder
	names := make([]string, 0, len(t.params))
	for name := range t.params {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintf(&b, "%s", t.strategy.Name)
	for _, name := range names {
		fmt.Fprintf(&b, " %s=%s", name, script.Number(t.params[name]))
	}
	for i, o := range t.ops {
		fmt.Fprintf(&b, "\n      op %d: %s, now %d, cost %d", i, clientNames[o.by], o.now, o.cost)
	}
	return b.String()
}

// upTo is the timeline's beginning, up to and with the op at last.
func (t timeline) upTo(last int) timeline {
	t.ops = t.ops[:last+1]
	return t
}

// draw draws timelines from a seed, with no knowledge of strategies but their
// parameters' units.
type draw struct{ *rand.Rand }

func newDraw(seed, stream uint64) draw { return draw{rand.New(rand.NewPCG(seed, stream))} }

// opsPerTimeline is long enough to fill and empty the limits that are drawn, and short
// enough to read.
const opsPerTimeline = 50

// spans are periods and windows that lend themselves to mistakes: whole and awkward
// divisors of the buckets and limits drawn, from a fraction of a check to a day.
var (
	spans      = []int64{50, 333, 1000, 1024, 5000, 60_000, 86_400_000}
	shortSpans = []int64{20, 33, 100, 256, 1000}
)

// params draws parameters that the definition accepts. The clients take whole numbers.
func (d draw) params(definition *script.Definition, spans []int64) (map[string]float64, *script.Plan) {
	for {
		params := map[string]float64{}
		for _, p := range definition.Params {
			switch p.Unit {
			case script.Milliseconds:
				params[p.Name] = float64(spans[d.IntN(len(spans))])
			case script.PerSecond:
				params[p.Name] = float64([]int64{1, 3, 7, 100, 1000}[d.IntN(5)])
			default:
				params[p.Name] = float64(1 + d.IntN(20))
			}
		}
		if plan, err := definition.New(params); err == nil {
			return params, plan
		}
	}
}

// explicit draws a timeline at instants of its own.
func (d draw) explicit(definition *script.Definition) timeline {
	params, plan := d.params(definition, spans)
	t := timeline{strategy: definition, params: params}
	span := longest(definition, params)
	now := 1 + d.Int64N(4_000_000_000_000) // any instant up to the year 2096
	for range opsPerTimeline {
		now = max(1, now+d.step(span))
		t.ops = append(t.ops, op{by: d.IntN(2), cost: d.cost(plan), now: now})
	}
	return t
}

// atServerTime draws a timeline that lets the server's clock decide.
func (d draw) atServerTime(definition *script.Definition) timeline {
	params, plan := d.params(definition, shortSpans)
	t := timeline{strategy: definition, params: params}
	for range opsPerTimeline {
		o := op{by: d.IntN(2), cost: d.cost(plan)}
		switch d.IntN(20) {
		case 0:
			o.pauseMs = 10 + d.Int64N(40)
		case 1, 2, 3, 4:
			o.pauseMs = 1 + d.Int64N(6)
		}
		t.ops = append(t.ops, o)
	}
	return t
}

// step draws how far the clock goes before the next check: often not at all, rarely back.
func (d draw) step(span int64) int64 {
	switch d.IntN(10) {
	case 0, 1, 2:
		return 0
	case 3:
		return 1
	case 4, 5, 6:
		return d.Int64N(span/10 + 2)
	case 7:
		return d.Int64N(span + 2)
	case 8:
		return d.Int64N(3*span + 2)
	default:
		return -d.Int64N(span/20 + 2)
	}
}

// cost draws mostly what is admitted at first, and now and then more than ever can be.
func (d draw) cost(plan *script.Plan) int64 {
	limit := limitOf(plan)
	switch d.IntN(8) {
	case 0:
		return 1 + d.Int64N(limit)
	case 1:
		return 1 + d.Int64N(limit+3)
	case 2:
		return 2
	default:
		return 1
	}
}

// limitOf is the plan's reported limit, at least 1.
func limitOf(plan *script.Plan) int64 {
	value, _ := plan.Value(plan.Definition().ReportedLimit)
	return max(1, int64(value))
}

// longest is the longest of the spans among params, in milliseconds; a second when they
// have none.
func longest(definition *script.Definition, params map[string]float64) int64 {
	span := int64(0)
	for _, p := range definition.Params {
		if p.Unit == script.Milliseconds {
			span = max(span, int64(params[p.Name]))
		}
	}
	if span == 0 {
		span = 1000
	}
	return span
}
