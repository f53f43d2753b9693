package gather_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
)

func TestLeavingTheQueue(t *testing.T) {
	for _, row := range []struct {
		name, reason string
		leaves       []int
		trips        [][]int
	}{
		{"the first", "the second is first now", []int{1}, [][]int{{2, 3}, {4}}},
		{"one in the middle", "its neighbours find each other", []int{2}, [][]int{{1, 3}, {4}}},
		{"the last", "those before it stay", []int{3}, [][]int{{1, 2}, {4}}},
		{"a whole group", "the next group has its turn", []int{1, 2, 3}, [][]int{{4}}},
		{"everybody", "nothing is sent", []int{4, 3, 2, 1}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Log(row.reason)
			onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
				p.Seat()
				callers := map[int]*caller{}
				for key := 1; key <= 3; key++ {
					callers[key] = p.call("a", key)
				}
				callers[4] = p.call("b", 4)
				for _, key := range row.leaves {
					callers[key].leave()
					callers[key].failed(context.Canceled, throttlekit.SourceSDK, false)
					delete(callers, key)
				}
				p.Leave()
				for _, keys := range row.trips {
					p.sails(keys...).arrive()
				}
				for _, c := range callers {
					c.answered()
				}
				p.quiet()
				again := p.call("a", 9) // a group that was left empty serves again
				p.sails(9).arrive()
				again.answered()
			})
		})
	}
}

func TestLeavingWhileTheWorkerBoards(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		boarded := make(chan error)
		p.boardBy(boarded)
		one, two := p.call("a", 1), p.call("a", 2)
		one.leave()
		one.failed(context.Canceled, throttlekit.SourceSDK, false)
		two.waits()
		boarded <- nil
		p.sails(2).arrive() // it boards again
		boarded <- nil
		two.answered()
	})
}

func TestLeavingATripUnderWay(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		hold := p.call("a", 1)
		first := p.sails(1)
		two, three, four := p.call("a", 2), p.call("a", 3), p.call("a", 4)
		first.arrive()
		hold.answered()
		trip := p.sails(2, 3, 4)
		three.leave()
		three.failed(context.Canceled, throttlekit.SourceTransport, true)
		two.waits()
		time.Sleep(10 * patience)
		if err := trip.ctx.Err(); err != nil {
			t.Errorf("the trip's context is %v, want it alive: two wait for the trip", err)
		}
		trip.arrive()
		two.answered()
		four.answered()
	})
}

func TestACallIsNotUsedAgainWhileItsTripIsUnderWay(t *testing.T) {
	onPier(t, gather.Settings{Seats: 2}, func(t *testing.T, p *pier) {
		one := p.call("a", 1)
		first := p.sails(1)
		one.leave()
		one.failed(context.Canceled, throttlekit.SourceTransport, true)
		two := p.call("a", 2) // would get the other's Call, had it been put back
		second := p.sails(2)
		first.arrive()
		two.waits()
		second.arrive()
		two.answered()
		three := p.call("a", 3)
		p.sails(3).arrive()
		three.answered()
	})
}

// The context ends while the outcome is on its way: whichever comes first, the caller
// has either its answer or an error that says the outcome is unknown, and does not hang.
func TestLeavingAtTheVeryMomentOfTheOutcome(t *testing.T) {
	for round := range 500 {
		synctest.Test(t, func(t *testing.T) {
			p := newPier(t, gather.Settings{})
			defer p.abandon()
			one := p.call("a", 1)
			trip := p.sails(1)
			var both sync.WaitGroup
			both.Go(one.leave)
			both.Go(func() { close(trip.end) })
			both.Wait()
			if !one.done() {
				t.Fatalf("round %d: the caller hangs", round)
			}
			var e *throttlekit.Error
			switch {
			case one.err == nil:
				one.answered()
			case !errors.As(one.err, &e) || !e.MayHaveConsumed || !errors.Is(e, context.Canceled):
				t.Fatalf("round %d: error is %v, want context.Canceled with the outcome unknown", round, one.err)
			}
			<-p.Close()
		})
	}
}

