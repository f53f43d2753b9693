package chaos

import (
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/account"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/process"
)

// topologyFaults are what happens where there is more than one Redis. Replicas hear of
// writes a moment after the caller, so that a failover may lose the last ones: what they
// hold then is an earlier state.
var topologyFaults = []scenario{
	{
		name:  "the slots of a cluster move",
		fault: "the slot of every key is moved to another master, with the key in it, in the middle of its limit",
		setup: setup{store: cluster, deadline: generous},
		clean: true,
		play: func(s *stage) {
			for i, b := range s.budgets {
				s.spends(float64(i) / float64(len(s.budgets)))
				s.cluster.Reshard(s.cluster.Slot(redisKey(b)))
			}
		},
	},
	{
		name:  "the masters of a cluster are replaced in order",
		fault: "CLUSTER FAILOVER on a replica of each of three masters",
		setup: setup{store: cluster, deadline: generous},
		play: func(s *stage) {
			for i, master := range s.cluster.Masters() {
				s.spends(float64(i+1) / 4)
				s.strikes(1)
				s.cluster.Promote(s.cluster.Replica(master))
			}
			s.recovers()
		},
	},
	{
		name:  "a master of a cluster is killed",
		fault: "SIGKILL of the master of one key, which is replaced by its replica and comes back as one",
		setup: setup{store: cluster},
		play: func(s *stage) {
			s.spends(0.5)
			master, lost := s.masterOf(s.budgets[0])
			replica := s.cluster.Replica(master)
			s.strikes(1)
			s.books.Rollback(func() {
				master.Kill()
				replica.AwaitMaster()
			}, lost...)
			s.recovers()
			master.Start()
		},
	},
	{
		name:  "a master of a cluster freezes, and is replaced",
		fault: "SIGSTOP of the master of one key until its replica has taken over; then SIGCONT",
		setup: setup{store: cluster},
		play: func(s *stage) {
			s.spends(0.5)
			master, lost := s.masterOf(s.budgets[0])
			replica := s.cluster.Replica(master)
			s.silent() // for whoever has a key there; the others have breakers of their own
			s.books.Rollback(func() {
				master.Freeze()
				replica.AwaitMaster()
				master.Thaw()
			}, lost...)
			s.recovers()
		},
	},
	{
		name:  "a master that sentinels watch is killed",
		fault: "SIGKILL; the sentinels put its replica in its place",
		setup: setup{store: sentinels},
		play: func(s *stage) {
			s.spends(0.5)
			s.strikes(1)
			s.books.Rollback(func() {
				master := s.watch.Master()
				master.Kill()
				s.watch.AwaitOther(master)
			})
			s.recovers()
		},
	},
	{
		name:  "a master that sentinels watch is replaced in order",
		fault: "SENTINEL FAILOVER",
		setup: setup{store: sentinels},
		play: func(s *stage) {
			s.spends(0.5)
			s.strikes(1)
			s.books.Rollback(s.watch.Failover)
			s.recovers()
		},
	},
}

func redisKey(b account.Budget) string { return b.Limiter + ":" + b.Key }

// masterOf returns the master that holds a budget, and all budgets that it holds.
func (s *stage) masterOf(b account.Budget) (process.Redis, []account.Budget) {
	s.Helper()
	master := s.cluster.Owner(s.cluster.Slot(redisKey(b)))
	var held []account.Budget
	for _, other := range s.budgets {
		if s.cluster.Owner(s.cluster.Slot(redisKey(other))).Server == master.Server {
			held = append(held, other)
		}
	}
	return master, held
}
