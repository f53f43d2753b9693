package redisdoor

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

// health is what a pool knows of its Redis: how often a connection broke. What breaks
// one, such as a restart, breaks the others as well, and the outcome of a check that is
// sent over such a connection is unknown. So each has to answer before it is used again.
type health struct {
	breaks atomic.Int64
	proven atomic.Int64 // so many breaks had been when a connection answered
}

// healthConn is a connection that tells when it is broken.
type healthConn struct {
	fullConn
	health *health
	sound  int64 // it was, after so many breaks
	told   bool
}

// fullConn is what redigo's connections are.
type fullConn interface {
	redis.ConnWithTimeout
	redis.ConnWithContext
}

// of returns a dial whose connections tell. The first after a break has to answer, too: a
// server that is about to end still accepts connections.
func (h *health) of(dial func(context.Context) (redis.Conn, error)) func(context.Context) (redis.Conn, error) {
	return func(ctx context.Context) (redis.Conn, error) {
		breaks := h.breaks.Load()
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		c := &healthConn{fullConn: conn.(fullConn), health: h, sound: breaks}
		if breaks > h.proven.Load() {
			if err := c.ping(ctx); err != nil {
				return nil, errors.Join(err, c.Close())
			}
		}
		return c, nil
	}
}

// ping has the connection answer.
func (c *healthConn) ping(ctx context.Context) error {
	breaks := c.health.breaks.Load()
	if _, err := c.DoContext(ctx, "PING"); err != nil {
		return err
	}
	c.sound = breaks
	c.health.proven.Store(breaks)
	return nil
}

// Err implements [redis.Conn]. The pool asks for it when the connection comes back.
func (c *healthConn) Err() error {
	err := c.fullConn.Err()
	switch {
	case err == nil, c.told, errors.Is(err, errFormerMaster):
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// It was a caller's context that broke it.
	default:
		c.told = true
		c.health.breaks.Add(1)
	}
	return err
}

// test has a connection answer before it is used again, if it has not been used for some
// time, or has not answered since another broke.
func (h *health) test(ctx context.Context, c redis.Conn, lastUsed time.Time) error {
	if err := c.Err(); err != nil {
		return err
	}
	ours, ok := c.(*healthConn) // unless somebody has changed the pool's dial
	if time.Since(lastUsed) < checkAfter && (!ok || ours.sound == h.breaks.Load()) {
		return nil
	}
	if ok {
		return ours.ping(ctx)
	}
	_, err := redis.DoContext(c, ctx, "PING")
	return err
}
