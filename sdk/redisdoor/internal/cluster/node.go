package cluster

import (
	"context"
	"sync/atomic"

	"github.com/gomodule/redigo/redis"
)

// Node is one server of the cluster, by its address.
type Node struct {
	address string
	pool    *redis.Pool
	used    atomic.Bool // since the last look at the cluster
	doubted atomic.Bool // likewise: something was wrong with it
}

// Address is where the node listens.
func (n *Node) Address() string { return n.address }

// Get returns a connection to the node, to be closed after use. Its error is an
// [*Unreached].
func (n *Node) Get(ctx context.Context) (redis.Conn, error) {
	if !n.used.Load() {
		n.used.Store(true)
	}
	conn, err := n.pool.GetContext(ctx)
	if err != nil {
		if ctx.Err() == nil {
			n.doubted.Store(true)
		}
		return nil, &Unreached{err}
	}
	return conn, nil
}

// Unreached says that there was no connection: nothing was sent.
type Unreached struct{ err error }

// Error implements error.
func (u *Unreached) Error() string { return u.err.Error() }

// Unwrap returns why.
func (u *Unreached) Unwrap() error { return u.err }
