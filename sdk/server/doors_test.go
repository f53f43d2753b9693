package server_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// clocked is a limiter of the Redis door whose every call happens at one instant, so
// that two doors can be held against each other to the millisecond.
type clocked struct {
	*redisdoor.Limiter
	now *atomic.Int64
}

func (c clocked) at() time.Time { return time.UnixMilli(c.now.Load()) }

func (c clocked) Check(ctx context.Context, key string) (throttlekit.Decision, error) {
	return c.CheckN(ctx, key, 1)
}

func (c clocked) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	return c.CheckAt(ctx, key, cost, c.at())
}

func (c clocked) CheckMany(ctx context.Context, keys []string, cost int64) (ds []throttlekit.Decision, err error) {
	for _, key := range keys {
		d, err := c.CheckN(ctx, key, cost)
		if err != nil {
			return nil, err
		}
		ds = append(ds, d)
	}
	return ds, nil
}

func (c clocked) Peek(ctx context.Context, key string) (throttlekit.Decision, error) {
	return c.PeekAt(ctx, key, c.at())
}

func (c clocked) Forecast(ctx context.Context, key string, cost int64) (throttlekit.Forecast, error) {
	return c.ForecastAt(ctx, key, cost, c.at())
}

// TestBothDoorsDecideAlike takes every strategy of the contract through both doors, each
// with keys of its own, and requires the same answers in all fields.
func TestBothDoorsDecideAlike(t *testing.T) {
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var now atomic.Int64
	limiter := func(d *script.Definition, prefix string) clocked {
		params := map[string]float64{}
		for _, p := range d.Params {
			switch {
			case p.Default != 0 || p.DefaultFrom != "":
			case p.Unit == script.Milliseconds:
				params[p.Name] = 60_000
			case p.Unit == script.PerSecond:
				params[p.Name] = 0.1
			default:
				params[p.Name] = 6
			}
		}
		s, err := strategy.New(d.Name, params)
		if err != nil {
			t.Fatal(err)
		}
		l, err := redisdoor.New(pool, s, redisdoor.WithPrefix(prefix+t.Name()+d.Name+time.Now().Format(time.RFC3339Nano)))
		if err != nil {
			t.Fatal(err)
		}
		return clocked{l, &now}
	}
	direct := map[string]throttlekit.Limiter{}
	var policies []server.Policy
	for _, d := range strategy.All() {
		direct[d.Name] = limiter(d, "direct")
		policies = append(policies, server.Policy{Name: d.Name, Limiter: limiter(d, "served")})
	}
	srv, err := server.New(policies)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, listener) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	client, err := servicedoor.New(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			redisDoor, serviceDoor := direct[d.Name], client.Limiter(d.Name)
			same := func(what string, ask func(throttlekit.Limiter) (any, error)) {
				t.Helper()
				want, err := ask(redisDoor)
				if err != nil {
					t.Fatal(err)
				}
				got, err := ask(serviceDoor)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-Redis door +service door):\n%s", what, diff)
				}
			}
			for _, row := range []struct {
				name string
				at   int64 // ms after the first
				cost int64
			}{
				{"an untouched key", 0, 1},
				{"two more at the same instant", 0, 2},
				{"more than is left", 1, 4},
				{"all that is left", 2, 3},
				{"nothing is left", 3, 1},
				{"a part has come back", 21_000, 1},
				{"more than the limit", 22_000, 7},
				{"all has come back", 200_000, 6},
			} {
				now.Store(1_750_000_020_000 + row.at)
				same(row.name+": peek", func(l throttlekit.Limiter) (any, error) { return l.Peek(ctx, "k") })
				same(row.name+": forecast", func(l throttlekit.Limiter) (any, error) { return l.Forecast(ctx, "k", row.cost) })
				same(row.name+": check", func(l throttlekit.Limiter) (any, error) { return l.CheckN(ctx, "k", row.cost) })
			}
			same("many, one of them twice", func(l throttlekit.Limiter) (any, error) {
				return l.CheckMany(ctx, []string{"a", "b", "a"}, 4)
			})
		})
	}
}
