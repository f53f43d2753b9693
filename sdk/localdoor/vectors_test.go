package localdoor_test

import (
	"os"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

// TestGoldenVectors replays the contract's timelines, and asks the dry run before each
// check.
func TestGoldenVectors(t *testing.T) {
	f, err := os.Open("../../contract/golden-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file, err := vectorfile.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	replayed := map[string]bool{}
	for _, suite := range file.Suites {
		if suite.Primitive != vectorfile.RateLimit {
			continue
		}
		replayed[suite.Strategy.Kind] = true
		t.Run(suite.Name, func(t *testing.T) { replaySuite(t, suite) })
	}
	for _, d := range strategy.All() {
		if !replayed[d.Name] {
			t.Errorf("no suite is about %s", d.Name)
		}
	}
}

func replaySuite(t *testing.T, suite vectorfile.Suite) {
	plan, err := strategy.New(suite.Strategy.Kind, suite.Strategy.Options)
	if err != nil {
		t.Fatal(err)
	}
	l := newLimiter(t, plan)
	shift := suite.Shift()
	moments := make([]localdoor.Moment, len(suite.Ops))
	for i, op := range suite.Ops {
		moments[i] = localdoor.Moment{Now: op.Now + shift, Cost: op.Cost}
	}
	answers, decisions, err := l.ProbeReplay(t.Context(), suite.Key, moments)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range decisions {
		want := suite.Ops[i].Expect
		want.ResetAt += shift
		if got := onWire(d); got != want {
			t.Errorf("op %d, %+v: got %+v, want %+v", i, moments[i], got, want)
		}
		if answers[i].Admitted != d.Allowed || !d.Allowed && answers[i].Denial != d {
			t.Errorf("op %d, %+v: the dry run said %+v, and the check did %+v", i, moments[i], answers[i], d)
		}
	}
	if n := l.Stats().Keys; n != 0 {
		t.Errorf("the replay left %d keys", n)
	}
}

// onWire is a decision as the vectors write it.
func onWire(d throttlekit.Decision) vectorfile.Decision {
	v := vectorfile.Decision{
		Allowed:      d.Allowed,
		Limit:        float64(d.Limit),
		Remaining:    float64(d.Remaining),
		RetryAfterMs: float64(d.RetryAfter.Milliseconds()),
	}
	if !d.ResetAt.IsZero() {
		v.ResetAt = float64(d.ResetAt.UnixMilli())
	}
	return v
}
