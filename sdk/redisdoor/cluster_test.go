package redisdoor_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor/internal/cluster"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestClusterAnswersAsOneRedis holds every call on a cluster against the same call on one
// Redis, on keys of all its nodes.
func TestClusterAnswersAsOneRedis(t *testing.T) {
	c := onCluster(t)
	way, one := dialCluster(t, c.URL()), dial(t, redistest.Start(t))
	for _, d := range strategy.All() {
		for name, opts := range map[string][]redisdoor.Option{"fused": nil, "alone": {redisdoor.WithoutFusing()}} {
			t.Run(d.Name+"/"+name, func(t *testing.T) {
				s := ofPlenty(t, d, nil)
				several := behind(t, openDoor(t, way, append(opts, redisdoor.WithPrefix(prefix(t)))...), s)
				single := newLimiter(t, one, s, append(opts, redisdoor.WithPrefix(prefix(t)))...)
				ctx := t.Context()
				at := time.UnixMilli(1_700_000_000_000)
				for i, key := range numbered(20) {
					cost := int64(1 + i%3)
					for _, l := range []*redisdoor.Limiter{several, single} {
						if err := l.Reset(ctx, key); err != nil {
							t.Fatal(err)
						}
					}
					want, err1 := single.CheckAt(ctx, key, cost, at)
					got, err2 := several.CheckAt(ctx, key, cost, at)
					same(t, "CheckAt", got, want, err2, err1)
					wantPeek, err1 := single.PeekAt(ctx, key, at)
					gotPeek, err2 := several.PeekAt(ctx, key, at)
					same(t, "PeekAt", gotPeek, wantPeek, err2, err1)
					wantForecast, err1 := single.ForecastAt(ctx, key, cost, at)
					gotForecast, err2 := several.ForecastAt(ctx, key, cost, at)
					same(t, "ForecastAt", gotForecast, wantForecast, err2, err1)
				}
				keys := append(numbered(30), numbered(10)...)
				wantMany, err1 := single.CheckManyAt(ctx, keys, 2, at)
				gotMany, err2 := several.CheckManyAt(ctx, keys, 2, at)
				same(t, "CheckMany", gotMany, wantMany, err2, err1)
			})
		}
	}
}

func same(t *testing.T, what string, got, want any, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s on a cluster differs from one Redis (-one +cluster):\n%s", what, diff)
	}
}

// TestClusterAdmitsExactlyTheLimit has a crowd spend limits of many keys at once.
func TestClusterAdmitsExactlyTheLimit(t *testing.T) {
	c := onCluster(t)
	way := dialCluster(t, c.URL())
	for name, opts := range map[string][]redisdoor.Option{"fused": nil, "alone": {redisdoor.WithoutFusing()}} {
		for kind, keys := range map[string][]string{
			"one key": {"hot"}, "keys of one slot": inSlot("t", 8), "keys of all nodes": numbered(40),
		} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				limiter := behind(t, openDoor(t, way, append(opts, redisdoor.WithPrefix(prefix(t)))...),
					strategy.GCRA{Limit: 10, Period: time.Hour})
				decisions := crowd(t, 40, 20, func(ctx context.Context, i, j int) (throttlekit.Decision, error) {
					return limiter.Check(ctx, keys[(i+j)%len(keys)])
				})
				if got, want := admitted(decisions), int64(min(10*len(keys), 800)); got != want {
					t.Errorf("admitted %d of 800 checks, want exactly %d: 10 of each key", got, want)
				}
			})
		}
	}
}

func TestClusterRunsManyOnlyInOneSlot(t *testing.T) {
	c := onCluster(t)
	limiter := newLimiter(t, dialCluster(t, c.URL()), fivePerHour, redisdoor.WithPrefix(prefix(t)))
	count := func() (n int) {
		for _, s := range c.Nodes {
			n += callsAt(t, s, "evalsha") + callsAt(t, s, "eval")
		}
		return n
	}
	for _, row := range []struct {
		name string
		keys []string
		want int
	}{
		{"keys of one slot share a script", inSlot("a", 100), 1},
		{"of two slots, one each", slices.Concat(inSlot("a", 50), inSlot("b", 50)), 2},
		{"one key that comes often", slices.Repeat([]string{"c"}, 20), 1},
		{"keys of as many slots go alone", numbered(10), 10},
		{"no script has more than 256", inSlot("a", 257), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := 0
			for range 2 { // the first time a node may have to be told a script
				before = count()
				if _, err := limiter.CheckMany(t.Context(), row.keys, 1); err != nil {
					t.Fatal(err)
				}
			}
			if got := count() - before; got != row.want {
				t.Errorf("%d keys took %d scripts, want %d", len(row.keys), got, row.want)
			}
		})
	}
}

