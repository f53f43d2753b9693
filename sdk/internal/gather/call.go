package gather

import throttlekit "github.com/throttlekit/throttlekit-go/sdk"

// Call is one check on its way.
type Call struct {
	// Key is what to check.
	Key string
	// Cost is how much of it to spend.
	Cost int64
	// Weight is the call's share of a trip, in the unit of Settings.MaxWeight.
	Weight int64

	// Decision is the outcome, which the Carrier sets; or else Err is.
	Decision throttlekit.Decision
	// Err is why there is no decision: a [*throttlekit.Error].
	Err error

	done       chan struct{} // one token, when the outcome is there
	prev, next *Call         // in its group, while it waits
	trip       *trip         // that took it, or nil while it waits
}

// group is the calls that may share a trip, in the order in which they came.
type group[K comparable, O any] struct {
	key         K
	owner       O
	first, last *Call
	next        *group[K, O] // in the order in which groups are served
}

func (g *group[K, O]) add(c *Call) {
	c.prev = g.last
	if g.last == nil {
		g.first = c
	} else {
		g.last.next = c
	}
	g.last = c
}

func (g *group[K, O]) remove(c *Call) {
	if c.prev == nil {
		g.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		g.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}
