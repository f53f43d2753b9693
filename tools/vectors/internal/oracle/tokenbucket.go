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
	rate, tokens := b.refilled(now)
	if tokens < cost {
		return reply(false, b.capacity, max(0, math.Floor(tokens)),
			now+math.Ceil((b.capacity-tokens)/rate), math.Ceil((cost-tokens)/rate))
	}
	left := tokens - cost
	b.tokens, b.last, b.stored = left, now, true
	return reply(true, b.capacity, max(0, math.Floor(left)),
		now+math.Ceil((b.capacity-left)/rate), 0)
}

// refilled returns the refill rate in tokens per millisecond, and the tokens at the
// instant now.
func (b *tokenBucket) refilled(now float64) (rate, tokens float64) {
	rate = b.refillPerSec / 1000
	tokens, last := b.capacity, now
	if b.stored {
		tokens, last = b.tokens, b.last
	}
	elapsed := max(0, now-last)
	return rate, min(b.capacity, tokens+float64(elapsed*rate))
}

func (b *tokenBucket) Peek(now float64) Reply {
	rate, tokens := b.refilled(now)
	return peeked(tokens >= 1, b.capacity, math.Floor(tokens),
		now+math.Ceil((b.capacity-tokens)/rate), math.Ceil((1-tokens)/rate))
}

func (b *tokenBucket) Forecast(now, cost float64) Forecast {
	rate, tokens := b.refilled(now)
	f := Forecast{math.Floor(tokens / cost), now, now}
	if tokens < b.capacity {
		f.NextReplenishAt = now + math.Ceil((math.Floor(tokens)+1-tokens)/rate)
		f.FullAt = now + math.Ceil((b.capacity-tokens)/rate)
	}
	return f
}
