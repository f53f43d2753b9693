package policy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/policy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// said are findings on one line each, without the file's name.
func said(findings []policy.Finding) []string {
	lines := make([]string, len(findings))
	for i, f := range findings {
		lines[i] = strings.TrimPrefix(f.String(), "limits:")
	}
	return lines
}

func TestLint(t *testing.T) {
	for _, row := range []struct {
		name, reason, text string
		want               []string
	}{
		{"a sound file", "there is nothing to say", "limiters:\n  api: {strategy: gcra, limit: 10, period: 1s, burst: 10}", nil},
		{"no policies", "a server of none is a mistake", "limiters: {}",
			[]string{"1:1: warning: there are no policies, so every check is answered that its policy is unknown"}},
		{"other servers' blocks", "they do nothing here", "limiters:\n  api: {strategy: gcra, limit: 10, period: 1s}\ncapture: {}",
			[]string{"3:1: note: capture belongs to another server and is not used by this one"}},
		{"a default prefix", "it replaces names", "defaults:\n  prefix: acme\nlimiters:\n  api: {strategy: gcra, limit: 10, period: 1s}",
			[]string{"2:11: note: defaults.prefix stands in place of the policies' names in their keys, not before them; to set services apart on one Redis, use --redis-prefix"}},
		{"colliding prefixes", "a shared Redis would mix them", "limiters:\n  a: {strategy: gcra, limit: 10, period: 1s}\n  b: {strategy: gcra, limit: 10, period: 1s, prefix: a}",
			[]string{`3:3: error: limiters[b]: its keys can be those of limiters[a] at line 2: both have the prefix "a"; on a shared Redis they would count together or fail on each other's data, so want a prefix of its own for each`}},
		{"braces", "a cluster reads them", "limiters:\n  api: {strategy: gcra, limit: 10, period: 1s, prefix: 'x{y}'}",
			[]string{`2:56: warning: limiters[api]: the prefix "x{y}" holds braces, which Redis Cluster takes for a hash tag: all keys of the policy lie on one node`}},
		{"empty braces", "a cluster does not read these", "limiters:\n  api: {strategy: gcra, limit: 10, period: 1s, prefix: 'x{}y'}", nil},
		{"a period with no unit", "seconds were meant, as a rule", "limiters:\n  api: {strategy: gcra, limit: 10, period: 60}",
			[]string{"2:44: warning: limiters[api]: period 60 has no unit and is 60 milliseconds; if that is meant, write 60ms, and 60s for seconds"}},
		{"a long period with no unit", "milliseconds were meant, as a rule", "limiters:\n  api: {strategy: gcra, limit: 10, period: 60000}", nil},
		{"two times", "one is not heeded", "limiters:\n  api: {strategy: gcra, limit: 10, period: 1m, windowMs: 5}",
			[]string{"2:58: warning: limiters[api]: windowMs is not heeded, since there is a period"}},
		{"a limit below 1", "it denies all", "limiters:\n  api: {strategy: tokenBucket, capacity: 0.5, refillPerSec: 1}",
			[]string{"2:42: warning: limiters[api]: a capacity of 0.5 is below the cost of any check, so that all are denied"}},
		{"a fractional limit", "Redis replies in whole numbers", "limiters:\n  api: {strategy: fixedWindow, limit: 2.5, period: 1s}",
			[]string{"2:39: note: limiters[api]: a limit of 2.5 is reported to clients as 2"}},
		{"a burst above the limit", "the period admits more than the limit", "limiters:\n  api: {strategy: gcra, limit: 10, period: 1s, burst: 30}",
			[]string{"2:55: note: limiters[api]: a burst of 30 exceeds the limit of 10: after a pause, up to 40 are admitted within one period"}},
		{"a long log", "each unit is remembered", "limiters:\n  api: {strategy: slidingWindowLog, limit: 100000, period: 1h}",
			[]string{"2:44: warning: limiters[api]: slidingWindowLog remembers each unit: a key at its limit of 100000 takes some 13 MiB of Redis's memory"}},
		{"a short log", "a MiB does not matter", "limiters:\n  api: {strategy: slidingWindowLog, limit: 8000, period: 1h}", nil},
		{"what is not served", "the author may not know", "limiters:\n  api: {fairEscrow: {}}",
			[]string{"2:3: note: limiters[api]: this server does not serve fairEscrow policies yet"}},
		{"what is served otherwise", "the author may not know", "limiters:\n  api: {strategy: gcra, limit: 10, period: 1s, twoTier: {}}",
			[]string{"2:3: note: limiters[api]: twoTier: Check and CheckMany run the plain strategy, each check on Redis, since this server holds no leases yet"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := said(policy.Lint(parse(t, row.text)))
			if diff := cmp.Diff(append([]string{}, row.want...), got); diff != "" {
				t.Errorf("findings (-want +got)\n%s\n%s", diff, row.reason)
			}
		})
	}
}

