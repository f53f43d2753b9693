// Package load is the callers of a scenario: goroutines that check without end and
// remember how long they waited and what they got.
package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// Settings describe the callers.
type Settings struct {
	Callers  int
	Limiters map[string]throttlekit.Limiter // by name; each checked for each of Keys
	Keys     []string

	// Pause is how long a caller rests between two calls, on average.
	Pause time.Duration
	// Deadline is what the context of a call allows, 0 for one without a deadline.
	Deadline time.Duration
	// Fickle callers cancel each call at a random moment up to so much after its start;
	// 0 for callers who know what they want.
	Fickle time.Duration
}

// MaxCost is the most that a caller spends at once.
const MaxCost = 3

// Load is callers at work.
type Load struct {
	settings Settings
	names    []string
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu       sync.Mutex
	seen     Seen
	during   []time.Duration // of the calls that began since Measure
	measured time.Time
}

// Seen is what the callers saw.
type Seen struct {
	Calls    int64
	Made     map[string]int64 // decisions by who made them: contract, open, closed, local
	Failed   int64
	Canceled int64 // of the failed: by the caller
	First    error // of the failed: one, for whoever wonders
	Longest  time.Duration
	LastBad  time.Time // when the last call ended that failed or that the contract did not decide
}

// Bad is how many calls the contract did not decide, but for those that the caller canceled.
func (s Seen) Bad() int64 { return s.Calls - s.Canceled - s.Made[contract] }

// Start has the callers begin.
func Start(s Settings) *Load {
	ctx, stop := context.WithCancel(context.Background())
	l := &Load{settings: s, stop: stop, seen: Seen{Made: map[string]int64{}}}
	for name := range s.Limiters {
		l.names = append(l.names, name)
	}
	slices.Sort(l.names)
	for i := range s.Callers {
		l.done.Go(func() { l.call(ctx, rand.New(rand.NewPCG(uint64(i), 1))) })
	}
	return l
}

// Stop lets every call end, and no more begin.
func (l *Load) Stop() {
	l.stop()
	l.done.Wait()
}

// call is one caller.
func (l *Load) call(ctx context.Context, random *rand.Rand) {
	s := l.settings
	rest := time.NewTimer(time.Duration(random.Int64N(int64(s.Pause) + 1))) // not all at once
	defer rest.Stop()
	for {
		select {
		case <-rest.C:
		case <-ctx.Done():
			return
		}
		limiter := s.Limiters[l.names[random.IntN(len(l.names))]]
		key := s.Keys[random.IntN(len(s.Keys))]
		cost := max(1, random.Int64N(8)-4) // 1 mostly, sometimes 2 or 3
		l.one(limiter, key, cost, random)
		rest.Reset(time.Duration(random.Int64N(2*int64(s.Pause) + 1)))
	}
}

func (l *Load) one(limiter throttlekit.Limiter, key string, cost int64, random *rand.Rand) {
	ctx := context.Background()
	if l.settings.Deadline > 0 {
		bounded, cancel := context.WithTimeout(ctx, l.settings.Deadline)
		defer cancel()
		ctx = bounded
	}
	if l.settings.Fickle > 0 {
		canceled, cancel := context.WithCancel(ctx)
		defer cancel()
		ctx = canceled
		defer time.AfterFunc(time.Duration(random.Int64N(int64(l.settings.Fickle))), cancel).Stop()
	}
	began := time.Now()
	d, err := limiter.CheckN(ctx, key, cost)
	ended := time.Now()

	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen.Calls++
	waited := ended.Sub(began)
	l.seen.Longest = max(l.seen.Longest, waited)
	if !l.measured.IsZero() && began.After(l.measured) {
		l.during = append(l.during, waited)
	}
	switch {
	case errors.Is(err, context.Canceled):
		l.seen.Failed++
		l.seen.Canceled++ // by the caller: nothing bad
		return
	case err != nil:
		l.seen.Failed++
		if l.seen.First == nil {
			l.seen.First = err
		}
	default:
		by := d.Source.String()
		l.seen.Made[by]++
		if by == contract {
			return
		}
	}
	l.seen.LastBad = ended
}

var contract = throttlekit.SourceContract.String()

// Seen returns what the callers saw so far.
func (l *Load) Seen() Seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := l.seen
	seen.Made = make(map[string]int64, len(l.seen.Made))
	for by, n := range l.seen.Made {
		seen.Made[by] = n
	}
	return seen
}

// Measure begins to collect how long calls take.
func (l *Load) Measure() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.during, l.measured = nil, time.Now()
}

// Measured ends what Measure began, and returns the waits in order.
func (l *Load) Measured() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	waits := l.during
	l.during, l.measured = nil, time.Time{}
	slices.Sort(waits)
	return waits
}
