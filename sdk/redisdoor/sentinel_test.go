package redisdoor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestSentinelsNameTheMaster fails over twice, by the sentinels' own choice and because
// the master died, and looks at who has the state each time.
func TestSentinelsNameTheMaster(t *testing.T) {
	t.Parallel()
	w := redistest.StartWatch(t, "mymaster", 1)
	dead := redistest.StartServer(t)
	if err := dead.Kill(); err != nil {
		t.Fatal(err)
	}
	// The first of the sentinels does not answer, the second knows no such master.
	ignorant := redistest.StartWatch(t, "another", 1)
	pool := dial(t, strings.Replace(w.URL(), "://", "://"+dead.Address()+","+ignorant.Sentinels[0].Address()+",", 1)+"/3")
	limiter := newLimiter(t, pool, fivePerHour)
	if d, err := limiter.CheckN(t.Context(), "key", 5); err != nil || !d.Allowed {
		t.Fatalf("got %+v, %v, want an allowed check", d, err)
	}
	if err := w.Nodes[0].AwaitReplica(); err != nil {
		t.Fatal(err)
	}
	if info, err := redis.String(tell(t, w.Nodes[0], "INFO", "keyspace"), nil); err != nil || !strings.Contains(info, "db3:") {
		t.Errorf("the keyspace is %q (%v), want the key in database 3", info, err)
	}
	if err := w.Failover(); err != nil {
		t.Fatal(err)
	}
	// The former master does not know yet, and would go on.
	for start := time.Now(); callsAt(t, w.Nodes[1], "evalsha") == 0; {
		if d, err := limiter.Check(t.Context(), "key"); err != nil || d.Allowed {
			t.Fatalf("got %+v, %v, want a denied check: all was spent", d, err)
		}
		if time.Since(start) > 10*time.Second {
			t.Fatal("no check went to the new master in 10 s")
		}
	}
	if d, err := limiter.Peek(t.Context(), "key"); err != nil || d.Allowed {
		t.Errorf("peek after the failover: %+v, %v, want no", d, err)
	}
	tell(t, w.Nodes[0], "REPLICAOF", "127.0.0.1", strings.TrimPrefix(w.Nodes[1].Address(), "127.0.0.1:"))
	if err := w.Nodes[1].AwaitReplica(); err != nil {
		t.Fatal(err)
	}
	if err := w.Nodes[1].Kill(); err != nil {
		t.Fatal(err)
	}
	soonDenied(t, limiter)
}

// soonDenied checks until a check is decided, which must be soon and a denial: all was
// spent.
func soonDenied(t *testing.T, limiter *redisdoor.Limiter) {
	t.Helper()
	for start := time.Now(); ; {
		d, err := limiter.Check(context.Background(), "key")
		if err == nil {
			if d.Allowed {
				t.Errorf("got %+v, want a denied check: all was spent", d)
			}
			return
		}
		if !errors.Is(err, throttlekit.ErrUnavailable) || time.Since(start) > 10*time.Second {
			t.Fatalf("after %v: %v", time.Since(start), err)
		}
	}
}

