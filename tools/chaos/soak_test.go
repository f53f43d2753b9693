package chaos

import (
	"flag"
	"runtime"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var soak = flag.Duration("soak", 0, "how long TestSoak goes on; 0 for a few rounds")

// soakRounds is how many rounds there are at least.
const soakRounds = 3

// growth is how much the heap may be larger at the end than at the beginning.
const growth = 512 << 10

// TestSoak plays faults one after the other on one door that stays open, and whose memory
// and goroutines must not grow.
func TestSoak(t *testing.T) {
	for _, d := range doors {
		t.Run(string(d), func(t *testing.T) {
			known := goleak.IgnoreCurrent()
			t.Cleanup(func() {
				if err := goleak.Find(known); err != nil {
					t.Errorf("goroutines are left behind: %v", err)
				}
			})
			s := newStage(t, setup{}, d)
			goroutines := runtime.NumGoroutine()
			faults, checks := bearable(), int64(0)
			var heaps []uint64
			for began := time.Now(); len(heaps) < soakRounds || time.Since(began) < *soak/time.Duration(len(doors)); {
				sc := faults[len(heaps)%len(faults)]
				s.perform(sc)
				checks += s.judge(sc).Checks
				s.eventually("the goroutines of the door have ended", func() bool { return runtime.NumGoroutine() <= goroutines })
				s.callers, s.waits = nil, nil
				heaps = append(heaps, heap())
				s.redis.Do("FLUSHALL")
				s.books.Reset()
				if t.Failed() {
					t.Fatalf("this was %q, round %d", sc.name, len(heaps))
				}
			}
			s.hangUp()
			s.nobodyStays()
			t.Logf("%d checks in %d rounds; the heap was %d to %d KiB", checks, len(heaps), slices.Min(heaps)>>10, slices.Max(heaps)>>10)
			flat(t, heaps)
		})
	}
}

// bearable are the faults that one Redis and its door can meet one after the other.
func bearable() []scenario {
	var all []scenario
	for _, sc := range append(slices.Clone(processFaults), dataFaults...) {
		if len(sc.setup.redis) == 0 && sc.setup.before == nil {
			sc.clean = false // here is the default's short deadline, which a busy machine may miss
			all = append(all, sc)
		}
	}
	return all
}

// heap is what is in use when there is no garbage.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first one only finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// flat compares the last third of the heaps with the first, but for what comes up to speed.
func flat(t *testing.T, heaps []uint64) {
	t.Helper()
	if len(heaps) < 4*soakRounds {
		return // too few to tell
	}
	third := len(heaps) / 3
	first, last := median(heaps[:third]), median(heaps[len(heaps)-third:])
	if last > first+growth {
		t.Errorf("the heap grew from %d to %d KiB, want at most %d KiB more", first>>10, last>>10, growth>>10)
	}
}

func median(of []uint64) uint64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}
