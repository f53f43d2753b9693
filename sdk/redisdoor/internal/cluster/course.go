package cluster

import (
	"context"
	"time"
)

// Course is the way of what is asked about one slot.
type Course struct {
	// Slot is the slot.
	Slot int
	// Node is where to go.
	Node *Node
	// Asking reports whether the node has to be told, by ASKING, that it was named as
	// the slot's next owner.
	Asking bool
}

// Course returns the way to the owner of a slot. Its error is an [*Unreached].
func (m *Map) Course(ctx context.Context, slot int) (Course, error) {
	n, err := m.owner(ctx, slot)
	return Course{Slot: slot, Node: n}, err
}

// Redirected turns c to where an answer of its node sends it, and reports false when the
// answer is none that does so.
//
// Several says that the question was about several keys. Then an ASK says that the node has
// given away some of them, which before Redis 7 need not be all: c stays, for each to be
// asked about alone.
func (m *Map) Redirected(c *Course, answer error, several bool) bool {
	k, address, ok := redirect(answer)
	if !ok {
		return false
	}
	switch k {
	case moved:
		c.Node, c.Asking = m.Node(complete(address, c.Node.address)), false
		m.owners[c.Slot].Store(c.Node)
		m.look() // a slot seldom moves alone
	case ask:
		if several {
			return true
		}
		c.Node, c.Asking = m.Node(complete(address, c.Node.address)), true
	case tryAgain: // there
	}
	return true
}

// Unreached looks at the cluster when c's node could not be reached, turns c to the
// owner of its slot, and reports false when that is the same node still.
func (m *Map) Unreached(ctx context.Context, c *Course) bool {
	if m.await(ctx, m.look()) != nil {
		return false
	}
	n := m.owners[c.Slot].Load()
	if n == nil || n == c.Node && !c.Asking {
		return false
	}
	c.Node, c.Asking = n, false
	return true
}

// MaxTurns is how often a course may turn: more than a cluster whose nodes agree ever
// needs, and with the pauses of [Pause] as long as they take to agree.
const MaxTurns = 8

// Pause waits before a turn, from 1 on: not before the first two, and then twice as long
// from turn to turn, an eighth of a second in all. Its error is ctx's.
func Pause(ctx context.Context, turn int) error {
	if turn <= 2 {
		return ctx.Err()
	}
	timer := time.NewTimer(time.Millisecond << (turn - 2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
