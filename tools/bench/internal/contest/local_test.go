package contest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

func TestGrowthOf(t *testing.T) {
	want := map[string]Growth{
		"gcra": Constant, "tokenBucket": Constant, "fixedWindow": Constant,
		"slidingWindow": Parameters, "slidingWindowLog": Units,
	}
	for _, d := range strategy.All() {
		if got := GrowthOf(d); got != want[d.Name] {
			t.Errorf("%s: got %d, want %d", d.Name, got, want[d.Name])
		}
	}
}

// TestLocalContenders holds each of them to its decisions, one by one.
func TestLocalContenders(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range localMatches() {
		for _, c := range m.Contenders {
			seen[c.Name] = true
			t.Run(m.Name+"/"+c.Name, func(t *testing.T) {
				s, err := c.measure(t.Context(), nil, load.Load{Goroutines: m.goroutines, Time: 2 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				if least := m.goroutines * inARow; s.Checks < least {
					t.Errorf("%d checks, want at least %d", s.Checks, least)
				}
				if _, timed := s.Metrics[results.P50]; timed {
					t.Error("it reports a latency, which is none of a check")
				}
			})
		}
	}
	for _, name := range []string{LocalLimit, "local-gcra", "local-token-bucket", "local-fixed-window", "local-sliding-window", "local-sliding-window-log",
		XTimeRate, ThrottledMemory, ThrottledLRU, UluleMemory} {
		if !seen[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

// TestLocalPeersKeepTheLimit: what is emptied is denied and what is not is admitted, by
// whoever keeps the limit.
func TestLocalPeersKeepTheLimit(t *testing.T) {
	open := map[string]func() (*client, error){
		XTimeRate: openXTimeRate, ThrottledMemory: openThrottledMemory(0), ThrottledLRU: openThrottledMemory(len(keys)), UluleMemory: openUluleMemory,
	}
	for _, d := range strategy.All() {
		if GrowthOf(d) == Constant {
			open[Local(d)] = func() (*client, error) { return openLocal(d) }
		}
	}
	for name, open := range open {
		t.Run(name, func(t *testing.T) {
			c, err := open()
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := c.close(); err != nil {
					t.Error(err)
				}
			}()
			if err := c.spend(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, key := range walk {
				admitted, err := c.check(t.Context(), key)
				if err != nil {
					t.Fatal(err)
				}
				if want := !slices.Contains(emptied, key); admitted != want {
					t.Fatalf("%s: admitted is %v, want %v", key, admitted, want)
				}
			}
		})
	}
}

// TestLocalContenderIsJudged: one that does not decide as it is said to does not win.
func TestLocalContenderIsJudged(t *testing.T) {
	always := func() (*client, error) {
		return &client{
			check: func(context.Context, string) (bool, error) { return true, nil },
			spend: func(context.Context) error { return nil },
			close: nothingToClose,
		}, nil
	}
	c := localContender("always", "admits", always, halfAdmitted)
	_, err := c.measure(t.Context(), nil, load.Load{Goroutines: 1, Time: 5 * time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "it admitted 1.00 of its checks") {
		t.Errorf("the error of one that admits everything is %v", err)
	}
}

func TestWithinBusyLimit(t *testing.T) {
	const perPeriod = busyLimit * load.Spread
	for _, row := range []struct {
		name     string
		periods  float64
		checks   int
		admitted float64
		ok       bool
	}{
		{"all that was earned", 10, 20 * perPeriod, 10 * perPeriod, true},
		{"and a limit at either end", 10, 20 * perPeriod, 12 * perPeriod, true},
		{"more", 10, 20 * perPeriod, 12.1 * perPeriod, false},
		{"less than a tenth of it", 10, 20 * perPeriod, 0.9 * perPeriod, false},
		{"a slow one spends nothing in vain", 10, perPeriod, perPeriod, true},
		{"and is not denied", 10, perPeriod, 0.09 * perPeriod, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := withinBusyLimit(results.Sample{Checks: row.checks, Metrics: map[string]float64{
				results.Rate:     float64(row.checks) / (row.periods * busyPeriod.Seconds()),
				results.Admitted: row.admitted / float64(row.checks),
			}})
			if (err == nil) != row.ok {
				t.Errorf("the error is %v, want one: %v", err, !row.ok)
			}
		})
	}
}

func TestParseMemory(t *testing.T) {
	// As go test prints it.
	const out = `goos: linux
goarch: amd64
pkg: github.com/throttlekit/throttlekit-go/sdk/localdoor
cpu: AMD EPYC
BenchmarkTenMillionKeys-2   	       1	12164316324 ns/op	        90.14 bytes/key	        13.74 ms-longest	         0.04300 ms-machine	      1077 ns/key
PASS
ok  	github.com/throttlekit/throttlekit-go/sdk/localdoor	12.275s
`
	s, err := parseMemory([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	for unit, want := range map[string]float64{results.PerCheck: 1077, results.PerKey: 90.14, results.Longest: 13.74e6, results.Machine: 43000} {
		if got := s.Metrics[unit]; got < want*0.999 || got > want*1.001 {
			t.Errorf("%s is %v, want %v", unit, got, want)
		}
	}
	if s, err := parseMemory([]byte(strings.ReplaceAll(out, "ms-longest", "s-longest"))); err == nil || !strings.Contains(err.Error(), "ms-longest") {
		t.Errorf("without ms-longest it is read as %+v, %v; want an error that names it", s, err)
	}
}
