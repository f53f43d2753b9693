package gather

import "time"

// trip is one way to Redis or to the service and back. It begins before it has calls,
// with what it takes to get under way. It is guarded by the queue's mutex.
type trip struct {
	riders  int  // callers that still wait for its outcomes
	filled  bool // it has its calls
	over    bool // the outcomes are there, or there was nothing to carry
	forlorn bool // to be cancelled after some time, if nothing has changed
	cancel  func()
}

// begin fills a worker's trip with the calls whose turn it is; err is why the worker has
// not what a trip needs. Without calls the worker's seat is given back, unless boarding
// failed only because it had been given up, and there are calls for it once more: then
// the worker is to board again.
func (w *worker[K, O]) begin(err error, calls []*Call) (owner O, _ []*Call, again bool) {
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.revive() && err != nil && q.waiting > 0 {
		return owner, calls, true
	}
	if err != nil && q.active == 1 { // else another worker is on its way to them
		q.refuse(err)
	}
	if err == nil {
		owner, calls = q.take(w.trip, calls)
	}
	if len(calls) == 0 {
		w.rest()
	}
	return owner, calls, false
}

// revive gives a worker whose trip was given up before it had calls another context, so
// that whoever comes now does not suffer from it. The caller holds the mutex.
func (w *worker[K, O]) revive() bool {
	if w.ctx.Err() == nil {
		return false
	}
	w.renew()
	w.trip.cancel, w.trip.forlorn = w.cancel, false
	return true
}

// take fills t with calls of the group whose turn it is. The caller holds the mutex.
func (q *Queue[K, O]) take(t *trip, calls []*Call) (O, []*Call) {
	g := q.first
	if g == nil {
		var nobody O
		return nobody, calls
	}
	owner, weight := g.owner, int64(0)
	for c := g.first; c != nil && len(calls) < q.settings.MaxCalls; c = g.first {
		if len(calls) > 0 && c.Weight > q.settings.MaxWeight-weight {
			break
		}
		weight += c.Weight
		g.remove(c)
		c.trip = t
		calls = append(calls, c)
	}
	if g.first == nil {
		q.removeGroup(g)
	} else {
		q.unlink(g)
		q.append(g)
	}
	q.waiting -= len(calls)
	t.riders, t.filled, t.forlorn = len(calls), true, false
	return owner, calls
}

// refuse fails all that waits. The caller holds the mutex.
func (q *Queue[K, O]) refuse(err error) {
	over := &trip{over: true}
	for {
		_, calls := q.take(over, nil)
		if len(calls) == 0 {
			return
		}
		for _, c := range calls {
			c.Err = err
			c.done <- struct{}{} // has room
		}
	}
}

// finish ends a worker's trip, whose outcomes are there, and starts the next.
func (w *worker[K, O]) finish() {
	w.queue.mu.Lock()
	defer w.queue.mu.Unlock()
	w.trip.over = true
	w.trip = &trip{}
	if !w.revive() {
		w.trip.cancel = w.cancel
	}
}

// rest ends a trip without calls and gives the worker's seat back. The caller holds the
// mutex.
func (w *worker[K, O]) rest() {
	q := w.queue
	w.trip.over = true
	w.rested = false
	q.active--
	q.free++
	w.revive()
	if w.dead = q.closed(); w.dead {
		return
	}
	q.idle = append(q.idle, w)
}

// Where a call is.
type place int

const (
	waiting  place = iota // in the queue; it is not sent
	underWay              // taken by a worker; it may have been sent
	arrived               // its outcome is there
)

// abandon takes a call back whose caller gives up, and reports where it was.
func (q *Queue[K, O]) abandon(key K, c *Call) place {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch t := c.trip; {
	case t == nil:
		g := q.groups[key]
		g.remove(c)
		if g.first == nil {
			q.removeGroup(g)
		}
		q.waiting--
		for _, w := range q.crew {
			if !w.trip.filled { // a try to connect that took too long for somebody
				q.giveUp(w.trip)
			}
		}
		return waiting
	case t.over:
		return arrived
	default:
		t.riders--
		if t.riders == 0 {
			q.giveUp(t)
		}
		return underWay
	}
}

// giveUp cancels a trip that is no use to anybody, if it is still where it is after some
// time: what went silent would keep its worker for as long as it stays silent. The
// caller holds the mutex.
func (q *Queue[K, O]) giveUp(t *trip) {
	if t.over || t.forlorn {
		return
	}
	t.forlorn = true
	filled := t.filled
	time.AfterFunc(q.settings.Patience, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if !t.over && t.filled == filled {
			t.cancel()
		}
	})
}
