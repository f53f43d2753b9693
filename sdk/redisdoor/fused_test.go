package redisdoor_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// The same crowd at two doors on one key each: what it is told is the same in all but the
// order and the instants, and the limit is kept exactly.
func TestACrowdIsToldTheSameWithFusingAndWithout(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			s := ofPlenty(t, d, nil)
			told := map[string][]throttlekit.Decision{}
			for name, opts := range map[string][]redisdoor.Option{"fused": nil, "alone": {redisdoor.WithoutFusing()}} {
				limiter := behind(t, openDoor(t, pool, append(opts, redisdoor.WithPrefix(prefix(t)+name))...), s)
				decisions := crowd(t, 512, 2, func(ctx context.Context, _, _ int) (throttlekit.Decision, error) {
					return limiter.Check(ctx, secretKey)
				})
				if n := admitted(decisions); n != plenty {
					t.Errorf("%s: %d of %d checks were admitted, want %d", name, n, len(decisions), plenty)
				}
				for i := range decisions {
					decisions[i].ResetAt, decisions[i].RetryAfter = time.Time{}, 0
				}
				slices.SortFunc(decisions, func(a, b throttlekit.Decision) int { return cmp.Compare(b.Remaining, a.Remaining) })
				slices.SortStableFunc(decisions, func(a, b throttlekit.Decision) int {
					return cmp.Compare(strconv.FormatBool(b.Allowed), strconv.FormatBool(a.Allowed))
				})
				told[name] = decisions
			}
			if diff := gocmp.Diff(told["alone"], told["fused"]); diff != "" {
				t.Errorf("(-alone +fused):\n%s", diff)
			}
		})
	}
}

// Limiters of all strategies, twice with the same parameters and different prefixes, and
// once with other parameters, share a door, a crowd and keys.
func TestLimitersOfOneDoorKeepToThemselves(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	door := openDoor(t, pool)
	type row struct {
		name    string
		limiter *redisdoor.Limiter
		cost    int64
		limit   int64
		spent   [2]atomic.Int64 // by key
	}
	var rows []*row
	for _, d := range strategy.All() {
		for i, cost := range []int64{1, 2, 7} {
			limit, params := int64(plenty), map[string]float64{}
			if i == 2 {
				limit = plenty / 2
				for _, p := range d.Params {
					if p.Name == d.ReportedLimit || p.Name == "limit" {
						params[p.Name] = plenty / 2
					}
				}
			}
			name := fmt.Sprint(d.Name, i)
			rows = append(rows, &row{name: name, cost: cost, limit: limit,
				limiter: behind(t, door, ofPlenty(t, d, params), redisdoor.WithPrefix(prefix(t)+name))})
		}
	}
	crowd(t, 240, len(rows)*5, func(ctx context.Context, goroutine, time int) (throttlekit.Decision, error) {
		r, key := rows[(goroutine+time)%len(rows)], (goroutine+time)/len(rows)%2
		d, err := r.limiter.CheckN(ctx, "key"+strconv.Itoa(key), r.cost)
		if err == nil && d.Limit != r.limit {
			err = fmt.Errorf("%s reports a limit of %d, want %d", r.name, d.Limit, r.limit)
		}
		if d.Allowed {
			r.spent[key].Add(r.cost)
		}
		return d, err
	})
	for _, r := range rows {
		for key := range r.spent {
			want := r.limit / r.cost * r.cost
			if got := r.spent[key].Load(); got != want {
				t.Errorf("%s: %d units of key %d were admitted, want %d of %d", r.name, got, key, want, r.limit)
			}
		}
	}
}

func TestScriptsAreShared(t *testing.T) {
	url := redistest.StartProcess(t)
	direct, way := dial(t, url), startLink(t, url, 0)
	door := openDoor(t, way.pool(t), redisdoor.WithWorkers(1))
	s := ofPlenty(t, strategy.All()[0], nil)
	plan := teach(t, direct, s)
	one, two := behind(t, door, s, redisdoor.WithPrefix("one")), behind(t, door, s, redisdoor.WithPrefix("two"))

	way.hold()
	slowlogFrom(t, direct)
	first := inFlight(t, way, one, "key")
	var others []*checker
	for range 50 {
		others = append(others, start(t, one, "key"), start(t, two, "key"))
	}
	way.flow()
	way.letPass(t)
	first[0].wantAllowed(t)
	spent := map[int64]int{}
	for _, c := range others {
		c.wantAllowed(t)
		spent[c.decision.Remaining]++
	}
	scripts := slowlog(t, direct) // the latest first
	if len(scripts) != 2 {
		t.Fatalf("Redis ran %d scripts for 101 checks, want the lone check's and one for all that waited", len(scripts))
	}
	if got := scripts[0].args[1:3]; got[0] != plan.Definition().Many.SHA1 || got[1] != "100" {
		t.Errorf("the second script is %v, want the many script with 100 keys, of both prefixes", got)
	}
	want := []string{"EVALSHA", plan.Definition().Check.SHA1, "1", "one:key"}
	for _, arg := range plan.AppendArgv(nil, "0", "1") {
		want = append(want, arg.(string))
	}
	if diff := gocmp.Diff(want, scripts[1].args); diff != "" {
		t.Errorf("the lone check (-want +got):\n%s", diff)
	}
	// 51 checks of one key and 50 of the other, each with a state of its own.
	for remaining := int64(plenty - 50); remaining < plenty-1; remaining++ {
		if spent[remaining] != 2 {
			t.Errorf("%d checks left %d units, want one of each prefix", spent[remaining], remaining)
		}
	}
}

