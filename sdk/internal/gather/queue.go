package gather

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// Carrier makes the trips of one worker. O is what a group's calls belong to, such as
// their limiter.
type Carrier[O any] interface {
	// Board gets what trips need, such as a connection. It may be called again before
	// Rest. Its error fails what waits: nothing was sent.
	Board(ctx context.Context) error
	// Carry makes one trip and sets the outcome of every call. ctx ends when nobody
	// waits for the trip any more.
	Carry(ctx context.Context, owner O, calls []*Call)
	// Rest lets go of what Board got, if anything.
	Rest()
}

// Settings are the bounds of a queue.
type Settings struct {
	Op        string        // the operation, as errors name it
	Seats     int           // trips under way at once
	Limit     int           // calls that may wait
	MaxCalls  int           // calls in one trip
	MaxWeight int64         // weight of one trip, unless a single call has more
	Patience  time.Duration // how long a trip goes on that nobody waits for
}

// Queue gathers calls; K tells their groups apart. It is safe for concurrent use.
type Queue[K comparable, O any] struct {
	settings   Settings
	newCarrier func() Carrier[O]
	calls      sync.Pool // of *Call

	mu          sync.Mutex
	free        int                // seats
	waiting     int                // calls in groups
	groups      map[K]*group[K, O] // those with calls
	first, last *group[K, O]       // the same, in the order to serve them
	spare       *group[K, O]       // one that ended, for the next
	idle        []*worker[K, O]    // parked, the latest last
	crew        []*worker[K, O]    // all of them
	active      int                // those that are not idle
	empty       chan struct{}      // made by Close; closed when nothing is left
}

// New returns a queue. It starts nothing.
func New[K comparable, O any](s Settings, newCarrier func() Carrier[O]) *Queue[K, O] {
	return &Queue[K, O]{
		settings:   s,
		newCarrier: newCarrier,
		calls:      sync.Pool{New: func() any { return &Call{done: make(chan struct{}, 1)} }},
		free:       s.Seats,
		groups:     map[K]*group[K, O]{},
	}
}

var errClosed = errors.New("the door is closed")

func (q *Queue[K, O]) closed() bool { return q.empty != nil }

// Seat takes a free seat for a caller who goes alone, unless others wait for one. Where
// it reports true, a Leave must follow.
func (q *Queue[K, O]) Seat() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed() || q.free == 0 || q.waiting > 0 {
		return false
	}
	q.free--
	return true
}

// Leave gives a seat back, to a worker if calls have come to wait meanwhile.
func (q *Queue[K, O]) Leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free++
	q.dispatch()
	q.settle()
}

// Do has a check travel with others of its group. owner is what the group belongs to;
// it is that of the group's first call for all.
//
// A caller whose context ends before a worker took its call gets the context's error,
// and the call is never sent; one whose context ends later gets it at once, with the
// outcome unknown, and disturbs nobody else.
func (q *Queue[K, O]) Do(ctx context.Context, group K, owner O, key string, cost, weight int64) (throttlekit.Decision, error) {
	if err := ctx.Err(); err != nil {
		return throttlekit.Decision{}, &throttlekit.Error{Op: q.settings.Op, Err: err}
	}
	c := q.calls.Get().(*Call)
	c.Key, c.Cost, c.Weight = key, cost, weight
	if err := q.enqueue(group, owner, c); err != nil {
		q.release(c)
		return throttlekit.Decision{}, err
	}
	if ended := ctx.Done(); ended == nil {
		<-c.done
	} else {
		select {
		case <-c.done:
		case <-ended:
			switch q.abandon(group, c) {
			case waiting:
				q.release(c)
				return throttlekit.Decision{}, &throttlekit.Error{Op: q.settings.Op, Err: ctx.Err()}
			case underWay: // the worker still has the call
				return throttlekit.Decision{}, &throttlekit.Error{Op: q.settings.Op,
					Source: throttlekit.SourceTransport, MayHaveConsumed: true, Err: ctx.Err()}
			case arrived:
				<-c.done
			}
		}
	}
	d, err := c.Decision, c.Err
	q.release(c)
	return d, err
}

func (q *Queue[K, O]) release(c *Call) {
	*c = Call{done: c.done}
	q.calls.Put(c)
}

func (q *Queue[K, O]) enqueue(key K, owner O, c *Call) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed() {
		return q.unavailable(errClosed)
	}
	if q.waiting >= q.settings.Limit {
		return q.unavailable(fmt.Errorf("%d checks wait for Redis or the service already", q.waiting))
	}
	g := q.groups[key]
	if g == nil {
		g = q.addGroup(key, owner)
	}
	g.add(c)
	q.waiting++
	q.dispatch()
	return nil
}

func (q *Queue[K, O]) unavailable(err error) error {
	return &throttlekit.Error{Op: q.settings.Op, Kind: throttlekit.ErrUnavailable, Err: err}
}

// Close refuses new calls. The channel that it returns is closed when the last call has
// its outcome and the last worker has ended.
func (q *Queue[K, O]) Close() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed() {
		q.empty = make(chan struct{})
		for _, w := range q.idle {
			close(w.wake)
		}
		q.idle = nil
		q.settle()
	}
	return q.empty
}

// settle notices the end of a queue that is closed.
func (q *Queue[K, O]) settle() {
	if !q.closed() || q.free < q.settings.Seats || q.waiting > 0 || len(q.crew) > 0 {
		return
	}
	select {
	case <-q.empty:
	default:
		close(q.empty)
	}
}
