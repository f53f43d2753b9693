package localdoor_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestSameAsTheRedisDoor asks both doors the same at the same instants, whatever happened
// before: the clock goes forth and back, and costs go beyond the limit. All that is spent
// lasts for minutes at least, so that nothing expires while the test runs.
func TestSameAsTheRedisDoor(t *testing.T) {
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	every(t, 7, 2*time.Hour, func(t *testing.T, plan *script.Plan) {
		local := newLimiter(t, plan)
		redis, err := redisdoor.New(pool, plan, redisdoor.WithPrefix(t.Name()+strconv.FormatInt(time.Now().UnixNano(), 36)))
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(5, 1))
		now, ctx := noon, t.Context()
		same := func(what string, want, got any, errs ...error) {
			t.Helper()
			for _, err := range errs {
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s at %v: (-redis +local)\n%s", what, now, diff)
			}
		}
		for range 400 {
			now = now.Add(time.Duration(random.Int64N(int64(20*time.Minute)) - int64(3*time.Minute))).Truncate(time.Millisecond)
			key, cost := strconv.Itoa(random.IntN(3)), 1+random.Int64N(9)
			if random.IntN(3) > 0 {
				cost = 1
			}
			if random.IntN(50) == 0 {
				same("reset", nil, nil, redis.Reset(ctx, key), local.Reset(ctx, key))
			}
			p1, err1 := redis.PeekAt(ctx, key, now)
			p2, err2 := local.PeekAt(ctx, key, now)
			same("peek", p1, p2, err1, err2)
			f1, err1 := redis.ForecastAt(ctx, key, cost, now)
			f2, err2 := local.ForecastAt(ctx, key, cost, now)
			same("forecast", f1, f2, err1, err2)
			d1, err1 := redis.CheckAt(ctx, key, cost, now)
			d2, err2 := local.CheckAt(ctx, key, cost, now)
			same("check", d1, d2, err1, err2)
		}
	})
}

// TestWithKeepsWhatIsSpent changes the parameters of both doors' limiters, back and forth,
// on keys that are in use.
func TestWithKeepsWhatIsSpent(t *testing.T) {
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	every(t, 7, 2*time.Hour, func(t *testing.T, first *script.Plan) {
		local := newLimiter(t, first)
		prefix := redisdoor.WithPrefix(t.Name() + strconv.FormatInt(time.Now().UnixNano(), 36))
		random := rand.New(rand.NewPCG(5, 3))
		now, ctx := noon, t.Context()
		for range 100 {
			changed := plan(t, first.Definition(), float64(2+random.IntN(20)), time.Duration(1+random.IntN(4))*time.Hour)
			redis, err := redisdoor.New(pool, changed, prefix)
			if err != nil {
				t.Fatal(err)
			}
			if local, err = local.With(changed); err != nil {
				t.Fatal(err)
			}
			for range 4 {
				now = now.Add(time.Duration(random.Int64N(int64(20 * time.Minute)))).Truncate(time.Millisecond)
				want, err := redis.CheckAt(ctx, "key", 1, now)
				if err != nil {
					t.Fatal(err)
				}
				got, err := local.CheckAt(ctx, "key", 1, now)
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Fatalf("%v (-redis +local)\n%s", err, diff)
				}
			}
		}
	})
}

// TestReplaysAreTheSame compares both doors' replays, of fractional instants too.
func TestReplaysAreTheSame(t *testing.T) {
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	every(t, 6, time.Minute, func(t *testing.T, plan *script.Plan) {
		redis, err := redisdoor.New(pool, plan, redisdoor.WithPrefix(t.Name()+strconv.FormatInt(time.Now().UnixNano(), 36)))
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(5, 2))
		now := float64(noon.UnixMilli())
		var theirs []redisdoor.Moment
		var ours []localdoor.Moment
		for range 500 {
			now += float64(random.IntN(160_000)-40_000) / 8
			cost := float64(1+random.IntN(16)) / 2
			theirs = append(theirs, redisdoor.Moment{Now: now, Cost: cost})
			ours = append(ours, localdoor.Moment{Now: now, Cost: cost})
		}
		answers, want, err := redis.ProbeReplay(t.Context(), "key", theirs)
		if err != nil {
			t.Fatal(err)
		}
		dry, got, err := newLimiter(t, plan).ProbeReplay(t.Context(), "key", ours)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("checks: (-redis +local)\n%s", diff)
		}
		if diff := cmp.Diff(answers, dry); diff != "" {
			t.Errorf("dry runs: (-redis +local)\n%s", diff)
		}
	})
}
