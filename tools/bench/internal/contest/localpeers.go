package contest

import (
	"context"
	"sync"
	"time"

	"github.com/throttled/throttled/v2/store/memstore"
	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"
	"golang.org/x/time/rate"
)

// The names by which the reports know the peers that need no Redis.
const (
	XTimeRate       = "x-time-rate"
	ThrottledMemory = "throttled-memory"
	ThrottledLRU    = "throttled-lru"
	UluleMemory     = "ulule-memory"
)

var localPeers = []Contender{
	localContender(XTimeRate, "Allow of a golang.org/x/time/rate limiter for each key, from a map behind a mutex, as its users write it",
		openXTimeRate, halfAdmitted),
	localContender(ThrottledMemory, "throttled's RateLimitCtx over its memstore that never forgets a key, a map behind a read-write mutex",
		openThrottledMemory(0), halfAdmitted),
	localContender(ThrottledLRU, "the same over its memstore for at most 65536 keys, an LRU cache",
		openThrottledMemory(65536), halfAdmitted),
	localContender(UluleMemory, "Get of ulule/limiter, whose window is fixed, over its memory store",
		openUluleMemory, halfAdmitted),
}

// nothingToClose is the close of a client that has no connection.
func nothingToClose() error { return nil }

func openXTimeRate() (*client, error) {
	var mu sync.Mutex
	limiters := make(map[string]*rate.Limiter)
	of := func(key string) *rate.Limiter {
		mu.Lock()
		defer mu.Unlock()
		l, known := limiters[key]
		if !known {
			l = rate.NewLimiter(rate.Every(period), burst)
			limiters[key] = l
		}
		return l
	}
	return &client{
		check: func(_ context.Context, key string) (bool, error) { return of(key).Allow(), nil },
		spend: func(context.Context) error {
			return spendEach(func(key string) (bool, error) { return of(key).AllowN(time.Now(), burst), nil })
		},
		close: nothingToClose,
	}, nil
}

func openThrottledMemory(most int) func() (*client, error) {
	return func() (*client, error) {
		store, err := memstore.NewCtx(most)
		if err != nil {
			return nil, err
		}
		return throttledClient(store, nothingToClose)
	}
}

// A window of as many periods as the burst has units is what ulule has for the limit.
func openUluleMemory() (*client, error) {
	l := limiter.New(memory.NewStore(), limiter.Rate{Period: burst * period, Limit: burst})
	return &client{
		check: func(ctx context.Context, key string) (bool, error) {
			c, err := l.Get(ctx, key)
			return !c.Reached, err
		},
		spend: func(ctx context.Context) error {
			return spendEach(func(key string) (bool, error) {
				c, err := l.Increment(ctx, key, burst)
				return !c.Reached, err
			})
		},
		close: nothingToClose,
	}, nil
}
