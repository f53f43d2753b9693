package resilient

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
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

// breaker keeps calls from a server that fails, and tells of it when it begins and ceases
// to.
type breaker struct {
	node    string // of a cluster, by its address; empty where there is but one server
	circuit *gobreaker.CircuitBreaker[struct{}]
	state   atomic.Uint32 // a BreakerState; asking the circuit would change it
	opened  atomic.Uint64
	changes *changes

	// Guarded by the circuit's own mutex.
	cause error     // the failure judged last
	run   []failure // the latest of those in a row
}

// failure is one that counted.
type failure struct {
	fault *throttlekit.Error
	at    time.Time
}

const (
	// Callers whose checks travelled together share the error of their way, and hear of it
	// at the same moment. So long it is one failure; a limiter may also have an error that
	// it always gives.
	sameFailure = 20 * time.Millisecond

	// mostShared is how many such errors are told apart at once, which is more than ways
	// that a door has open.
	mostShared = 16
)

func newBreaker(s *settings, node string, changes *changes) *breaker {
	b := &breaker{node: node, changes: changes}
	b.circuit = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		MaxRequests:  1,
		Timeout:      s.probeEvery,
		ReadyToTrip:  func(counts gobreaker.Counts) bool { return counts.ConsecutiveFailures >= s.failures },
		IsExcluded:   func(err error) bool { return err == errNoVerdict || b.again(err) },
		IsSuccessful: b.judge,
		// Both are called with the circuit's mutex held, so nobody else's code may run here.
		OnStateChange: func(_ string, from, to gobreaker.State) { b.changed(states[from], states[to]) },
	})
	return b
}

// pass makes a call, if the breaker lets it. The call's error is a failure of the server's,
// or errNoVerdict.
func (b *breaker) pass(call func() error) {
	_, _ = b.circuit.Execute(func() (struct{}, error) { return struct{}{}, call() })
}

// again reports whether err is a failure that has been counted for another caller.
func (b *breaker) again(err error) bool {
	fault, ok := err.(*throttlekit.Error)
	if !ok {
		return false
	}
	now := time.Now()
	if slices.ContainsFunc(b.run, func(f failure) bool { return f.fault == fault && now.Sub(f.at) < sameFailure }) {
		return true
	}
	if len(b.run) == mostShared {
		b.run = slices.Delete(b.run, 0, 1)
	}
	b.run = append(b.run, failure{fault, now})
	return false
}

// judge remembers what a failure was, for the change that it may cause.
func (b *breaker) judge(err error) bool {
	b.cause = err
	if err == nil {
		clear(b.run)
		b.run = b.run[:0]
	}
	return err == nil
}

func (b *breaker) changed(from, to BreakerState) {
	c := change{StateChange: StateChange{From: from, To: to, Node: b.node}}
	if to == BreakerOpen {
		c.cause = b.cause
		b.opened.Add(1)
	}
	b.state.Store(uint32(to))
	b.changes.add(c)
}
