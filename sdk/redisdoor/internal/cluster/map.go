package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// lookEvery is how long what was learned, or could not be, is good enough at least.
	lookEvery = 100 * time.Millisecond

	// lookAtOne is how long one node may take to tell what it knows; it is more than a
	// new connection in one data centre takes. lookAtAll bounds the whole look.
	lookAtOne = 250 * time.Millisecond
	lookAtAll = 3 * time.Second
)

// Map knows which node owns which slot. It is safe for concurrent use.
type Map struct {
	newPool func(address string) *redis.Pool
	seeds   []string
	owners  [Slots]atomic.Pointer[Node]

	ctx     context.Context // of looks
	cancel  context.CancelFunc
	looking sync.WaitGroup

	mu     sync.Mutex
	nodes  map[string]*Node
	latest *look
	closed bool
}

// look is one time that the cluster is asked who owns what.
type look struct {
	done  chan struct{}
	err   error     // when done
	ended time.Time // guarded by the map's mutex; zero while it goes on
}

// New returns a map that begins with the nodes at seeds. It connects to nothing before
// it is asked.
func New(seeds []string, newPool func(address string) *redis.Pool) *Map {
	m := &Map{newPool: newPool, seeds: seeds, nodes: map[string]*Node{}}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

var errClosed = errors.New("the cluster's connections are closed")

// Close closes all connections that are not in use, and each other one after its use.
func (m *Map) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	m.looking.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	var errs []error
	for _, n := range m.nodes {
		errs = append(errs, n.pool.Close())
	}
	return errors.Join(errs...)
}

// Node returns the node at an address.
func (m *Map) Node(address string) *Node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.node(address)
}

// node is Node for who holds the mutex.
func (m *Map) node(address string) *Node {
	n := m.nodes[address]
	if n == nil {
		n = &Node{address: address, pool: m.newPool(address)}
		if m.closed {
			_ = n.pool.Close() // it has no connection yet, and will have none
		}
		m.nodes[address] = n
	}
	return n
}

// owner returns the node that owns a slot, after a look at the cluster if it has had
// none.
func (m *Map) owner(ctx context.Context, slot int) (*Node, error) {
	if n := m.owners[slot].Load(); n != nil {
		return n, nil
	}
	if err := m.await(ctx, m.look()); err != nil {
		return nil, err
	}
	if n := m.owners[slot].Load(); n != nil {
		return n, nil
	}
	return nil, &Unreached{fmt.Errorf("no node of the cluster serves slot %d", slot)}
}

// Known returns the address of the node that is known to own a slot, if any is.
func (m *Map) Known(slot int) string {
	if n := m.owners[slot].Load(); n != nil {
		return n.address
	}
	return ""
}

// Any returns a connection to some node, for what is about no key. It tries all that own
// slots, in any order.
func (m *Map) Any(ctx context.Context) (redis.Conn, error) {
	owners := m.all()
	if len(owners) == 0 {
		if err := m.await(ctx, m.look()); err != nil {
			return nil, err
		}
		owners = m.all()
	}
	var err error
	for _, i := range rand.Perm(len(owners)) {
		var conn redis.Conn
		if conn, err = owners[i].Get(ctx); err == nil {
			return conn, nil
		}
	}
	m.look() // for the next
	return nil, err
}

// all returns the nodes that own slots, of which there is one once the cluster has been
// looked at.
func (m *Map) all() (owners []*Node) {
	for i := range m.owners {
		if n := m.owners[i].Load(); n != nil && !slices.Contains(owners, n) {
			owners = append(owners, n)
		}
	}
	return owners
}

// Doubt notes that something was wrong with a node, and has the cluster looked at.
func (m *Map) Doubt(n *Node) {
	n.doubted.Store(true)
	m.look()
}

// await returns when a look is over; its error is an [*Unreached], or else ctx's.
func (m *Map) await(ctx context.Context, l *look) error {
	select {
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return &Unreached{ctx.Err()}
	}
}

// look has the cluster asked who owns what, unless that is under way, or was done a
// moment ago.
func (m *Map) look() *look {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		over := &look{done: make(chan struct{}), err: &Unreached{errClosed}}
		close(over.done)
		return over
	}
	if l := m.latest; l != nil && (l.ended.IsZero() || time.Since(l.ended) < lookEvery) {
		return l
	}
	l := &look{done: make(chan struct{})}
	m.latest = l
	candidates := m.candidates()
	m.looking.Go(func() {
		ctx, cancel := context.WithTimeout(m.ctx, lookAtAll)
		defer cancel()
		shares, err := learn(ctx, candidates)
		m.mu.Lock()
		defer m.mu.Unlock()
		if err != nil {
			l.err = &Unreached{fmt.Errorf("no node tells who serves the slots: %w", err)}
		} else {
			m.apply(shares)
		}
		for _, n := range m.nodes {
			n.doubted.Store(false)
		}
		l.ended = time.Now()
		close(l.done)
	})
	return l
}

// candidates returns all nodes in the order to ask them: those first that nothing was
// wrong with, and each time in another order, so that none has all the work. The caller
// holds the mutex.
func (m *Map) candidates() []*Node {
	for _, seed := range m.seeds {
		m.node(seed)
	}
	nodes := make([]*Node, 0, len(m.nodes))
	for _, n := range m.nodes { // in an order that changes
		nodes = append(nodes, n)
	}
	doubts := func(n *Node) int {
		if n.doubted.Load() {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(nodes, func(a, b *Node) int { return cmp.Compare(doubts(a), doubts(b)) })
	return nodes
}

// learn asks one node after the other until one tells.
func learn(ctx context.Context, candidates []*Node) ([]share, error) {
	var errs []error
	for _, n := range candidates {
		shares, err := n.layout(ctx)
		if err == nil {
			return shares, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (n *Node) layout(ctx context.Context) ([]share, error) {
	ctx, cancel := context.WithTimeout(ctx, lookAtOne)
	defer cancel()
	conn, err := n.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	reply, err := redis.DoContext(conn, ctx, "CLUSTER", "SLOTS")
	if err = errors.Join(err, conn.Close()); err != nil {
		return nil, err
	}
	return parseLayout(reply, n.address)
}

// apply takes over what was learned. Slots that nobody serves stay with whom they were
// with, who will say so. The caller holds the mutex.
func (m *Map) apply(shares []share) {
	kept := map[string]bool{}
	for _, s := range shares {
		if len(s.nodes) == 0 {
			continue
		}
		owner := m.node(s.nodes[0])
		for slot := s.from; slot <= s.to; slot++ {
			m.owners[slot].Store(owner)
		}
		for _, address := range s.nodes {
			m.node(address)
			kept[address] = true
		}
	}
	for _, seed := range m.seeds {
		kept[seed] = true
	}
	for slot := range m.owners {
		if n := m.owners[slot].Load(); n != nil {
			kept[n.address] = true
		}
	}
	for address, n := range m.nodes {
		// A node that takes over its first slot is not listed yet, but used.
		if !kept[address] && !n.used.Swap(false) {
			_ = n.pool.Close()
			delete(m.nodes, address)
		}
	}
}
