package contest

import (
	"context"

	"github.com/gomodule/redigo/redis"
)

var redigoContender = contender("redigo",
	"EVALSHA of the contract's check script over a redigo pool that keeps a connection for each goroutine",
	openRedigo)

// openRedigo is what a program writes that has redigo and the contract's script.
func openRedigo(_ context.Context, a *Arena, goroutines int) (*client, error) {
	limit, err := newContractual()
	if err != nil {
		return nil, err
	}
	pool := newRedigoPool(a, goroutines)
	args := func(key string) []any {
		args := make([]any, 0, 3+len(limit.argv))
		args = append(args, limit.definition.Check.SHA1, 1, key)
		return append(args, limit.argv...)
	}
	check := func(ctx context.Context, key string) (bool, error) {
		conn, err := pool.GetContext(ctx)
		if err != nil {
			return false, err
		}
		defer conn.Close() // hands it back
		var reply []int64
		if ctx.Done() == nil {
			reply, err = redis.Int64s(conn.Do("EVALSHA", args(key)...))
		} else {
			reply, err = redis.Int64s(redis.DoContext(conn, ctx, "EVALSHA", args(key)...))
		}
		if err != nil {
			return false, err
		}
		return limit.admits(reply)
	}
	_, err = a.Redis.Do("SCRIPT", "LOAD", limit.definition.Check.Source)
	return &client{check: check, close: pool.Close}, err
}

// newRedigoPool keeps as many connections as there are goroutines, and never has one of
// them wait.
func newRedigoPool(a *Arena, goroutines int) *redis.Pool {
	return &redis.Pool{
		MaxIdle: goroutines,
		DialContext: func(ctx context.Context) (redis.Conn, error) {
			return redis.DialContext(ctx, "tcp", a.Redis.Address)
		},
	}
}
