package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// shareAtServerTime interleaves both clients on one key at the server's time, and looks
// for the instants at which either client alone would have said the same.
func (s *session) shareAtServerTime(ctx context.Context, definition *script.Definition, stream uint64) (counts string, err error) {
	draw := func(i uint64) timeline { return newDraw(s.seed, 1<<63|stream<<32|i).atServerTime(definition) }
	return s.share(ctx, draw, s.runAtServerTime, nil)
}

// runAtServerTime runs one timeline on a shared key, and then each client alone at the
// instants that explain its replies.
func (s *session) runAtServerTime(ctx context.Context, t timeline) (o outcome, err error) {
	plan, err := t.strategy.New(t.params)
	if err != nil {
		return o, err
	}
	clients, err := s.pair(t, plan, false)
	if err != nil {
		return o, err
	}
	shared := s.key()
	var seen []observation
	for _, op := range t.ops {
		select {
		case <-time.After(time.Duration(op.pauseMs) * time.Millisecond):
		case <-ctx.Done():
			return o, ctx.Err()
		}
		got, err := clients[op.by].check(ctx, shared, op.cost, 0)
		if err != nil {
			return o, fmt.Errorf("%s: %w\n%v", clientNames[op.by], err, t)
		}
		if !got.Decision.allowed {
			o.denied++
		}
		seen = append(seen, observation{cost: op.cost, reply: got.Decision, before: got.Before, after: got.After})
	}
	if _, err := s.do(ctx, "DEL", shared); err != nil {
		return o, err
	}
	found, err := explain(ctx, seen, s.replayOurs(plan))
	if err != nil {
		return o, err
	}
	t.ops = slices.Clone(t.ops)
	for i := range t.ops {
		t.ops[i].now = found.moments[i].now
	}
	if i := found.failed; i >= 0 {
		o.problem = fmt.Sprintf("op %d: %s says %v; ours alone would say %v, and nothing better at any instant from %d to %d\n%v",
			i, clientNames[t.ops[i].by], seen[i].reply, found.instead, seen[i].before, seen[i].after, t.upTo(i))
		return o, nil
	}
	replies, err := s.replayTheirs(ctx, t, plan)
	if err != nil {
		return o, err
	}
	if i := firstDifference(seen, replies); i >= 0 {
		o.problem = fmt.Sprintf("op %d: %s says %v, theirs alone says %v\n%v",
			i, clientNames[t.ops[i].by], seen[i].reply, replies[i], t.upTo(i))
	}
	return o, nil
}

// replayOurs replays moments with our door alone.
func (s *session) replayOurs(plan *script.Plan) func(context.Context, []moment) ([]decision, error) {
	return func(ctx context.Context, moments []moment) ([]decision, error) {
		limiter, err := redisdoor.New(s.pool, plan)
		if err != nil {
			return nil, err
		}
		timeline := make([]redisdoor.Moment, len(moments))
		for i, m := range moments {
			timeline[i] = redisdoor.Moment{Now: float64(m.now), Cost: float64(m.cost)}
		}
		said, err := limiter.Replay(ctx, s.key(), timeline)
		replies := make([]decision, len(said))
		for i, d := range said {
			replies[i] = onWire(d)
		}
		return replies, err
	}
}

// replayTheirs replays the timeline with the Python client alone.
func (s *session) replayTheirs(ctx context.Context, t timeline, plan *script.Plan) ([]decision, error) {
	clients, err := s.pair(t, plan, true)
	if err != nil {
		return nil, err
	}
	key := s.key()
	replies := make([]decision, len(t.ops))
	for i, o := range t.ops {
		said, err := clients[theirs].check(ctx, key, o.cost, o.now)
		if err != nil {
			return nil, err
		}
		replies[i] = said.Decision
	}
	_, err = s.do(ctx, "DEL", key)
	return replies, err
}
