// Package oracle is the judge of the tests: the contract's five strategies, its token
// meter and its lease spender as plain float64 Go, written from the contract's formulas
// and from nothing else. It fills in the golden vectors and is compared with the
// contract's Lua in a real Redis, reply by reply. It is never part of the product: no
// limiter may import it, because nothing that ships computes a decision but the Lua,
// in Redis or translated into Go.
//
// Every product is written float64(x*y). Without the conversion Go may fuse it with a
// following sum (on arm64, or with GOAMD64=v3), which rounds once where Redis rounds
// twice and so answers differently at the edges.
//
// # Time to live
//
// A judge keeps its state for ever, while Redis drops a key when its time to live has
// passed. As long as the clock does not step back nobody can tell the two apart, since
// every strategy sets the time to live to the moment from which its state no longer
// counts for anything:
//
//   - gcra: once the clock has reached the stored TAT, the TAT counts as "now", as an
//     absent one does;
//   - tokenBucket: the time to live is the time that an empty bucket needs to fill up,
//     and a bucket that is full is a bucket that was never used;
//   - fixedWindow: the key lives until its window ends, and the count of another
//     window counts as none;
//   - slidingWindow: the key lives a window and a bucket from its last write, after
//     which even the fading bucket has left;
//   - slidingWindowLog: the key lives a window from its last write, after which every
//     entry is old enough to be removed.
//
// A denied check renews no time to live and writes nothing either, so this holds from
// the last admitted check on. Redis counts whole milliseconds, rounded up, and drops a
// key only when more than them have passed; that covers the rounding of the formulas.
//
// When the clock steps back it is not true of any of them: Redis may have dropped
// entries that would count again at the earlier instant, and the judge still has them.
// A comparison with Redis that lets the clock step back must therefore replay the
// timeline faster than its keys expire.
package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Reply is the answer to one check: the contract's five fields, after Redis has
// truncated each number toward zero. Times are epoch milliseconds.
type Reply struct {
	Allowed      bool
	Limit        float64
	Remaining    float64
	ResetAt      float64
	RetryAfterMs float64
}

// Forecast is what a key could spend. Times are epoch milliseconds.
type Forecast struct {
	SpendableNow    float64
	NextReplenishAt float64
	FullAt          float64
}

// Judge holds the state of one key under one strategy.
type Judge interface {
	// Check spends cost at the instant now (epoch milliseconds, not 0) if it can.
	Check(now, cost float64) Reply

	// Peek says whether a check of cost 1 would pass at the instant now, and what is
	// there before it. It changes nothing, and nothing of it goes through Redis: its
	// numbers are the formulas' own, whole ones for whole limits.
	Peek(now float64) Reply

	// Forecast says how often cost could be spent at the instant now, and when the next
	// unit and the last are back. It changes nothing, as Peek.
	Forecast(now, cost float64) Forecast
}

// kinds says for each strategy which options it takes and how a judge is made of them,
// in the same order.
var kinds = map[string]struct {
	options []string
	judge   func(o []float64) Judge
}{
	"gcra": {
		[]string{"periodMs", "limit", "burst"},
		func(o []float64) Judge { return &gcra{periodMs: o[0], limit: o[1], burst: o[2]} },
	},
	"tokenBucket": {
		[]string{"capacity", "refillPerSec"},
		func(o []float64) Judge { return &tokenBucket{capacity: o[0], refillPerSec: o[1]} },
	},
	"fixedWindow": {
		[]string{"limit", "windowMs"},
		func(o []float64) Judge { return &fixedWindow{limit: o[0], windowMs: o[1]} },
	},
	"slidingWindow": {
		[]string{"windowMs", "limit", "buckets"},
		func(o []float64) Judge {
			return &slidingWindow{windowMs: o[0], limit: o[1], buckets: o[2], slots: map[float64]bucket{}}
		},
	},
	"slidingWindowLog": {
		[]string{"windowMs", "limit"},
		func(o []float64) Judge {
			return &slidingWindowLog{windowMs: o[0], limit: o[1], entries: map[string]float64{}}
		},
	},
}

// Kinds returns the names of the strategies that New knows, sorted.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// New returns a judge of a key that does not exist yet. Options go by the names of the
// check script's ARGV and are all required; one that the strategy does not have is an
// error. Their values are not judged: the bounds are the product's.
func New(kind string, options map[string]float64) (Judge, error) {
	k, ok := kinds[kind]
	if !ok {
		return nil, fmt.Errorf("oracle: unknown strategy %q, want one of %v", kind, Kinds())
	}
	values := make([]float64, len(k.options))
	for i, name := range k.options {
		if values[i], ok = options[name]; !ok {
			return nil, fmt.Errorf("oracle: %s needs the option %s", kind, name)
		}
	}
	for name := range options {
		if !slices.Contains(k.options, name) {
			return nil, fmt.Errorf("oracle: %s has no option %s, want %v", kind, name, k.options)
		}
	}
	return k.judge(values), nil
}

// truncated is what Redis makes of a Lua number in a reply. Going through an integer
// also turns -0 into 0.
func truncated(x float64) float64 { return float64(int64(x)) }

func reply(allowed bool, limit, remaining, resetAt, retryAfterMs float64) Reply {
	return Reply{allowed, truncated(limit), truncated(remaining), truncated(resetAt), truncated(retryAfterMs)}
}

// peeked is the answer of a peek: an allowed one has nothing to wait for.
func peeked(allowed bool, limit, remaining, resetAt, retryAfterMs float64) Reply {
	if allowed {
		retryAfterMs = 0
	}
	return Reply{allowed, limit, remaining, resetAt, retryAfterMs}
}

// text is a number as Lua's .. operator writes it: 14 significant digits.
func text(x float64) string { return strconv.FormatFloat(x, 'g', 14, 64) }

// reread is what is left of a number that was stored as text. Parsing text's own output
// cannot fail.
func reread(x float64) float64 {
	y, _ := strconv.ParseFloat(text(x), 64)
	return y
}
