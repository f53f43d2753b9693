package gather

import (
	"context"
	"runtime"
	"slices"
	"time"
)

// idleFor is how long a worker outlives its last trip, at least; at most it is twice
// that. Short, so that a program's own tests for leaked goroutines find none.
const idleFor = 100 * time.Millisecond

// worker is a goroutine that makes trips. While it is parked it holds nothing.
type worker[K comparable, O any] struct {
	queue   *Queue[K, O]
	carrier Carrier[O]
	wake    chan struct{} // a token with a seat; closed when the queue is
	calls   []*Call       // of the trip; kept for the next

	// Written by the worker alone.
	ctx    context.Context
	cancel context.CancelFunc
	dead   bool // ended with the queue

	// Guarded by the queue's mutex.
	trip   *trip
	rested bool // idle since the last tick
}

// dispatch gives a free seat to a worker if there is a call for it. The caller holds
// the mutex.
func (q *Queue[K, O]) dispatch() {
	if q.free == 0 || q.waiting == 0 {
		return
	}
	q.free--
	q.active++
	var w *worker[K, O]
	if n := len(q.idle); n > 0 {
		w = q.idle[n-1]
		q.idle = q.idle[:n-1]
		w.wake <- struct{}{} // has room: only what is idle is woken
	} else {
		w = &worker[K, O]{queue: q, carrier: q.newCarrier(), wake: make(chan struct{}, 1)}
		w.renew()
		q.crew = append(q.crew, w)
		go w.run()
	}
	w.trip = &trip{cancel: w.cancel}
}

func (w *worker[K, O]) renew() {
	if w.cancel != nil {
		w.cancel()
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
}

// run makes trips until the worker has been idle for long, or the queue is closed. It
// begins with a seat.
func (w *worker[K, O]) run() {
	tick := time.NewTicker(idleFor)
	defer tick.Stop()
	for w.trips(); !w.dead && w.park(tick.C); w.trips() {
	}
	w.end()
}

// trips goes on until nothing waits.
func (w *worker[K, O]) trips() {
	defer w.carrier.Rest()
	for {
		// Before calls are taken: until then their callers may leave, and nothing was sent.
		err := w.carrier.Board(w.ctx)
		owner, calls, again := w.begin(err, w.calls)
		if again {
			continue
		}
		if len(calls) == 0 {
			return
		}
		w.carrier.Carry(w.ctx, owner, calls)
		w.finish()
		if len(calls) == 1 {
			w.carrier.Rest() // lest the caller's next call, of whatever kind, finds the pool empty
		}
		for _, c := range calls {
			c.done <- struct{}{} // has room
		}
		clear(calls) // they are the callers' again
		w.calls = calls[:0]
		// Those who just got their outcome are the likeliest to come again: let them
		// before the next trip is filled.
		runtime.Gosched()
	}
}

// park waits for a seat, and reports false when the worker is to end instead.
func (w *worker[K, O]) park(tick <-chan time.Time) bool {
	select {
	case <-tick: // during the trips
	default:
	}
	for {
		select {
		case _, ok := <-w.wake:
			return ok
		case <-tick:
			if w.retire() {
				return false
			}
		}
	}
}

// retire ends a worker that nobody has woken for long.
func (w *worker[K, O]) retire() bool {
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.idle, w)
	if i < 0 || !w.rested {
		w.rested = true
		return false // woken this very moment, or used since the last tick
	}
	q.idle = slices.Delete(q.idle, i, i+1)
	return true
}

// end counts a worker out that is no longer idle.
func (w *worker[K, O]) end() {
	w.cancel()
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.crew, w)
	q.crew = slices.Delete(q.crew, i, i+1)
	q.settle()
}
