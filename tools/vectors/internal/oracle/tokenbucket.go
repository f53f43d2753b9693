package oracle

import "math"

// tokenBucket refills at a steady rate. Its state is the tokens and the instant they were
// counted, both kept in 17 digits. They are written together, so one flag tells whether
// they are there.
type tokenBucket struct {
	capacity, refillPerSec float64

	stored       bool
	tokens, last float64
}

func (b *tokenBucket) Check(now, cost float64) Reply {
	rate := b.refillPerSec / 1000 // tokens per millisecond
	tokens, last := b.capacity, now
	if b.stored {
		tokens, last = b.tokens, b.last
	}
	elapsed := max(0, now-last)
	tokens = min(b.capacity, tokens+float64(elapsed*rate))
	if tokens < cost {
		return reply(false, b.capacity, max(0, math.Floor(tokens)),
			now+math.Ceil((b.capacity-tokens)/rate), math.Ceil((cost-tokens)/rate))
	}
	left := tokens - cost
	b.tokens, b.last, b.stored = left, now, true
	return reply(true, b.capacity, max(0, math.Floor(left)),
		now+math.Ceil((b.capacity-left)/rate), 0)
}
