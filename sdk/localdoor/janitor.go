package localdoor

import (
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// janitor takes what has expired out of memory when no new key comes to do so. It is a
// timer rather than a goroutine, it is set only while there are keys, and it does not keep
// its store alive: one that nobody refers to any more is collected, closed or not.
type janitor struct {
	awake atomic.Bool // the timer is set, or the round that it started is under way

	mu     sync.Mutex // guards the rest; not held during a round
	timer  *time.Timer
	closed bool
}

const (
	// roundEvery is how long the janitor rests between two rounds.
	roundEvery = time.Second

	// roundRest is how often as long as a round it rests at least: a round over ten
	// million keys takes a tenth of a second.
	roundRest = 50

	// roundLooks is how many entries it looks at before it lets go of a shard's lock.
	roundLooks = 256
)

// wakeJanitor sees to it that there will be a round.
func (s *store) wakeJanitor() {
	j := &s.janitor
	if j.awake.Load() || !j.awake.CompareAndSwap(false, true) {
		return
	}
	s.restJanitor(roundEvery)
}

func (s *store) restJanitor(rest time.Duration) {
	j := &s.janitor
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return
	}
	store := weak.Make(s)
	j.timer = time.AfterFunc(rest, func() {
		if s := store.Value(); s != nil {
			s.round()
		}
	})
}

// round looks at all entries, in small steps, and sets the timer again if any are left.
func (s *store) round() {
	start := time.Now()
	for i := range s.shards {
		sh := &s.shards[i]
		for from := s.step(sh, 0); from > 0; {
			from = s.step(sh, from)
		}
	}
	if s.keys.Load() > 0 {
		s.restJanitor(max(roundEvery, roundRest*time.Since(start)))
		return
	}
	s.janitor.awake.Store(false)
	if s.keys.Load() > 0 { // a key came before it could see that nobody is awake
		s.wakeJanitor()
	}
}

func (s *store) step(sh *shard, from int) int {
	clock := s.clock.last()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return s.look(sh, from, roundLooks, clock)
}

func (j *janitor) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	if j.timer != nil {
		j.timer.Stop()
	}
}
