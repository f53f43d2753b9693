package resilient

import (
	"sync"
	"sync/atomic"
)

// StateChange is what a breaker did.
type StateChange struct {
	// From and To are its states before and after.
	From, To BreakerState

	// Node is the address of the cluster's node that the breaker keeps calls from, as the
	// cluster announces it; empty where there is no cluster.
	Node string
}

// change is one that is to be told.
type change struct {
	StateChange
	cause error // of opening
}

// changes tells of those of all breakers, each once and in order, whoever caused them.
type changes struct {
	tell func(change)
	news atomic.Bool

	mu      sync.Mutex
	pending []change
	telling bool
}

func (c *changes) add(one change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending = append(c.pending, one)
	c.news.Store(true)
}

// announce tells what there is to tell.
func (c *changes) announce() {
	for c.news.Load() {
		one, ok := c.next()
		if !ok {
			return
		}
		func() {
			defer c.told() // also when somebody else's code panics
			c.tell(one)
		}()
	}
}

func (c *changes) next() (one change, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.telling || len(c.pending) == 0 {
		return one, false // whoever tells goes on until nothing is left
	}
	one, c.pending = c.pending[0], c.pending[1:]
	c.telling = true
	return one, true
}

func (c *changes) told() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.telling = false
	c.news.Store(len(c.pending) > 0)
}
