package redisdoor

import (
	"context"
	"strings"
	"time"
	"unique"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// patience is how long a script is waited for when none of its callers is left. A
// connection that went silent keeps its worker for so long, so it is short enough that a
// breaker over the door, which tries again every half second, finds the worker free.
const patience = 250 * time.Millisecond

// route tells apart which checks may share a script: those of one strategy with the
// same parameters.
type route = unique.Handle[string]

func routeOf(plan *script.Plan) route {
	var b strings.Builder
	b.WriteString(plan.Definition().Check.SHA1)
	for _, arg := range plan.AppendParams(nil, "") {
		b.WriteByte(' ')
		b.WriteString(arg.(string)) // formatted by the plan
	}
	return unique.Make(b.String())
}

type queue = gather.Queue[route, *Limiter]

func newQueue(s settings, newCarrier func() gather.Carrier[*Limiter]) *queue {
	return gather.New[route](gather.Settings{
		Op:        opCheck,
		Seats:     s.workers,
		Limit:     s.queueLimit,
		MaxCalls:  manyKeys,
		MaxWeight: manyWork,
		Patience:  patience,
	}, newCarrier)
}

// checkFused has a check travel with others that wait at the same moment, or at once and
// alone when there are none.
func (l *Limiter) checkFused(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	if l.door.cluster != nil {
		return l.checkInLane(ctx, key, cost)
	}
	return l.checkIn(ctx, l.door.queue, key, cost)
}

func (l *Limiter) checkIn(ctx context.Context, q *queue, key string, cost int64) (throttlekit.Decision, error) {
	// A context that may end is not to take the connection with it, so its check leaves
	// the caller's goroutine.
	if ctx.Done() == nil && q.Seat() {
		defer q.Leave()
		return l.send(ctx, key, cost, serverClock)
	}
	return q.Do(ctx, l.route, l, l.key(key), cost, l.plan.Work(cost))
}

// carrier carries fused checks over one connection.
type carrier struct {
	pool      Pool
	conn      redis.Conn
	many      many
	decisions []throttlekit.Decision
}

// Board implements [gather.Carrier].
func (c *carrier) Board(ctx context.Context) error {
	if c.conn != nil && c.conn.Err() == nil {
		return nil
	}
	c.Rest()
	conn, err := c.pool.GetContext(ctx)
	if err != nil {
		return connectFault(ctx, opCheck, err)
	}
	c.conn = conn
	return nil
}

// Rest implements [gather.Carrier].
func (c *carrier) Rest() {
	if c.conn != nil {
		_ = c.conn.Close() // hands it back to the pool; a broken one reported itself already
		c.conn = nil
	}
}

// Carry implements [gather.Carrier].
func (c *carrier) Carry(ctx context.Context, l *Limiter, calls []*gather.Call) {
	if len(calls) == 1 {
		calls[0].Decision, calls[0].Err = l.checkOn(ctx, c.conn, calls[0].Key, calls[0].Cost, serverClock)
		return
	}
	c.many.reset()
	for _, call := range calls {
		c.many.add(call.Key, call.Cost)
	}
	if cap(c.decisions) < len(calls) {
		c.decisions = make([]throttlekit.Decision, manyKeys)
	}
	decisions := c.decisions[:len(calls)]
	errs, _ := l.checkBatch(ctx, c.conn, opCheck, &c.many, serverClock, decisions)
	if ctx.Err() != nil {
		c.many = many{} // redigo may still be writing the arguments
	}
	for i, call := range calls {
		if errs != nil && errs[i] != nil {
			call.Err = errs[i]
		} else {
			call.Decision = decisions[i]
		}
	}
}
