package redisdoor_test

import (
	"context"
	"strconv"
	"testing"
	"time"
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
