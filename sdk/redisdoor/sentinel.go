package redisdoor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
)

// patrol finds the master that sentinels watch over.
type patrol struct {
	dialer *dialer

	mu        sync.Mutex
	sentinels []string // addresses, in the order to ask them
	master    string   // the address that was found last
}

func newPatrol(d *dialer) *patrol {
	return &patrol{dialer: d, sentinels: slices.Clone(d.target.addresses)}
}

// masterConn is a connection that knows which master it is to.
type masterConn struct {
	fullConn
	address string
}

// fullConn is what redigo's connections are.
type fullConn interface {
	redis.ConnWithTimeout
	redis.ConnWithContext
}

var errFormerMaster = errors.New("the connection is to a former master")

// pool returns a pool of connections to the master of the moment.
func (p *patrol) pool() *redis.Pool {
	return newPool(p.dial, func(ctx context.Context, c redis.Conn, lastUsed time.Time) error {
		if c.(*masterConn).address != p.current() {
			return errFormerMaster
		}
		return testIdle(ctx, c, lastUsed)
	})
}

func (p *patrol) current() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.master
}

// dial asks one sentinel after the other for the master, until one names a server that
// is one: a sentinel that was cut off names the former.
func (p *patrol) dial(ctx context.Context) (redis.Conn, error) {
	p.mu.Lock()
	order := slices.Clone(p.sentinels)
	p.mu.Unlock()
	var errs []error
	for i, sentinel := range order {
		conn, err := p.dialBy(ctx, sentinel)
		if err == nil {
			p.found(sentinel, conn.address)
			return conn, nil
		}
		errs = append(errs, fmt.Errorf("sentinel %d of %d: %w", i+1, len(order), err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

// found notes who was right.
func (p *patrol) found(sentinel, master string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.master = master
	if i := slices.Index(p.sentinels, sentinel); i > 0 {
		p.sentinels = slices.Insert(slices.Delete(p.sentinels, i, i+1), 0, sentinel)
	}
}

func (p *patrol) dialBy(ctx context.Context, sentinel string) (*masterConn, error) {
	address, err := p.ask(ctx, sentinel)
	if err != nil {
		return nil, err
	}
	conn, err := p.dialer.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	role, err := redis.Values(redis.DoContext(conn, ctx, "ROLE"))
	if err == nil {
		if said, _ := redis.String(role[0], nil); said != "master" {
			err = fmt.Errorf("it names a server whose role is %q, want master", said)
		}
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &masterConn{fullConn: conn.(fullConn), address: address}, nil
}

// ask asks a sentinel where the master is.
func (p *patrol) ask(ctx context.Context, sentinel string) (address string, err error) {
	conn, err := redis.DialContext(ctx, "tcp", sentinel, p.dialer.options...)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	t := p.dialer.target
	question := func() ([]string, error) {
		return redis.Strings(redis.DoContext(conn, ctx, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", t.master))
	}
	answer, err := question()
	var refused redis.Error
	if errors.As(err, &refused) && replyCode(refused) == "NOAUTH" && t.password != "" {
		credentials := []any{t.password}
		if t.user != "" {
			credentials = []any{t.user, t.password}
		}
		if _, err = redis.DoContext(conn, ctx, "AUTH", credentials...); err == nil {
			answer, err = question()
		}
	}
	switch {
	case errors.Is(err, redis.ErrNil):
		return "", errors.New("it knows no master of that name")
	case err != nil:
		return "", err
	case len(answer) != 2:
		return "", fmt.Errorf("it answered with %d texts, want a host and a port", len(answer))
	}
	return net.JoinHostPort(answer[0], answer[1]), nil
}
