package redisdoor_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
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
