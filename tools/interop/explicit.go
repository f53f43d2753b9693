package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// shareExplicitly interleaves both clients on one key at explicit instants, beside each
// of them alone on a key of its own. All three must give the same replies, expiries and
// state.
func (s *session) shareExplicitly(ctx context.Context, definition *script.Definition, stream uint64) (counts string, err error) {
	draw := func(i uint64) timeline { return newDraw(s.seed, stream<<32|i).explicit(definition) }
	return s.share(ctx, draw, s.runExplicitly, s.reduce)
}

// reduce leaves out of a timeline at explicit instants what its difference does not need.
func (s *session) reduce(ctx context.Context, o outcome, t timeline) (outcome, error) {
	var err error
	shrink(t, func(t timeline) bool {
		shorter, _, runErr := settle(ctx, t, s.runExplicitly)
		err = errors.Join(err, runErr)
		if shorter.problem == "" {
			return false
		}
		o.problem = shorter.problem
		return true
	})
	return o, err
}

// shrink leaves out one op after the other for as long as the timeline still fails.
func shrink(t timeline, fails func(timeline) bool) timeline {
	for i := len(t.ops) - 1; i >= 0; i-- {
		shorter := t
		shorter.ops = slices.Delete(slices.Clone(t.ops), i, i+1)
		if fails(shorter) {
			t = shorter
		}
	}
	return t
}

// runExplicitly runs one timeline on a key that both share, and on one that each has to
// itself.
func (s *session) runExplicitly(ctx context.Context, t timeline) (o outcome, err error) {
	plan, err := t.strategy.New(t.params)
	if err != nil {
		return o, err
	}
	clients, err := s.pair(t, plan, true)
	if err != nil {
		return o, err
	}
	shared := s.key()
	alone := [2]string{s.key(), s.key()}
	for i, op := range t.ops {
		got, err := clients[op.by].check(ctx, shared, op.cost, op.now)
		if err != nil {
			return o, fmt.Errorf("%s: %w\n%v", clientNames[op.by], err, t.upTo(i))
		}
		if !got.Decision.allowed {
			o.denied++
		}
		for by, key := range alone {
			want, err := clients[by].check(ctx, key, op.cost, op.now)
			if err != nil {
				return o, fmt.Errorf("%s alone: %w\n%v", clientNames[by], err, t.upTo(i))
			}
			switch {
			case o.problem != "":
			case want.Decision != got.Decision:
				o.problem = fmt.Sprintf("op %d: %s on the shared key says %v, %s alone says %v\n%v",
					i, clientNames[op.by], got.Decision, clientNames[by], want.Decision, t.upTo(i))
			case !want.sameExpiry(got.sighting):
				o.problem = fmt.Sprintf("op %d: the key expires in %d ms after %s on the shared key, in %d ms after %s alone\n%v",
					i, got.TTL, clientNames[op.by], want.TTL, clientNames[by], t.upTo(i))
			}
		}
	}
	states, err := s.states(ctx, t.strategy, shared, alone[ours], alone[theirs])
	if err != nil {
		return o, err
	}
	if o.problem == "" && (!slices.Equal(states[0], states[1]) || !slices.Equal(states[0], states[2])) {
		o.problem = fmt.Sprintf("the state is %q on the shared key, %q by ours alone, %q by theirs alone\n%v",
			states[0], states[1], states[2], t)
	}
	_, err = s.do(ctx, "DEL", shared, alone[ours], alone[theirs])
	return o, err
}

// states reads keys by the contract's read script. A hash has no order, so none is kept.
func (s *session) states(ctx context.Context, definition *script.Definition, keys ...string) ([][]string, error) {
	states := make([][]string, len(keys))
	for i, key := range keys {
		reply, err := s.do(ctx, "EVAL", definition.Read.Source, 1, key)
		if err != nil {
			return nil, err
		}
		states[i] = flatten(reply)
		slices.Sort(states[i])
	}
	return states, nil
}

// flatten lists what a reply holds, as text.
func flatten(reply any) []string {
	switch reply := reply.(type) {
	case []any:
		var all []string
		for _, element := range reply {
			all = append(all, flatten(element)...)
		}
		return all
	case []byte:
		return []string{string(reply)}
	default:
		return []string{fmt.Sprint(reply)}
	}
}
