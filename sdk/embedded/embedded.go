// Package embedded starts a Redis inside the process, so that the Redis door runs where
// none is installed: on a laptop, in tests, in a demo. Who needs limits and not the Redis
// protocol is better served by package localdoor, which gives the same decisions without
// a server, an interpreter or a connection.
//
// It is miniredis, a Redis in Go that runs the contract's Lua, with what it lacks for
// the purpose added: its time passes, so that what expires leaves memory. It is not for
// production: it holds one process's limits and forgets them with the process, and a
// check takes about four times as long as over a socket to a real Redis (go test
// ./sdk/redisdoor -run - -bench 'Embedded|Check/Background').
package embedded

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// tick is how often expiries are applied. No decision depends on them: a script finds
// an expired state and an idle one alike.
const tick = 250 * time.Millisecond

// Redis is a running in-process Redis.
type Redis struct {
	server *miniredis.Miniredis
	stop   context.CancelFunc
	done   chan struct{}
}

// Start starts a Redis on a loopback port of the system's choosing. It runs until
// Close, or until ctx ends. It refuses to start in a program that runs in FIPS-only
// mode, where Redis scripting, which is built on SHA-1, cannot run inside the process.
func Start(ctx context.Context) (*Redis, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !sha1Allowed() {
		return nil, errors.New("embedded: Redis caches scripts by their SHA-1, which this program's FIPS-only mode forbids; use a real Redis, or localdoor, which needs none")
	}
	server, err := miniredis.Run()
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	ctx, stop := context.WithCancel(ctx)
	r := &Redis{server: server, stop: stop, done: make(chan struct{})}
	go r.run(ctx)
	return r, nil
}

// URL is the server's address, such as redis://127.0.0.1:41234.
func (r *Redis) URL() string { return "redis://" + r.server.Addr() }

// Close stops the server and waits until it has stopped. It may be called twice.
func (r *Redis) Close() error {
	r.stop()
	<-r.done
	return nil
}

// run lets time pass for the server until ctx ends, then closes it.
func (r *Redis) run(ctx context.Context) {
	defer close(r.done)
	defer r.server.Close()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.server.FastForward(now.Sub(last))
			last = now
		}
	}
}

// sha1Allowed asks the package itself: in FIPS-only mode it panics.
func sha1Allowed() (allowed bool) {
	defer func() { allowed = recover() == nil }()
	sha1.Sum(nil)
	return true
}
