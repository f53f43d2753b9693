package redisdoor

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor/internal/cluster"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Pool hands out connections to one Redis; a [*redis.Pool] is one. Each connection is
// closed after its call, and must support contexts as redigo's own do.
type Pool interface {
	GetContext(ctx context.Context) (redis.Conn, error)
}

var _ Pool = (*redis.Pool)(nil)

// Door is the way to one Redis, shared by any number of limiters. It is safe for
// concurrent use.
type Door struct {
	pool     Pool
	cluster  *cluster.Map // where there is one, all goes through it
	settings settings
	queue    *queue // of checks that travel together
	lanes    *lanes // of those in a cluster
	calls    gate   // of all others
}

// Open returns a door to the Redis behind pool, or to the cluster that a [*Cluster] is.
// It does not connect. The pool stays the caller's: Close leaves it open.
func Open(pool Pool, opts ...Option) *Door {
	s := defaults()
	for _, o := range opts {
		o.apply(&s)
	}
	d := &Door{pool: pool, settings: s}
	if c, ok := pool.(*Cluster); ok {
		d.cluster, d.lanes = c.nodes, newLanes(d)
	} else {
		d.queue = newQueue(s, func() gather.Carrier[*Limiter] { return &carrier{pool: pool} })
	}
	return d
}

// Limiter returns a limiter that runs s through the door. The error is the strategy's:
// it names the field, what was got and what is allowed; or that of [WithKeyHash].
func (d *Door) Limiter(s script.Strategy, opts ...LimiterOption) (*Limiter, error) {
	if s == nil {
		return nil, errors.New("redisdoor: the strategy is nil")
	}
	plan, err := s.Plan()
	if err != nil {
		return nil, err
	}
	settings := d.settings
	for _, o := range opts {
		o.applyToLimiter(&settings)
	}
	if settings.hashErr != nil {
		return nil, fmt.Errorf("redisdoor: %w", settings.hashErr)
	}
	return newLimiter(d, plan, settings), nil
}

// New is a door with one limiter. There is nothing to close: what it starts ends by
// itself, some 200 ms after the last check.
func New(pool Pool, s script.Strategy, opts ...Option) (*Limiter, error) {
	return Open(pool, opts...).Limiter(s)
}

// Close refuses new calls and waits for those under way, the checks in the queue
// included, until ctx ends. Calls after it are [throttlekit.ErrUnavailable]. No
// goroutine of the door is left when it returns nil.
func (d *Door) Close(ctx context.Context) error {
	all := []<-chan struct{}{d.calls.close()}
	if d.cluster != nil {
		all = append(all, d.lanes.close()...)
	} else {
		all = append(all, d.queue.Close())
	}
	for _, empty := range all {
		select {
		case <-empty:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// enter admits a call, or says why not. Every enter that returns nil needs a leave.
func (d *Door) enter(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return &throttlekit.Error{Op: op, Err: err}
	}
	if !d.calls.enter() {
		return &throttlekit.Error{Op: op, Kind: throttlekit.ErrUnavailable, Err: errClosed}
	}
	return nil
}

var errClosed = errors.New("the door is closed")

// gate counts the calls under way, so that Close can wait for them.
type gate struct {
	mu     sync.Mutex
	inside int
	closed bool
	empty  chan struct{} // made by close; closed when the last call leaves
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	if g.closed && g.inside == 0 {
		close(g.empty)
	}
}

func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.closed = true
		g.empty = make(chan struct{})
		if g.inside == 0 {
			close(g.empty)
		}
	}
	return g.empty
}
