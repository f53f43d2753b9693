package redistest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
)

// Watch is a Redis with a replica, and the sentinels that watch over them.
type Watch struct {
	// Name is what the sentinels call the master.
	Name string
	// Nodes are the two servers, the first master first.
	Nodes []*Server
	// Sentinels are those.
	Sentinels []*Server
}

// LaunchWatch starts a master, a replica and so many sentinels. Extra arguments are both
// servers'. The master is held for dead after half a second.
func LaunchWatch(name string, sentinels int, args ...string) (*Watch, error) {
	w := &Watch{Name: name}
	if err := w.launch(sentinels, args); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// StartWatch is [LaunchWatch] for a test, which ends it. Where there is no redis-server
// the test is skipped as by [StartProcess].
func StartWatch(tb testing.TB, name string, sentinels int, args ...string) *Watch {
	tb.Helper()
	RequireServer(tb)
	w, err := LaunchWatch(name, sentinels, args...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := w.Close(); err != nil {
			tb.Error(err)
		}
	})
	return w
}

func (w *Watch) launch(sentinels int, args []string) error {
	master, err := Launch(args...)
	if err != nil {
		return err
	}
	w.Nodes = append(w.Nodes, master)
	replica, err := Launch(append([]string{"--replicaof", "127.0.0.1", strconv.Itoa(master.port)}, args...)...)
	if err != nil {
		return err
	}
	w.Nodes = append(w.Nodes, replica)
	if err := w.awaitReplica(replica); err != nil {
		return err
	}
	for range sentinels {
		s, err := launch(func(s *Server) error {
			config := filepath.Join(s.dir, "sentinel.conf")
			s.args = []string{config, "--sentinel"}
			return os.WriteFile(config, fmt.Appendf(nil, `port %d
bind 127.0.0.1
dir %s
sentinel monitor %[3]s 127.0.0.1 %[4]d %[5]d
sentinel down-after-milliseconds %[3]s 500
sentinel failover-timeout %[3]s 3000
`, s.port, s.dir, w.Name, master.port, sentinels/2+1), 0o600)
		})
		if err != nil {
			return err
		}
		w.Sentinels = append(w.Sentinels, s)
	}
	for _, s := range w.Sentinels {
		if err := await("a sentinel that knows the replica and the other sentinels", func() (bool, error) {
			known, err := redis.StringMap(s.Do("SENTINEL", "MASTER", w.Name))
			return known["num-slaves"] == "1" && known["num-other-sentinels"] == strconv.Itoa(sentinels-1), err
		}); err != nil {
			return err
		}
	}
	return nil
}

func (w *Watch) awaitReplica(replica *Server) error {
	return await("a replica with its master's data", func() (bool, error) {
		role, err := redis.Values(replica.Do("ROLE"))
		if err != nil || len(role) < 4 {
			return false, err
		}
		link, err := redis.String(role[3], nil)
		return link == "connected", err
	})
}

// URL is the address of the master, by way of the sentinels.
func (w *Watch) URL() string {
	var addresses []string
	for _, s := range w.Sentinels {
		addresses = append(addresses, s.Address())
	}
	return "redis+sentinel://" + strings.Join(addresses, ",") + "/" + w.Name
}

// Master returns the server that the first sentinel names.
func (w *Watch) Master() (*Server, error) {
	pair, err := redis.Strings(w.Sentinels[0].Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", w.Name))
	if err != nil || len(pair) != 2 {
		return nil, fmt.Errorf("the sentinel names no master: %w", err)
	}
	for _, n := range w.Nodes {
		if n.Address() == net.JoinHostPort(pair[0], pair[1]) {
			return n, nil
		}
	}
	return nil, errors.New("the sentinel names a strange master")
}

// Failover has the sentinels put the replica in the master's place, and returns when
// the replica is the master, and the first sentinel says so.
func (w *Watch) Failover() error {
	former, err := w.Master()
	if err != nil {
		return err
	}
	if err := await("a failover that begins", func() (bool, error) {
		_, err := w.Sentinels[0].Do("SENTINEL", "FAILOVER", w.Name)
		return err == nil, err
	}); err != nil {
		return err
	}
	return w.AwaitOther(former)
}

// AwaitOther returns when another server than former is the master, and the first
// sentinel says so.
func (w *Watch) AwaitOther(former *Server) error {
	return await("another master", func() (bool, error) {
		master, err := w.Master()
		if err != nil || master == former {
			return false, err
		}
		return master.IsMaster()
	})
}

// Close kills all processes.
func (w *Watch) Close() error {
	var errs []error
	for _, s := range append(w.Sentinels, w.Nodes...) {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
