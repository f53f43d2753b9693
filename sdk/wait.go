package throttlekit

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

const opWait = "wait"

// What Wait adds to what the limiter says.
const (
	// jitterPart of the wait, but no more than maxJitter, is the most that is added to
	// it: enough that those who were denied together do not come back together, too
	// little to be felt.
	jitterPart = 10
	maxJitter  = time.Second

	// A denial that names no wait is a service without its store, which says nothing
	// about when it will have it again: ask it ever less often.
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// Wait spends cost units of key's limit as soon as it can: it checks, and while the
// answer is a denial sleeps for its RetryAfter, with a little jitter so that waiters do
// not return in step, and checks again. Waiters have no queue, so the first to return
// wins; a large cost can starve among many small ones.
//
// A denial without a RetryAfter, as a service gives that fails closed, is asked again
// after 100 milliseconds, then ever later, up to 5 seconds.
//
// Wait returns early, with the last denial beside the error, when waiting is pointless:
//
//   - [ErrCostExceedsLimit] when cost is above the denial's Limit, which no waiting ever
//     admits, unless the limit is that of a stand-in ([SourceLocal]) and so passes;
//   - an error that is [context.DeadlineExceeded], and says how long the wait would have
//     been, at once when ctx ends before the wait does;
//   - an error that is ctx's own when ctx ends during the wait.
//
// In all three nothing was consumed. A cost below 1 or above [MaxCost] is
// [ErrInvalidArgument]. An error of the limiter is returned as it is and ends the wait,
// because that check may have been consumed.
func Wait(ctx context.Context, limiter Limiter, key string, cost int64) (Decision, error) {
	if err := ValidateCost(opWait, cost); err != nil {
		return Decision{}, err
	}
	var last Decision
	for backoff := firstBackoff; ; {
		if err := ctx.Err(); err != nil {
			return last, &Error{Op: opWait, Err: err}
		}
		d, err := limiter.CheckN(ctx, key, cost)
		if err != nil || d.Allowed {
			return d, err
		}
		last = d
		if cost > d.Limit && !limitUnknown(d) && d.Source != SourceLocal {
			return d, &Error{
				Op: opWait, Kind: ErrCostExceedsLimit,
				Err: fmt.Errorf("cost is %d, the limit is %d", cost, d.Limit),
			}
		}
		wait := d.RetryAfter
		if wait > 0 {
			backoff = firstBackoff
		} else {
			wait = backoff
			backoff = min(2*backoff, maxBackoff)
		}
		if err := sleep(ctx, wait); err != nil {
			return d, &Error{Op: opWait, Err: err}
		}
	}
}

// limitUnknown reports whether a denial carries no limit at all: that of a service which
// fails closed and was not told what its limit would have been. A limit of 0 that a
// strategy reports, such as a capacity of half a unit, comes with a ResetAt.
func limitUnknown(denial Decision) bool {
	return denial.Limit == 0 && denial.ResetAt.IsZero()
}

// sleep waits for at least wait, unless ctx ends before that: then it does not even begin.
func sleep(ctx context.Context, wait time.Duration) error {
	spread := max(min(wait/jitterPart, maxJitter), time.Millisecond)
	if deadline, ok := ctx.Deadline(); ok {
		room := time.Until(deadline)
		if wait >= room {
			return fmt.Errorf("the next try is due in %s, and the context ends in %s: %w",
				wait, max(room, 0).Round(time.Millisecond), context.DeadlineExceeded)
		}
		// Half of what is left stays for the check itself.
		spread = min(spread, (room-wait)/2)
	}
	// RetryAfter saturates, and a sum beyond a Duration would be no wait at all.
	timer := time.NewTimer(min(wait, math.MaxInt64-maxJitter) + rand.N(spread+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
