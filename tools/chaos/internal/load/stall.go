package load

import (
	"sync"
	"sync/atomic"
	"time"
)

// Stall watches how late this process itself is: on a busy machine nobody is woken in
// time, and a caller who waited for the processor did not wait for the SDK.
type Stall struct {
	worst atomic.Int64
	stop  chan struct{}
	done  sync.WaitGroup
}

// WatchStall begins to watch.
func WatchStall() *Stall {
	s := &Stall{stop: make(chan struct{})}
	for range stallWatchers {
		s.done.Go(s.watch)
	}
	return s
}

const (
	stallWatchers = 4
	stallEvery    = time.Millisecond
)

func (s *Stall) watch() {
	for {
		began := time.Now()
		select {
		case <-time.After(stallEvery):
		case <-s.stop:
			return
		}
		late := int64(time.Since(began) - stallEvery)
		for worst := s.worst.Load(); late > worst && !s.worst.CompareAndSwap(worst, late); worst = s.worst.Load() {
		}
	}
}

// Worst is how late the process was at most.
func (s *Stall) Worst() time.Duration { return time.Duration(s.worst.Load()) }

// Stop ends the watch.
func (s *Stall) Stop() {
	close(s.stop)
	s.done.Wait()
}
