package resilient_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// server is a redis-server that a test may kill, freeze and start again.
type server struct {
	tb  testing.TB
	dir string
	cmd *exec.Cmd
}

func startServer(tb testing.TB) *server {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv(redistest.RequireVariable) == "1" {
			tb.Fatal(err)
		}
		tb.Skip("needs a redis-server process, and there is no redis-server on this machine")
	}
	// Not tb.TempDir, whose path holds the test's name: a socket's path is short.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{tb: tb, dir: dir}
	tb.Cleanup(func() {
		s.kill()
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	s.start()
	return s
}

func (s *server) socket() string { return filepath.Join(s.dir, "s") }

// start returns when the server answers.
func (s *server) start() {
	s.tb.Helper()
	s.cmd = exec.Command("redis-server", "--port", "0", "--unixsocket", s.socket(), "--dir", s.dir, "--save", "", "--appendonly", "no")
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatal(err)
	}
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var conn redis.Conn
		if conn, err = redis.Dial("unix", s.socket()); err == nil {
			_, err = conn.Do("PING")
			if err = errors.Join(err, conn.Close()); err == nil {
				return
			}
		}
	}
	s.tb.Fatalf("redis-server did not start: %v", err)
}

func (s *server) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait() // it was killed
		s.cmd = nil
	}
}

func (s *server) signal(sig syscall.Signal) {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatal(err)
	}
}

// dialled is a pool whose connections are all in use at once, and idle then.
func (s *server) dialled() *redis.Pool {
	s.tb.Helper()
	pool, err := redisdoor.Dial("unix://" + s.socket())
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { _ = pool.Close() })
	var conns []redis.Conn
	for range pool.MaxActive {
		conn := pool.Get()
		if _, err := conn.Do("PING"); err != nil {
			s.tb.Fatal(err)
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		_ = conn.Close() // hands it back
	}
	return pool
}

// crowd is callers that check as fast as they are answered, with a breath between.
type crowd struct {
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	waits []time.Duration // of each check since the last harvest
	back  time.Time       // of the first decision of the contract since then
}

func assemble(tb testing.TB, limiter throttlekit.Limiter, callers int) *crowd {
	c := &crowd{stop: make(chan struct{})}
	for i := range callers {
		c.done.Go(func() {
			for {
				select {
				case <-c.stop:
					return
				case <-time.After(2 * time.Millisecond):
				}
				began := time.Now()
				d, err := limiter.Check(context.Background(), fmt.Sprint(secretKey, i))
				ended := time.Now()
				if err != nil {
					tb.Error(err)
				}
				c.mu.Lock()
				c.waits = append(c.waits, ended.Sub(began))
				if c.back.IsZero() && !d.Degraded() {
					c.back = ended
				}
				c.mu.Unlock()
			}
		})
	}
	return c
}

func (c *crowd) disperse() {
	close(c.stop)
	c.done.Wait()
}

// harvest returns how long the checks took since the last harvest, sorted.
func (c *crowd) harvest() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	waits := c.waits
	c.waits, c.back = nil, time.Time{}
	slices.Sort(waits)
	return waits
}

func (c *crowd) backSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.back
}

func eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("never: %s", what)
		}
	}
}

// TestOutage takes a Redis away from callers and gives it back.
func TestOutage(t *testing.T) {
	for _, row := range []struct {
		name          string
		away, return_ func(*server)
	}{
		{"killed and started again", (*server).kill, (*server).start},
		{"frozen", func(s *server) { s.signal(syscall.SIGSTOP) }, func(s *server) { s.signal(syscall.SIGCONT) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := startServer(t)
			for _, alone := range []bool{false, true} {
				name, options := "fused", []redisdoor.Option{redisdoor.WithPrefix("fused")}
				if alone {
					name, options = "alone", []redisdoor.Option{redisdoor.WithPrefix("alone"), redisdoor.WithoutFusing()}
				}
				t.Run(name, func(t *testing.T) {
					door, err := redisdoor.New(s.dialled(), strategy.GCRA{Limit: 1000, Period: time.Hour}, options...)
					if err != nil {
						t.Fatal(err)
					}
					l := newLimiter(t, door, resilient.WithFailMode(resilient.FailOpen))
					c := assemble(t, l, 16)
					defer c.disperse()
					eventually(t, "checks", func() bool { return l.Stats().Contract > 100 })

					row.away(s)
					eventually(t, "the breaker is open", func() bool { return l.Stats().Breaker == resilient.BreakerOpen })
					c.harvest()
					opened := l.Stats().Opened
					eventually(t, "a try in vain", func() bool { return l.Stats().Opened > opened+1 })
					waits := c.harvest()
					p99, longest := waits[len(waits)*99/100], waits[len(waits)-1]
					t.Logf("%d checks without Redis: p50 %v, p99 %v, longest %v", len(waits), waits[len(waits)/2], p99, longest)

					row.return_(s)
					returned := time.Now()
					c.harvest()
					eventually(t, "a decision of Redis", func() bool { return !c.backSince().IsZero() })
					t.Logf("back %v after Redis; %+v", c.backSince().Sub(returned), l.Stats())
				})
			}
		})
	}
}
