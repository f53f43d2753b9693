// Package metrics counts what a server does and tells it in Prometheus's text format.
//
// Labels hold names of policies, operations and codes, all of them from closed sets; no
// label ever holds a limited key.
package metrics

import (
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// Metrics is a [server.Observer]. It is safe for concurrent use.
type Metrics struct {
	mu        sync.Mutex
	decisions map[decision]uint64
	errors    map[failure]uint64
	calls     map[string]*histogram // by operation

	storeDown atomic.Bool
}

var _ server.Observer = (*Metrics)(nil)

type decision struct {
	policy          string
	allowed, madeUp bool
}

type failure struct{ op, code string }

// New returns metrics with everything at zero.
func New() *Metrics {
	return &Metrics{
		decisions: make(map[decision]uint64),
		errors:    make(map[failure]uint64),
		calls:     make(map[string]*histogram),
	}
}

// Called implements [server.Observer].
func (m *Metrics) Called(op, _ string, took time.Duration, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	h, ok := m.calls[op]
	if !ok {
		h = new(histogram)
		m.calls[op] = h
	}
	h.observe(took)
	if err != nil {
		m.errors[failure{op, connect.CodeOf(err).String()}]++
	}
}

// Decided implements [server.Observer].
func (m *Metrics) Decided(policy string, d throttlekit.Decision, madeUp bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.decisions[decision{policy, d.Allowed, madeUp}]++
}

// StoreChanged implements [server.Observer].
func (m *Metrics) StoreChanged(up bool) { m.storeDown.Store(!up) }

// bounds are the histogram's upper bounds: from a check on a Redis next door to one that
// the store's timeout ended.
var bounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second,
}

type histogram struct {
	within [len(bounds)]uint64 // not cumulative
	count  uint64
	sum    time.Duration
}

func (h *histogram) observe(took time.Duration) {
	h.count++
	h.sum += took
	for i, bound := range bounds {
		if took <= bound {
			h.within[i]++
			return
		}
	}
}