// TestADemotedMasterIsLeft makes a master a replica behind the pool's back.
func TestADemotedMasterIsLeft(t *testing.T) {
	former, next := redistest.StartServer(t), redistest.StartServer(t)
	host, port, _ := strings.Cut(next.Address(), ":")
	for name, opts := range map[string][]redisdoor.Option{"fused": nil, "alone": {redisdoor.WithoutFusing()}} {
		for op, call := range map[string]func(*redisdoor.Limiter) error{
			"check": func(l *redisdoor.Limiter) error { _, err := l.Check(t.Context(), secretKey); return err },
			"checkMany": func(l *redisdoor.Limiter) error {
				_, err := l.CheckMany(t.Context(), []string{secretKey, "another"}, 1)
				if many := new(throttlekit.ManyError); errors.As(err, &many) {
					err = many.Errors[0]
				}
				return err
			},
			"reset": func(l *redisdoor.Limiter) error { return l.Reset(t.Context(), secretKey) },
			"replay": func(l *redisdoor.Limiter) error {
				_, err := l.Replay(t.Context(), secretKey, []redisdoor.Moment{{Now: 1, Cost: 1}})
				return err
			},
		} {
			t.Run(name+"/"+op, func(t *testing.T) {
				address := former.Address()
				pool := &redis.Pool{MaxIdle: 10, DialContext: func(ctx context.Context) (redis.Conn, error) {
					return redis.DialContext(ctx, "tcp", address)
				}}
				defer pool.Close()
				limiter := newLimiter(t, pool, endless, append(opts, redisdoor.WithPrefix(prefix(t)))...)
				tell(t, former, "REPLICAOF", "NO", "ONE")
				if err := call(limiter); err != nil {
					t.Fatal(err)
				}
				tell(t, former, "REPLICAOF", host, port)
				address = next.Address()
				wantFault(t, call(limiter), fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceServer, says: "READONLY"})
				if err := call(limiter); err != nil {
					t.Errorf("the next after READONLY: %v, want it to go to the master of now", err)
				}
			})
		}
	}
}

// TestAnswersOfSentinelsAreNotTrusted: whatever they and the master say, it is an error.
func TestAnswersOfSentinelsAreNotTrusted(t *testing.T) {
	master := "*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%s\r\n"
	for _, row := range []struct{ name, sentinel, role, says string }{
		{"a master without a role", master, "*0\r\n", `whose role is ""`},
		{"a role that is no text", master, "*1\r\n:1\r\n", `whose role is ""`},
		{"a replica", master, "*1\r\n$5\r\nslave\r\n", `whose role is "slave"`},
		{"half an address", "*1\r\n$9\r\n127.0.0.1\r\n%.0d%.0s", "", "1 texts, want a host and a port"},
		{"no address", "*0\r\n%.0d%.0s", "", "0 texts, want a host and a port"},
		{"a master that is not known", "*-1\r\n%.0d%.0s", "", "it knows no master of that name"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			fake := startFakeRedis(t, func(c fakeCommand) []byte {
				if c.words[0] == "ROLE" {
					return []byte(row.role)
				}
				_, port, _ := net.SplitHostPort(c.self.String())
				return fmt.Appendf(nil, row.sentinel, len(port), port)
			})
			limiter := newLimiter(t, dial(t, "redis+sentinel://"+fake.listener.Addr().String()+"/limits"), fivePerHour)
			_, err := limiter.Check(t.Context(), secretKey)
			wantFault(t, err, fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport, says: row.says})
		})
	}
}

// TestAFormerMasterThatIsWellIsLeft: it would take writes until it is demoted, and those of
// other clients go to the new one.
func TestAFormerMasterThatIsWellIsLeft(t *testing.T) {
	t.Parallel()
	former, next := redistest.StartServer(t), redistest.StartServer(t)
	var failedOver atomic.Bool
	sentinel := startFakeRedis(t, func(c fakeCommand) []byte {
		master := former
		if failedOver.Load() {
			master = next
		}
		host, port, _ := net.SplitHostPort(master.Address())
		return fmt.Appendf(nil, "*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(host), host, len(port), port)
	})
	pool := dial(t, "redis+sentinel://"+sentinel.listener.Addr().String()+"/limits")
	for name, opts := range map[string][]redisdoor.Option{"fused": nil, "alone": {redisdoor.WithoutFusing()}} {
		limiter := behind(t, openDoor(t, pool, opts...), strategy.FixedWindow{Limit: 1 << 30, Window: time.Hour})
		failedOver.Store(false)
		spent := func(s *redistest.Server) bool { return tell(t, s, "EXISTS", name) == int64(1) }
		// Both the way there, and the way back for the next round.
		for _, row := range []struct {
			over bool
			to   *redistest.Server
		}{{false, former}, {true, next}} {
			failedOver.Store(row.over)
			for deadline := time.Now().Add(10 * time.Second); !spent(row.to); time.Sleep(10 * time.Millisecond) {
				if _, err := limiter.Check(t.Context(), name); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s: nothing arrived at the master of now", name)
				}
			}
		}
	}
}
