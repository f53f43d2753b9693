package main

import (
	"testing"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// BenchmarkCheckLocal measures one check in this process: most are admitted, and the
// clock goes on by a millisecond with each.
func BenchmarkCheckLocal(b *testing.B) {
	for _, row := range []struct {
		kind    string
		options options
	}{
		{"gcra", options{"periodMs": 100, "limit": 100, "burst": 50}},
		{"tokenBucket", options{"capacity": 50, "refillPerSec": 1000}},
		{"fixedWindow", options{"limit": 100, "windowMs": 100}},
		{"slidingWindow", options{"limit": 110, "windowMs": 100, "buckets": 10}},
		{"slidingWindowLog", options{"limit": 100, "windowMs": 100}},
	} {
		b.Run(row.kind, func(b *testing.B) {
			plan := nativePlan(b, row.kind, row.options)
			var state script.State
			const start = 1_750_000_000_000
			now := int64(start)
			denied := 0
			b.ReportAllocs()
			for b.Loop() {
				now++
				d, err := plan.CheckLocal(&state, now, float64(now), 1)
				if err != nil {
					b.Fatal(err)
				}
				if !d.Allowed {
					denied++
				}
			}
			b.ReportMetric(float64(denied)/float64(b.N), "denied/op")
		})
	}
}
