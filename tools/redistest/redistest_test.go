package redistest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServer(t *testing.T) {
	s := redistest.StartServer(t)
	if _, err := s.Do("SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	pid := s.Pid()
	if err := s.Kill(); err != nil || s.Running() {
		t.Fatalf("after Kill: %v, running is %v", err, s.Running())
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if reply, err := s.Do("GET", "k"); err != nil || reply != nil || s.Pid() == pid {
		t.Errorf("after a restart k is %v (%v), want nothing, in another process", reply, err)
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	c := redistest.StartCluster(t, 3, 1)
	owner, err := c.Owner(0)
	if err != nil || owner != c.Nodes[0] {
		t.Fatalf("slot 0 is %v's (%v), want the first master's", owner, err)
	}
	move, err := c.Move(0, c.Nodes[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := move.Finish(); err != nil {
		t.Fatal(err)
	}
	if owner, err = c.Owner(0); err != nil || owner != c.Nodes[1] {
		t.Errorf("slot 0 is %v's (%v), want the second master's, where it was moved", owner, err)
	}
	replica, err := c.ReplicaOf(c.Nodes[2])
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Failover(replica); err != nil {
		t.Fatal(err)
	}
	if master, err := replica.IsMaster(); err != nil || !master {
		t.Errorf("the replica is master: %v (%v), want true after a failover", master, err)
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	w := redistest.StartWatch(t, "mymaster", 1)
	if err := w.Failover(); err != nil {
		t.Fatal(err)
	}
	if master, err := w.Master(); err != nil || master != w.Nodes[1] {
		t.Errorf("the master is %v (%v), want the former replica", master, err)
	}
}
