package redisdoor

import (
	"context"
	"errors"
	"sync"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
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
	settings settings
	calls    gate
}

// Open returns a door to the Redis behind pool. It does not connect. The pool stays
// the caller's: Close leaves it open.
func Open(pool Pool, opts ...Option) *Door {
	return &Door{pool: pool, settings: settingsOf(settings{maxWork: DefaultMaxWork}, opts)}
}

// Limiter returns a limiter that runs s through the door. The error is the strategy's:
// it names the field, what was got and what is allowed.
func (d *Door) Limiter(s script.Strategy, opts ...Option) (*Limiter, error) {
	if s == nil {
		return nil, errors.New("redisdoor: the strategy is nil")
	}
	plan, err := s.Plan()
	if err != nil {
		return nil, err
	}
	return newLimiter(d, plan, settingsOf(d.settings, opts)), nil
}

// New is a door with one limiter. There is nothing to close.
func New(pool Pool, s script.Strategy, opts ...Option) (*Limiter, error) {
	return Open(pool).Limiter(s, opts...)
}

// Close refuses new calls and waits for those under way, until ctx ends. Calls after
// it are [throttlekit.ErrUnavailable].
func (d *Door) Close(ctx context.Context) error {
	select {
	case <-d.calls.close():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
