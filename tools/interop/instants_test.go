package main

import (
	"context"
	"errors"
	"testing"
)

// clock is a client alone whose reply is its instant, or that of the check before it: the
// simplest that has state.
func clock(_ context.Context, moments []moment) ([]decision, error) {
	replies := make([]decision, len(moments))
	for i, m := range moments {
		replies[i] = decision{resetAt: m.now, limit: m.cost}
		if i > 0 {
			replies[i].remaining = moments[i-1].now
		}
	}
	return replies, nil
}

func TestExplain(t *testing.T) {
	at := func(reset, previous, before, after int64) observation {
		return observation{cost: 1, reply: decision{resetAt: reset, remaining: previous, limit: 1}, before: before, after: after}
	}
	for _, row := range []struct {
		name   string
		seen   []observation
		failed int
		now    []int64 // of each check, when all are explained
	}{
		{"nothing needs no explanation", nil, -1, nil},
		{"the instant is known", []observation{at(7, 0, 7, 7)}, -1, []int64{7}},
		{"the millisecond turned before the script read it", []observation{at(8, 0, 7, 8)}, -1, []int64{8}},
		{"a later check tells what an earlier one read",
			[]observation{{cost: 1, reply: decision{resetAt: 7, limit: 1}, before: 7, after: 7}, at(12, 7, 10, 12), at(20, 12, 20, 21)}, -1, []int64{7, 12, 20}},
		{"no instant explains it", []observation{at(7, 0, 7, 7), at(9, 7, 11, 13)}, 1, nil},
		{"the instant is outside of the readings", []observation{at(6, 0, 7, 9)}, 0, nil},
		{"each by itself would do, together none does", []observation{at(8, 0, 7, 8), at(10, 7, 10, 10)}, 1, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			found, err := explain(t.Context(), row.seen, clock)
			if err != nil {
				t.Fatal(err)
			}
			if found.failed != row.failed {
				t.Fatalf("check %d fails, want %d", found.failed, row.failed)
			}
			for i, now := range row.now {
				if found.moments[i].now != now {
					t.Errorf("check %d is at %d, want %d", i, found.moments[i].now, now)
				}
			}
		})
	}
}

// TestExplainIsBounded: a reply that nothing explains, after many doubtful instants, may
// not be looked for forever.
func TestExplainIsBounded(t *testing.T) {
	seen := make([]observation, 40)
	for i := range seen {
		seen[i] = observation{before: 1, after: 2}
	}
	tries := 0
	found, err := explain(t.Context(), seen, func(_ context.Context, moments []moment) ([]decision, error) {
		tries++
		replies := make([]decision, len(moments))
		replies[39].limit = 1
		return replies, nil
	})
	if err != nil || found.failed != 39 || found.instead.limit != 1 {
		t.Errorf("found %+v, %v; want check 39 to fail with what the replay says", found, err)
	}
	if tries != maxExplanations {
		t.Errorf("it tried %d times, want %d", tries, maxExplanations)
	}
}

func TestExplainHandsFaultsOn(t *testing.T) {
	fault := errors.New("no Redis")
	_, err := explain(t.Context(), make([]observation, 1), func(context.Context, []moment) ([]decision, error) { return nil, fault })
	if !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
}
