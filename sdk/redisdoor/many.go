package redisdoor

import (
	"context"
	"fmt"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// One many script holds Redis, and so everybody else, for about a millisecond at most:
// it ends at so many keys, or at so much work in steps of [script.Plan.Work], whichever
// comes first. A single check of more work than that goes alone.
const (
	manyKeys = 256
	manyWork = 1000
)

// CheckMany implements [throttlekit.Limiter] with *many* scripts: the contract's check,
// run inside Redis for key after key at one instant of the Redis server. Each script is
// one round trip and is bounded so that it holds Redis for about a millisecond, 256 keys
// at most; each takes its own instant. Keys are checked in order.
//
// It answers [throttlekit.ErrNotSupported] for a strategy whose script cannot be wrapped.
func (l *Limiter) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	return l.checkMany(ctx, keys, cost, serverClock)
}

func (l *Limiter) checkMany(ctx context.Context, keys []string, cost int64, now any) ([]throttlekit.Decision, error) {
	if err := l.validate(opCheckMany, cost); err != nil {
		return nil, err
	}
	if l.plan.Definition().Many.Source == "" {
		return nil, notSupported(opCheckMany, "the strategy's check script cannot be run for many keys")
	}
	if err := l.door.enter(ctx, opCheckMany); err != nil {
		return nil, err
	}
	defer l.door.calls.leave()
	decisions := make([]throttlekit.Decision, len(keys))
	if len(keys) == 0 {
		return decisions, nil
	}
	conn, err := l.door.pool.GetContext(ctx)
	if err != nil {
		return nil, connectFault(ctx, opCheckMany, err)
	}
	defer conn.Close() // hands it back to the pool; a broken one reported itself already

	errs := make([]error, len(keys))
	failed := false
	size := l.manySize(cost)
	for from := 0; from < len(keys); from += size {
		to := min(from+size, len(keys))
		err := l.checkBatch(ctx, conn, keys[from:to], cost, now, decisions[from:to], errs[from:to])
		for i := from; i < to; i++ {
			failed = failed || errs[i] != nil
		}
		if err != nil {
			// The connection is gone. What was not sent was certainly not consumed.
			for i := to; i < len(keys); i++ {
				errs[i] = connectFault(ctx, opCheckMany, err)
			}
			break
		}
	}
	if failed {
		return decisions, &throttlekit.ManyError{Errors: errs}
	}
	return decisions, nil
}

// manySize is how many checks of that cost one script may hold.
func (l *Limiter) manySize(cost int64) int {
	return int(max(1, min(manyKeys, manyWork/max(1, l.plan.Work(cost)))))
}

// checkBatch checks keys by one script, into decisions and errs. The error is that of a
// broken connection.
func (l *Limiter) checkBatch(ctx context.Context, conn redis.Conn, keys []string, cost int64, now any,
	decisions []throttlekit.Decision, errs []error) error {
	reply, err := l.eval(ctx, conn, l.plan.Definition().Many, func(text any) []any {
		return l.manyArgs(text, keys, cost, now)
	})
	answers, ok := reply.([]any)
	if err == nil && (!ok || len(answers) != len(keys)) {
		err := fmt.Errorf("reply to %d checks is a %T of %d", len(keys), reply, len(answers))
		for i := range keys {
			errs[i] = unreadable(opCheckMany, true, err)
		}
		return nil
	}
	if err != nil {
		for i := range keys {
			errs[i] = callFault(ctx, opCheckMany, err)
		}
		if _, answered := err.(redis.Error); answered {
			return nil
		}
		return err
	}
	for i, answer := range answers {
		var refused error
		if said, ok := answer.(redis.Error); ok {
			refused = said
		}
		decisions[i], errs[i] = l.decide(ctx, opCheckMany, answer, refused)
	}
	return nil
}

func (l *Limiter) manyArgs(text any, keys []string, cost, now any) []any {
	args := make([]any, 0, 16+2*len(keys))
	args = append(args, text, len(keys))
	for _, key := range keys {
		args = append(args, l.key(key))
	}
	args = l.plan.AppendParams(args, now)
	for range keys {
		args = append(args, cost)
	}
	return args
}