// runner runs rehearsals on a real Redis where there is one.
func runner(t *testing.T) policy.Runner {
	t.Helper()
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	prefix := fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano())
	return func(ctx context.Context, s script.Strategy, checks []policy.Check) ([]bool, error) {
		limiter, err := redisdoor.New(pool, s, redisdoor.WithPrefix(prefix))
		if err != nil {
			return nil, err
		}
		moments := make([]redisdoor.Moment, len(checks))
		for i, c := range checks {
			moments[i] = redisdoor.Moment{Now: c.Now, Cost: float64(c.Cost)}
		}
		decisions, err := limiter.Replay(ctx, "k", moments)
		admitted := make([]bool, len(decisions))
		for i, d := range decisions {
			admitted[i] = d.Allowed
		}
		return admitted, err
	}
}

// rehearsedAt is a Monday.
var rehearsedAt = time.Date(2026, 11, 23, 18, 34, 54, 321e6, time.UTC)

func TestRehearse(t *testing.T) {
	run := runner(t)
	const edge = "note: limiters[api]: around the edge of a window up to twice the limit, %d, is admitted at once"
	for _, row := range []struct {
		name, reason, policy string
		want                 []string
	}{
		{"six a second", "1000/6 ms has no end in binary", "{strategy: gcra, limit: 6, period: 1s}",
			[]string{"2:32: warning: limiters[api]: of burst 6 arriving within one millisecond, 5 are admitted, and the rest moments later: 1000/6 ms between units is no exact binary fraction; exact nearby: limit 5, limit 8, period 999ms, period 1002ms"}},
		{"six a second in ms", "alternatives are written as the file has them", "{strategy: gcra, limit: 6, periodMs: 1000}",
			[]string{"2:32: warning: limiters[api]: of burst 6 arriving within one millisecond, 5 are admitted, and the rest moments later: 1000/6 ms between units is no exact binary fraction; exact nearby: limit 5, limit 8, periodMs 999, periodMs 1002"}},
		{"a burst of its own", "it stays when the limit changes", "{strategy: gcra, limit: 6, period: 1s, burst: 6}",
			[]string{"2:54: warning: limiters[api]: of burst 6 arriving within one millisecond, 5 are admitted, and the rest moments later: 1000/6 ms between units is no exact binary fraction; exact nearby: limit 5, limit 8, period 999ms, period 1002ms"}},
		{"a large prime", "its last units tell, and no shorter period near is exact", "{strategy: gcra, limit: 70001, period: 1m}",
			[]string{"2:32: warning: limiters[api]: of burst 70001 arriving within one millisecond, 70000 are admitted, and the rest moments later: 60000/70001 ms between units is no exact binary fraction; exact nearby: limit 65536, limit 76800, period 70001ms"}},
		{"ten a second", "100 ms is exact", "{strategy: gcra, limit: 10, period: 1s}", nil},
		{"a period that comes back at once", "that is no window's edge", "{strategy: gcra, limit: 1000000, period: 1s, burst: 1000}", nil},
		{"a bucket", "it is full, and has no window", "{strategy: tokenBucket, capacity: 7, refillPerSec: 3}", nil},
		{"a sliding window", "it has no edge to misuse", "{strategy: slidingWindow, limit: 7, period: 1m}", nil},
		{"a log", "it has none either", "{strategy: slidingWindowLog, limit: 7, period: 30d}", nil},
		{"a log too large to rehearse", "it is left out", "{strategy: slidingWindowLog, limit: 1000000, period: 1h}", nil},
		{"many buckets", "a few checks are what they allow", "{strategy: slidingWindow, limit: 70, period: 1h, buckets: 1000}", nil},
		{"a fixed window", "both sides of an edge admit", "{strategy: fixedWindow, limit: 7, period: 1h}",
			[]string{"2:50: " + fmt.Sprintf(edge, 14)}},
		{"a fixed window in ms", "both sides of an edge admit", "{strategy: fixedWindow, limit: 7, windowMs: 333.25}",
			[]string{"2:52: " + fmt.Sprintf(edge, 14)}},
		{"a day", "it begins where everybody expects it, in UTC", "{strategy: fixedWindow, limit: 7, period: 1d}",
			[]string{"2:50: " + fmt.Sprintf(edge, 14)}},
		{"a week", "1970 began on a Thursday", "{strategy: quota, resetCadence: fixed, limit: 1, period: 7d}",
			[]string{"2:65: " + fmt.Sprintf(edge, 2),
				"2:65: warning: limiters[api]: windows are counted from 1970-01-01 00:00 UTC and not from a day of the week or month: the present one ends at Thursday, 2026-11-26 00:00 UTC"}},
		{"what is not served", "there is nothing to run", "{fairEscrow: {}}", nil},
		{"a limit below 1", "there is no unit to send", "{strategy: fixedWindow, limit: 0.5, period: 1h}", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			findings, err := policy.Rehearse(t.Context(), parse(t, "limiters:\n  api: "+row.policy), rehearsedAt, run)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(append([]string{}, row.want...), said(findings)); diff != "" {
				t.Errorf("findings (-want +got)\n%s\n%s", diff, row.reason)
			}
		})
	}
}

