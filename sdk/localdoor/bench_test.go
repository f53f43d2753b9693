package localdoor_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// benchKeys are as many as a busy process has at hand.
func benchKeys() []string {
	keys := make([]string, 1024)
	for i := range keys {
		keys[i] = "user-" + strconv.Itoa(1_000_000+i)
	}
	return keys
}

// everyBench measures each strategy at a limit of 100, of which about half of the checks
// are admitted.
func everyBench(b *testing.B, bench func(b *testing.B, plan *script.Plan)) {
	for _, d := range strategy.All() {
		b.Run(d.Name, func(b *testing.B) {
			b.ReportAllocs()
			bench(b, plan(b, d, 100, 10*time.Millisecond))
		})
	}
}

// BenchmarkCheck is a lone caller.
func BenchmarkCheck(b *testing.B) {
	everyBench(b, func(b *testing.B, plan *script.Plan) {
		l, keys, ctx := newLimiter(b, plan), benchKeys(), context.Background()
		i := 0
		for b.Loop() {
			if _, err := l.Check(ctx, keys[i%len(keys)]); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}

// BenchmarkCheckParallel is 64 goroutines.
func BenchmarkCheckParallel(b *testing.B) {
	everyBench(b, func(b *testing.B, plan *script.Plan) {
		l, keys, ctx := newLimiter(b, plan), benchKeys(), context.Background()
		b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i += 7 {
				if _, err := l.Check(ctx, keys[i%len(keys)]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkFull is a lone caller whose every key is new to a limiter that is full.
func BenchmarkFull(b *testing.B) {
	everyBench(b, func(b *testing.B, plan *script.Plan) {
		c := newClock(noon)
		l, ctx := newLimiter(b, plan, c.option(), localdoor.WithMaxKeys(100_000)), context.Background()
		i := 0
		for b.Loop() {
			if _, err := l.Check(ctx, strconv.Itoa(i)); err != nil {
				b.Fatal(err)
			}
			i++
		}
	})
}

// BenchmarkTenMillionKeys checks ten million keys, once each, and reports the memory that
// a key takes and the longest that any check took; and beside it the longest that looking
// at the clock took in as much time, which is the machine's.
//
//	go test ./sdk/localdoor -run - -bench TenMillion -benchtime 1x
func BenchmarkTenMillionKeys(b *testing.B) {
	b.ReportAllocs()
	const keys = 10_000_000
	d := strategy.All()[0]
	for b.Loop() {
		l := newLimiter(b, plan(b, d, 100, time.Hour), localdoor.WithMaxKeys(keys))
		before := heap()
		ctx, name := context.Background(), make([]byte, 0, 32)
		stall, total := time.Duration(0), time.Duration(0)
		for i := range keys {
			key := string(strconv.AppendInt(append(name, "user-"...), int64(i), 10))
			start := time.Now()
			_, err := l.Check(ctx, key)
			took := time.Since(start)
			if err != nil {
				b.Fatal(err)
			}
			stall, total = max(stall, took), total+took
		}
		if n := l.Stats(); n.Keys != keys || n.Evictions != 0 {
			b.Fatalf("got %+v, want all keys remembered", n)
		}
		machine := time.Duration(0)
		for begin := time.Now(); time.Since(begin) < total; {
			machine = max(machine, -time.Until(time.Now()))
		}
		b.ReportMetric(float64(heap()-before)/keys, "bytes/key")
		b.ReportMetric(float64(total.Nanoseconds())/keys, "ns/key")
		b.ReportMetric(float64(stall.Microseconds())/1000, "ms-longest")
		b.ReportMetric(float64(machine.Microseconds())/1000, "ms-machine")
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
