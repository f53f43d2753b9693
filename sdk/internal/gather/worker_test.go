package gather_test

import (
	"context"
	"errors"
	"testing"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
)

// noBoat is what Board says in tests where it fails.
var noBoat = &throttlekit.Error{Op: "check", Source: throttlekit.SourceTransport, Kind: throttlekit.ErrUnavailable}

func TestAnErrorOfBoardRefusesAllThatWait(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		boarded := make(chan error)
		p.boardBy(boarded)
		callers := []*caller{p.call("a", 1), p.call("a", 2), p.call("b", 3)}
		boarded <- noBoat
		for _, c := range callers {
			c.failed(noBoat, throttlekit.SourceTransport, false)
		}
		p.quiet()
		again := p.call("a", 4) // tries again, since nothing else would
		boarded <- nil
		p.sails(4).arrive()
		boarded <- nil
		again.answered()
	})
}

func TestAnErrorOfBoardLeavesThoseWhoWaitToAWorkerThatIsAboard(t *testing.T) {
	for _, row := range []struct {
		name   string
		second error
	}{
		{"who carries them", nil},
		{"who fails, too, and was the last hope", noBoat},
	} {
		t.Run(row.name, func(t *testing.T) {
			onPier(t, gather.Settings{Seats: 2}, func(t *testing.T, p *pier) {
				one := p.call("a", 1)
				trip := p.sails(1)
				p.board = func(context.Context) error { return noBoat }
				two, three := p.call("a", 2), p.call("b", 3)
				two.waits()
				three.waits()
				if p.Seat() {
					t.Error("a newcomer got a seat before those who wait")
				}
				p.board = func(context.Context) error { return row.second }
				trip.arrive()
				one.answered()
				if row.second != nil {
					two.failed(noBoat, throttlekit.SourceTransport, false)
					three.failed(noBoat, throttlekit.SourceTransport, false)
					return
				}
				p.sails(2).arrive()
				p.sails(3).arrive()
				two.answered()
				three.answered()
			})
		})
	}
}

func TestAWorkerAtRestHoldsNothing(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		one := p.call("a", 1)
		trip := p.sails(1)
		if n := p.rests.Load(); n != 0 {
			t.Errorf("the worker rested %d times with a trip under way", n)
		}
		trip.arrive()
		one.answered()
		if p.rests.Load() == 0 {
			t.Error("the worker kept what it boarded with after a lone call")
		}
	})
}

func TestIdleWorkersEndByThemselves(t *testing.T) {
	const idleFor = gather.IdleFor // at least, and at most twice
	for _, row := range []struct {
		name    string
		trip    time.Duration
		idle    time.Duration
		workers int64
	}{
		{"used again soon", 0, idleFor - time.Millisecond, 1},
		{"used again soon after a long trip", idleFor + idleFor/2, idleFor - time.Millisecond, 1},
		{"used again late", 0, 2*idleFor + time.Millisecond, 2},
		{"used again late after a long trip", idleFor + idleFor/2, 2*idleFor + time.Millisecond, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
				for key := range 2 {
					c := p.call("a", key)
					trip := p.sails(key)
					time.Sleep(row.trip)
					trip.arrive()
					c.answered()
					time.Sleep(row.idle)
				}
				if n := p.carriers.Load(); n != row.workers {
					t.Errorf("there were %d workers, want %d", n, row.workers)
				}
			})
		})
	}
}

func TestCloseOfAQueueThatWasNeverUsed(t *testing.T) {
	onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
		for range 2 {
			if !closed(p.Close()) {
				t.Error("it is not empty")
			}
		}
	})
}

func TestCloseDrainsAndRefuses(t *testing.T) {
	onPier(t, gather.Settings{MaxCalls: 2}, func(t *testing.T, p *pier) {
		one := p.call("a", 1)
		trip := p.sails(1)
		callers := []*caller{p.call("a", 2), p.call("a", 3), p.call("b", 4)}
		leaver := p.call("b", 5)
		drained := p.Close()
		if closed(drained) {
			t.Fatal("it says that it is empty while a trip is under way")
		}
		p.call("a", 6).failed(throttlekit.ErrUnavailable, throttlekit.SourceSDK, false)
		if p.Seat() {
			t.Error("a closed queue gives seats away")
		}
		leaver.leave()
		leaver.failed(context.Canceled, throttlekit.SourceSDK, false)
		trip.arrive()
		one.answered()
		p.sails(2, 3).arrive()
		last := p.sails(4)
		if closed(drained) {
			t.Error("it says that it is empty while the last trip is under way")
		}
		if again := p.Close(); again != drained {
			t.Error("a second Close has another end")
		}
		last.arrive()
		for _, c := range callers {
			c.answered()
		}
		if !closed(drained) {
			t.Error("it is not empty after the last trip")
		}
	})
}

func TestCloseWaitsForSeats(t *testing.T) {
	onPier(t, gather.Settings{Seats: 2}, func(t *testing.T, p *pier) {
		p.Seat()
		p.Seat()
		waiting := p.call("a", 1)
		drained := p.Close()
		p.Leave()
		p.sails(1).arrive() // by a worker that starts after Close
		waiting.answered()
		if closed(drained) {
			t.Error("it says that it is empty while a lone caller has a seat")
		}
		p.Leave()
		if !closed(drained) {
			t.Error("it is not empty after the last lone caller")
		}
	})
}

func TestCloseEndsIdleWorkersAtOnce(t *testing.T) {
	onPier(t, gather.Settings{Seats: 2}, func(t *testing.T, p *pier) {
		one, two := p.call("a", 1), p.call("a", 2)
		first, second := p.sails(1), p.sails(2)
		first.arrive()
		second.arrive()
		one.answered()
		two.answered()
		start := time.Now()
		<-p.Close()
		if waited := time.Since(start); waited > 0 {
			t.Errorf("Close took %v, want no time at all", waited)
		}
	})
}

func TestCloseWhileTheWorkerBoards(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
	}{{"in vain", noBoat}, {"with success", nil}} {
		t.Run(row.name, func(t *testing.T) {
			onPier(t, gather.Settings{}, func(t *testing.T, p *pier) {
				boarded := make(chan error)
				p.boardBy(boarded)
				one := p.call("a", 1)
				drained := p.Close()
				if closed(drained) {
					t.Fatal("it says that it is empty while a worker boards for a call")
				}
				boarded <- row.err
				if row.err == nil {
					p.sails(1).arrive()
					boarded <- nil
					one.answered()
				} else if one.failed(noBoat, throttlekit.SourceTransport, false); !errors.Is(one.err, noBoat) {
					t.Errorf("error is %v, want Board's", one.err)
				}
				if !closed(drained) {
					t.Error("it is not empty")
				}
			})
		})
	}
}
