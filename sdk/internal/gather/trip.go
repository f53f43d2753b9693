package gather

import "time"

// trip is one way to Redis or to the service and back. It begins before it has calls,
// with what it takes to get under way. It is guarded by the queue's mutex.
type trip struct {
	riders int  // callers that still wait for its outcomes
	filled bool // it has its calls
	over   bool // the outcomes are there, or there was nothing to carry
	cancel func()
}

// begin fills a worker's trip with the calls whose turn it is; err is why the worker has
// not what a trip needs. Without calls the worker's seat is given back.
func (w *worker[K, O]) begin(err error, calls []*Call) (O, []*Call) {
	q := w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	w.board(err == nil)
	if err != nil && q.aboard == 0 { // else another worker is on its way back to them
		q.refuse(err)
	}
	var owner O
	if err == nil {
		owner, calls = q.take(w.trip, calls)
	}
	if len(calls) == 0 {
		w.rest()
	}
	return owner, calls
}

// board counts the workers that have what trips need. The caller holds the mutex.
func (w *worker[K, O]) board(has bool) {
	if has != w.aboard {
		w.aboard = has
		if has {
			w.queue.aboard++
		} else {
			w.queue.aboard--
		}
	}
}

// take fills t with calls of the group whose turn it is. The caller holds the mutex.
func (q *Queue[K, O]) take(t *trip, calls []*Call) (O, []*Call) {
	for q.first != nil {
		g := q.first
		q.first = g.next
		if q.first == nil {
			q.last = nil
		}
		g.next = nil
		weight := int64(0)
		for c := g.first; c != nil && len(calls) < q.settings.MaxCalls; c = g.first {
			if weight += c.Weight; len(calls) > 0 && weight > q.settings.MaxWeight {
				break
			}
			g.remove(c)
			c.trip = t
			calls = append(calls, c)
		}
		owner := g.owner
		if g.first == nil {
			delete(q.groups, g.key)
			*g = group[K, O]{}
			q.spare = g
		} else {
			q.append(g)
		}
		if len(calls) > 0 {
			q.waiting -= len(calls)
			t.riders, t.filled = len(calls), true
			return owner, calls
		}
	}
	var nobody O
	return nobody, calls
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
	if w.ctx.Err() != nil {
		w.renew()
	}
	w.trip = &trip{cancel: w.cancel}
}

// rest ends a trip without calls and gives the worker's seat back. The caller holds the
// mutex.
func (w *worker[K, O]) rest() {
	q := w.queue
	w.board(false)
	w.trip.over = true
	w.rested = false
	q.free++
	if w.ctx.Err() != nil {
		w.renew()
	}
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
		q.groups[key].remove(c) // left without calls, a group goes when its turn comes
		q.waiting--
		if q.waiting == 0 {
			for _, w := range q.crew {
				q.giveUp(w.trip)
			}
		}
		return waiting
	case t.over:
		return arrived
	default:
		t.riders--
		q.giveUp(t)
		return underWay
	}
}

// giveUp cancels a trip that nobody waits for, if it is still so after some time: a
// connection that went silent would keep its worker for as long as it stays silent. The
// caller holds the mutex.
func (q *Queue[K, O]) giveUp(t *trip) {
	forlorn := func() bool { return !t.over && t.riders == 0 && (t.filled || q.waiting == 0) }
	if !forlorn() {
		return
	}
	time.AfterFunc(q.settings.Patience, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if forlorn() {
			t.cancel()
		}
	})
}
