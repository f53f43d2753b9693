package resilient

import (
	"sync"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// clustered is a limiter that may have its keys on several servers, as those of the Redis
// door may.
type clustered interface {
	// Node is the address of the server that has key; empty where there is but one, or
	// where it is not known yet.
	Node(key string) string
}

// breakers are those of a limiter: one, and in a cluster one more for each node, so that a
// node that fails takes no others along. They are never removed, since one is some hundred
// bytes, and clusters do not change their nodes' addresses by the thousand.
type breakers struct {
	settings *settings
	nodeOf   func(key string) string // nil where there is but one server
	changes  *changes
	one      *breaker

	mu    sync.RWMutex
	nodes map[string]*breaker
}

func newBreakers(s *settings, limiter throttlekit.Limiter) *breakers {
	mode, logger, hook := s.mode, s.logger, s.hook
	told := &changes{tell: func(c change) {
		logChange(logger, mode, c)
		hook(c.StateChange)
	}}
	b := &breakers{settings: s, changes: told, one: newBreaker(s, "", told), nodes: map[string]*breaker{}}
	if c, ok := limiter.(clustered); ok {
		b.nodeOf = c.Node
	}
	return b
}

// of returns the breaker that is to be asked about key.
func (b *breakers) of(key string) *breaker {
	if b.nodeOf == nil {
		return b.one
	}
	node := b.nodeOf(key)
	if node == "" {
		return b.one
	}
	b.mu.RLock()
	at := b.nodes[node]
	b.mu.RUnlock()
	if at != nil {
		return at
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if at = b.nodes[node]; at == nil {
		at = newBreaker(b.settings, node, b.changes)
		b.nodes[node] = at
	}
	return at
}

// state is the worst of any breaker's, and opened how often any of them opened.
func (b *breakers) state() (worst BreakerState, opened uint64) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	worst, opened = BreakerState(b.one.state.Load()), b.one.opened.Load()
	for _, at := range b.nodes {
		opened += at.opened.Load()
		switch s := BreakerState(at.state.Load()); {
		case s == BreakerOpen, worst == BreakerClosed:
			worst = s
		}
	}
	return worst, opened
}