func TestALoneCheckIsTheVerbatimScript(t *testing.T) {
	pool := dial(t, redistest.StartProcess(t))
	watched, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, d := range strategy.All() {
		s := ofPlenty(t, d, nil)
		plan := teach(t, pool, s)
		limiter := behind(t, openDoor(t, pool, redisdoor.WithPrefix(d.Name)), s)
		for name, ctx := range map[string]context.Context{"a context that may end": watched, "one that never ends": context.Background()} {
			t.Run(d.Name+", "+name, func(t *testing.T) {
				slowlogFrom(t, pool)
				if _, err := limiter.CheckN(ctx, "key", 3); err != nil {
					t.Fatal(err)
				}
				want := []string{"EVALSHA", plan.Definition().Check.SHA1, "1", d.Name + ":key"}
				for _, arg := range plan.AppendArgv(nil, "0", "3") {
					want = append(want, arg.(string))
				}
				scripts := slowlog(t, pool)
				if len(scripts) != 1 {
					t.Fatalf("Redis ran %d scripts, want 1", len(scripts))
				}
				if diff := gocmp.Diff(want, scripts[0].args); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestWhatTravelsAlone(t *testing.T) {
	url := redistest.StartProcess(t)
	pool := dial(t, url)
	s := ofPlenty(t, strategy.All()[0], nil)
	teach(t, pool, s)
	for _, row := range []struct {
		name  string
		door  []redisdoor.Option
		own   []redisdoor.LimiterOption
		check func(ctx context.Context, l *redisdoor.Limiter) (throttlekit.Decision, error)
	}{
		{name: "an instant of the caller's", check: func(ctx context.Context, l *redisdoor.Limiter) (throttlekit.Decision, error) {
			return l.CheckAt(ctx, "key", 1, time.UnixMilli(1_750_000_000_000))
		}},
		{name: "a door without fusing", door: []redisdoor.Option{redisdoor.WithoutFusing()}},
		{name: "a limiter without fusing", own: []redisdoor.LimiterOption{redisdoor.WithoutFusing()}},
	} {
		t.Run(row.name, func(t *testing.T) {
			limiter := behind(t, openDoor(t, pool, append(row.door, redisdoor.WithPrefix(prefix(t)))...), s, row.own...)
			slowlogFrom(t, pool)
			decisions := crowd(t, 64, 10, func(ctx context.Context, _, _ int) (throttlekit.Decision, error) {
				if row.check != nil {
					return row.check(ctx, limiter)
				}
				return limiter.Check(ctx, "key")
			})
			if n := admitted(decisions); n != plenty {
				t.Errorf("%d checks were admitted, want %d", n, plenty)
			}
			scripts := slowlog(t, pool)
			if len(scripts) != len(decisions) {
				t.Errorf("Redis ran %d scripts for %d checks", len(scripts), len(decisions))
			}
			plan, _ := s.Plan()
			for _, script := range scripts {
				if script.args[1] != plan.Definition().Check.SHA1 {
					t.Fatalf("Redis ran the script %s, want the check's", script.args[1])
				}
			}
		})
	}
}

// Half of the limiters of a door go alone; they share states with the others all the same.
func TestFusedAndUnfusedShareAKey(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	door := openDoor(t, pool, redisdoor.WithPrefix(prefix(t)))
	s := ofPlenty(t, strategy.All()[0], nil)
	limiters := []*redisdoor.Limiter{behind(t, door, s), behind(t, door, s, redisdoor.WithoutFusing())}
	decisions := crowd(t, 64, 16, func(ctx context.Context, goroutine, time int) (throttlekit.Decision, error) {
		return limiters[(goroutine/2+time)%2].Check(ctx, secretKey)
	})
	if n := admitted(decisions); n != plenty {
		t.Errorf("%d checks were admitted, want %d", n, plenty)
	}
}

// A script that Redis forgets is sent again, and its checks count once.
func TestFlushedScriptsLoseNothingAndRepeatNothing(t *testing.T) {
	pool := dial(t, redistest.StartProcess(t))
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			limiter := behind(t, openDoor(t, pool, redisdoor.WithPrefix(prefix(t))), ofPlenty(t, d, nil))
			command(t, pool, "CONFIG", "RESETSTAT")
			var flushes atomic.Int64
			decisions := crowd(t, 64, 12, func(ctx context.Context, goroutine, time int) (throttlekit.Decision, error) {
				if goroutine == 0 {
					conn := pool.Get()
					defer conn.Close()
					if _, err := conn.Do("SCRIPT", "FLUSH"); err != nil {
						return throttlekit.Decision{}, err
					}
					flushes.Add(1)
				}
				return limiter.Check(ctx, secretKey)
			})
			if n := admitted(decisions); n != plenty {
				t.Errorf("%d of %d checks were admitted, want %d", n, len(decisions), plenty)
			}
			if evals := calls(t, pool, "eval"); evals < 2 {
				t.Errorf("there were %d EVAL after %d flushes: the test has tested nothing", evals, flushes.Load())
			}
		})
	}
}
