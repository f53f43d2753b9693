package redisdoor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

const (
	// patrolEvery is how often the sentinels are asked while connections are in use: a
	// former master that is well may serve its clients for ten seconds more, beside the
	// new one, until the sentinels demote it.
	patrolEvery = time.Second

	// patrolTime bounds how long they are asked.
	patrolTime = time.Second
)

// patrol finds the master that sentinels watch over.
type patrol struct {
	dialer *dialer
	master atomic.Pointer[string] // the address that was found last
	next   atomic.Int64           // when to ask again, in nanoseconds since the epoch

	mu        sync.Mutex
	sentinels []string // addresses, in the order to ask them
}

func newPatrol(d *dialer) *patrol {
	return &patrol{dialer: d, sentinels: slices.Clone(d.target.addresses)}
}

// masterConn is a connection that knows which master it is to.
type masterConn struct {
	fullConn
	patrol  *patrol
	address string
}

// Err implements [redis.Conn]. Whoever is about to use the connection, or to keep it for
// the next, asks for it first.
func (c *masterConn) Err() error {
	if err := c.fullConn.Err(); err != nil {
		return err
	}
	c.patrol.walk()
	if c.address != *c.patrol.master.Load() {
		return errFormerMaster
	}
	return nil
}

var errFormerMaster = errors.New("the connection is to a former master")

// pool returns a pool of connections to the master of the moment.
func (p *patrol) pool() *redis.Pool {
	return newPool(p.dial)
}

// walk has the sentinels asked for the master if it is time to, and does not wait for
// their answer. What it starts ends by itself.
func (p *patrol) walk() {
	next, now := p.next.Load(), time.Now()
	if now.UnixNano() < next || !p.next.CompareAndSwap(next, now.Add(patrolEvery).UnixNano()) {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patrolTime)
		defer cancel()
		// Where none of them answers, the master is the one of before.
		_ = p.each(ctx, func(sentinel string) error {
			address, err := p.ask(ctx, sentinel)
			if err == nil {
				p.master.Store(&address)
			}
			return err
		})
	}()
}

// dial asks one sentinel after the other for the master, until one names a server that
// is one: a sentinel that was cut off names the former.
func (p *patrol) dial(ctx context.Context) (conn redis.Conn, err error) {
	err = p.each(ctx, func(sentinel string) error {
		address, err := p.ask(ctx, sentinel)
		if err != nil {
			return err
		}
		if conn, err = p.dialMaster(ctx, address); err != nil {
			return err
		}
		p.master.Store(&address)
		return nil
	})
	return conn, err
}

// each turns to one sentinel after the other until one is of use, and remembers which.
func (p *patrol) each(ctx context.Context, turn func(sentinel string) error) error {
	p.mu.Lock()
	order := slices.Clone(p.sentinels)
	p.mu.Unlock()
	var errs []error
	for i, sentinel := range order {
		err := turn(sentinel)
		if err == nil {
			p.prefer(sentinel)
			return nil
		}
		errs = append(errs, fmt.Errorf("sentinel %d of %d: %w", i+1, len(order), err))
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (p *patrol) prefer(sentinel string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.sentinels, sentinel); i > 0 {
		p.sentinels = slices.Insert(slices.Delete(p.sentinels, i, i+1), 0, sentinel)
	}
}

// dialMaster connects to a server and has it say that it is a master.
func (p *patrol) dialMaster(ctx context.Context, address string) (redis.Conn, error) {
	conn, err := p.dialer.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	role, err := redis.Values(redis.DoContext(conn, ctx, "ROLE"))
	if err == nil {
		said := ""
		if len(role) > 0 {
			said, _ = redis.String(role[0], nil)
		}
		if said != "master" {
			err = fmt.Errorf("it names a server whose role is %q, want master", said)
		}
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &masterConn{fullConn: conn.(fullConn), patrol: p, address: address}, nil
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
		return "", untold(err)
	case len(answer) != 2:
		return "", fmt.Errorf("it answered with %d texts, want a host and a port", len(answer))
	}
	return net.JoinHostPort(answer[0], answer[1]), nil
}
