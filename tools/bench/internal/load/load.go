// Package load has goroutines do one thing over and over, and measures it.
package load

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// Load is how hard and for how long.
type Load struct {
	Goroutines int
	Warmup     time.Duration // of the same, not measured
	Time       time.Duration
}

// Op makes one call and returns how many of its checks were admitted. i is random, below
// [Spread].
type Op func(i int) (admitted int, err error)

// Spread is how many different i an Op is given.
const Spread = 1024

// Run measures op, each call of which is of so many checks. It fails when a single call
// does: a contender that errs quickly must not win.
func (l Load) Run(checks int, op Op) (results.Sample, error) {
	if _, err := l.burst(l.Warmup, op); err != nil {
		return results.Sample{}, err
	}
	b, err := l.burst(l.Time, op)
	if err != nil {
		return results.Sample{}, err
	}
	latencies := histogram()
	var admitted int
	for _, w := range b.workers {
		latencies.Merge(w.latencies)
		admitted += w.admitted
	}
	decided := int(latencies.TotalCount()) * checks
	each := func(total float64) float64 { return total / float64(decided) }
	return results.Sample{Checks: decided, Metrics: map[string]float64{
		results.PerCheck: each(float64(b.elapsed)),
		results.P50:      float64(latencies.ValueAtQuantile(50)),
		results.P99:      float64(latencies.ValueAtQuantile(99)),
		results.Bytes:    each(float64(b.bytes)),
		results.Allocs:   each(float64(b.allocs)),
		results.Rate:     float64(decided) / b.elapsed.Seconds(),
		results.Admitted: each(float64(admitted)),
	}}, nil
}

// worker is one goroutine's own account, so that none waits for another to write its.
type worker struct {
	latencies *hdrhistogram.Histogram
	admitted  int
	err       error
}

// histogram takes a nanosecond to a minute, to 1 in 100: small enough that hundreds of
// them do not push the contender out of the processor's cache.
func histogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(time.Minute), 2)
}

type burst struct {
	workers       []*worker
	elapsed       time.Duration
	bytes, allocs uint64
}

func (l Load) burst(length time.Duration, op Op) (*burst, error) {
	b := &burst{workers: make([]*worker, l.Goroutines)}
	var done sync.WaitGroup
	start := make(chan time.Time)
	for n := range b.workers {
		w := &worker{latencies: histogram()}
		b.workers[n] = w
		random := rand.New(rand.NewPCG(uint64(n), uint64(l.Goroutines)))
		done.Go(func() {
			begin := <-start
			w.work(begin.Add(length), random, op)
		})
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begin := time.Now()
	for range b.workers {
		start <- begin
	}
	done.Wait()
	b.elapsed = time.Since(begin)
	runtime.ReadMemStats(&after)
	b.bytes, b.allocs = after.TotalAlloc-before.TotalAlloc, after.Mallocs-before.Mallocs
	for _, w := range b.workers {
		if w.err != nil {
			return nil, w.err
		}
	}
	return b, nil
}

// work makes at least one call. The end of one is the beginning of the next, so that the
// clock is read once a call.
func (w *worker) work(deadline time.Time, random *rand.Rand, op Op) {
	last := time.Now()
	for {
		admitted, err := op(random.IntN(Spread))
		if err != nil {
			w.err = err
			return
		}
		now := time.Now()
		if err := w.latencies.RecordValue(int64(now.Sub(last))); err != nil {
			w.err = fmt.Errorf("a call took %v: %w", now.Sub(last), err)
			return
		}
		w.admitted += admitted
		if now.After(deadline) {
			return
		}
		last = now
	}
}
