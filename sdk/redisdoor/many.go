package redisdoor

import (
	"context"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// pipelineSize bounds how many checks are written before their answers are read, so
// that neither side has to hold more than that.
const pipelineSize = 256

// CheckMany implements [throttlekit.Limiter]: one EVALSHA per key, pipelined over one
// connection. Each key is checked at its own instant of the Redis server.
func (l *Limiter) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	if err := l.validate(opCheckMany, cost); err != nil {
		return nil, err
	}
	decisions := make([]throttlekit.Decision, len(keys))
	if len(keys) == 0 {
		return decisions, nil
	}
	if err := l.door.enter(ctx, opCheckMany); err != nil {
		return nil, err
	}
	defer l.door.calls.leave()

	conn, err := l.door.pool.GetContext(ctx)
	if err != nil {
		return nil, connectFault(ctx, opCheckMany, err)
	}
	defer conn.Close() // hands it back to the pool; a broken one reported itself already

	many := &pipeline{limiter: l, ctx: ctx, conn: conn, keys: keys, cost: cost,
		decisions: decisions, errs: make([]error, len(keys))}
	for from := 0; from < len(keys); from += pipelineSize {
		many.run(from, min(from+pipelineSize, len(keys)))
	}
	for _, err := range many.errs {
		if err != nil {
			return decisions, &throttlekit.ManyError{Errors: many.errs}
		}
	}
	return decisions, nil
}

// pipeline is one CheckMany under way.
type pipeline struct {
	limiter   *Limiter
	ctx       context.Context
	conn      redis.Conn
	keys      []string
	cost      any
	decisions []throttlekit.Decision
	errs      []error
	broken    error // what broke the connection, if anything did
}

// run checks keys[from:to]. The checks that Redis did not know the script for did not
// run, and are sent once more: the first as EVAL, which lets the others be EVALSHA.
func (p *pipeline) run(from, to int) {
	unknown := make([]int, 0, to-from)
	for i := from; i < to; i++ {
		unknown = append(unknown, i)
	}
	for attempt := range 2 {
		batch := unknown
		unknown = nil
		sent := p.send(batch, attempt > 0)
		for n, i := range batch {
			if n >= sent {
				// Never written: certainly not consumed.
				p.errs[i] = connectFault(p.ctx, opCheckMany, p.broken)
				continue
			}
			reply, err := p.receive()
			if attempt == 0 && isNoScript(err) {
				unknown = append(unknown, i)
				continue
			}
			p.decisions[i], p.errs[i] = p.limiter.decide(p.ctx, opCheckMany, reply, err)
		}
		if len(unknown) == 0 {
			return
		}
	}
}

// send writes the checks of a batch and returns how many of them may have gone out.
func (p *pipeline) send(batch []int, withSource bool) int {
	if p.broken != nil {
		return 0
	}
	for n, i := range batch {
		command, script := "EVALSHA", p.limiter.sha1
		if withSource && n == 0 {
			command, script = "EVAL", p.limiter.source
		}
		if err := p.conn.Send(command, p.limiter.args(script, p.keys[i], serverClock, p.cost)...); err != nil {
			p.broken = err
			return n + 1
		}
	}
	if err := p.conn.Flush(); err != nil {
		p.broken = err
	}
	return len(batch)
}

// receive reads one answer; after the connection broke, what broke it.
func (p *pipeline) receive() (any, error) {
	if p.broken != nil {
		return nil, p.broken
	}
	reply, err := receive(p.ctx, p.conn)
	if _, answered := err.(redis.Error); err != nil && !answered {
		p.broken = err
	}
	return reply, err
}
