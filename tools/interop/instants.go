package main

import "context"

// observation is one check at the server's time: its reply, and the readings of the
// server's clock around it.
type observation struct {
	cost          int64
	reply         decision
	before, after int64 // epoch milliseconds
}

// moment is one check of a replay.
type moment struct{ now, cost int64 }

// maxExplanations bounds how many choices of instants are tried. Most checks have one
// candidate; one in some twenty, during which the millisecond turned, has two.
const maxExplanations = 300

// explanation is what explain found.
type explanation struct {
	moments []moment // the choice of instants that explains every reply, or the last one tried
	failed  int      // the furthest check that no choice explains; -1 when all are explained
	instead decision // what the replay said of it last
}

// explain looks for instants, each within the readings around its check, at which one
// client alone, which replay stands for, would have given these very replies.
//
// It walks the choices in order, like an odometer, and leaves out all that share their
// beginning with one that failed there.
func explain(ctx context.Context, seen []observation, replay func(context.Context, []moment) ([]decision, error)) (explanation, error) {
	found := explanation{moments: make([]moment, len(seen)), failed: -1}
	for i, o := range seen {
		found.moments[i] = moment{now: o.before, cost: o.cost}
	}
	for range maxExplanations {
		replies, err := replay(ctx, found.moments)
		if err != nil {
			return explanation{}, err
		}
		failed := firstDifference(seen, replies)
		if failed < 0 {
			found.failed = -1
			return found, nil
		}
		if failed >= found.failed {
			found.failed, found.instead = failed, replies[failed]
		}
		if !advance(seen, found.moments, failed) {
			break
		}
	}
	return found, nil
}

func firstDifference(seen []observation, replies []decision) int {
	for i, o := range seen {
		if replies[i] != o.reply {
			return i
		}
	}
	return -1
}

// advance moves to the next choice that differs from this one at failed or before it.
func advance(seen []observation, moments []moment, failed int) bool {
	for i := failed; i >= 0; i-- {
		if moments[i].now < seen[i].after {
			moments[i].now++
			for j := i + 1; j < len(seen); j++ {
				moments[j].now = seen[j].before
			}
			return true
		}
	}
	return false
}
