package redisdoor

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

// A server that went away has hung up on all of its connections, and each one that lies
// idle in a pool would cost a check whose outcome is unknown before it is found out: dozens
// of them after a restart. So one that was found broken condemns those that have not been
// used since.

// hangups knows when the server of a pool hung up last.
type hangups struct{ last atomic.Pointer[time.Time] }

// noticeHangups has a pool drop the connections that were idle when another was found hung
// up.
func noticeHangups(pool *redis.Pool) *redis.Pool {
	h := &hangups{}
	dial, test := pool.DialContext, pool.TestOnBorrowContext
	pool.DialContext = func(ctx context.Context) (redis.Conn, error) {
		conn, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		return &watchedConn{fullConn: conn.(fullConn), hangups: h}, nil
	}
	pool.TestOnBorrowContext = func(ctx context.Context, conn redis.Conn, lastUsed time.Time) error {
		if last := h.last.Load(); last != nil && lastUsed.Before(*last) {
			return errHungUp
		}
		if watched, ok := conn.(*watchedConn); ok {
			conn = watched.fullConn
		}
		return test(ctx, conn, lastUsed)
	}
	return pool
}

var errHungUp = errors.New("the server has hung up on another connection since")

// watchedConn tells when it is closed because the server hung up.
type watchedConn struct {
	fullConn
	hangups *hangups
}

// Close implements [redis.Conn].
func (c *watchedConn) Close() error {
	if hungUp(c.Err()) {
		now := time.Now()
		c.hangups.last.Store(&now)
	}
	return c.fullConn.Close()
}

// hungUp reports whether the other side ended a connection, which a timeout does not tell.
func hungUp(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}
