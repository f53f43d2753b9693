package contest

import (
	"context"
	"errors"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/throttled/throttled/v2"
	goredisstore "github.com/throttled/throttled/v2/store/goredisstore.v9"
)

var (
	goRedisContender = contender("go-redis",
		"Script.Run of the contract's check script; PoolSize is the goroutines", openGoRedis)
	autoPipelineContender = contender("go-redis-autopipeline",
		"the same through go-redis's blocking AutoPipeline, at its defaults, which it calls experimental", openAutoPipeline)
	redisRateContender = contender("redis_rate",
		"Allow, a script of its own over go-redis; PoolSize is the goroutines", openRedisRate)
	throttledContender = contender("throttled",
		"RateLimitCtx over its go-redis v9 store, which reads and then swaps; PoolSize is the goroutines", openThrottled)
)

func newGoRedis(a *Arena, goroutines int) *redis.Client {
	return redis.NewClient(&redis.Options{Addr: a.Redis.Address, PoolSize: goroutines})
}

func openGoRedis(_ context.Context, a *Arena, goroutines int) (*client, error) {
	rdb := newGoRedis(a, goroutines)
	return scripted(rdb, rdb.Close)
}

func openAutoPipeline(_ context.Context, a *Arena, goroutines int) (*client, error) {
	rdb := newGoRedis(a, goroutines)
	pipeliner, err := rdb.AutoPipeline()
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	return scripted(pipeliner, func() error { return errors.Join(pipeliner.Close(), rdb.Close()) })
}

// scripted checks by the contract's script.
func scripted(rdb redis.Scripter, close func() error) (*client, error) {
	limit, err := newContractual()
	if err != nil {
		return nil, errors.Join(err, close())
	}
	script := redis.NewScript(limit.definition.Check.Source)
	return &client{close: close, check: func(ctx context.Context, key string) (bool, error) {
		reply, err := script.Run(ctx, rdb, []string{key}, limit.argv...).Int64Slice()
		if err != nil {
			return false, err
		}
		return limit.admits(reply)
	}}, nil
}

func openRedisRate(_ context.Context, a *Arena, goroutines int) (*client, error) {
	rdb := newGoRedis(a, goroutines)
	limiter := redis_rate.NewLimiter(rdb)
	limit := redis_rate.Limit{Rate: 1, Period: period, Burst: burst}
	return &client{
		check: func(ctx context.Context, key string) (bool, error) {
			result, err := limiter.Allow(ctx, key, limit)
			if err != nil {
				return false, err
			}
			return result.Allowed > 0, nil
		},
		spend: func(ctx context.Context) error {
			return spendEach(func(key string) (bool, error) {
				result, err := limiter.AllowN(ctx, key, limit, burst)
				if err != nil {
					return false, err
				}
				return result.Allowed == burst, nil
			})
		},
		close: rdb.Close,
	}, nil
}

// swaps is how often throttled may lose the race for a key, so that a race is never an
// error. Its default is 10.
const swaps = 1000

func openThrottled(_ context.Context, a *Arena, goroutines int) (*client, error) {
	rdb := newGoRedis(a, goroutines)
	store, err := goredisstore.NewCtx(rdb, "throttled:")
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	c, err := throttledClient(store, rdb.Close)
	if err != nil {
		return nil, errors.Join(err, rdb.Close())
	}
	return c, nil
}

func throttledClient(store throttled.GCRAStoreCtx, close func() error) (*client, error) {
	// It counts one unit apart from the burst.
	quota := throttled.RateQuota{MaxRate: throttled.PerDuration(1, period), MaxBurst: burst - 1}
	limiter, err := throttled.NewGCRARateLimiterCtx(store, quota)
	if err != nil {
		return nil, err
	}
	limiter.SetMaxCASAttemptsLimit(swaps)
	check := func(ctx context.Context, key string, cost int) (bool, error) {
		limited, _, err := limiter.RateLimitCtx(ctx, key, cost)
		return !limited, err
	}
	return &client{
		check: func(ctx context.Context, key string) (bool, error) { return check(ctx, key, 1) },
		spend: func(ctx context.Context) error {
			return spendEach(func(key string) (bool, error) { return check(ctx, key, burst) })
		},
		close: close,
	}, nil
}
