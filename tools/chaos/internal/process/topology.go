package process

import (
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// Cluster is a cluster of three masters with a replica each, whose verbs fail the test.
type Cluster struct {
	*redistest.Cluster
	tb testing.TB
}

// StartCluster starts a cluster and ends it with the test.
func StartCluster(tb testing.TB) Cluster {
	tb.Helper()
	return Cluster{redistest.StartCluster(tb, 3, 1), tb}
}

// All are the nodes that run.
func (c Cluster) All() []Redis { return running(c.tb, c.Nodes) }

// Masters are the nodes that are masters now.
func (c Cluster) Masters() []Redis {
	c.tb.Helper()
	var masters []Redis
	for _, n := range c.All() {
		master, err := n.IsMaster()
		n.must(err)
		if master {
			masters = append(masters, n)
		}
	}
	return masters
}

// Slot is the slot of a key.
func (c Cluster) Slot(key string) int {
	c.tb.Helper()
	slot, err := redis.Int(c.All()[0].Do("CLUSTER", "KEYSLOT", key), nil)
	c.must(err)
	return slot
}

// Owner is the master that serves a slot.
func (c Cluster) Owner(slot int) Redis {
	c.tb.Helper()
	owner, err := c.Cluster.Owner(slot)
	c.must(err)
	return Redis{owner, c.tb}
}

// Reshard moves a slot, and the keys in it, to another master.
func (c Cluster) Reshard(slot int) {
	c.tb.Helper()
	from := c.Owner(slot)
	for _, to := range c.Masters() {
		if to.Server == from.Server {
			continue
		}
		move, err := c.Move(slot, to.Server)
		c.must(err)
		c.must(move.Finish())
		return
	}
	c.tb.Fatal("there is no other master")
}

// Replica is a replica of a master.
func (c Cluster) Replica(master Redis) Redis {
	c.tb.Helper()
	replica, err := c.ReplicaOf(master.Server)
	c.must(err)
	return Redis{replica, c.tb}
}

// Promote has a replica take its master's place, as an operator would.
func (c Cluster) Promote(replica Redis) { c.tb.Helper(); c.must(c.Failover(replica.Server)) }

func (c Cluster) must(err error) {
	c.tb.Helper()
	if err != nil {
		c.tb.Fatal(err)
	}
}

// Watch is a master with a replica, and three sentinels, whose verbs fail the test.
type Watch struct {
	*redistest.Watch
	tb testing.TB
}

// StartWatch starts them and ends them with the test.
func StartWatch(tb testing.TB) Watch {
	tb.Helper()
	return Watch{redistest.StartWatch(tb, "limits", 3), tb}
}

// All are the servers that run, without the sentinels.
func (w Watch) All() []Redis { return running(w.tb, w.Nodes) }

// Master is the server that the sentinels name.
func (w Watch) Master() Redis {
	w.tb.Helper()
	master, err := w.Watch.Master()
	w.must(err)
	return Redis{master, w.tb}
}

// AwaitOther returns when the sentinels name another master than former.
func (w Watch) AwaitOther(former Redis) {
	w.tb.Helper()
	w.must(w.Watch.AwaitOther(former.Server))
}

// Failover has the sentinels put the replica in the master's place.
func (w Watch) Failover() { w.tb.Helper(); w.must(w.Watch.Failover()) }

func (w Watch) must(err error) {
	w.tb.Helper()
	if err != nil {
		w.tb.Fatal(err)
	}
}

func running(tb testing.TB, servers []*redistest.Server) []Redis {
	var all []Redis
	for _, s := range servers {
		if s.Running() {
			all = append(all, Redis{s, tb})
		}
	}
	return all
}
