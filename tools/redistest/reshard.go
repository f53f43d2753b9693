package redistest

import (
	"errors"

	"github.com/gomodule/redigo/redis"
)

// Move is a slot on its way from one master to another, in the steps that an operator's
// tool takes.
type Move struct {
	cluster  *Cluster
	slot     int
	From, To *Server // the masters
}

// Move begins to move a slot: from now on its owner sends checks of keys that it does not
// hold to the other, by ASK.
func (c *Cluster) Move(slot int, to *Server) (*Move, error) {
	from, err := c.Owner(slot)
	if err != nil {
		return nil, err
	}
	m := &Move{cluster: c, slot: slot, From: from, To: to}
	fromID, err1 := redis.String(from.Do("CLUSTER", "MYID"))
	toID, err2 := redis.String(to.Do("CLUSTER", "MYID"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if _, err := to.Do("CLUSTER", "SETSLOT", slot, "IMPORTING", fromID); err != nil {
		return nil, err
	}
	_, err = from.Do("CLUSTER", "SETSLOT", slot, "MIGRATING", toID)
	return m, err
}

// Keys moves up to n keys of the slot, and returns how many it moved.
func (m *Move) Keys(n int) (int, error) {
	keys, err := redis.Values(m.From.Do("CLUSTER", "GETKEYSINSLOT", m.slot, n))
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	args := append([]any{"127.0.0.1", m.To.port, "", 0, 5000, "KEYS"}, keys...)
	_, err = m.From.Do("MIGRATE", args...)
	return len(keys), err
}

// Finish moves what is left and tells all masters who owns the slot now; the others
// answer MOVED from then on.
func (m *Move) Finish() error {
	for {
		n, err := m.Keys(100)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	id, err := redis.String(m.To.Do("CLUSTER", "MYID"))
	if err != nil {
		return err
	}
	// The new owner first, so that nobody says it is another's while it denies it.
	for _, n := range append([]*Server{m.To, m.From}, m.cluster.Nodes...) {
		if master, err := n.IsMaster(); err != nil {
			return err
		} else if !master {
			continue
		}
		if _, err := n.Do("CLUSTER", "SETSLOT", m.slot, "NODE", id); err != nil {
			return err
		}
	}
	return nil
}
