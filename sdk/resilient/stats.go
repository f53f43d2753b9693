package resilient

import (
	"sync/atomic"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// Stats is what a limiter has done so far. A CheckMany counts once for each key.
type Stats struct {
	// Breaker is the breaker's state; in a cluster, where each node has one, the worst:
	// that of any which is open, else of any which is half-open.
	Breaker BreakerState
	// Opened counts how often a breaker opened, after a try in vain as well.
	Opened uint64

	// Contract, Open, Closed and Local count the decisions of checks by their Source.
	Contract, Open, Closed, Local uint64
	// Cached counts those of Contract that [WithDenyCache] answered from memory.
	Cached uint64

	// Rejected counts what the breaker kept from the limiter.
	Rejected uint64
	// Timeouts counts what the limiter did not answer within the deadline, Unavailable
	// what else was [throttlekit.ErrUnavailable], Malformed what was
	// [throttlekit.ErrMalformedReply], and Other all other faults of the limiter's. Those
	// of Peek and Forecast are among them.
	Timeouts, Unavailable, Malformed, Other uint64
	// MayHaveConsumed counts the faults, of whatever kind, that may have been consumed
	// all the same, whatever a stand-in then answered.
	MayHaveConsumed uint64

	// Refused counts what was returned as it is since the call was at fault, and Ended
	// what was since the caller's context had ended.
	Refused, Ended uint64
}

// Stats returns the limiter's counts. They are read one after the other, so that a check
// under way may be among some of them and not among others.
func (l *Limiter) Stats() Stats {
	c := &l.counts
	state, opened := l.breakers.state()
	return Stats{
		Breaker:         state,
		Opened:          opened,
		Contract:        c.decisions[throttlekit.SourceContract].Load(),
		Open:            c.decisions[throttlekit.SourceOpen].Load(),
		Closed:          c.decisions[throttlekit.SourceClosed].Load(),
		Local:           c.decisions[throttlekit.SourceLocal].Load(),
		Cached:          c.cached.Load(),
		Rejected:        c.rejected.Load(),
		Timeouts:        c.timeouts.Load(),
		Unavailable:     c.unavailable.Load(),
		Malformed:       c.malformed.Load(),
		Other:           c.other.Load(),
		MayHaveConsumed: c.mayHaveConsumed.Load(),
		Refused:         c.refused.Load(),
		Ended:           c.ended.Load(),
	}
}

// sources is how many kinds of [throttlekit.Source] there are.
const sources = int(throttlekit.SourceLocal) + 1

type counts struct {
	decisions [sources]atomic.Uint64
	cached    atomic.Uint64

	rejected, timeouts, unavailable, malformed, other atomic.Uint64
	mayHaveConsumed, refused, ended                   atomic.Uint64
}

func (c *counts) decided(source throttlekit.Source, n int) {
	if int(source) < sources {
		c.decisions[source].Add(uint64(n))
	}
}
