package load

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stall watches how late this process itself is: on a busy machine nobody is woken in
// time, and a caller who waited for the processor did not wait for the SDK.
type Stall struct {
	limit time.Duration
	worst atomic.Int64
	sum   atomic.Int64 // of what is noticeable
	long  atomic.Int64
	stop  chan struct{}
	done  sync.WaitGroup
}

// Stalled is what a Stall has seen.
type Stalled struct {
	Worst time.Duration // one stall
	Sum   time.Duration // all that are noticeable
	Long  int           // how many were longer than the limit
}

const (
	stallEvery = time.Millisecond
	noticeable = 5 * time.Millisecond
)

// WatchStall begins to watch. A stall beyond limit is a long one.
func WatchStall(limit time.Duration) *Stall {
	s := &Stall{limit: limit, stop: make(chan struct{})}
	s.done.Go(s.watch)
	return s
}

func (s *Stall) watch() {
	for {
		began := time.Now()
		select {
		case <-time.After(stallEvery):
		case <-s.stop:
			return
		}
		late := time.Since(began) - stallEvery
		s.worst.Store(max(s.worst.Load(), int64(late)))
		if late > noticeable {
			s.sum.Add(int64(late))
		}
		if late > s.limit {
			s.long.Add(1)
		}
	}
}

// Stop ends the watch and returns what it saw.
func (s *Stall) Stop() Stalled {
	close(s.stop)
	s.done.Wait()
	return Stalled{Worst: time.Duration(s.worst.Load()), Sum: time.Duration(s.sum.Load()), Long: int(s.long.Load())}
}
