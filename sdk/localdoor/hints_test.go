package localdoor_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// TestRetryHintsKeepWhatTheyPromise denies checks on random timelines and holds every
// RetryAfter against what the generator says of it: the check, and any of a higher cost, is
// denied until then, and the check is admitted then if its cost ever can be. The state is
// put together anew for each question, since a question that is admitted spends.
func TestRetryHintsKeepWhatTheyPromise(t *testing.T) {
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			broken, denials := 0, 0
			for seed := range uint64(40) {
				h := newHistory(t, d, seed)
				for range 15 {
					n, ok := h.deny()
					denials += n
					if !ok {
						broken++
					}
				}
			}
			switch {
			case denials < 100:
				t.Errorf("%d denials prove nothing", denials)
			case d.RetryHint == script.HintLoose && broken == 0:
				t.Error("every hint was exact, which the generator does not know")
			case d.RetryHint != script.HintLoose && broken > 0:
				t.Errorf("%d of %d hints broke their promise", broken, denials)
			}
		})
	}
}

// history is checks of one key at instants that only grow.
type history struct {
	t      *testing.T
	random *rand.Rand
	plan   *script.Plan
	limit  int64
	now    time.Time
	past   []event
}

type event struct {
	at   time.Time
	cost int64
}

func newHistory(t *testing.T, d *script.Definition, seed uint64) *history {
	random := rand.New(rand.NewPCG(seed, 46))
	limit := 1 + random.Int64N(12)
	return &history{t: t, random: random, limit: limit, now: time.UnixMilli(1_750_000_000_000 + random.Int64N(1_000_000)),
		plan: plan(t, d, float64(limit), time.Duration(1+random.IntN(300))*time.Millisecond)}
}

// ask replays the past and makes one more check.
func (h *history) ask(at time.Time, cost int64) (allowed bool, retry time.Duration) {
	h.t.Helper()
	l := newLimiter(h.t, h.plan)
	for _, e := range h.past {
		if _, err := l.CheckAt(h.t.Context(), "k", e.cost, e.at); err != nil {
			h.t.Fatal(err)
		}
	}
	d, err := l.CheckAt(h.t.Context(), "k", cost, at)
	if err != nil {
		h.t.Fatal(err)
	}
	return d.Allowed, d.RetryAfter
}

// deny goes on with the history and, where that ends in a denial, reports whether its hint
// is what the generator says.
func (h *history) deny() (denials int, ok bool) {
	h.now = h.now.Add(time.Duration(h.random.IntN(30)) * time.Millisecond)
	cost := 1 + h.random.Int64N(h.limit+1)
	allowed, retry := h.ask(h.now, cost)
	if allowed {
		h.past = append(h.past, event{h.now, cost})
		return 0, true
	}
	off := time.Duration(0)
	if h.plan.Definition().RetryHint == script.HintWithinMillisecond {
		off = time.Millisecond
	}
	for _, before := range []time.Duration{1, 2, 5, 20} {
		at := retry - off - before*time.Millisecond
		if at < 0 {
			break
		}
		for _, higher := range []int64{0, 1, 3} {
			if early, _ := h.ask(h.now.Add(at), cost+higher); early {
				return 1, false
			}
		}
	}
	if late, _ := h.ask(h.now.Add(retry+off), cost); !late && cost <= h.limit {
		return 1, false
	}
	return 1, true
}
