package redisdoor

import (
	"context"
	"errors"
	"sync"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor/internal/cluster"

	"github.com/gomodule/redigo/redis"
)

// lanes are the queues of a door to a cluster, one for each node: one that hangs keeps
// nobody from the others. They are never removed, since a queue without checks is some
// hundred bytes, and clusters do not change their nodes' addresses by the thousand.
type lanes struct {
	door *Door

	mu     sync.RWMutex
	queues map[string]*queue // by address
	closed bool
}

func newLanes(d *Door) *lanes { return &lanes{door: d, queues: map[string]*queue{}} }

func (s *lanes) to(n *cluster.Node) *queue {
	s.mu.RLock()
	q := s.queues[n.Address()]
	s.mu.RUnlock()
	if q != nil {
		return q
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if q = s.queues[n.Address()]; q == nil {
		q = newQueue(s.door.settings, func() gather.Carrier[*Limiter] {
			return &nodeCarrier{door: s.door, address: n.Address()}
		})
		if s.closed {
			q.Close()
		}
		s.queues[n.Address()] = q
	}
	return q
}

// close closes all queues; each channel is closed when nothing is left of one.
func (s *lanes) close() (all []<-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, q := range s.queues {
		all = append(all, q.Close())
	}
	return all
}

// checkInLane has a check travel with others to the same node.
func (l *Limiter) checkInLane(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	course, err := l.door.cluster.Course(ctx, cluster.Slot(l.key(key)))
	if err != nil {
		return throttlekit.Decision{}, connectFault(ctx, opCheck, err)
	}
	for turn := 1; ; turn++ {
		d, err := l.checkIn(ctx, l.door.lanes.to(course.Node), key, cost)
		var unreached *cluster.Unreached
		if !errors.As(err, &unreached) || turn == cluster.MaxTurns || !l.door.cluster.Unreached(ctx, &course) {
			return d, err
		}
	}
}

// nodeCarrier carries fused checks over one connection to a node.
type nodeCarrier struct {
	door    *Door
	address string
	node    *cluster.Node
	conn    redis.Conn
	errands []errand
}

// Board implements [gather.Carrier].
func (c *nodeCarrier) Board(ctx context.Context) (err error) {
	if c.conn != nil && c.conn.Err() == nil {
		return nil
	}
	c.Rest()
	c.node = c.door.cluster.Node(c.address)
	if c.conn, err = c.node.Get(ctx); err != nil {
		c.conn = nil
		return connectFault(ctx, opCheck, err)
	}
	return nil
}

// Rest implements [gather.Carrier].
func (c *nodeCarrier) Rest() {
	if c.conn != nil {
		_ = c.conn.Close() // hands it back to the pool; a broken one reported itself already
		c.conn = nil
	}
}

// Carry implements [gather.Carrier].
func (c *nodeCarrier) Carry(ctx context.Context, l *Limiter, calls []*gather.Call) {
	errands := c.errands[:0]
	for _, call := range calls {
		course := cluster.Course{Slot: cluster.Slot(call.Key), Node: c.node}
		errands = append(errands, errand{Course: course, call: call})
	}
	bySlot(errands)
	l.travel(ctx, opCheck, l.pipeline(ctx, c.conn, opCheck, errands, serverClock), serverClock, 1)
	clear(errands) // they are the callers' again
	c.errands = errands
}
