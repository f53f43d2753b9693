package servicedoor_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// BenchmarkCheck is one check over gRPC on loopback, both sides in this process, with a
// limiter that costs next to nothing: the price of the door.
func BenchmarkCheck(b *testing.B) {
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: &bucket{spent: map[string]int64{}}}})
	if err != nil {
		b.Fatal(err)
	}
	host := listen(b, srv)
	for _, p := range protocols {
		b.Run(p.name, func(b *testing.B) {
			client := dial(b, host.URL, p.options...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Check(b.Context(), "api", aKey); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkGathering is checks of many callers at once over gRPC on loopback, both sides
// in this process, on a real Redis: each in a request of its own, and gathered.
func BenchmarkGathering(b *testing.B) {
	address := serveOnRedis(b)
	var keys [1024]string
	for i := range keys {
		keys[i] = "key-" + strconv.Itoa(i)
	}
	for _, callers := range []int{1, 64, 512} {
		for _, way := range []struct {
			name    string
			options []servicedoor.Option
		}{
			{name: "alone"},
			{name: "gathered", options: []servicedoor.Option{servicedoor.WithGathering()}},
		} {
			b.Run(fmt.Sprintf("callers=%d/%s", callers, way.name), func(b *testing.B) {
				client := dial(b, address, way.options...)
				b.ReportAllocs()
				crowd(b, callers, func(i int64) error {
					_, err := client.Check(context.Background(), "api", keys[i%int64(len(keys))])
					return err
				})
			})
		}
	}
}

// crowd has callers goroutines do b.N calls between them.
func crowd(b *testing.B, callers int, call func(i int64) error) {
	var next atomic.Int64
	b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := call(next.Add(1)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
}

// serveOnRedis starts a service with one policy, api, on a Redis of its own.
func serveOnRedis(b *testing.B) (address string) {
	pool, err := redisdoor.Dial(redistest.Start(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = pool.Close() })
	door := redisdoor.Open(pool)
	b.Cleanup(func() { _ = door.Close(context.Background()) })
	limiter, err := door.Limiter(strategy.GCRA{Limit: 1_000_000, Period: time.Minute, Burst: 1_000_000})
	if err != nil {
		b.Fatal(err)
	}
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: limiter}})
	if err != nil {
		b.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- srv.Serve(ctx, listener) }()
	b.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			b.Error(err)
		}
	})
	return listener.Addr().String()
}
