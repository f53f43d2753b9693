package redisdoor

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Moment is one check of a replay, in the wire's own numbers, which may be fractions as
// in the contract's vectors.
type Moment struct {
	Now  float64 // the instant, in epoch milliseconds
	Cost float64 // the units to spend
}

// Replay runs a timeline of checks on one key, each at its own instant, and returns
// their decisions. It is meant for proofs such as the contract's golden vectors. The key
// is the timeline's alone: whatever it held is deleted before the first check, and what
// the checks leave is deleted after the last.
//
// A timeline may span years and has to run in a moment, but expiries pass in real time.
// So it runs as one transaction that takes each expiry back right after it was set.
// What is left is a state that lives for a millisecond or two and is set just before
// the millisecond turns: Redis drops it at once. A decision that differs for this
// reason is right when the timeline is replayed again.
//
// A moment at 0 is [throttlekit.ErrInvalidArgument]: on the wire it stands for the
// server's time. Costs must be above 0; [WithMaxWork] does not apply.
func (l *Limiter) Replay(ctx context.Context, key string, moments []Moment) ([]throttlekit.Decision, error) {
	for i, m := range moments {
		if m.Now == 0 || !(m.Cost > 0 && m.Cost <= throttlekit.MaxCost) {
			return nil, &throttlekit.Error{Op: opReplay, Kind: throttlekit.ErrInvalidArgument,
				Err: fmt.Errorf("moment %d has now %v and cost %v, want a now other than 0 and a cost above 0", i, m.Now, m.Cost)}
		}
	}
	if len(moments) == 0 {
		return []throttlekit.Decision{}, nil
	}
	if err := l.door.enter(ctx, opReplay); err != nil {
		return nil, err
	}
	defer l.door.calls.leave()

	conn, err := l.door.pool.GetContext(ctx)
	if err != nil {
		return nil, connectFault(ctx, opReplay, err)
	}
	defer conn.Close() // hands it back to the pool; a broken one reported itself already

	replies, err := redis.Values(l.transact(ctx, conn, key, moments))
	if err != nil {
		return nil, callFault(ctx, opReplay, err)
	}
	if len(replies) != 2*len(moments)+2 {
		return nil, &throttlekit.Error{Op: opReplay, Source: throttlekit.SourceDecoding, MayHaveConsumed: true,
			Kind: throttlekit.ErrMalformedReply, Err: fmt.Errorf("got %d replies to %d commands", len(replies), 2*len(moments)+2)}
	}
	decisions := make([]throttlekit.Decision, len(moments))
	for i := range decisions {
		reply := replies[1+2*i] // after DEL, each check and its PERSIST
		var refused error
		if said, ok := reply.(redis.Error); ok {
			refused = said
		}
		if decisions[i], err = l.decide(ctx, opReplay, reply, refused); err != nil {
			return nil, fmt.Errorf("moment %d: %w", i, err)
		}
	}
	return decisions, nil
}

// transact sends the timeline as one transaction. The first check carries the script's
// text, which Redis then knows for the others.
func (l *Limiter) transact(ctx context.Context, conn redis.Conn, key string, moments []Moment) (any, error) {
	err := errors.Join(conn.Send("MULTI"), conn.Send("DEL", l.key(key)))
	for i, m := range moments {
		command, text := "EVALSHA", l.sha1
		if i == 0 {
			command, text = "EVAL", l.source
		}
		err = errors.Join(err, conn.Send(command, l.args(text, key, script.Number(m.Now), script.Number(m.Cost))...),
			conn.Send("PERSIST", l.key(key)))
	}
	err = errors.Join(err, conn.Send("DEL", l.key(key)))
	if err != nil {
		return nil, err
	}
	return do(ctx, conn, "EXEC", nil)
}
