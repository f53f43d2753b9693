package redisdoor

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Moment is one check of a replay, in the wire's own numbers: the instant in epoch
// milliseconds and the cost. Both may be fractions, as in the contract's vectors.
type Moment struct {
	Now, Cost float64
}

// Replay runs a timeline of checks on one key, each at its own instant, and returns
// their decisions. It is meant for proofs such as the contract's golden vectors, which
// must come out the same on every machine: the timeline runs as one transaction, since
// the keys' expiries pass in real time and must not strike between two moments that
// are far apart only in the real world.
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
	if len(replies) != len(moments) {
		return nil, &throttlekit.Error{Op: opReplay, Source: throttlekit.SourceDecoding, MayHaveConsumed: true,
			Kind: throttlekit.ErrMalformedReply, Err: fmt.Errorf("got %d replies to %d checks", len(replies), len(moments))}
	}
	decisions := make([]throttlekit.Decision, len(moments))
	for i, reply := range replies {
		refused, _ := reply.(redis.Error)
		if refused != "" {
			reply = nil
		}
		if decisions[i], err = l.decide(ctx, opReplay, reply, errorOrNil(refused)); err != nil {
			return nil, fmt.Errorf("moment %d: %w", i, err)
		}
	}
	return decisions, nil
}

// transact sends the timeline as one transaction. The first check carries the script's
// text, which Redis then knows for the others.
func (l *Limiter) transact(ctx context.Context, conn redis.Conn, key string, moments []Moment) (any, error) {
	err := conn.Send("MULTI")
	for i, m := range moments {
		command, text := "EVALSHA", l.sha1
		if i == 0 {
			command, text = "EVAL", l.source
		}
		err = errors.Join(err, conn.Send(command, l.args(text, key, script.Number(m.Now), script.Number(m.Cost))...))
	}
	if err != nil {
		return nil, err
	}
	return do(ctx, conn, "EXEC", nil)
}

func errorOrNil(reply redis.Error) error {
	if reply == "" {
		return nil
	}
	return reply
}
