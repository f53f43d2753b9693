package redisdoor_test

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// BenchmarkCheck is a lone caller; the two contexts differ in whether there is one to
// watch.
func BenchmarkCheck(b *testing.B) {
	watched, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	for name, ctx := range map[string]context.Context{"Background": context.Background(), "Deadline": watched} {
		b.Run(name, func(b *testing.B) {
			limiter, _ := onRedis(b, fivePerHour)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := limiter.Check(ctx, "key"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheckParallel(b *testing.B) {
	limiter, _ := onRedis(b, fivePerHour)
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := limiter.Check(context.Background(), "key"); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// endless admits every check, which is more work than to deny one.
var endless = strategy.GCRA{Limit: 1 << 40, Period: time.Hour}

// BenchmarkFused is a crowd on 1024 keys, fused and alone, with a context that never ends
// and with one that may.
func BenchmarkFused(b *testing.B) {
	watched, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	pool := roomyPool(b, redistest.Start(b))
	for _, n := range []int{1, 8, 64, 512} {
		for _, way := range []struct {
			name string
			ctx  context.Context
			opts []redisdoor.Option
		}{
			{"fused", context.Background(), nil},
			{"fusedWatched", watched, nil},
			{"alone", context.Background(), []redisdoor.Option{redisdoor.WithoutFusing()}},
			{"aloneWatched", watched, []redisdoor.Option{redisdoor.WithoutFusing()}},
		} {
			b.Run(fmt.Sprintf("goroutines=%d/%s", n, way.name), func(b *testing.B) {
				limiter := behind(b, openDoor(b, pool, append(way.opts, redisdoor.WithPrefix(prefix(b)))...), endless)
				b.ReportAllocs()
				load(b, way.ctx, limiter, n)
			})
		}
	}
}

// BenchmarkWorkers is a crowd at doors with more or fewer workers.
func BenchmarkWorkers(b *testing.B) {
	pool := roomyPool(b, redistest.Start(b))
	for _, n := range []int{8, 64, 512} {
		for _, workers := range []int{1, 2, 3, 4, 8} {
			b.Run(fmt.Sprintf("goroutines=%d/workers=%d", n, workers), func(b *testing.B) {
				limiter := behind(b, openDoor(b, pool, redisdoor.WithWorkers(workers), redisdoor.WithPrefix(prefix(b))), endless)
				b.ReportAllocs()
				load(b, context.Background(), limiter, n)
			})
		}
	}
}

// BenchmarkOverALink is a crowd far from Redis: each direction takes its time. It
// reports how long a check takes, too.
func BenchmarkOverALink(b *testing.B) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	url := redistest.Start(b)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 1)) // one for the link
	for _, delay := range []time.Duration{250 * time.Microsecond, time.Millisecond} {
		way := startLink(b, url, delay)
		pool := way.pool(b)
		for _, n := range []int{8, 64, 512} {
			for _, workers := range []int{1, 2, 4, 8, 0} {
				name, opt := fmt.Sprint("workers=", workers), redisdoor.Option(redisdoor.WithWorkers(workers))
				if workers == 0 {
					name, opt = "alone", redisdoor.WithoutFusing()
				}
				b.Run(fmt.Sprintf("delay=%v/goroutines=%d/%s", delay, n, name), func(b *testing.B) {
					limiter := behind(b, openDoor(b, pool, opt, redisdoor.WithPrefix(prefix(b))), endless)
					took := load(b, ctx, limiter, n)
					slices.Sort(took)
					b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
					b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
				})
			}
		}
	}
}

// roomyPool has a connection for everybody.
func roomyPool(b *testing.B, address string) *redis.Pool {
	pool := dial(b, address)
	pool.MaxIdle, pool.MaxActive = 600, 0
	return pool
}

// load has n goroutines make b.N checks on 1024 keys, and returns how long each took.
func load(b *testing.B, ctx context.Context, limiter *redisdoor.Limiter, n int) []time.Duration {
	keys := numbered(1024)
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	check := func() {
		for i := int(next.Add(1)) - 1; i < b.N; i = int(next.Add(1)) - 1 {
			start := time.Now()
			if _, err := limiter.Check(ctx, keys[i%len(keys)]); err != nil {
				b.Error(err)
				return
			}
			took[i] = time.Since(start)
		}
	}
	b.ResetTimer()
	var all sync.WaitGroup
	for range n {
		all.Go(check)
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "checks/s")
	return took
}

// BenchmarkLongestScript is how long one full *many* script holds Redis, by Redis's own
// clock: the median and the longest.
func BenchmarkLongestScript(b *testing.B) {
	pool := dial(b, redistest.StartProcess(b))
	for _, h := range heaviest(b) {
		b.Run(strings.ReplaceAll(h.name, " ", ""), func(b *testing.B) {
			limiter := behind(b, openDoor(b, pool, redisdoor.WithPrefix(prefix(b))), h.strategy)
			keys := h.filled(b, limiter)
			keys = keys[:min(len(keys), limiter.ManySize(h.cost))]
			slowlogFrom(b, pool)
			for b.Loop() {
				if _, err := limiter.CheckMany(context.Background(), keys, h.cost); err != nil {
					b.Fatal(err)
				}
			}
			scripts := slowlog(b, pool)
			slices.SortFunc(scripts, func(a, b logged) int { return cmp.Compare(a.took, b.took) })
			b.ReportMetric(float64(len(keys)), "keys/script")
			b.ReportMetric(float64(scripts[len(scripts)/2].took.Microseconds()), "p50-µs")
			b.ReportMetric(float64(scripts[len(scripts)-1].took.Microseconds()), "max-µs")
		})
	}
}

// BenchmarkCheckMany holds CheckMany against what a client does without it: the same
// checks as EVALSHAs in one pipeline, over the same connection to the same Redis.
func BenchmarkCheckMany(b *testing.B) {
	limiter, pool := onRedis(b, fivePerHour)
	plan, err := fivePerHour.Plan()
	if err != nil {
		b.Fatal(err)
	}
	command(b, pool, "SCRIPT", "LOAD", plan.Definition().Check.Source)
	for _, n := range []int{10, 1000} {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = strconv.Itoa(i)
		}
		for name, run := range map[string]func() error{
			"many": func() error {
				_, err := limiter.CheckMany(context.Background(), keys, 1)
				return err
			},
			"pipeline": func() error { return pipeline(pool, plan, keys) },
		} {
			b.Run(strconv.Itoa(n)+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := run(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "checks/s")
			})
		}
	}
}

// pipeline checks keys by one EVALSHA each, all of them sent before the first is read.
func pipeline(pool *redis.Pool, plan *script.Plan, keys []string) error {
	conn := pool.Get()
	defer conn.Close()
	for _, key := range keys {
		if err := conn.Send("EVALSHA", plan.AppendArgv([]any{plan.Definition().Check.SHA1, 1, "pipeline:" + key}, "0", "1")...); err != nil {
			return err
		}
	}
	if err := conn.Flush(); err != nil {
		return err
	}
	for range keys {
		reply, err := conn.Receive()
		if err != nil {
			return err
		}
		if _, err := plan.Decode(reply); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkEmbedded is BenchmarkCheck's lone caller on the embedded Redis.
func BenchmarkEmbedded(b *testing.B) {
	server, err := embedded.Start(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer server.Close()
	limiter := newLimiter(b, dial(b, server.URL()), fivePerHour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := limiter.Check(context.Background(), "key"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLargestCheck is the check of the most work that a door sends by default, and
// so about as long as one check can hold Redis.
func BenchmarkLargestCheck(b *testing.B) {
	limiter, _ := onRedis(b, strategy.SlidingWindowLog{Limit: 1 << 40, Window: time.Hour})
	cost := int64(redisdoor.DefaultMaxWork)
	plan, err := strategy.SlidingWindowLog{Limit: 1 << 40, Window: time.Hour}.Plan()
	if err != nil {
		b.Fatal(err)
	}
	for plan.Work(cost) > redisdoor.DefaultMaxWork {
		cost--
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := limiter.CheckN(context.Background(), strconv.Itoa(i), cost); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/redisdoor.DefaultMaxWork, "ns/step")
}
