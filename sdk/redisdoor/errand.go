package redisdoor

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor/internal/cluster"
)

// errand is one check on its way to a node of a cluster.
type errand struct {
	cluster.Course
	call  *gather.Call
	alone bool  // it must not share a script
	why   error // it goes elsewhere
}

// checkNodes makes checks whose keys have their prefix already, each at the node of its
// key, and sets their outcomes.
func (l *Limiter) checkNodes(ctx context.Context, op string, calls []*gather.Call, now any) {
	errands := make([]errand, 0, len(calls))
	for _, call := range calls {
		course, err := l.door.cluster.Course(ctx, cluster.Slot(call.Key))
		if err != nil {
			call.Err = connectFault(ctx, op, err)
			continue
		}
		errands = append(errands, errand{Course: course, call: call})
	}
	l.travel(ctx, op, errands, now, 0)
}

// checkManyNodes is checkMany in a cluster.
func (l *Limiter) checkManyNodes(ctx context.Context, keys []string, cost int64, now any, decisions []throttlekit.Decision) error {
	all, calls := make([]gather.Call, len(keys)), make([]*gather.Call, len(keys))
	for i, key := range keys {
		all[i].Key, all[i].Cost = l.key(key), cost
		calls[i] = &all[i]
	}
	l.checkNodes(ctx, opCheckMany, calls, now)
	errs, failed := make([]error, len(keys)), false
	for i := range all {
		decisions[i], errs[i] = all[i].Decision, all[i].Err
		failed = failed || errs[i] != nil
	}
	if failed {
		return &throttlekit.ManyError{Errors: errs}
	}
	return nil
}

// travel makes checks, those for each node in a pipeline of their own and all pipelines
// at once, and follows where they are sent. Turns is how often they have been already.
func (l *Limiter) travel(ctx context.Context, op string, errands []errand, now any, turns int) {
	for ; len(errands) > 0; turns++ {
		if err := cluster.Pause(ctx, turns); err != nil || turns > cluster.MaxTurns {
			for _, e := range errands {
				e.giveUp(ctx, op)
			}
			return
		}
		legs := byNode(errands)
		again := make([][]errand, len(legs))
		var others sync.WaitGroup
		for i, leg := range legs[1:] {
			others.Go(func() { again[i+1] = l.leg(ctx, op, leg, now) })
		}
		again[0] = l.leg(ctx, op, legs[0], now)
		others.Wait()
		errands = slices.Concat(again...)
	}
}

// giveUp ends an errand that goes nowhere any more, since its context has ended or it was
// sent on too often. It did not run.
func (e *errand) giveUp(ctx context.Context, op string) {
	var unreached *cluster.Unreached
	switch {
	case ctx.Err() != nil:
		e.call.Err = &throttlekit.Error{Op: op, Err: ctx.Err()}
	case errors.As(e.why, &unreached):
		e.call.Err = connectFault(ctx, op, e.why)
	default:
		e.call.Err = callFault(ctx, op, e.why)
	}
}

// byNode splits errands by where they go, and keeps their order.
func byNode(errands []errand) [][]errand {
	type end struct {
		node   *cluster.Node
		asking bool
	}
	to := func(e errand) end { return end{e.Node, e.Asking} }
	first := to(errands[0])
	if !slices.ContainsFunc(errands, func(e errand) bool { return to(e) != first }) {
		return [][]errand{errands}
	}
	var legs [][]errand
	at := map[end]int{}
	for _, e := range errands {
		i, ok := at[to(e)]
		if !ok {
			i = len(legs)
			at[to(e)], legs = i, append(legs, nil)
		}
		legs[i] = append(legs[i], e)
	}
	return legs
}

// leg makes checks at one node, and returns those that have to go elsewhere.
func (l *Limiter) leg(ctx context.Context, op string, errands []errand, now any) (again []errand) {
	conn, err := errands[0].Node.Get(ctx)
	if err != nil {
		for _, e := range errands {
			if l.door.cluster.Unreached(ctx, &e.Course) {
				e.why = err
				again = append(again, e)
			} else {
				e.call.Err = connectFault(ctx, op, err)
			}
		}
		return again
	}
	defer conn.Close() // hands it back to the pool; a broken one reported itself already
	bySlot(errands)
	for some := range slices.Chunk(errands, manyKeys) {
		if err := conn.Err(); err != nil { // what was not sent was certainly not consumed
			for _, e := range some {
				e.call.Err = connectFault(ctx, op, err)
			}
			continue
		}
		again = append(again, l.pipeline(ctx, conn, op, some, now)...)
	}
	return again
}

// bySlot sorts errands so that those of one slot stand together, in their order.
func bySlot(errands []errand) {
	slices.SortStableFunc(errands, func(a, b errand) int { return cmp.Compare(a.Slot, b.Slot) })
}

// pipeline makes the checks of errands that are sorted by slot over one connection, and
// returns those that have to go elsewhere.
func (l *Limiter) pipeline(ctx context.Context, conn redis.Conn, op string, errands []errand, now any) (again []errand) {
	p := pipeline{l: l, conn: conn, op: op, now: now}
	p.group(errands)
	replies, err := p.run(ctx, p.shares, false)
	if err != nil {
		l.door.doubt(errands[0].Node, conn, err)
		p.fail(p.shares, callFault(ctx, op, err))
		return nil
	}
	var unknown [][]errand
	for i, share := range p.shares {
		if said, ok := replies[i].(redis.Error); ok && isNoScript(said) {
			unknown = append(unknown, share)
		} else {
			again = append(again, p.settle(ctx, share, replies[i])...)
		}
	}
	if len(unknown) == 0 {
		return again
	}
	if replies, err = p.run(ctx, unknown, true); err != nil {
		l.door.doubt(errands[0].Node, conn, err)
		p.fail(unknown, callFault(ctx, op, err))
		return again
	}
	for i, share := range unknown {
		again = append(again, p.settle(ctx, share, replies[i])...)
	}
	return again
}
