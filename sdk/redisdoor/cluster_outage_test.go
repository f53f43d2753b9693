package redisdoor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor/internal/cluster"
)

// TestClusterSurvivesTheDeathOfAMaster kills a master under load: the keys of the others
// are none the worse, and those of the dead one are checked again as soon as its replica
// has taken over.
func TestClusterSurvivesTheDeathOfAMaster(t *testing.T) {
	c := onCluster(t)
	for _, n := range c.Nodes {
		tell(t, n, "CONFIG", "SET", "cluster-node-timeout", "500")
	}
	victim, err := c.Owner(cluster.Slots / 2)
	if err != nil {
		t.Fatal(err)
	}
	var theirs, others []string
	for _, key := range numbered(60) {
		if ownerOf(t, c, t.Name()+":"+key) == victim {
			theirs = append(theirs, key)
		} else {
			others = append(others, key)
		}
	}
	way := dialCluster(t, c.URL())
	type mode struct {
		*redisdoor.Limiter
		unknown, admitted atomic.Int64
		back              atomic.Bool
	}
	modes := map[string]*mode{
		"fused": {Limiter: behind(t, openDoor(t, way, redisdoor.WithPrefix(t.Name())), fivePerHour)},
		"alone": {Limiter: newLimiter(t, way, fivePerHour, redisdoor.WithPrefix(t.Name()), redisdoor.WithoutFusing())},
	}
	for _, key := range append(slices.Clone(theirs), others...) {
		if err := modes["alone"].Reset(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	decisions, err := modes["fused"].CheckMany(t.Context(), append(slices.Clone(theirs), others...), 5)
	if err != nil || admitted(decisions) != 60 {
		t.Fatalf("admitted %d of 60 keys, %v", admitted(decisions), err)
	}
	settle(t, c)

	ctx, stop := context.WithCancel(t.Context())
	const each = 3 // goroutines
	var all sync.WaitGroup
	check := func(m *mode, key string) error {
		// Not ctx: to stop is not to break off.
		d, err := m.Check(context.Background(), key)
		if d.Allowed {
			m.admitted.Add(1)
		}
		return err
	}
	for name, m := range modes {
		for i := range each {
			all.Go(func() {
				for n := i; ctx.Err() == nil; n++ {
					if err := check(m, others[n%len(others)]); err != nil {
						t.Errorf("%s: a key of another master: %v", name, err)
						return
					}
				}
			})
			all.Go(func() {
				for n := i; ctx.Err() == nil; n++ {
					err := check(m, theirs[n%len(theirs)])
					var fault *throttlekit.Error
					switch {
					case errors.As(err, &fault) && fault.MayHaveConsumed:
						m.unknown.Add(1)
					case err != nil && !errors.Is(err, throttlekit.ErrUnavailable):
						t.Errorf("%s: %v", name, err)
						return
					case err == nil && !victim.Running():
						m.back.Store(true)
					}
				}
			})
		}
	}
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); !modes["fused"].back.Load() || !modes["alone"].back.Load(); time.Sleep(time.Millisecond) {
		if time.Since(start) > 20*time.Second {
			t.Error("no key of the dead master was checked again in 20 s")
			break
		}
	}
	stop()
	all.Wait()
	// A connection breaks once, and takes with it what is under way there: one check, or fused
	// ones of all callers. Of connections there are those of the callers and of the workers,
	// and one that looks at the cluster.
	const connections = each + redisdoor.DefaultWorkers + 1
	for name, m := range modes {
		most := map[string]int64{"fused": connections * each, "alone": connections}[name]
		if n := m.unknown.Load(); n > most {
			t.Errorf("%s: the outcome of %d checks is unknown, want at most the %d under way", name, n, most)
		}
		if n := m.admitted.Load(); n > 0 {
			t.Errorf("%s: %d checks were admitted, want none, as all was spent", name, n)
		}
	}
	if err := victim.Restart(); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		tell(t, n, "CONFIG", "SET", "cluster-node-timeout", "1000")
	}
	if err := c.AwaitOK(); err != nil {
		t.Error(err)
	}
}

// TestClusterOutOfReach has no node that answers.
func TestClusterOutOfReach(t *testing.T) {
	silent := startBrokenRedis(t, func(int64) []byte { return nil })
	limiter := newLimiter(t, dialCluster(t, "redis+cluster://user:hunter2@"+silent.listener.Addr().String()), fivePerHour)
	for op, call := range map[string]func(context.Context) error{
		"check":     func(ctx context.Context) error { _, err := limiter.Check(ctx, secretKey); return err },
		"checkMany": func(ctx context.Context) error { _, err := limiter.CheckMany(ctx, []string{secretKey}, 1); return err },
		"peek":      func(ctx context.Context) error { _, err := limiter.Peek(ctx, secretKey); return err },
		"reset":     func(ctx context.Context) error { return limiter.Reset(ctx, secretKey) },
	} {
		err := call(t.Context())
		var many *throttlekit.ManyError
		if errors.As(err, &many) {
			err = many.Errors[0]
		}
		wantFault(t, err, fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport, says: op})
	}
}

// TestClusterThatKeepsRedirecting sends a check in circles: it ends, and nothing ran.
func TestClusterThatKeepsRedirecting(t *testing.T) {
	for _, answer := range []string{"-MOVED 1 %s\r\n", "-ASK 1 %s\r\n", "-TRYAGAIN not yet%.0s\r\n"} {
		t.Run(answer[1:4], func(t *testing.T) {
			t.Parallel()
			node := startFakeNode(t, func(c fakeCommand) []byte { return fmt.Appendf(nil, answer, c.self) })
			limiter := newLimiter(t, dialCluster(t, "redis+cluster://"+node.listener.Addr().String()), fivePerHour)
			for name, call := range map[string]func() error{
				"check": func() error { _, err := limiter.Check(t.Context(), secretKey); return err },
				"peek":  func() error { _, err := limiter.Peek(t.Context(), secretKey); return err },
			} {
				err := call()
				var e *throttlekit.Error
				if !errors.As(err, &e) || e.MayHaveConsumed || e.Source != throttlekit.SourceServer {
					t.Errorf("%s: error is %v, want the server's, certainly not consumed", name, err)
				}
			}
		})
	}
}

// TestAnAskForSeveralKeysIsNotForEach has a node that has given away one of two keys and
// answers both by ASK, as Redis before version 7 does. To follow it with the key that is
// still there would begin its limit anew.
func TestAnAskForSeveralKeysIsNotForEach(t *testing.T) {
	allowed := []byte("*5\r\n:1\r\n:5\r\n:4\r\n:1000\r\n:0\r\n")
	var asked []string
	next := startFakeNode(t, func(c fakeCommand) []byte {
		asked = append(asked, c.words[3:5]...)
		return allowed
	})
	node := startFakeNode(t, func(c fakeCommand) []byte {
		if c.words[2] == "1" && c.words[3] == "{slot}here" {
			return allowed
		}
		return fmt.Appendf(nil, "-ASK %d %s\r\n", cluster.Slot("slot"), next.listener.Addr())
	})
	limiter := newLimiter(t, dialCluster(t, "redis+cluster://"+node.listener.Addr().String()), fivePerHour)
	decisions, err := limiter.CheckMany(t.Context(), []string{"{slot}here", "{slot}gone"}, 1)
	if err != nil || admitted(decisions) != 2 {
		t.Fatalf("got %+v, %v, want two that are allowed", decisions, err)
	}
	if len(asked) != 2 || asked[0] != "{slot}gone" {
		t.Errorf("the next node was asked for %q, want the key that is gone alone", asked)
	}
}
