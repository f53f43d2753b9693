package redisdoor_test

import (
	"cmp"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// heavy is a check that is work for Redis.
type heavy struct {
	name     string
	strategy script.Strategy
	cost     int64
	keys     int
	fill     func(tb testing.TB, l *redisdoor.Limiter, key string) // makes a key's state large
}

// heaviest are the strategies as most use them, and what makes the most work of those
// whose work grows.
func heaviest(tb testing.TB) []heavy {
	const endless = 1 << 40
	var all []heavy
	for _, d := range strategy.All() {
		s := ofPlenty(tb, d, map[string]float64{"limit": endless, "capacity": endless, "refillPerSec": 1000})
		all = append(all, heavy{name: d.Name, strategy: s, cost: 1, keys: 256})
	}
	const buckets, width = 1000, time.Second
	return append(all,
		heavy{"1000 buckets", strategy.SlidingWindow{Limit: endless, Window: buckets * width, Buckets: buckets}, 1, 2,
			func(tb testing.TB, l *redisdoor.Limiter, key string) {
				now := time.Now()
				for back := buckets; back >= 0; back-- {
					if _, err := l.CheckAt(context.Background(), key, 1, now.Add(-time.Duration(back)*width)); err != nil {
						tb.Fatal(err)
					}
				}
			}},
		heavy{"log cost 100", strategy.SlidingWindowLog{Limit: endless, Window: time.Hour}, 100, 64, nil},
	)
}

func (h heavy) filled(tb testing.TB, l *redisdoor.Limiter) []string {
	tb.Helper()
	keys := numbered(h.keys)
	if h.fill != nil {
		for _, key := range keys {
			h.fill(tb, l, key)
		}
	}
	return keys
}

// One script may hold Redis for about a millisecond. The bound here is far above, and
// holds for most scripts rather than all, since the machine has other work;
// BenchmarkLongestScript measures.
func TestNoScriptHoldsRedisLong(t *testing.T) {
	const bound = 10 * time.Millisecond
	pool := dial(t, redistest.StartProcess(t))
	for _, h := range heaviest(t) {
		t.Run(h.name, func(t *testing.T) {
			teach(t, pool, h.strategy)
			limiter := behind(t, openDoor(t, pool, redisdoor.WithPrefix(prefix(t))), h.strategy)
			keys := h.filled(t, limiter)
			slowlogFrom(t, pool)
			decisions := crowd(t, 400, 2, func(ctx context.Context, goroutine, _ int) (throttlekit.Decision, error) {
				return limiter.CheckN(ctx, keys[goroutine%len(keys)], h.cost)
			})
			if n := admitted(decisions); n != int64(len(decisions)) {
				t.Errorf("%d of %d checks were admitted, want all: a denied one is less work", n, len(decisions))
			}
			scripts := slowlog(t, pool)
			slices.SortFunc(scripts, func(a, b logged) int { return cmp.Compare(a.took, b.took) })
			longest := scripts[len(scripts)-1]
			t.Logf("the longest of %d scripts held Redis for %v, with %s keys", len(scripts), longest.took, longest.args[2])
			if most := scripts[len(scripts)*3/4].took; most > bound {
				t.Errorf("a quarter of the scripts held Redis for %v or longer, want about a millisecond and never %v", most, bound)
			}
		})
	}
}
