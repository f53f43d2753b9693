package redisdoor_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
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

func BenchmarkCheckMany(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			limiter, _ := onRedis(b, fivePerHour)
			keys := make([]string, n)
			for i := range keys {
				keys[i] = strconv.Itoa(i)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := limiter.CheckMany(context.Background(), keys, 1); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "checks/s")
		})
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
