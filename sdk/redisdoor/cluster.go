package redisdoor

import (
	"context"
	"errors"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor/internal/cluster"
)

// Cluster is the way to the nodes of a Redis Cluster, each through a pool of its own.
// It is made by [DialCluster], given to [Open] or [New], and safe for concurrent use.
type Cluster struct{ nodes *cluster.Map }

var (
	_ Connections = (*redis.Pool)(nil)
	_ Connections = (*Cluster)(nil)
)

// DialCluster returns the way to the Redis Cluster at address. Despite its name it does
// not connect yet: the first call does. The caller closes it. Addresses are
//
//	redis+cluster://[[user]:password@]host[:port],host[:port]   plain TCP, port 6379
//	rediss+cluster://...                                        TLS 1.2 or newer
//
// The hosts are some of the nodes, enough that one of them is up; the others are learned
// from it, and the user and password are those of all. Each node's pool is as [Dial]
// makes it.
func DialCluster(address string, opts ...DialOption) (*Cluster, error) {
	d, err := newDialer(address, opts)
	if err != nil {
		return nil, err
	}
	if d.target.layout != clustered {
		return nil, errors.New("redisdoor: redis address: is no cluster's, want redis+cluster:// or rediss+cluster://, or else Dial for it")
	}
	return &Cluster{cluster.New(d.target.addresses, d.pool)}, nil
}

// GetContext returns a connection to any of the masters, for commands that are about no
// key, such as PING. A door finds a key's own node by itself.
func (c *Cluster) GetContext(ctx context.Context) (redis.Conn, error) { return c.nodes.Any(ctx) }

// Close closes the connections to all nodes: at once those that nobody uses, the others
// when they have been used.
func (c *Cluster) Close() error { return c.nodes.Close() }

// Node is the address of the cluster's master that key is with, as far as is known: empty
// before a first call has asked the cluster, and always where there is no cluster. It
// connects to nothing.
func (l *Limiter) Node(key string) string {
	if l.door.cluster == nil {
		return ""
	}
	return l.door.cluster.Known(cluster.Slot(l.key(key)))
}
