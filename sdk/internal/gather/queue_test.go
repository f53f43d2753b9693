package gather_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
)

func TestALoneCallerTakesASeat(t *testing.T) {
	onPier(t, gather.Settings{Seats: 2}, func(t *testing.T, p *pier) {
		for i, want := range []bool{true, true, false} {
			if got := p.Seat(); got != want {
				t.Errorf("seat %d of 2 is free: %v, want %v", i+1, got, want)
			}
		}
		p.Leave()
		if !p.Seat() {
			t.Error("a seat that was given back is not free")
		}
		p.Leave()
		p.Leave()
		if n := p.carriers.Load(); n != 0 {
			t.Errorf("%d workers were started, want none: nobody waited", n)
		}
	})
}

func TestASeatThatIsGivenBackGoesToThoseWhoWait(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		if !p.Seat() {
			t.Fatal("the only seat is not free")
		}
		one, two := p.call("a", 1), p.call("a", 2)
		p.quiet()
		if p.Seat() {
			t.Error("a newcomer got a seat before those who wait")
		}
		p.Leave()
		p.sails(1, 2).arrive()
		one.answered()
		two.answered()
	})
}

func TestABatchFormsWhileTheSeatsAreTaken(t *testing.T) {
	onPier(t, gather.Settings{Seats: 2}, func(t *testing.T, p *pier) {
		callers := []*caller{p.call("a", 1)}
		first := p.sails(1) // at once, alone
		callers = append(callers, p.call("a", 2))
		second := p.sails(2)
		for key := 3; key < 7; key++ {
			callers = append(callers, p.call("a", key))
		}
		p.quiet()
		second.arrive()
		p.sails(3, 4, 5, 6).arrive()
		for _, c := range callers[1:] {
			c.answered()
		}
		callers[0].waits()
		first.arrive()
		callers[0].answered()
	})
}

func TestEachCallerGetsItsOwnOutcome(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		hold := p.call("a", 1)
		first := p.sails(1)
		callers := []*caller{hold, p.call("a", 2), p.call("a", -3), p.call("a", 4)}
		first.arrive()
		p.sails(2, -3, 4).arrive()
		for _, c := range callers {
			c.answered()
		}
	})
}

// Rows name calls by group and key: a1 is key 1 of group a. A dash ends a trip.
func TestWhoTravelsTogether(t *testing.T) {
	type wave struct {
		group  string
		key    int
		weight int64
	}
	for _, row := range []struct {
		name, reason string
		settings     gather.Settings
		calls        []wave
		trips        [][]int
	}{
		{"one group", "in the order in which they came", gather.Settings{},
			[]wave{{"a", 1, 1}, {"a", 2, 1}, {"a", 3, 1}}, [][]int{{1, 2, 3}}},
		{"two groups", "never together, the first to come first", gather.Settings{},
			[]wave{{"b", 1, 1}, {"a", 2, 1}, {"b", 3, 1}, {"a", 4, 1}}, [][]int{{1, 3}, {2, 4}}},
		{"MaxCalls", "what is left over goes behind the other groups", gather.Settings{MaxCalls: 2},
			[]wave{{"a", 1, 1}, {"a", 2, 1}, {"a", 3, 1}, {"a", 4, 1}, {"a", 5, 1}, {"b", 6, 1}, {"c", 7, 1}},
			[][]int{{1, 2}, {6}, {7}, {3, 4}, {5}}},
		{"MaxWeight exactly", "the bound is allowed", gather.Settings{MaxWeight: 10},
			[]wave{{"a", 1, 4}, {"a", 2, 6}, {"a", 3, 1}}, [][]int{{1, 2}, {3}}},
		{"MaxWeight passed", "the call that would pass it waits", gather.Settings{MaxWeight: 10},
			[]wave{{"a", 1, 4}, {"a", 2, 7}, {"a", 3, 3}}, [][]int{{1}, {2, 3}}},
		{"a heavy call first", "more than a trip's weight goes alone", gather.Settings{MaxWeight: 10},
			[]wave{{"a", 1, 11}, {"a", 2, 1}}, [][]int{{1}, {2}}},
		{"a heavy call behind", "those before it do not wait for it, those behind do not overtake", gather.Settings{MaxWeight: 10},
			[]wave{{"a", 1, 1}, {"a", 2, 50}, {"a", 3, 1}}, [][]int{{1}, {2}, {3}}},
		{"no weight at all", "MaxCalls still bounds", gather.Settings{MaxCalls: 3},
			[]wave{{"a", 1, 0}, {"a", 2, 0}, {"a", 3, 0}, {"a", 4, 0}}, [][]int{{1, 2, 3}, {4}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Log(row.reason)
			onPier(t, row.settings, func(t *testing.T, p *pier) {
				if !p.Seat() {
					t.Fatal("the only seat is not free")
				}
				var callers []*caller
				groups := map[int]string{}
				for _, w := range row.calls {
					callers = append(callers, p.call(w.group, w.key, w.weight))
					groups[w.key] = w.group
				}
				p.Leave()
				for _, keys := range row.trips {
					trip := p.sails(keys...)
					if want := "owner of " + groups[keys[0]]; trip.owner != want {
						t.Errorf("the trip of %v is for %q, want %q", keys, trip.owner, want)
					}
					trip.arrive()
				}
				for _, c := range callers {
					c.answered()
				}
			})
		})
	}
}

