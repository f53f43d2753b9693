package redisdoor

import (
	"context"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// One many script holds Redis, and so everybody else, for about a millisecond at most:
// it ends at so many keys, or at so much work in steps of [script.Plan.Work], whichever
// comes first: go test ./sdk/redisdoor -run - -bench LongestScript. A single check of more
// work than that goes alone. What a log drops because it has expired is not foreseen.
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
	if err := l.validate(opCheckMany, cost, keys...); err != nil {
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
	if l.door.cluster != nil {
		return decisions, l.checkManyNodes(ctx, keys, cost, now, decisions)
	}
	conn, err := l.door.pool.GetContext(ctx)
	if err != nil {
		return nil, connectFault(ctx, opCheckMany, err)
	}
	defer conn.Close() // hands it back to the pool; a broken one reported itself already

	var errs []error // of all keys, once one has failed
	note := func(i int, err error) {
		if errs == nil {
			errs = make([]error, len(keys))
		}
		errs[i] = err
	}
	batch := many{args: make([]any, 0, 16+manyKeys)}
	size := l.manySize(cost)
	for from := 0; from < len(keys); from += size {
		to := min(from+size, len(keys))
		batch.reset()
		for _, key := range keys[from:to] {
			batch.add(l.key(key), cost)
		}
		failed, err := l.checkBatch(ctx, conn, opCheckMany, &batch, now, decisions[from:to])
		for i, err := range failed {
			if err != nil {
				note(from+i, err)
			}
		}
		if err != nil {
			// The connection is gone. What was not sent was certainly not consumed.
			for i := to; i < len(keys); i++ {
				note(i, connectFault(ctx, opCheckMany, err))
			}
			break
		}
	}
	if errs != nil {
		return decisions, &throttlekit.ManyError{Errors: errs}
	}
	return decisions, nil
}

// manySize is how many checks of that cost one script may hold.
func (l *Limiter) manySize(cost int64) int {
	return int(max(1, min(manyKeys, manyWork/max(1, l.plan.Work(cost)))))
}

// many is what one many script is asked. It is reused from script to script.
type many struct {
	args  []any // those of EVALSHA, as far as they are known: the script, how many keys, the keys
	costs []any
	mixed bool // the costs differ
}

func (m *many) reset() {
	clear(m.args) // of keys that nobody needs any more
	m.args, m.costs, m.mixed = append(m.args[:0], nil, nil), m.costs[:0], false
}

// add adds a check of a key whose prefix is there already.
func (m *many) add(key string, cost int64) {
	m.args = append(m.args, key)
	m.costs = append(m.costs, cost)
	m.mixed = m.mixed || cost != m.costs[0]
}

// argv completes the arguments.
func (m *many) argv(plan *script.Plan, now any) []any {
	m.args[1] = len(m.costs)
	m.args = plan.AppendParams(m.args, now)
	if !m.mixed {
		m.costs = m.costs[:1]
	}
	m.args = append(m.args, m.costs...)
	return m.args
}

// checkBatch makes the checks of a batch by one script, into decisions. errs holds the
// faults of the checks that failed, if any; err is that of a broken connection, which
// they all have, too.
func (l *Limiter) checkBatch(ctx context.Context, conn redis.Conn, op string, batch *many, now any,
	decisions []throttlekit.Decision) (errs []error, err error) {
	reply, err := l.manyChecks.eval(ctx, conn, batch.argv(l.plan, now))
	if err != nil {
		errs = repeated(callFault(ctx, op, err), len(decisions))
		if _, answered := err.(redis.Error); answered {
			err = nil
		}
		return errs, err
	}
	return l.decideMany(ctx, conn, op, reply, decisions), nil
}

// decideMany turns what Redis answered to a many script over conn into decisions; errs
// holds the faults of the checks that failed, if any.
func (l *Limiter) decideMany(ctx context.Context, conn redis.Conn, op string, reply any, decisions []throttlekit.Decision) (errs []error) {
	errs, err := l.plan.DecodeMany(reply, decisions)
	if err != nil {
		return repeated(unreadable(op, true, err), len(decisions))
	}
	for i, err := range errs {
		if said, ok := err.(redis.Error); ok {
			dropDemoted(conn, said)
			errs[i] = callFault(ctx, op, said)
		} else if err != nil {
			errs[i] = unreadable(op, true, err)
		}
	}
	return errs
}

func repeated(err error, n int) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
