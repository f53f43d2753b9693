package redisdoor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gomodule/redigo/redis"
)

// What a pool made by Dial is set to. A limiter stands in front of other work, so it
// must learn early that Redis does not answer, and never be short of a connection that
// it had a moment ago.
const (
	// dialTimeout, and ioTimeout for one write or read, are far more than what a
	// healthy Redis in the same data centre needs.
	dialTimeout = time.Second
	ioTimeout   = time.Second

	// poolSize connections at most, all of them kept while idle: with fewer idle than
	// active ones, each burst would dial anew. Callers beyond wait for their turn.
	poolSize = 64

	// idleTimeout closes what has not been used for so long, before firewalls that
	// forget idle connections do it unseen.
	idleTimeout = 4 * time.Minute

	// checkAfter is how long a connection may have been idle before it has to answer a
	// PING first. A connection that died unseen would otherwise cost a check whose
	// outcome is unknown.
	checkAfter = 15 * time.Second
)

// DialOption changes how [Dial] connects.
type DialOption interface{ applyDial(*dialSettings) }

type dialSettings struct{ tls *tls.Config }

type dialOptionFunc func(*dialSettings)

func (f dialOptionFunc) applyDial(s *dialSettings) { f(s) }

// WithTLSConfig gives the TLS configuration of a rediss address, as for a private
// certificate authority or a client certificate. It is cloned. Its ServerName defaults
// to the host that is connected to, for a cluster's nodes and a sentinels' master as
// these are announced.
func WithTLSConfig(config *tls.Config) DialOption {
	return dialOptionFunc(func(s *dialSettings) { s.tls = config.Clone() })
}

// Dial returns a pool of connections to the Redis at address. Despite its name it does
// not connect yet: the first call does. The caller closes the pool. Addresses are
//
//	redis://[[user]:password@]host[:port][/database]       plain TCP, port 6379
//	rediss://[[user]:password@]host[:port][/database]      TLS 1.2 or newer
//	unix://[[user]:password@]/path/to/socket[?db=database]
//	redis+sentinel://[[user]:password@]host[:port],host[:port]/master[/database]
//	rediss+sentinel://...                                  TLS to sentinels and master
//
// The hosts of the last two are sentinels, port 26379, and master is the name under
// which they watch over it. They are asked at each new connection, one after the other
// until one knows, the last that did first; a server that is no master is refused. When
// it is another master than before, the connections to the former are closed rather than
// used again. User and password are the Redis server's, and a sentinel is told them, too,
// if it wants any.
//
// The pool holds up to 64 connections and keeps them; calls beyond wait until one is
// free or their context ends. Dialling, each write and each read may take a second. The
// fields of the pool may be changed before its first use. Errors never repeat the
// address's user or password.
//
// A cluster's address is for [DialCluster]; [DialAny] takes all.
func Dial(address string, opts ...DialOption) (*redis.Pool, error) {
	d, err := newDialer(address, opts)
	if err != nil {
		return nil, err
	}
	switch d.target.layout {
	case clustered:
		return nil, errors.New("redisdoor: redis address: is a cluster's, want DialCluster or DialAny for it")
	case sentinels:
		return newPatrol(d).pool(), nil
	}
	return d.pool(d.target.addresses[0]), nil
}

// Connections is what [Dial] and [DialCluster] return: a [*redis.Pool] or a [*Cluster].
type Connections interface {
	Pool
	io.Closer
}

// DialAny is [Dial] or [DialCluster] as the address says, for a program that is told the
// address of its Redis.
func DialAny(address string, opts ...DialOption) (Connections, error) {
	d, err := newDialer(address, opts)
	if err != nil {
		return nil, err
	}
	if d.target.layout == clustered {
		return DialCluster(address, opts...)
	}
	return Dial(address, opts...)
}

// dialer connects to what an address names.
type dialer struct {
	target  target
	options []redis.DialOption // but for the credentials and the database
}

func newDialer(address string, opts []DialOption) (*dialer, error) {
	var settings dialSettings
	for _, o := range opts {
		o.applyDial(&settings)
	}
	t, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("redisdoor: redis address: %w", err)
	}
	if settings.tls != nil && !t.tls {
		return nil, errors.New("redisdoor: WithTLSConfig needs a rediss:// address; without TLS the configuration would be ignored")
	}
	d := &dialer{target: t, options: []redis.DialOption{
		redis.DialConnectTimeout(dialTimeout),
		redis.DialReadTimeout(ioTimeout),
		redis.DialWriteTimeout(ioTimeout),
	}}
	if t.tls {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if settings.tls != nil {
			config = settings.tls
		}
		// Where it has no ServerName redigo fills in the host, for each connection.
		d.options = append(d.options, redis.DialUseTLS(true),
			redis.DialTLSHandshakeTimeout(dialTimeout), redis.DialTLSConfig(config))
	}
	return d, nil
}

// dial connects to a Redis.
func (d *dialer) dial(ctx context.Context, address string) (redis.Conn, error) {
	conn, err := redis.DialContext(ctx, d.target.network, address, append(d.options[:len(d.options):len(d.options)],
		redis.DialUsername(d.target.user), redis.DialPassword(d.target.password), redis.DialDatabase(d.target.database))...)
	return conn, untold(err)
}

// pool returns a pool of connections to the Redis at an address.
func (d *dialer) pool(address string) *redis.Pool {
	return newPool(func(ctx context.Context) (redis.Conn, error) { return d.dial(ctx, address) })
}

func newPool(dial func(context.Context) (redis.Conn, error)) *redis.Pool {
	h := new(health)
	return &redis.Pool{
		DialContext:         h.of(dial),
		TestOnBorrowContext: h.test,
		MaxIdle:             poolSize,
		MaxActive:           poolSize,
		IdleTimeout:         idleTimeout,
		Wait:                true,
	}
}
