package redisdoor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestClusterSendsNothingTwice hangs up on every script and every DEL: each is seen once,
// wherever the cluster might be asked again, and the checks may have been consumed.
func TestClusterSendsNothingTwice(t *testing.T) {
	sameSlot, apart := []string{"{a}1", "{a}2", "{a}3"}, []string{"a", "b", "c", "d"}
	for name, call := range map[string]func(ctx context.Context, l *redisdoor.Limiter) error{
		"check": func(ctx context.Context, l *redisdoor.Limiter) error { _, err := l.Check(ctx, secretKey); return err },
		"many of one slot": func(ctx context.Context, l *redisdoor.Limiter) error {
			_, err := l.CheckMany(ctx, sameSlot, 1)
			return err
		},
		"many": func(ctx context.Context, l *redisdoor.Limiter) error {
			_, err := l.CheckMany(ctx, apart, 1)
			return err
		},
	} {
		for how, opts := range map[string][]redisdoor.Option{"fused": nil, "alone": {redisdoor.WithoutFusing()}} {
			t.Run(name+"/"+how, func(t *testing.T) {
				t.Parallel()
				var mu sync.Mutex
				seen := map[string]int{}
				node := startFakeNode(t, func(c fakeCommand) []byte {
					if c.words[0] == "PING" {
						return []byte("+PONG\r\n")
					}
					mu.Lock()
					defer mu.Unlock()
					seen[strings.Join(c.words, " ")]++
					return nil
				})
				door := openDoor(t, dialCluster(t, "redis+cluster://"+node.listener.Addr().String()), opts...)
				err := call(t.Context(), behind(t, door, fivePerHour))
				errs := []error{err}
				if many := new(throttlekit.ManyError); errors.As(err, &many) {
					errs = many.Errors
				}
				for _, err := range errs {
					fault := new(throttlekit.Error)
					if !errors.As(err, &fault) || fault.Kind != throttlekit.ErrUnavailable || !fault.MayHaveConsumed {
						t.Errorf("error is %v, want ErrUnavailable that may have consumed", err)
					}
				}
				mu.Lock()
				defer mu.Unlock()
				if len(seen) == 0 {
					t.Error("nothing was sent")
				}
				for command, times := range seen {
					if times > 1 {
						t.Errorf("%d times: %q", times, command)
					}
				}
			})
		}
	}
}

// TestAMovedSlotIsRemembered: a node that sent one check elsewhere is not asked about the
// slot again.
func TestAMovedSlotIsRemembered(t *testing.T) {
	for how, opts := range map[string][]redisdoor.Option{"fused": nil, "alone": {redisdoor.WithoutFusing()}} {
		t.Run(how, func(t *testing.T) {
			next := startFakeNode(t, func(c fakeCommand) []byte { return []byte("*5\r\n:1\r\n:7\r\n:6\r\n:0\r\n:0\r\n") })
			_, port, _ := net.SplitHostPort(next.listener.Addr().String())
			var moved atomic.Int64
			former := startFakeRedis(t, func(c fakeCommand) []byte {
				owner := port
				if moved.Load() == 0 {
					_, owner, _ = net.SplitHostPort(c.self.String())
				}
				if c.words[0] == "CLUSTER" {
					return fmt.Appendf(nil, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%s\r\n", owner)
				}
				moved.Add(1)
				return fmt.Appendf(nil, "-MOVED 1 127.0.0.1:%s\r\n", port)
			})
			limiter := behind(t, openDoor(t, dialCluster(t, "redis+cluster://"+former.listener.Addr().String()), opts...), fivePerHour)
			if node := limiter.Node(secretKey); node != "" {
				t.Errorf("before the first call the key is at %q, want that nobody knows", node)
			}
			for range 20 {
				if d, err := limiter.Check(t.Context(), secretKey); err != nil || !d.Allowed {
					t.Fatalf("%+v, %v", d, err)
				}
			}
			if n := moved.Load(); n != 1 {
				t.Errorf("the former owner was asked %d times, want once", n)
			}
			if node := limiter.Node(secretKey); node != next.listener.Addr().String() {
				t.Errorf("the key is at %q, want %s", node, next.listener.Addr())
			}
		})
	}
}

// TestANodeThatBreaksOffIsLookedAt: the cluster may have replaced it, and it would go on to
// take connections and to break them.
func TestANodeThatBreaksOffIsLookedAt(t *testing.T) {
	for how, opts := range map[string][]redisdoor.Option{"fused": nil, "alone": {redisdoor.WithoutFusing()}} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			next := startFakeNode(t, func(c fakeCommand) []byte { return []byte("*5\r\n:1\r\n:7\r\n:6\r\n:0\r\n:0\r\n") })
			_, nextPort, _ := net.SplitHostPort(next.listener.Addr().String())
			var replaced atomic.Bool
			former := startFakeRedis(t, func(c fakeCommand) []byte {
				switch _, owner, _ := net.SplitHostPort(c.self.String()); c.words[0] {
				case "CLUSTER":
					if replaced.Load() {
						owner = nextPort
					}
					return fmt.Appendf(nil, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%s\r\n", owner)
				case "PING":
					return []byte("+PONG\r\n")
				}
				replaced.Store(true)
				return nil
			})
			limiter := behind(t, openDoor(t, dialCluster(t, "redis+cluster://"+former.listener.Addr().String()), opts...), fivePerHour)
			start := time.Now()
			for d, err := limiter.Check(t.Context(), secretKey); err != nil || !d.Allowed; d, err = limiter.Check(t.Context(), secretKey) {
				if time.Since(start) > 5*time.Second {
					t.Fatalf("the node that took over was not asked within 5 s: %v", err)
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// TestNodeIsTheOwnerOfTheWholeKey: of what Redis knows it by, not of what the caller does.
func TestNodeIsTheOwnerOfTheWholeKey(t *testing.T) {
	c := onCluster(t)
	way := dialCluster(t, c.URL())
	before := prefix(t)
	limiter := newLimiter(t, way, fivePerHour, redisdoor.WithPrefix(before))
	for _, key := range numbered(20) {
		if _, err := limiter.Peek(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if got, want := limiter.Node(key), ownerOf(t, c, before+":"+key).Address(); got != want {
			t.Errorf("%s is at %s, want %s", key, got, want)
		}
	}
	single := newLimiter(t, dial(t, redistest.Start(t)), fivePerHour)
	if node := single.Node("a"); node != "" {
		t.Errorf("without a cluster the key is at %q, want no address", node)
	}
}
