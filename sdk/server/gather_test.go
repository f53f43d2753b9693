package server_test

import (
	"context"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// latePool gives no connection before it is opened.
type latePool struct {
	*redis.Pool
	opened chan struct{}
}

func (p latePool) GetContext(ctx context.Context) (redis.Conn, error) {
	select {
	case <-p.opened:
		return p.Pool.GetContext(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// announced tells of each call just before the limiter gets it.
type announced struct {
	throttlekit.Limiter
	asked chan<- struct{}
}

func (a announced) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	a.asked <- struct{}{}
	return a.Limiter.CheckN(ctx, key, cost)
}

func (a announced) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	a.asked <- struct{}{}
	return a.Limiter.CheckMany(ctx, keys, cost)
}

// scripts is how many scripts the Redis has run.
func scripts(t *testing.T, pool *redis.Pool) int {
	t.Helper()
	conn := pool.Get()
	defer conn.Close()
	stats, err := redis.String(conn.Do("INFO", "commandstats"))
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, match := range regexp.MustCompile(`cmdstat_eval(?:sha)?:calls=(\d+)`).FindAllStringSubmatch(stats, -1) {
		calls, err := strconv.Atoi(match[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += calls
	}
	return sum
}

// TestCallsShareScripts counts what Redis is asked: calls that are under way at the same
// moment must not cost a script each.
func TestCallsShareScripts(t *testing.T) {
	pool, err := redisdoor.Dial(redistest.StartProcess(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	keys := make([]string, 600)
	for i := range keys {
		keys[i] = strconv.Itoa(i)
	}
	for _, tt := range []struct {
		name   string
		calls  int
		ask    func(ctx context.Context, c throttlekitv1connect.RateLimiterClient, i int) (ds []*throttlekitv1.Decision, err error)
		keys   int // of each call
		most   int // scripts, in the ordinary case
		reason string
	}{
		{
			name: "Check", calls: 64, keys: 1, most: 16,
			ask: func(ctx context.Context, c throttlekitv1connect.RateLimiterClient, i int) ([]*throttlekitv1.Decision, error) {
				res, err := c.Check(ctx, &throttlekitv1.CheckRequest{Policy: "api", Key: keys[i]})
				return []*throttlekitv1.Decision{res.GetDecision()}, err
			},
			reason: "those that wait at the same moment travel together, though each has a deadline of its own",
		},
		{
			name: "CheckMany", calls: 1, keys: len(keys), most: 3,
			ask: func(ctx context.Context, c throttlekitv1connect.RateLimiterClient, _ int) ([]*throttlekitv1.Decision, error) {
				res, err := c.CheckMany(ctx, &throttlekitv1.CheckManyRequest{Policy: "api", Keys: keys})
				return res.GetDecisions(), err
			},
			reason: "256 keys fit in one script",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			late := latePool{Pool: pool, opened: make(chan struct{})}
			door := redisdoor.Open(late)
			defer func() {
				if err := door.Close(context.Background()); err != nil {
					t.Error(err)
				}
			}()
			limiter, err := door.Limiter(strategy.GCRA{Limit: 10, Period: time.Hour}, redisdoor.WithPrefix(t.Name()))
			if err != nil {
				t.Fatal(err)
			}
			asked := make(chan struct{}, tt.calls)
			client := grpcClient(t, start(t, []server.Policy{{Name: "api", Limiter: announced{limiter, asked}}}))
			before := scripts(t, pool)
			var callers sync.WaitGroup
			for i := range tt.calls {
				callers.Go(func() {
					ds, err := tt.ask(t.Context(), client, i)
					if err != nil || len(ds) != tt.keys || !ds[0].GetAllowed() || ds[0].GetRemaining() != 9 {
						t.Errorf("call %d: %d decisions, %v; want %d, each the first of 10", i, len(ds), err, tt.keys)
					}
				})
			}
			for range tt.calls {
				<-asked
			}
			close(late.opened)
			callers.Wait()
			// A check on its way from the announcement into the queue may miss the first
			// script, and one that Redis does not know yet is counted twice.
			if ran := scripts(t, pool) - before; ran < 1 || ran > tt.most+2 {
				t.Errorf("Redis ran %d scripts, want 1 to %d: %s", ran, tt.most+2, tt.reason)
			}
		})
	}
}
