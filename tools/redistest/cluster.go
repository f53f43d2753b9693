package redistest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

const slots = 16384

// Cluster is a Redis Cluster of processes of the test's own.
type Cluster struct {
	// Nodes are all servers, those first that began as masters. Each replica began with
	// a master: node i with node i modulo the number of masters.
	Nodes   []*Server
	masters int
	voted   map[int]time.Time // by the master's place in Nodes: when it was replaced last
}

// LaunchCluster starts a cluster of so many masters, which share the slots evenly, and
// replicas for each of them. Extra arguments are every redis-server's. A node is held
// for dead after a second, unless an argument says otherwise.
func LaunchCluster(masters, replicas int, args ...string) (*Cluster, error) {
	c := &Cluster{Nodes: make([]*Server, masters*(1+replicas)), masters: masters, voted: map[int]time.Time{}}
	errs := make([]error, len(c.Nodes))
	var all sync.WaitGroup
	for i := range c.Nodes {
		all.Go(func() { c.Nodes[i], errs[i] = launchNode(args) })
	}
	all.Wait()
	err := errors.Join(errs...)
	if err == nil {
		err = c.join()
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// StartCluster is [LaunchCluster] for a test, which ends it. Where there is no
// redis-server the test is skipped as by [StartProcess].
func StartCluster(tb testing.TB, masters, replicas int, args ...string) *Cluster {
	tb.Helper()
	RequireServer(tb)
	c, err := LaunchCluster(masters, replicas, args...)
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

// AnyPort stands, among the arguments of [LaunchCluster], for a free port, for each node
// another.
const AnyPort = "any-port"

func launchNode(args []string) (*Server, error) {
	args = slices.Clone(args)
	for i, arg := range args {
		if arg == AnyPort {
			port, err := freePort()
			if err != nil {
				return nil, err
			}
			args[i] = strconv.Itoa(port)
		}
	}
	return Launch(append([]string{"--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0",
		"--cluster-allow-replica-migration", "no"}, args...)...)
}

// join makes a cluster of the nodes.
func (c *Cluster) join() error {
	for i, n := range c.Nodes {
		if _, err := n.Do("CLUSTER", "SET-CONFIG-EPOCH", i+1); err != nil {
			return err
		}
		if i < c.masters {
			args := []any{"ADDSLOTS"}
			for slot := i * slots / c.masters; slot < (i+1)*slots/c.masters; slot++ {
				args = append(args, slot)
			}
			if _, err := n.Do("CLUSTER", args...); err != nil {
				return err
			}
		}
	}
	// Each meets each other: to hear of one from another takes longer.
	for i, n := range c.Nodes {
		for _, other := range c.Nodes[i+1:] {
			if err := n.meet(other); err != nil {
				return err
			}
		}
	}
	for i, n := range c.Nodes {
		if err := await("a node that knows all others", func() (bool, error) {
			known, err := n.clusterInfo("cluster_known_nodes")
			return known == strconv.Itoa(len(c.Nodes)), err
		}); err != nil {
			return err
		}
		if i < c.masters {
			continue
		}
		master, err := redis.String(c.Nodes[i%c.masters].Do("CLUSTER", "MYID"))
		if err != nil {
			return err
		}
		if err := await("a node that becomes a replica", func() (bool, error) {
			_, err := n.Do("CLUSTER", "REPLICATE", master)
			return err == nil, err
		}); err != nil {
			return err
		}
	}
	return c.AwaitOK()
}

func (s *Server) meet(other *Server) error {
	port := strconv.Itoa(other.port)
	// Among nodes that speak TLS a node is known by its port for that.
	if slices.Contains(other.args, "--tls-cluster") {
		var err error
		if port, err = other.Setting("tls-port"); err != nil {
			return err
		}
	}
	_, err := s.Do("CLUSTER", "MEET", "127.0.0.1", port)
	return err
}

// AwaitOK returns when every node that runs holds the cluster for sound, all agree on who
// serves what, and every replica has its master's data.
func (c *Cluster) AwaitOK() error {
	if err := await("nodes that agree on who serves what", func() (bool, error) {
		var said string
		for _, n := range c.Nodes {
			if !n.Running() {
				continue
			}
			layout, err := n.layout()
			if err != nil || said != "" && layout != said {
				return false, err
			}
			said = layout
		}
		return true, nil
	}); err != nil {
		return err
	}
	for _, n := range c.Nodes {
		if !n.Running() {
			continue
		}
		if err := await("a sound cluster", func() (bool, error) {
			state, err := n.clusterInfo("cluster_state")
			if state != "ok" || err != nil {
				return false, err
			}
			role, err := redis.Values(n.Do("ROLE"))
			if err != nil {
				return false, err
			}
			said, err := redis.String(role[0], nil)
			if said != "slave" || err != nil {
				return err == nil, err
			}
			link, err := redis.String(role[3], nil)
			return link == "connected", err
		}); err != nil {
			return errors.Join(err, n.lastWords())
		}
	}
	return nil
}

// layout is who serves which slots, as the server sees it.
func (s *Server) layout() (string, error) {
	entries, err := redis.Values(s.Do("CLUSTER", "SLOTS"))
	lines := make([]string, len(entries))
	for i, e := range entries {
		entry := e.([]any)
		lines[i] = fmt.Sprint(entry[0], entry[1], entry[2].([]any)[1])
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n"), err
}

func (s *Server) clusterInfo(field string) (string, error) {
	info, err := redis.String(s.Do("CLUSTER", "INFO"))
	if err != nil {
		return "", err
	}
	_, after, _ := strings.Cut(info, field+":")
	value, _, _ := strings.Cut(after, "\r")
	return value, nil
}

// URL is an address of the cluster, of its first two nodes.
func (c *Cluster) URL() string {
	addresses := []string{c.Nodes[0].Address()}
	if len(c.Nodes) > 1 {
		addresses = append(addresses, c.Nodes[1].Address())
	}
	return "redis+cluster://" + strings.Join(addresses, ",")
}

// Owner returns the node that serves a slot, as the others see it.
func (c *Cluster) Owner(slot int) (*Server, error) {
	var errs []error
	for _, n := range c.Nodes {
		if !n.Running() {
			continue
		}
		owner, err := c.ownerBy(n, slot)
		if owner != nil {
			return owner, nil
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(append(errs, fmt.Errorf("nobody serves slot %d", slot))...)
}

func (c *Cluster) ownerBy(n *Server, slot int) (*Server, error) {
	layout, err := redis.Values(n.Do("CLUSTER", "SLOTS"))
	for _, e := range layout {
		entry := e.([]any)
		if from, to := entry[0].(int64), entry[1].(int64); int64(slot) < from || int64(slot) > to {
			continue
		}
		port := entry[2].([]any)[1].(int64)
		for _, owner := range c.Nodes {
			if int64(owner.port) == port {
				return owner, nil
			}
		}
	}
	return nil, err
}

// ReplicaOf returns a replica of a master.
func (c *Cluster) ReplicaOf(master *Server) (*Server, error) {
	for _, n := range c.Nodes {
		if n == master || !n.Running() {
			continue
		}
		role, err := redis.Values(n.Do("ROLE"))
		if err != nil {
			return nil, err
		}
		if said, _ := redis.String(role[0], nil); said == "slave" && role[2].(int64) == int64(master.port) {
			return n, nil
		}
	}
	return nil, errors.New("the master has no replica")
}

// Failover has a replica take its master's place as an operator would, and returns when
// all nodes know.
func (c *Cluster) Failover(replica *Server) error {
	if err := c.awaitVotes(replica); err != nil {
		return err
	}
	if _, err := replica.Do("CLUSTER", "FAILOVER"); err != nil {
		return err
	}
	if err := await("a replica that took over", replica.IsMaster); err != nil {
		return errors.Join(err, replica.lastWords())
	}
	return c.AwaitOK()
}

// awaitVotes waits until the other masters will vote for a replica once more: they do so
// for those of one master only once in two of their timeouts, and one that asks in vain
// has its master keep all clients waiting for five seconds.
func (c *Cluster) awaitVotes(replica *Server) error {
	setting, err := replica.Setting("cluster-node-timeout")
	if err != nil {
		return err
	}
	timeout, err := time.ParseDuration(setting + "ms")
	if err != nil {
		return err
	}
	family := slices.Index(c.Nodes, replica) % c.masters
	time.Sleep(time.Until(c.voted[family].Add(timeout * 9 / 4)))
	c.voted[family] = time.Now()
	return nil
}

// IsMaster reports whether the server holds itself for one.
func (s *Server) IsMaster() (bool, error) {
	role, err := redis.Values(s.Do("ROLE"))
	if err != nil {
		return false, err
	}
	said, err := redis.String(role[0], nil)
	return said == "master", err
}

// Close kills all nodes.
func (c *Cluster) Close() error {
	var errs []error
	for _, n := range c.Nodes {
		if n != nil {
			errs = append(errs, n.Close())
		}
	}
	return errors.Join(errs...)
}
