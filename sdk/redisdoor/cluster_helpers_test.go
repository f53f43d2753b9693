package redisdoor_test

import (
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor/internal/cluster"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// shared is a cluster for the tests that leave it as they find it, one after the other.
var shared struct {
	sync.Mutex
	*redistest.Cluster
}

// onCluster returns the cluster, three masters with a replica each, for a test alone.
func onCluster(tb testing.TB) *redistest.Cluster {
	tb.Helper()
	shared.Lock()
	tb.Cleanup(shared.Unlock)
	if shared.Cluster == nil {
		redistest.RequireServer(tb)
		c, err := redistest.LaunchCluster(3, 1, "--cluster-require-full-coverage", "no")
		if err != nil {
			tb.Fatal(err)
		}
		shared.Cluster = c
	}
	return shared.Cluster
}

func endCluster() error {
	if shared.Cluster == nil {
		return nil
	}
	return shared.Close()
}

// dialCluster returns the way to a cluster, closed when the test ends.
func dialCluster(tb testing.TB, address string, opts ...redisdoor.DialOption) *redisdoor.Cluster {
	tb.Helper()
	c, err := redisdoor.DialCluster(address, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// inSlot returns n keys of one slot, which differ, such that prefix and key have the slot
// of tag.
func inSlot(tag string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("{%s}%d", tag, i)
	}
	return keys
}

// tell runs a command on a server and fails the test when it fails.
func tell(tb testing.TB, s *redistest.Server, name string, args ...any) any {
	tb.Helper()
	reply, err := s.Do(name, args...)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return reply
}

// callsAt returns how often a server ran a command, from its own statistics.
func callsAt(tb testing.TB, s *redistest.Server, name string) int {
	tb.Helper()
	info, err := redis.String(tell(tb, s, "INFO", "commandstats"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return callsIn(tb, info, name)
}

// ownerOf returns the server that has a key.
// settle returns when the replicas have all that the masters wrote.
func settle(tb testing.TB, c *redistest.Cluster) {
	tb.Helper()
	for slot := 0; slot < cluster.Slots; slot += cluster.Slots / 3 {
		owner, err := c.Owner(slot)
		if err != nil {
			tb.Fatal(err)
		}
		if err := owner.AwaitReplica(); err != nil {
			tb.Fatal(err)
		}
	}
}

func ownerOf(tb testing.TB, c *redistest.Cluster, key string) *redistest.Server {
	tb.Helper()
	owner, err := c.Owner(cluster.Slot(key))
	if err != nil {
		tb.Fatal(err)
	}
	return owner
}

// otherMaster returns a master that is not owner.
func otherMaster(tb testing.TB, c *redistest.Cluster, owner *redistest.Server) *redistest.Server {
	tb.Helper()
	for slot := 0; slot < cluster.Slots; slot += cluster.Slots / 3 {
		s, err := c.Owner(slot)
		if err != nil {
			tb.Fatal(err)
		}
		if s != owner {
			return s
		}
	}
	tb.Fatal("there is no other master")
	return nil
}

// startFakeNode is a node that owns all slots by its own account; answer says what else it
// answers.
func startFakeNode(tb testing.TB, answer func(fakeCommand) []byte) *brokenRedis {
	tb.Helper()
	return startFakeRedis(tb, func(c fakeCommand) []byte {
		switch c.words[0] {
		case "CLUSTER":
			host, port, _ := net.SplitHostPort(c.self.String())
			return fmt.Appendf(nil, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$%d\r\n%s\r\n:%s\r\n", len(host), host, port)
		case "ASKING":
			return []byte("+OK\r\n")
		}
		return answer(c)
	})
}