func TestRehearseReportsTheRunnersFault(t *testing.T) {
	fault := errors.New("no Redis")
	run := runner(t)
	for _, row := range []struct {
		name, policy string
		call         int // that fails
	}{
		{"in the burst", "{strategy: fixedWindow, limit: 6, period: 1s}", 1},
		{"at the edge", "{strategy: fixedWindow, limit: 6, period: 1s}", 2},
		{"in the middle", "{strategy: fixedWindow, limit: 6, period: 1s}", 3},
		{"while looking for alternatives", "{strategy: gcra, limit: 6, period: 1s}", 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			calls := 0
			broken := func(ctx context.Context, s script.Strategy, checks []policy.Check) ([]bool, error) {
				if calls++; calls == row.call {
					return nil, fault
				}
				return run(ctx, s, checks)
			}
			_, err := policy.Rehearse(t.Context(), parse(t, "limiters:\n  api: "+row.policy), rehearsedAt, broken)
			if !errors.Is(err, fault) || !strings.HasPrefix(err.Error(), "limiters[api]: ") {
				t.Errorf("error is %v, want the fault of call %d, and the policy", err, row.call)
			}
		})
	}
}

// TestBytesPerUnit measures what a strategy that remembers units takes for each.
func TestBytesPerUnit(t *testing.T) {
	pool, err := redisdoor.Dial(redistest.StartProcess(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn := pool.Get()
	defer conn.Close()
	const units = 20_000
	measured := 0
	for _, d := range strategy.All() {
		f := parse(t, fmt.Sprintf("limiters:\n  api:\n    strategy: %s\n", d.Name)+fieldsOf(d, units))
		warned := len(said(policy.Lint(f))) > 0 && strings.Contains(said(policy.Lint(f))[0], "remembers each unit")
		limiter, err := redisdoor.New(pool, f.Policies[0].Strategy, redisdoor.WithPrefix(d.Name), redisdoor.WithMaxWork(1<<40))
		if err != nil {
			t.Fatal(err)
		}
		for range units / 1000 {
			if got, err := limiter.CheckN(t.Context(), "k", 1000); err != nil || !got.Allowed {
				t.Fatalf("%s: %+v, %v", d.Name, got, err)
			}
		}
		bytes, err := redis.Int(conn.Do("MEMORY", "USAGE", d.Name+":k", "SAMPLES", 0))
		if err != nil {
			t.Fatal(err)
		}
		per := float64(bytes) / units
		if remembers := per > 1; remembers != warned {
			t.Errorf("%s takes %.2f bytes a unit, and lint warns: %v", d.Name, per, warned)
		}
		if warned {
			measured++
			// Valkey takes little more than half of what Redis does.
			if per < policy.BytesPerUnit*0.5 || per > policy.BytesPerUnit*1.25 {
				t.Errorf("%s takes %.1f bytes a unit, and lint says %d", d.Name, per, policy.BytesPerUnit)
			}
			t.Logf("%s takes %.1f bytes a unit", d.Name, per)
		}
	}
	if measured == 0 {
		t.Log("no strategy of the contract remembers units one by one")
	}
}

// fieldsOf gives each count the value, and each time an hour.
func fieldsOf(d *script.Definition, value int) string {
	text := ""
	for _, p := range d.Params {
		v := value
		if p.Unit == script.Milliseconds {
			v = 3_600_000
		}
		if p.Default > 0 {
			v = int(p.Default)
		}
		text += fmt.Sprintf("    %s: %d\n", p.Name, v)
	}
	return text
}
