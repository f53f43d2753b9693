package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// diagnosis is what a doctor is to say, and what not.
type diagnosis struct {
	code       int
	says, nots []string
}

func (d diagnosis) want(t *testing.T, args ...string) {
	t.Helper()
	stdout, stderr, code := throttlekitCommand(t, append([]string{"doctor", "--redis"}, args...)...)
	if code != d.code || stderr != "" || strings.Contains(stdout, "secret-of-app") {
		t.Errorf("exit code %d, want %d, and no secret; stderr %q", code, d.code, stderr)
	}
	for _, says := range d.says {
		if !strings.Contains(stdout, says) {
			t.Errorf("want it to say %q", says)
		}
	}
	for _, not := range d.nots {
		if strings.Contains(stdout, not) {
			t.Errorf("want it not to say %q", not)
		}
	}
	if t.Failed() {
		t.Log(stdout)
	}
}

// TestDoctorOfACluster breaks a cluster bit by bit.
func TestDoctorOfACluster(t *testing.T) {
	c := redistest.StartCluster(t, 3, 1)
	node, err := c.Owner(0)
	if err != nil {
		t.Fatal(err)
	}
	replica, err := c.ReplicaOf(node)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Nodes[:3] {
		configure(t, s.URL(), "FLUSHALL") // CLUSTER SLOTS names a replica once it has received anything
	}
	for _, s := range c.Nodes {
		awaitLayout(t, s, c.Nodes)
	}
	asApp := strings.Replace(c.URL(), "://", "://app:secret-of-app@", 1)
	t.Run("sound", func(t *testing.T) {
		says := []string{"ok       slots", "all 16384 slots are served, by 3 masters", "at each of 3 masters", "a replica of " + node.Address()}
		for _, s := range c.Nodes {
			says = append(says, "ok       server       "+s.Address(), "ok       latency      "+s.Address(), "ok       clock        "+s.Address(),
				"ok       eviction     "+s.Address(), "ok       scripts      "+s.Address(), "ok       role         "+s.Address())
		}
		diagnosis{exitOK, says, []string{"error ", "warning "}}.want(t, c.URL())
	})
	t.Run("by the address of one server", func(t *testing.T) {
		diagnosis{exitNo, []string{"error    address", "redis+cluster://", "at each of 3 masters"}, nil}.want(t, node.URL())
	})
	t.Run("a replica that would evict limits", func(t *testing.T) {
		configure(t, replica.URL(), "CONFIG SET maxmemory 100mb", "CONFIG SET maxmemory-policy allkeys-lru")
		diagnosis{exitNo, []string{"warning  eviction     " + replica.Address()}, []string{"error "}}.want(t, c.URL())
		configure(t, replica.URL(), "CONFIG SET maxmemory-policy noeviction")
	})
	t.Run("a right that is missing at one master", func(t *testing.T) {
		for _, s := range c.Nodes {
			configure(t, s.URL(), "ACL SETUSER app on >secret-of-app ~* +@all")
		}
		configure(t, node.URL(), "ACL SETUSER app -zadd")
		diagnosis{exitNo, []string{"error    rights       " + node.Address(), "+zadd +zcard"}, nil}.want(t, asApp)
	})
	t.Run("a user who may not ask for slots", func(t *testing.T) {
		for _, s := range c.Nodes {
			configure(t, s.URL(), "ACL SETUSER app -cluster")
		}
		diagnosis{exitNo, []string{"error    rights       the cluster", "+cluster|slots"}, nil}.want(t, asApp)
	})
	t.Run("a replica that is gone", func(t *testing.T) {
		if err := replica.Kill(); err != nil {
			t.Fatal(err)
		}
		diagnosis{exitNo, []string{"error    server       " + replica.Address() + ": could not be examined"}, nil}.want(t, c.URL())
	})
	t.Run("a slot that nobody serves", func(t *testing.T) {
		for _, s := range c.Nodes {
			if s.Running() {
				configure(t, s.URL(), "CLUSTER DELSLOTS 0")
			}
		}
		diagnosis{exitNo, []string{"error    slots", "1 of 16384 slots are served by nobody", "redis-cli --cluster"}, nil}.want(t, c.URL())
	})
}

func TestDoctorOfAMasterWithSentinels(t *testing.T) {
	w := redistest.StartWatch(t, "limits", 3)
	master, err := w.Master()
	if err != nil {
		t.Fatal(err)
	}
	diagnosis{exitOK, []string{"the master " + master.Address(), "with 1 replicas, all up to date", "ok       rights"}, []string{"error ", "warning "}}.want(t, w.URL())
	for _, s := range w.Nodes {
		if s != master {
			if err := s.Freeze(); err != nil {
				t.Fatal(err)
			}
			defer s.Thaw()
		}
	}
	configure(t, master.URL(), "SET big "+strings.Repeat("x", 2<<20))
	diagnosis{exitNo, []string{"warning  role", "bytes behind"}, []string{"error "}}.want(t, w.URL())
}

// awaitLayout returns when a node names all.
func awaitLayout(t *testing.T, s *redistest.Server, all []*redistest.Server) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		slots, err := s.Do("CLUSTER", "SLOTS")
		if err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(slots)
		missing := slices.ContainsFunc(all, func(n *redistest.Server) bool {
			_, port, _ := strings.Cut(n.Address(), ":")
			return !strings.Contains(text, " "+port+" ")
		})
		if !missing {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("CLUSTER SLOTS does not name all: %s", text)
		}
	}
}
