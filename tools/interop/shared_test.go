package main

import (
	"context"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// newTestSession is a session whose two clients are both ours.
func newTestSession(t *testing.T) (*session, *strings.Builder) {
	url := redistest.StartProcess(t)
	pool, err := redisdoor.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	out := &strings.Builder{}
	s := &session{report: &report{out: out}, pool: pool, url: url, seed: 7, ops: opsPerTimeline}
	s.pair = func(_ timeline, plan *script.Plan, keep bool) (clients [2]client, err error) {
		for i := range clients {
			if clients[i], err = s.ourClient(plan, keep); err != nil {
				return clients, err
			}
		}
		return clients, nil
	}
	return s, out
}

// altered is a client that answers or spends otherwise than it should.
type altered struct {
	client
	cost  func(cost int64) int64
	reply func(decision) decision
	ttl   int64
}

func (a altered) check(ctx context.Context, key string, cost, now int64) (answer, error) {
	if a.cost != nil {
		cost = a.cost(cost)
	}
	said, err := a.client.check(ctx, key, cost, now)
	if a.reply != nil {
		said.Decision = a.reply(said.Decision)
	}
	said.TTL += a.ttl
	return said, err
}

func TestOneClientTwiceAgreesWithItself(t *testing.T) {
	s, out := newTestSession(t)
	for i, d := range strategy.All() {
		if _, err := s.shareExplicitly(t.Context(), d, uint64(i)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.shareAtServerTime(t.Context(), d, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if s.failures > 0 || s.checks < 2*s.ops*len(strategy.All()) {
		t.Errorf("%s:\n%s", s.summary(), out)
	}
	left, err := s.do(t.Context(), "DBSIZE")
	if err != nil || left != int64(0) {
		t.Errorf("%v keys are left (%v)", left, err)
	}
}

// TestDifferencesAreSeen: a proof that cannot fail is none.
func TestDifferencesAreSeen(t *testing.T) {
	for _, row := range []struct {
		name         string
		change       altered
		explicitOnly bool // whether the server's time cannot tell
	}{
		{"a reset that is a millisecond late", altered{reply: func(d decision) decision { d.resetAt++; return d }}, false},
		{"a denial that passes for admitted", altered{reply: func(d decision) decision { d.allowed = true; return d }}, false},
		{"a denial that wants too long a wait", altered{reply: func(d decision) decision {
			if !d.allowed {
				d.retryAfterMs++
			}
			return d
		}}, false},
		{"a remaining of one less", altered{reply: func(d decision) decision { d.remaining = max(0, d.remaining-1); return d }}, false},
		{"a cost of 2 that is sent as 1", altered{cost: func(cost int64) int64 { return max(1, cost-1) }}, false},
		{"an expiry that is too short", altered{ttl: -5}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, _ := newTestSession(t)
			honest := s.pair
			s.pair = func(line timeline, plan *script.Plan, keep bool) ([2]client, error) {
				clients, err := honest(line, plan, keep)
				row.change.client = clients[theirs]
				clients[theirs] = row.change
				return clients, err
			}
			for i, d := range strategy.All() {
				seen := func(run func(context.Context, timeline) (outcome, error), draw func(draw, *script.Definition) timeline) bool {
					for n := range uint64(10) {
						o, err := run(t.Context(), draw(newDraw(n, uint64(i)), d))
						if err != nil {
							t.Fatal(err)
						}
						if o.problem != "" {
							return true
						}
					}
					return false
				}
				if !seen(s.runExplicitly, draw.explicit) {
					t.Errorf("%s: not seen at explicit instants", d.Name)
				}
				if !row.explicitOnly && !seen(s.runAtServerTime, draw.atServerTime) {
					t.Errorf("%s: not seen at the server's time", d.Name)
				}
			}
		})
	}
}

// TestReducedToTheMinimum: what is told about a difference is what it needs.
func TestReducedToTheMinimum(t *testing.T) {
	s, out := newTestSession(t)
	honest := s.pair
	s.pair = func(line timeline, plan *script.Plan, keep bool) ([2]client, error) {
		clients, err := honest(line, plan, keep)
		clients[theirs] = altered{client: clients[theirs], reply: func(d decision) decision { d.resetAt++; return d }}
		return clients, err
	}
	if _, err := s.shareExplicitly(t.Context(), strategy.All()[0], 0); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "op 0: ") || strings.Contains(text, "op 1: ") {
		t.Errorf("want one op to tell the difference:\n%s", text)
	}
}

func TestCrowdWaitsForBoth(t *testing.T) {
	left := make(chan int64, 100)
	for i := range int64(100) {
		left <- i
	}
	check := func() (decision, error) {
		select {
		case n := <-left:
			return decision{allowed: true, remaining: n}, nil
		default:
			return decision{}, nil
		}
	}
	mine, said, err := crowd(check, func() ([]decision, error) {
		d, err := check()
		return []decision{d}, err
	})
	if err != nil || len(said) != 1 || len(mine) < 99 || len(left) > 0 {
		t.Errorf("%d checks by ours, %d by theirs, %d units left, %v", len(mine), len(said), len(left), err)
	}
}
