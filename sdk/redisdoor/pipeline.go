package redisdoor

import (
	"context"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// pipeline is the checks that travel over one connection to a node at once.
type pipeline struct {
	l      *Limiter
	conn   redis.Conn
	op     string
	now    any
	shares [][]errand // each is a script: of keys of one slot, or of one key alone
}

// group puts errands that are sorted by slot into scripts. The cluster would refuse a
// script whose keys are of more than one slot, even if one node has them all.
func (p *pipeline) group(errands []errand) {
	for len(errands) > 0 {
		n, work := 1, p.l.plan.Work(errands[0].call.Cost)
		if p.l.sharesScripts(errands[0]) {
			for n < min(len(errands), manyKeys) && errands[n].Slot == errands[0].Slot && p.l.sharesScripts(errands[n]) {
				if work += p.l.plan.Work(errands[n].call.Cost); work > manyWork {
					break
				}
				n++
			}
		}
		p.shares = append(p.shares, errands[:n:n])
		errands = errands[n:]
	}
}

// sharesScripts reports whether a check may share its script with others. At a node that
// is about to take over their slot it may not: it has some of the keys already, and
// refuses all because of the others.
func (l *Limiter) sharesScripts(e errand) bool {
	return !e.alone && !e.Asking && l.plan.Definition().Many.Source != ""
}

// run sends each share's script, by its text or else by its SHA-1, and returns what was
// answered to each. Its error is a broken connection's.
func (p *pipeline) run(ctx context.Context, shares [][]errand, texts bool) ([]any, error) {
	var args []any
	batch := many{}
	for _, share := range shares {
		script := p.l.check
		if len(share) == 1 {
			args = p.l.appendArgs(args[:0], nil, share[0].call.Key, p.now, share[0].call.Cost)
		} else {
			script = p.l.manyChecks
			batch.reset()
			for _, e := range share {
				batch.add(e.call.Key, e.call.Cost)
			}
			args = append(args[:0], batch.argv(p.l.plan, p.now)...)
		}
		command := "EVALSHA"
		if args[0] = script.sha1; texts {
			command, args[0] = "EVAL", script.source
		}
		if share[0].Asking {
			if err := p.conn.Send(cmdAsking); err != nil {
				return nil, err
			}
		}
		if err := p.conn.Send(command, args...); err != nil {
			return nil, err
		}
	}
	replies, err := redis.Values(do(ctx, p.conn, "", nil))
	if err != nil {
		return nil, err
	}
	if shares[0][0].Asking { // each of them: leave out what was answered to that
		for i := range shares {
			replies[i] = replies[2*i+1]
		}
	}
	return replies[:len(shares)], nil
}

// settle gives a share's checks their outcomes, or returns them when they have to go
// elsewhere.
func (p *pipeline) settle(ctx context.Context, share []errand, reply any) (again []errand) {
	door := p.l.door
	if said, ok := reply.(redis.Error); ok {
		for _, e := range share {
			if !door.cluster.Redirected(&e.Course, said, len(share) > 1) {
				door.doubt(share[0].Node, p.conn, said)
				p.fail([][]errand{share}, callFault(ctx, p.op, said))
				return nil
			}
			e.alone, e.why = e.alone || e.Node == share[0].Node, said
			again = append(again, e)
		}
		return again
	}
	if len(share) == 1 {
		share[0].call.Decision, share[0].call.Err = p.l.decide(ctx, p.op, reply, nil)
		return nil
	}
	decisions := make([]throttlekit.Decision, len(share))
	errs := p.l.decideMany(ctx, p.conn, p.op, reply, decisions)
	for i, e := range share {
		if errs != nil && errs[i] != nil {
			e.call.Err = errs[i]
		} else {
			e.call.Decision = decisions[i]
		}
	}
	return nil
}

func (p *pipeline) fail(shares [][]errand, fault *throttlekit.Error) {
	for _, share := range shares {
		for _, e := range share {
			e.call.Err = fault
		}
	}
}
