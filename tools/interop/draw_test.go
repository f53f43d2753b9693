package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
)

func TestTimelinesAreTheSeeds(t *testing.T) {
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			first, again := newDraw(1, 2).explicit(d), newDraw(1, 2).explicit(d)
			if first.String() != again.String() {
				t.Errorf("one seed draws two timelines:\n%v\n%v", first, again)
			}
			for _, other := range []draw{newDraw(1, 3), newDraw(2, 2)} {
				if other.explicit(d).String() == first.String() {
					t.Errorf("two seeds draw one timeline:\n%v", first)
				}
			}
		})
	}
}

// TestTimelinesAreWorthRunning: what is drawn can be sent, and has all that makes clients
// differ.
func TestTimelinesAreWorthRunning(t *testing.T) {
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			var by [2]int
			still, back, beyond, pauses := 0, 0, 0, 0
			for i := range uint64(40) {
				line := newDraw(1, i).explicit(d)
				plan, err := d.New(line.params)
				if err != nil {
					t.Fatal(err)
				}
				for j, o := range line.ops {
					if o.now < 1 || o.cost < 1 {
						t.Fatalf("op %d is at %d for %d, and 0 would mean the server's time:\n%v", j, o.now, o.cost, line)
					}
					by[o.by]++
					if o.cost > limitOf(plan) {
						beyond++
					}
					if j > 0 && o.now == line.ops[j-1].now {
						still++
					}
					if j > 0 && o.now < line.ops[j-1].now {
						back++
					}
				}
				for _, o := range newDraw(1, i).atServerTime(d).ops {
					if o.now != 0 || o.cost < 1 {
						t.Fatalf("at the server's time an op is at %d for %d", o.now, o.cost)
					}
					if o.pauseMs > 0 {
						pauses++
					}
				}
			}
			for what, n := range map[string]int{"by us": by[ours], "by them": by[theirs], "at the instant before": still,
				"back in time": back, "beyond the limit": beyond, "after a pause": pauses} {
				if n < 20 {
					t.Errorf("%d ops %s, want more", n, what)
				}
			}
		})
	}
}

func TestTimelineListing(t *testing.T) {
	d := strategy.All()[0]
	line := timeline{strategy: d, params: map[string]float64{"b": 2.5, "a": 1e6},
		ops: []op{{by: ours, cost: 3, now: 1000}, {by: theirs, cost: 1, now: 999}}}
	want := d.Name + " a=1000000 b=2.5\n      op 0: ours, now 1000, cost 3\n      op 1: theirs, now 999, cost 1"
	if got := line.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := line.upTo(0).String(); strings.Contains(got, "theirs") || !strings.Contains(got, "ours") {
		t.Errorf("up to op 0 it is %q", got)
	}
}

func TestShrinkLeavesWhatTheDifferenceNeeds(t *testing.T) {
	var line timeline
	for i := range int64(30) {
		line.ops = append(line.ops, op{cost: i})
	}
	costs := func(t timeline) (all []int64) {
		for _, o := range t.ops {
			all = append(all, o.cost)
		}
		return all
	}
	needs := func(t timeline) bool {
		return slices.Contains(costs(t), 4) && slices.Contains(costs(t), 17)
	}
	if got := costs(shrink(line, needs)); !slices.Equal(got, []int64{4, 17}) {
		t.Errorf("left are %v, want 4 and 17", got)
	}
	if len(line.ops) != 30 || line.ops[4].cost != 4 {
		t.Errorf("it changed the timeline itself: %v", costs(line))
	}
	if got := shrink(line, func(timeline) bool { return false }); len(got.ops) != 30 {
		t.Errorf("left are %d of 30 ops that are all needed", len(got.ops))
	}
}

// TestRoomyHasRoom: at no time of day does a window end, or a unit come back, soon.
func TestRoomyHasRoom(t *testing.T) {
	for _, d := range strategy.All() {
		for _, now := range []int64{1, 12 * hour, 24*hour - 1, 24 * hour, 1_750_000_000_000, 1_763_942_399_999, 1_763_942_400_000} {
			params, plan, err := roomy(d, 5, now)
			if err != nil {
				t.Fatal(err)
			}
			if got := limitOf(plan); got != 5 {
				t.Errorf("%s: the limit is %d, want 5", d.Name, got)
			}
			if span := longest(d, params); span >= 24*hour && span-now%span < 12*hour {
				t.Errorf("%s at %d: a window of %d ms ends %d ms later", d.Name, now, span, span-now%span)
			}
		}
	}
}
