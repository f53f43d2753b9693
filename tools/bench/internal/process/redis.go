package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Redis is a redis-server that nobody else uses, over TCP as everybody's is, and with
// nothing to save.
type Redis struct {
	*process
	Address string // host:port
	dir     string
}

// attempts bounds the search for a port that is still free when Redis takes it.
const attempts = 5

// StartRedis starts a redis-server, which has to be on the PATH.
func StartRedis(ctx context.Context) (*Redis, error) {
	var errs []error
	for range attempts {
		r, err := startRedis(ctx)
		if err == nil {
			return r, nil
		}
		errs = append(errs, err)
		if errors.Is(err, exec.ErrNotFound) || ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func startRedis(ctx context.Context) (_ *Redis, err error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-redis")
	if err != nil {
		return nil, err
	}
	p, err := start(exec.Command("redis-server",
		"--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	r := &Redis{process: p, Address: address, dir: dir}
	if err := r.await(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// freeAddress is one that was free a moment ago. Redis cannot be asked to choose.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// await asks until Redis answers; how long that takes decides nothing.
func (r *Redis) await(ctx context.Context) error {
	deadline := time.After(patience)
	for {
		_, err := r.Do("PING")
		if err == nil {
			return nil
		}
		select {
		case <-r.exited:
			return r.failed("it ended before it answered")
		case <-ctx.Done():
			return ctx.Err()
		case <-deadline:
			return fmt.Errorf("redis-server does not answer: %w", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Do runs one command over a connection of its own.
func (r *Redis) Do(command string, args ...any) (any, error) {
	conn, err := redis.Dial("tcp", r.Address)
	if err != nil {
		return nil, err
	}
	reply, err := conn.Do(command, args...)
	return reply, errors.Join(err, conn.Close())
}

// URL is the address as redisdoor.Dial and serve take it.
func (r *Redis) URL() string { return "redis://" + r.Address }

// Close ends the server and removes its folder.
func (r *Redis) Close() error {
	return errors.Join(r.process.Close(), os.RemoveAll(r.dir))
}