func TestATripThatNobodyWaitsForIsGivenUp(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		hold := p.call("a", 1)
		first := p.sails(1)
		two, three := p.call("a", 2), p.call("a", 3)
		first.arrive()
		hold.answered()
		trip := p.sails(2, 3)
		two.leave()
		time.Sleep(5 * patience)
		three.leave()
		waiting := p.call("a", 4) // for a seat, not for the trip
		time.Sleep(patience - time.Nanosecond)
		synctest.Wait()
		if err := trip.ctx.Err(); err != nil {
			t.Errorf("the trip's context ended (%v) before its patience did", err)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if trip.ctx.Err() == nil {
			t.Error("nobody has waited for the trip as long as its patience lasts, and its context lives")
		}
		trip.arrive()
		next := p.sails(4)
		if err := next.ctx.Err(); err != nil {
			t.Errorf("the context of the trip after one that was given up is %v", err)
		}
		time.Sleep(5 * patience)
		synctest.Wait()
		if err := next.ctx.Err(); err != nil {
			t.Errorf("somebody waits for the trip, and its context is %v", err)
		}
		next.arrive()
		waiting.answered()
	})
}

func TestATripThatArrivesAfterAllIsNotGivenUpLater(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		one := p.call("a", 1)
		first := p.sails(1)
		one.leave()
		one.failed(context.Canceled, throttlekit.SourceTransport, true)
		two := p.call("a", 2)
		first.arrive() // within its patience
		second := p.sails(2)
		time.Sleep(2 * patience)
		synctest.Wait()
		if err := second.ctx.Err(); err != nil {
			t.Errorf("the context of a trip with its caller is %v: the patience was another trip's", err)
		}
		second.arrive()
		two.answered()
	})
}

func TestBoardingIsGivenUpWhenNobodyWaits(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		p.board = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		one := p.call("a", 1)
		time.Sleep(5 * patience)
		one.waits()
		one.leave()
		one.failed(context.Canceled, throttlekit.SourceSDK, false)
		time.Sleep(patience)
		synctest.Wait()
		if n := p.rests.Load(); n != 1 {
			t.Fatalf("the worker rested %d times, want once: it has nobody to carry", n)
		}
		p.board = func(context.Context) error { return nil }
		two := p.call("a", 2)
		p.sails(2).arrive()
		two.answered()
	})
}

// Boarding was given up for want of callers, and at that moment one comes: the end of
// the worker's context is none of the caller's business.
func TestWhoComesAsBoardingIsGivenUpIsNotHarmed(t *testing.T) {
	for _, row := range []struct {
		name string
		got  func(context.Context) error
	}{
		{"boarding ends with the context's error", context.Context.Err},
		{"boarding has succeeded after all", func(context.Context) error { return nil }},
	} {
		t.Run(row.name, func(t *testing.T) {
			onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
				given := make(chan struct{})
				p.board = func(ctx context.Context) error {
					<-ctx.Done()
					<-given
					p.board = func(context.Context) error { return nil }
					return row.got(ctx)
				}
				one := p.call("a", 1)
				one.leave()
				one.failed(context.Canceled, throttlekit.SourceSDK, false)
				time.Sleep(patience)
				synctest.Wait() // boarding is given up
				two := p.call("a", 2)
				close(given)
				trip := p.sails(2)
				if err := trip.ctx.Err(); err != nil {
					t.Errorf("the trip's context is %v before anybody has left it", err)
				}
				trip.arrive()
				two.answered()
			})
		})
	}
}

// Callers with short deadlines follow one another without a gap while boarding hangs.
func TestBoardingThatHangsIsGivenUpThoughOthersKeepComing(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		p.board = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		last := p.call("a", 0)
		for key := 1; key < 100; key++ {
			time.Sleep(patience / 10)
			next := p.call("a", key)
			last.leave()
			last = next
		}
		last.leave()
		if n := p.boards.Load(); n < 2 {
			t.Errorf("boarding was tried %d times in ten times the patience, want more: the first try hangs for ever", n)
		}
		time.Sleep(2 * patience)
	})
}
