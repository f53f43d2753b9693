package load_test

import (
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// kept keeps what an op allocates from being optimised away.
var kept atomic.Pointer[[64]byte]

func TestRunMeasures(t *testing.T) {
	const goroutines, checks, pause = 4, 10, 2 * time.Millisecond
	var calls, outside atomic.Int64
	s, err := load.Load{Goroutines: goroutines, Time: 60 * time.Millisecond}.Run(checks, func(i int) (int, error) {
		calls.Add(1)
		if i < 0 || i >= load.Spread {
			outside.Add(1)
		}
		kept.Store(new([64]byte))
		time.Sleep(pause)
		return checks / 2, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if outside.Load() > 0 {
		t.Errorf("%d indexes were not below %d", outside.Load(), load.Spread)
	}
	// Warming up for no time at all is one call for each goroutine.
	if want := int(calls.Load()-goroutines) * checks; s.Checks != want {
		t.Errorf("counted %d checks, want %d", s.Checks, want)
	}
	m := s.Metrics
	if m[results.Admitted] != 0.5 {
		t.Errorf("admitted %v of a check, want 0.5", m[results.Admitted])
	}
	if p50 := time.Duration(m[results.P50]); p50 < pause {
		t.Errorf("the median latency is %v, want at least the %v that every call takes", p50, pause)
	}
	if m[results.P99] < m[results.P50] {
		t.Errorf("p99 is %v, below the median of %v", m[results.P99], m[results.P50])
	}
	if perCall := m[results.Bytes] * checks; perCall < 64 {
		t.Errorf("a call allocated %v bytes, want at least the 64 that it keeps", perCall)
	}
	if product := m[results.Rate] * m[results.PerCheck]; math.Abs(product-1e9) > 1 {
		t.Errorf("%v checks a second at %v ns each make %v ns, want a second", m[results.Rate], m[results.PerCheck], product)
	}
}

func TestRunFailsWithAnyCall(t *testing.T) {
	broken := errors.New("broken")
	var calls atomic.Int64
	_, err := load.Load{Goroutines: 3, Time: 5 * time.Millisecond}.Run(1, func(int) (int, error) {
		if calls.Add(1) == 20 {
			return 0, broken
		}
		return 1, nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("one failed call makes the run's error %v, want %v", err, broken)
	}
}
