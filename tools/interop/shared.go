package main

import (
	"context"
	"fmt"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
)

// runs is how often a timeline may be run until it agrees. State that lives for a
// millisecond can expire before its expiry is taken away; that does not happen each
// time, and a real difference does.
const runs = 4

// enough failing timelines of a strategy, after which the others would say no more.
const enough = 3

// shareKeys lets both clients work on the same keys, by each clock.
func (s *session) shareKeys(ctx context.Context) error {
	for i, definition := range strategy.All() {
		if err := s.prove("one key, explicit instants, "+definition.Name, func() (string, error) {
			return s.shareExplicitly(ctx, definition, uint64(i))
		}); err != nil {
			return err
		}
	}
	for i, definition := range strategy.All() {
		if err := s.prove("one key, the server's time, "+definition.Name, func() (string, error) {
			return s.shareAtServerTime(ctx, definition, uint64(i))
		}); err != nil {
			return err
		}
	}
	for _, definition := range strategy.All() {
		if err := s.prove("one key, both at once, "+definition.Name, func() (string, error) {
			return s.shareAtOnce(ctx, definition)
		}); err != nil {
			return err
		}
	}
	return nil
}

// outcome is what became of a timeline.
type outcome struct {
	problem string // the first difference, "" for none
	denied  int    // how many checks of the shared key were denied
}

// share runs timelines until there were s.ops operations, and counts them. With reduce
// it makes little of those that differ.
func (s *session) share(ctx context.Context, draw func(uint64) timeline, run func(context.Context, timeline) (outcome, error),
	reduce func(context.Context, outcome, timeline) (outcome, error)) (counts string, err error) {
	done, denied, differing, again := 0, 0, 0, 0
	for i := uint64(0); done < s.ops && differing < enough; i++ {
		t := draw(i)
		o, more, err := settle(ctx, t, run)
		if err == nil && o.problem != "" && reduce != nil {
			o, err = reduce(ctx, o, t)
		}
		if err != nil {
			return "", err
		}
		done += len(t.ops)
		denied += o.denied
		again += more
		if s.check(o.problem == "", "%s", o.problem) {
			s.holds(len(t.ops))
		} else {
			differing++
		}
	}
	// The draw is held to account, too: were nearly all admitted, or denied, nothing
	// would have been compared.
	if done >= 10*opsPerTimeline {
		s.check(min(denied, done-denied) >= done/20, "%d of %d operations are denied: too much of one kind", denied, done)
	}
	return fmt.Sprintf("%d operations, %d of them denied; %d runs were repeated", done, denied, again), nil
}

// settle runs the timeline until it agrees, at most a few times, and counts how often
// more than once.
func settle(ctx context.Context, t timeline, run func(context.Context, timeline) (outcome, error)) (o outcome, again int, err error) {
	for again = range runs {
		if o, err = run(ctx, t); o.problem == "" || err != nil {
			break
		}
	}
	return o, again, err
}
