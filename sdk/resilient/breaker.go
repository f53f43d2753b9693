package resilient

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sony/gobreaker/v2"
)

// BreakerState says whether a breaker lets calls through.
type BreakerState uint8

const (
	// BreakerClosed lets all calls through: the limiter behind it is well.
	BreakerClosed BreakerState = iota
	// BreakerOpen lets none through: the limiter fails.
	BreakerOpen
	// BreakerHalfOpen lets a single call through, to see whether the limiter is back.
	BreakerHalfOpen
)

// String returns the state's name in lower case.
func (s BreakerState) String() string {
	switch s {
	case BreakerClosed:
		return "closed"
	case BreakerOpen:
		return "open"
	case BreakerHalfOpen:
		return "half-open"
	}
	return fmt.Sprintf("breaker state %d", uint8(s))
}

var states = map[gobreaker.State]BreakerState{
	gobreaker.StateClosed:   BreakerClosed,
	gobreaker.StateOpen:     BreakerOpen,
	gobreaker.StateHalfOpen: BreakerHalfOpen,
}

// errNoVerdict is how a call ends that says nothing about the limiter.
var errNoVerdict = errors.New("no verdict")

// breaker keeps calls from a limiter that fails, and tells of it when it begins and ceases
// to.
type breaker struct {
	circuit *gobreaker.CircuitBreaker[struct{}]
	state   atomic.Uint32 // a BreakerState; asking the circuit would change it
	opened  atomic.Uint64
	tell    func(change)

	cause error // the failure judged last; guarded by the circuit's own mutex
	news  atomic.Bool

	mu      sync.Mutex
	changes []change // to be told
	telling bool
}

type change struct {
	from, to BreakerState
	cause    error // of opening
}

func newBreaker(s *settings) *breaker {
	b := &breaker{}
	mode, logger, hook := s.mode, s.logger, s.hook
	b.tell = func(c change) {
		logChange(logger, mode, c)
		hook(c.from, c.to)
	}
	b.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:  1,
		Timeout:      s.probeEvery,
		ReadyToTrip:  func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= s.failures },
		IsExcluded:   func(err error) bool { return err == errNoVerdict },
		IsSuccessful: b.judge,
		// Both are called with the circuit's mutex held, so nobody else's code may run here.
		OnStateChange: func(_ string, from, to gobreaker.State) { b.changed(states[from], states[to]) },
	})
	return b
}

// judge remembers what a failure was, for the change that it may cause.
func (b *breaker) judge(err error) bool {
	b.cause = err
	return err == nil
}

func (b *breaker) changed(from, to BreakerState) {
	c := change{from: from, to: to}
	if to == BreakerOpen {
		c.cause = b.cause
		b.opened.Add(1)
	}
	b.state.Store(uint32(to))
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changes = append(b.changes, c)
	b.news.Store(true)
}

// announce tells of changes, each once and in order, whoever caused them.
func (b *breaker) announce() {
	for b.news.Load() {
		c, ok := b.next()
		if !ok {
			return
		}
		func() {
			defer b.told() // also when somebody else's code panics
			b.tell(c)
		}()
	}
}

func (b *breaker) next() (c change, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.telling || len(b.changes) == 0 {
		return c, false // whoever tells goes on until nothing is left
	}
	c, b.changes = b.changes[0], b.changes[1:]
	b.telling = true
	return c, true
}

func (b *breaker) told() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.telling = false
	b.news.Store(len(b.changes) > 0)
}
