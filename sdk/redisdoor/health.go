package redisdoor

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/gomodule/redigo/redis"
)

// health is what a pool knows of its Redis: when a connection broke last. What breaks
// one, such as a restart, breaks the others as well, and a check that is sent over such
// a connection is one whose outcome is unknown.
type health struct {
	broke atomic.Int64 // in nanoseconds since the epoch
}

// healthConn is a connection that tells when it is broken.
type healthConn struct {
	fullConn
	health *health
}

// fullConn is what redigo's connections are.
type fullConn interface {
	redis.ConnWithTimeout
	redis.ConnWithContext
}

// Err implements [redis.Conn]. The pool asks for it when the connection comes back.
func (c *healthConn) Err() error {
	err := c.fullConn.Err()
	switch {
	case err == nil, errors.Is(err, errFormerMaster):
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		// It was a caller's context that broke it.
	default:
		c.health.broke.Store(time.Now().UnixNano())
	}
	return err
}

// test has a connection answer before it is used again, if it has not been used for some
// time, or not since another broke.
func (h *health) test(ctx context.Context, c redis.Conn, lastUsed time.Time) error {
	if err := c.Err(); err != nil {
		return err
	}
	if time.Since(lastUsed) < checkAfter && lastUsed.UnixNano() > h.broke.Load() {
		return nil
	}
	_, err := redis.DoContext(c, ctx, "PING")
	return err
}