func TestABusyGroupStarvesNobody(t *testing.T) {
	onPier(t, gather.Settings{MaxCalls: 1}, func(t *testing.T, p *pier) {
		callers := []*caller{p.call("busy", 1)}
		trip := p.sails(1)
		callers = append(callers, p.call("busy", 2), p.call("shy", 3))
		for key := 4; key < 8; key++ { // one more for each that left: never an empty group
			callers = append(callers, p.call("busy", key))
			trip.arrive()
			trip = p.sails([]int{2, 3, 4, 5}[key-4])
		}
		trip.arrive()
		p.sails(6).arrive()
		p.sails(7).arrive()
		for _, c := range callers {
			c.answered()
		}
	})
}

func TestAFullQueueRefuses(t *testing.T) {
	onPier(t, gather.Settings{Limit: 2}, func(t *testing.T, p *pier) {
		inFlight := p.call("a", 1)
		first := p.sails(1)
		second, third := p.call("a", 2), p.call("b", 3)
		p.call("c", 4).failed(throttlekit.ErrUnavailable, throttlekit.SourceSDK, false)
		second.leave()
		second.failed(context.Canceled, throttlekit.SourceSDK, false)
		fifth := p.call("c", 5) // in the room that one left
		p.call("a", 6).failed(throttlekit.ErrUnavailable, throttlekit.SourceSDK, false)
		first.arrive()
		p.sails(3).arrive()
		p.sails(5).arrive()
		for _, c := range []*caller{inFlight, third, fifth} {
			c.answered()
		}
	})
}

func TestAContextThatHasEndedNeverWaits(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		c := &caller{t: t, key: "1", returned: make(chan struct{})}
		c.decision, c.err = p.Do(ctx, "a", "", c.key, 1, 1)
		close(c.returned)
		c.failed(context.Canceled, throttlekit.SourceSDK, false)
		if n := p.carriers.Load(); n != 0 {
			t.Errorf("%d workers were started, want none", n)
		}
	})
}

func TestAContextThatNeverEnds(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		got := make(chan throttlekit.Decision, 1)
		go func() {
			d, _ := p.Do(context.Background(), "a", "", "7", 3, 1)
			got <- d
		}()
		p.sails(7).arrive()
		if d := <-got; d.Limit != 7 || d.Remaining != 3 {
			t.Errorf("got %+v, want the answer to key 7 and cost 3", d)
		}
	})
}

func TestEveryWorkerHasItsOwnCarrierAndThereAreNoMoreThanSeats(t *testing.T) {
	const seats = 3
	onPier(t, gather.Settings{Seats: seats, MaxCalls: 2}, func(t *testing.T, p *pier) {
		var callers []*caller
		for key := range 20 {
			callers = append(callers, p.call(strconv.Itoa(key%4), key))
		}
		for {
			under := drain(p.trips)
			if len(under) > seats {
				t.Fatalf("%d trips are under way, want at most %d", len(under), seats)
			}
			if len(under) == 0 {
				break
			}
			for _, trip := range under {
				close(trip.end)
			}
			synctest.Wait()
		}
		for _, c := range callers {
			c.answered()
		}
		if n := p.carriers.Load(); n != seats {
			t.Errorf("there were %d workers, want %d", n, seats)
		}
	})
}

func drain(trips chan *trip) (all []*trip) {
	for {
		select {
		case t := <-trips:
			all = append(all, t)
		default:
			return slices.Clip(all)
		}
	}
}
