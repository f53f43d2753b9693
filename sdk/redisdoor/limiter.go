package redisdoor

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Limiter is one strategy on one Redis, for any number of keys. It is safe for
// concurrent use.
type Limiter struct {
	door     *Door
	plan     *script.Plan
	settings settings
	before   string // the prefix and its colon, which every key has
	route    route
	fused    bool

	check, manyChecks, probing evalScript
}

var _ throttlekit.Limiter = (*Limiter)(nil)

func newLimiter(d *Door, plan *script.Plan, s settings) *Limiter {
	def := plan.Definition()
	before := s.prefix
	if before != "" {
		before += ":"
	}
	return &Limiter{
		door:       d,
		plan:       plan,
		settings:   s,
		before:     before,
		route:      routeOf(plan),
		fused:      !s.alone && def.Many.Source != "",
		check:      newEvalScript(def.Check),
		manyChecks: newEvalScript(def.Many),
		probing:    newEvalScript(def.Probe),
	}
}

// Check implements [throttlekit.Limiter] at the Redis server's time: with one EVALSHA,
// or with others that wait at the same moment in one *many* script.
func (l *Limiter) Check(ctx context.Context, key string) (throttlekit.Decision, error) {
	return l.CheckN(ctx, key, 1)
}

// CheckN implements [throttlekit.Limiter] as Check does.
func (l *Limiter) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	if err := l.validate(opCheck, cost, key); err != nil {
		return throttlekit.Decision{}, err
	}
	if l.fused {
		return l.checkFused(ctx, key, cost)
	}
	return l.checkAlone(ctx, key, cost, serverClock)
}

// CheckAt is CheckN at an instant of the caller's choosing, cut to the millisecond, for
// replay and tests; it always travels alone. Clients that share a key must not mix it
// with checks at the server's time. The epoch itself is [throttlekit.ErrInvalidArgument]:
// on the wire it stands for the server's time.
func (l *Limiter) CheckAt(ctx context.Context, key string, cost int64, now time.Time) (throttlekit.Decision, error) {
	ms, err := instant(opCheck, now)
	if err != nil {
		return throttlekit.Decision{}, err
	}
	if err := l.validate(opCheck, cost, key); err != nil {
		return throttlekit.Decision{}, err
	}
	return l.checkAlone(ctx, key, cost, ms)
}

// instant is the wire's number for now, unless the wire has none.
func instant(op string, now time.Time) (int64, error) {
	ms := now.UnixMilli()
	if ms == 0 || ms > throttlekit.MaxCost || ms < -throttlekit.MaxCost {
		return 0, &throttlekit.Error{Op: op, Kind: throttlekit.ErrInvalidArgument,
			Err: fmt.Errorf("now is %d ms after the epoch, want any within 2^53-1 but 0, which stands for the server's clock", ms)}
	}
	return ms, nil
}

// The operations, as errors name them.
const (
	opCheck     = "check"
	opCheckMany = "checkMany"
	opPeek      = "peek"
	opForecast  = "forecast"
	opReplay    = "replay"
	opReset     = "reset"
)

// serverClock is the now that stands for the Redis server's own time. It is text, so
// that no call has to box a number.
const serverClock = "0"

func (l *Limiter) checkAlone(ctx context.Context, key string, cost int64, now any) (throttlekit.Decision, error) {
	if err := l.door.enter(ctx, opCheck); err != nil {
		return throttlekit.Decision{}, err
	}
	defer l.door.calls.leave()
	return l.send(ctx, key, cost, now)
}

// send makes one check over a connection of its own.
func (l *Limiter) send(ctx context.Context, key string, cost int64, now any) (throttlekit.Decision, error) {
	if l.door.cluster != nil {
		one := gather.Call{Key: l.key(key), Cost: cost}
		l.checkNodes(ctx, opCheck, []*gather.Call{&one}, now)
		return one.Decision, one.Err
	}
	conn, err := l.door.pool.GetContext(ctx)
	if err != nil {
		return throttlekit.Decision{}, connectFault(ctx, opCheck, err)
	}
	defer conn.Close() // hands it back to the pool; a broken one reported itself already
	return l.checkOn(ctx, conn, l.key(key), cost, now)
}

// checkOn makes one check of a key whose prefix is there already.
func (l *Limiter) checkOn(ctx context.Context, conn redis.Conn, key string, cost int64, now any) (throttlekit.Decision, error) {
	args := spareArgs.Get().(*[]any)
	*args = l.appendArgs((*args)[:0], nil, key, now, cost)
	reply, err := l.check.eval(ctx, conn, *args)
	if ctx.Err() == nil { // else redigo may still be writing them
		clear(*args) // of the key
		spareArgs.Put(args)
	}
	return l.decide(ctx, opCheck, reply, err)
}

// validate refuses what must not be sent.
func (l *Limiter) validate(op string, cost int64, keys ...string) error {
	if err := throttlekit.ValidateCost(op, cost); err != nil {
		return err
	}
	if err := throttlekit.ValidateKeys(op, keys...); err != nil {
		return err
	}
	if work := l.plan.Work(cost); work > l.settings.maxWork {
		return &throttlekit.Error{Op: op, Kind: throttlekit.ErrInvalidArgument,
			Err: fmt.Errorf("a cost of %d is %d steps of work for Redis, which waits for nobody else meanwhile; want at most %d, or raise it by WithMaxWork",
				cost, work, l.settings.maxWork)}
	}
	return nil
}

var spareArgs = sync.Pool{New: func() any {
	args := make([]any, 0, 16)
	return &args
}}

// appendArgs appends the arguments of EVALSHA or EVAL for a key whose prefix is there
// already.
func (l *Limiter) appendArgs(dst []any, script any, key string, now, cost any) []any {
	return l.plan.AppendArgv(append(dst, script, 1, key), now, cost)
}

// key is what Redis knows key by.
func (l *Limiter) key(key string) string {
	if l.settings.hash != nil {
		return l.settings.hash.Key(l.before, key)
	}
	return l.before + key
}

// decide turns what Redis answered to one check into a decision or a fault.
func (l *Limiter) decide(ctx context.Context, op string, reply any, err error) (throttlekit.Decision, error) {
	if err != nil {
		return throttlekit.Decision{}, callFault(ctx, op, err)
	}
	d, err := l.plan.Decode(reply)
	if err != nil {
		return throttlekit.Decision{}, unreadable(op, true, err)
	}
	return d, nil
}
