package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/vectors/internal/oracle"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

var operations = flag.Int("operations", 2000, "checks per strategy in TestNativeDifferential")

// nativePlan returns the plan of a strategy that has an in-process form, or skips the
// test, saying why it has none.
func nativePlan(t testing.TB, kind string, o options) *script.Plan {
	t.Helper()
	strat, err := strategy.New(kind, o)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := strat.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if why := plan.Definition().NotLocal; why != "" {
		t.Skipf("no in-process form: %s", why)
	}
	return plan
}

// A clock that stands still: nothing expires, as in a Redis that takes every expiry
// back.
const stillClock = 1

// TestNativeVectors replays the contract's vectors, whoever made them, through the
// checks in Go.
func TestNativeVectors(t *testing.T) {
	data, err := os.ReadFile(vendored)
	if err != nil {
		t.Fatal(err)
	}
	file, err := vectorfile.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	checks := 0
	for _, suite := range file.Suites {
		if suite.Primitive != vectorfile.RateLimit {
			continue
		}
		t.Run(suite.Name, func(t *testing.T) {
			plan := nativePlan(t, suite.Strategy.Kind, suite.Strategy.Options)
			var state script.State
			shift := suite.Shift()
			for i, op := range suite.Ops {
				d, err := plan.CheckLocal(&state, stillClock, op.Now+shift, op.Cost)
				if err != nil {
					t.Fatal(err)
				}
				want := oracle.Reply(op.Expect)
				want.ResetAt += shift
				if got := reply(d); got != want {
					t.Fatalf("op %d:\n  Go     %s\n  vector %s", i, text(got), text(want))
				}
				checks++
			}
		})
	}
	if checks == 0 {
		t.Error("the file holds no check")
	}
	t.Logf("%d checks", checks)
}

// answer is what a check came to, and what a dry run of it said before.
type answer struct {
	dry   script.Answer
	check throttlekit.Decision
}

// runNative runs a timeline through the checks in Go.
func runNative(plan *script.Plan, ops []op) ([]answer, error) {
	var state script.State
	answers := make([]answer, len(ops))
	for i, o := range ops {
		var err error
		if answers[i].dry, err = plan.DryLocal(&state, stillClock, o.now, o.cost); err != nil {
			return nil, fmt.Errorf("op %d, dry: %w", i, err)
		}
		if answers[i].check, err = plan.CheckLocal(&state, stillClock, o.now, o.cost); err != nil {
			return nil, fmt.Errorf("op %d: %w", i, err)
		}
	}
	return answers, nil
}

// runRedis runs a timeline through the Lua.
func (r *replayer) runRedis(ctx context.Context, plan *script.Plan, ops []op) ([]answer, error) {
	limiter, err := redisdoor.New(r.pool, plan, redisdoor.WithPrefix(r.prefix))
	if err != nil {
		return nil, err
	}
	moments := make([]redisdoor.Moment, len(ops))
	for i, o := range ops {
		moments[i] = redisdoor.Moment{Now: o.now, Cost: o.cost}
	}
	r.count++
	dry, decisions, err := limiter.ProbeReplay(ctx, fmt.Sprint(r.count), moments)
	if err != nil {
		return nil, err
	}
	answers := make([]answer, len(ops))
	for i := range answers {
		answers[i] = answer{dry[i], decisions[i]}
	}
	return answers, nil
}

// nativeDifference runs a timeline through both forms and reports what differs, "" for
// nothing; denied counts the checks that were.
func (r *replayer) nativeDifference(t testing.TB, plan *script.Plan, line timeline) (denied int, report string) {
	got, err := runNative(plan, line.ops)
	if err != nil {
		return 0, fmt.Sprintf("%v\n%s", err, listing(line, len(line.ops)-1))
	}
	for _, a := range got {
		if !a.check.Allowed {
			denied++
		}
	}
	for try := range tries { // a key may expire in the middle of a transaction: see tries
		want, err := r.runRedis(t.Context(), plan, line.ops)
		if err != nil {
			return denied, fmt.Sprintf("%v\n%s", err, listing(line, len(line.ops)-1))
		}
		if report = firstDifference(line, got, want); report == "" {
			return denied, ""
		}
		t.Logf("replay %d of %d of one timeline differs", try+1, tries)
	}
	return denied, report
}

func firstDifference(line timeline, got, want []answer) string {
	for i := range want {
		if got[i] != want[i] {
			return fmt.Sprintf("op %d:\n  Go   %s, dry %+v\n  Lua  %s, dry %+v\n%s", i,
				text(reply(got[i].check)), got[i].dry, text(reply(want[i].check)), want[i].dry, listing(line, i))
		}
	}
	return ""
}

// TestNativeDifferential draws timelines and compares the checks in Go with the Lua in
// a real Redis, reply by reply and dry run by dry run.
func TestNativeDifferential(t *testing.T) {
	kinds := strategies(t)
	r := newReplayer(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			if settings[kind] == nil {
				t.Fatalf("no settings to draw for %s", kind)
			}
			const enough = 3
			checks, denied, differing := 0, 0, 0
			for i := 0; checks < *operations && differing < enough; i++ {
				line := newDraw(*seed, kind+" native", i).timeline(kind)
				more, report := r.nativeDifference(t, nativePlan(t, kind, line.options), line)
				if report != "" {
					differing++
					t.Errorf("timeline %d of seed %d: %s", i, *seed, report)
				}
				checks, denied = checks+len(line.ops), denied+more
			}
			t.Logf("%d checks compared, and a dry run before each; %d denied", checks, denied)
			if checks >= 2000 && min(checks-denied, denied) < checks/10 {
				t.Errorf("%d of %d checks denied: too much of one kind to compare anything", denied, checks)
			}
		})
	}
}
