package contest

import (
	"context"
	"errors"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// The names by which the reports know the SDK's own.
const (
	Fused   = "fused"
	Unfused = "unfused"
)

var (
	fusedContender = contender(Fused,
		"redisdoor at its defaults, over a pool of redisdoor.Dial that may have a connection for each goroutine", openDoor(limit))
	unfusedContender = contender(Unfused,
		"the same with redisdoor.WithoutFusing",
		openDoor(limit, redisdoor.WithoutFusing()))
)

func openDoor(s script.Strategy, opts ...redisdoor.Option) opener {
	return func(_ context.Context, a *Arena, goroutines int) (*client, error) {
		limiter, close, err := openLimiter(a, goroutines, s, opts...)
		if err != nil {
			return nil, err
		}
		return &client{check: checker(limiter), close: close}, nil
	}
}

func openLimiter(a *Arena, goroutines int, s script.Strategy, opts ...redisdoor.Option) (throttlekit.Limiter, func() error, error) {
	pool, err := redisdoor.Dial(a.Redis.URL())
	if err != nil {
		return nil, nil, err
	}
	pool.MaxActive = max(pool.MaxActive, goroutines)
	pool.MaxIdle = pool.MaxActive
	door := redisdoor.Open(pool, opts...)
	close := func() error { return errors.Join(door.Close(context.Background()), pool.Close()) }
	limiter, err := door.Limiter(s)
	if err != nil {
		return nil, nil, errors.Join(err, close())
	}
	return limiter, close, nil
}

func checker(limiter throttlekit.Limiter) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, key string) (bool, error) {
		d, err := limiter.Check(ctx, key)
		return d.Allowed, err
	}
}
