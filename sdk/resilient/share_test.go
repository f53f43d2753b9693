package resilient_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

func TestShare(t *testing.T) {
	for _, row := range []struct {
		name     string
		strategy script.Strategy
		replicas int
		want     map[string]float64
	}{
		{"amounts are divided, times are not", strategy.GCRA{Limit: 120, Period: time.Minute, Burst: 30}, 3,
			map[string]float64{"limit": 40, "periodMs": 60_000, "burst": 10}},
		{"a default is an amount, too", strategy.GCRA{Limit: 120, Period: time.Minute}, 3,
			map[string]float64{"limit": 40, "periodMs": 60_000, "burst": 40}},
		{"what comes back in a second is not rounded", strategy.TokenBucket{Capacity: 10, RefillPerSec: 1}, 4,
			map[string]float64{"capacity": 2, "refillPerSec": 0.25}},
		{"ways of counting are no amounts", strategy.SlidingWindow{Limit: 100, Window: time.Hour, Buckets: 60}, 7,
			map[string]float64{"limit": 14, "windowMs": 3_600_000, "buckets": 60}},
		{"a share is a unit at least", strategy.FixedWindow{Limit: 3, Window: time.Second}, 100,
			map[string]float64{"limit": 1, "windowMs": 1000}},
		{"one replica has it all", strategy.SlidingWindowLog{Limit: 7, Window: time.Second}, 1,
			map[string]float64{"limit": 7, "windowMs": 1000}},
		{"less than a unit, which the wire allows, does not become one", raw(t, "tokenBucket", map[string]float64{"capacity": 0.5, "refillPerSec": 1}), 2,
			map[string]float64{"capacity": 0.5, "refillPerSec": 0.5}},
	} {
		t.Run(row.name, func(t *testing.T) {
			plan, err := resilient.Share(row.strategy, row.replicas)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float64{}
			for _, p := range plan.Definition().Params {
				got[p.Name], _ = plan.Value(p.Name)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func raw(t *testing.T, name string, params map[string]float64) script.Strategy {
	t.Helper()
	s, err := strategy.New(name, params)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSharesTogetherAdmitNoMore has as many local limiters as replicas admit all they can
// at one instant, for every strategy of the contract.
func TestSharesTogetherAdmitNoMore(t *testing.T) {
	const limit = 100
	for _, d := range strategy.All() {
		params := map[string]float64{}
		for _, p := range d.Params {
			switch {
			case p.Unit == script.Milliseconds:
				params[p.Name] = script.Millis(24 * time.Hour)
			case p.Amount:
				params[p.Name] = limit
			}
		}
		for _, p := range d.Params { // what comes back meanwhile is no news
			if p.Unit == script.PerSecond {
				params[p.Name] = 0.001
			}
		}
		s := raw(t, d.Name, params)
		for _, replicas := range []int{1, 3, 7, 100, 150} {
			together := int64(0)
			for range replicas {
				local, err := resilient.LocalShare(s, replicas)
				if err != nil {
					t.Fatal(err)
				}
				for {
					decision, err := local.Check(t.Context(), secretKey)
					if err != nil {
						t.Fatal(err)
					}
					if !decision.Allowed {
						break
					}
					together++
				}
				if err := local.Close(); err != nil {
					t.Error(err)
				}
			}
			most := max(limit, int64(replicas))
			if together > most || together < most*3/4 {
				t.Errorf("%s: %d replicas admit %d together, want nearly %d and no more", d.Name, replicas, together, most)
			}
		}
	}
}

func TestShareRefuses(t *testing.T) {
	times := &script.Definition{Name: "pace", Params: []script.Param{{Name: "gapMs", Max: script.MaxParam, Unit: script.Milliseconds}}, Argv: []string{"now", "gapMs", "cost"}}
	pace, err := times.Plan(5)
	if err != nil {
		t.Fatal(err)
	}
	long := strategy.GCRA{Limit: 2, Period: 100_000 * time.Hour}
	for _, row := range []struct {
		name     string
		strategy script.Strategy
		replicas int
		says     string
	}{
		{"nothing", nil, 2, "the strategy is nil"},
		{"among nobody", long, 0, "a limit is shared among 0 replicas, want at least 1"},
		{"what is none", strategy.GCRA{}, 2, "strategy gcra: periodMs (Period) is 0"},
		{"what counts no units", pace, 2, "strategy pace has no amount that replicas could share"},
		{"until what comes back takes for ever", raw(t, "tokenBucket", map[string]float64{"capacity": 1, "refillPerSec": 1e-9}), 1 << 20, "shared among 1048576 replicas: strategy tokenBucket: capacity and refillPerSec make"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := resilient.LocalShare(row.strategy, row.replicas); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want an error that says %q", err, row.says)
			}
		})
	}
	if _, err := resilient.LocalShare(pace, 1); !errors.Is(err, throttlekit.ErrNotSupported) {
		t.Errorf("a strategy without a form in Go: %v, want not supported", err)
	}
}