// TestClusterFollowsASlot moves a slot to another master while a crowd checks its keys.
func TestClusterFollowsASlot(t *testing.T) {
	c := onCluster(t)
	for name, opts := range map[string][]redisdoor.Option{"fused": nil, "alone": {redisdoor.WithoutFusing()}} {
		t.Run(name, func(t *testing.T) {
			way := dialCluster(t, c.URL())
			tag := prefix(t)
			limiter := behind(t, openDoor(t, way, opts...), strategy.FixedWindow{Limit: 40, Window: ages * time.Millisecond})
			keys := inSlot(tag, 50)
			from := ownerOf(t, c, keys[0])
			to := otherMaster(t, c, from)
			stop, admitted := make(chan struct{}), make([]int64, 8)
			var all sync.WaitGroup
			for i := range admitted {
				all.Go(func() {
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					for n := i; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						if n%7 == 0 {
							many, err := limiter.CheckMany(ctx, keys, 1)
							if err != nil {
								t.Errorf("CheckMany: %v", err)
								return
							}
							for _, d := range many {
								if d.Allowed {
									admitted[i]++
								}
							}
							continue
						}
						d, err := limiter.Check(ctx, keys[n%len(keys)])
						if err != nil {
							t.Errorf("Check: %v", err)
							return
						}
						if d.Allowed {
							admitted[i]++
						}
						if _, err := limiter.Peek(ctx, keys[n%len(keys)]); err != nil {
							t.Errorf("Peek: %v", err)
							return
						}
					}
				})
			}
			move, err := c.Move(cluster.Slot(keys[0]), to)
			if err != nil {
				t.Error(err)
			} else {
				for range 10 { // some keys are here and some there
					if _, err := move.Keys(4); err != nil {
						t.Error(err)
					}
					time.Sleep(5 * time.Millisecond)
				}
				if err := move.Finish(); err != nil {
					t.Error(err)
				}
			}
			decisions, err := limiter.CheckMany(t.Context(), keys, 1) // on the new owner
			if err != nil {
				t.Error(err)
			}
			// What is left of every key, whoever spends it.
			for range 40 {
				more, err := limiter.CheckMany(t.Context(), keys, 1)
				if err != nil {
					t.Error(err)
				}
				decisions = append(decisions, more...)
			}
			close(stop)
			all.Wait()
			total := int64(0)
			for _, n := range admitted {
				total += n
			}
			for _, d := range decisions {
				if d.Allowed {
					total++
				}
			}
			if want := int64(40 * len(keys)); total != want {
				t.Errorf("admitted %d, want exactly %d", total, want)
			}
			for _, s := range []string{"evalsha", "eval"} {
				t.Logf("%s: %d at the former owner, %d at the new", s, callsAt(t, from, s), callsAt(t, to, s))
			}
		})
	}
}

// TestClusterSurvivesAFailover has a replica take over as an operator would, under load.
func TestClusterSurvivesAFailover(t *testing.T) {
	c := onCluster(t)
	for name, opts := range map[string][]redisdoor.Option{"fused": nil, "alone": {redisdoor.WithoutFusing()}} {
		t.Run(name, func(t *testing.T) {
			limiter := behind(t, openDoor(t, dialCluster(t, c.URL()), append(opts, redisdoor.WithPrefix(prefix(t)))...), fivePerHour)
			keys := numbered(60)
			if _, err := limiter.CheckMany(t.Context(), keys, 5); err != nil {
				t.Fatal(err)
			}
			settle(t, c)
			// Each time of another family: a second failover of one must wait for its votes.
			owner, err := c.Owner(map[string]int{"fused": 0, "alone": cluster.Slots - 1}[name])
			if err != nil {
				t.Fatal(err)
			}
			replica, err := c.ReplicaOf(owner)
			if err != nil {
				t.Fatal(err)
			}
			stop := make(chan struct{})
			var all sync.WaitGroup
			for i := range 6 {
				all.Go(func() {
					for n := i; ; n++ {
						select {
						case <-stop:
							return
						default:
						}
						d, err := limiter.Check(context.Background(), keys[n%len(keys)])
						// The former master keeps all waiting until the replica has taken over.
						if err != nil && !errors.Is(err, throttlekit.ErrUnavailable) {
							t.Errorf("while a replica takes over: %v", err)
							return
						}
						if d.Allowed {
							t.Error("a key was admitted again that was spent")
							return
						}
					}
				})
			}
			if err := c.Failover(replica); err != nil {
				t.Error(err)
			}
			close(stop)
			all.Wait()
			decisions, err := limiter.CheckMany(t.Context(), keys, 1)
			if err != nil || admitted(decisions) != 0 {
				t.Errorf("afterwards: %d admitted, %v; want none, as all was spent", admitted(decisions), err)
			}
		})
	}
}

func TestClusterScriptsAreCachedByNode(t *testing.T) {
	c := onCluster(t)
	limiter := newLimiter(t, dialCluster(t, c.URL()), fivePerHour, redisdoor.WithPrefix(prefix(t)))
	keys := slices.Concat(numbered(30), inSlot("a", 5), inSlot("b", 5), inSlot("c", 5))
	for round := range 2 {
		if _, err := limiter.CheckMany(t.Context(), keys, 1); err != nil {
			t.Fatal(err)
		}
		tell(t, c.Nodes[round], "SCRIPT", "FLUSH")
	}
	decisions, err := limiter.CheckMany(t.Context(), keys, 3)
	if err != nil || admitted(decisions) != int64(len(keys)) {
		t.Fatalf("admitted %d of %d, %v; want all, each after two of five", admitted(decisions), len(keys), err)
	}
	for _, key := range keys {
		tell(t, c.Nodes[0], "SCRIPT", "FLUSH")
		if d, err := limiter.Check(t.Context(), key); err != nil || d.Allowed {
			t.Fatalf("got %+v, %v, want a denied check: all was spent, once", d, err)
		}
	}
}
