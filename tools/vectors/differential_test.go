package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
	"github.com/throttlekit/throttlekit-go/tools/vectors/internal/oracle"
)

var (
	timelines = flag.Int("timelines", 150, "random timelines per strategy in TestDifferential")
	seed      = flag.Uint64("seed", 20250615, "seed of the timelines in TestDifferential")
)

// replayer runs timelines through the contract's Lua in a real Redis.
type replayer struct {
	pool   *redis.Pool
	prefix string
	count  int
}

func newReplayer(t testing.TB) *replayer {
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	// A Redis that was given to the tests may still hold the keys of an earlier run.
	return &replayer{pool: pool, prefix: fmt.Sprintf("vectors-test:%d", time.Now().UnixNano())}
}

// replay returns Redis's replies to the timeline, from a key that does not exist.
func (r *replayer) replay(ctx context.Context, t timeline) (replies []oracle.Reply, err error) {
	strat, err := strategy.New(t.kind, t.options)
	if err != nil {
		return nil, err
	}
	limiter, err := redisdoor.New(r.pool, strat, redisdoor.WithPrefix(r.prefix))
	if err != nil {
		return nil, err
	}
	moments := make([]redisdoor.Moment, len(t.ops))
	for i, o := range t.ops {
		moments[i] = redisdoor.Moment{Now: o.now, Cost: o.cost}
	}
	r.count++
	key := fmt.Sprint(r.count)
	decisions, err := limiter.Replay(ctx, key, moments)
	if err != nil {
		return nil, err
	}
	for _, d := range decisions {
		replies = append(replies, reply(d))
	}
	conn, err := r.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_, err = conn.Do("DEL", r.prefix+":"+key)
	return replies, err
}

// reply turns a decision back into the numbers of the wire.
func reply(d throttlekit.Decision) oracle.Reply {
	return oracle.Reply{
		Allowed:      d.Allowed,
		Limit:        float64(d.Limit),
		Remaining:    float64(d.Remaining),
		ResetAt:      float64(d.ResetAt.UnixMilli()),
		RetryAfterMs: float64(d.RetryAfter.Milliseconds()),
	}
}

// strategies returns the strategies that the contract and the oracle both know. Either
// may know one that the other doesn't: a contract gains and loses strategies without
// asking the oracle.
func strategies(t *testing.T) []string {
	var offered []string
	for _, d := range strategy.All() {
		offered = append(offered, d.Name)
		if !slices.Contains(oracle.Kinds(), d.Name) {
			t.Logf("left out: the contract's %s, which the oracle does not know", d.Name)
		}
	}
	return slices.DeleteFunc(oracle.Kinds(), func(kind string) bool {
		absent := !slices.Contains(offered, kind)
		if absent {
			t.Logf("left out: the oracle's %s, which the contract does not have", kind)
		}
		return absent
	})
}

// tries is how often a timeline is replayed before a difference counts. A transaction
// does not stop the time by which keys expire: when the machine is busy, a key with a
// millisecond to live can expire between two checks of the same instant, or within the
// very command that sets its expiry. That does not happen four times over, and a real
// difference happens every time.
const tries = 4

// compare returns the oracle's replies and what Redis says differently, as a report; ""
// for nothing.
func (r *replayer) compare(t *testing.T, line timeline) (want []oracle.Reply, report string) {
	suite, err := line.suite()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range suite.Ops {
		want = append(want, oracle.Reply(op.Expect))
	}
	for try := range tries {
		got, err := r.replay(t.Context(), line)
		report = difference(line, want, got, err)
		if report == "" {
			return want, ""
		}
		t.Logf("replay %d of %d of one timeline differs", try+1, tries)
	}
	return want, report
}

func difference(line timeline, want, got []oracle.Reply, err error) string {
	if err != nil {
		return fmt.Sprintf("%v\n%s", err, listing(line, len(line.ops)-1))
	}
	for i := range want {
		if got[i] != want[i] {
			return fmt.Sprintf("op %d:\n  Redis  %s\n  oracle %s\n%s", i, text(got[i]), text(want[i]), listing(line, i))
		}
	}
	return ""
}

// TestDifferential draws timelines and compares the contract's Lua in a real Redis with
// the oracle, reply by reply.
func TestDifferential(t *testing.T) {
	kinds := strategies(t)
	r := newReplayer(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			if settings[kind] == nil {
				t.Fatalf("no settings to draw for %s", kind)
			}
			const enough = 3
			checks, denied, differing := 0, 0, 0
			for i := 0; i < *timelines && differing < enough; i++ {
				want, report := r.compare(t, newDraw(*seed, kind, i).timeline(kind))
				if report != "" {
					differing++
					t.Errorf("timeline %d of seed %d: %s", i, *seed, report)
				}
				for _, reply := range want {
					checks++
					if !reply.Allowed {
						denied++
					}
				}
			}
			t.Logf("%d checks compared, %d of them denied", checks, denied)
			if allowed := checks - denied; *timelines >= 100 && min(allowed, denied) < checks/10 {
				t.Errorf("%d of %d checks denied: too much of one kind to compare anything", denied, checks)
			}
		})
	}
}

// TestTimelinesOnRedis is the same comparison for the timelines of the vector file.
func TestTimelinesOnRedis(t *testing.T) {
	kinds := strategies(t)
	r := newReplayer(t)
	for _, line := range rateLimits() {
		if !slices.Contains(kinds, line.kind) {
			continue
		}
		t.Run(line.name, func(t *testing.T) {
			if _, report := r.compare(t, line); report != "" {
				t.Error(report)
			}
		})
	}
}

func text(r oracle.Reply) string {
	return fmt.Sprintf("allowed=%t limit=%.f remaining=%.f resetAt=%.f retryAfterMs=%.f",
		r.Allowed, r.Limit, r.Remaining, r.ResetAt, r.RetryAfterMs)
}

// listing shows a timeline up to and with the op at last, in the words of this folder's
// own timelines, so that a difference can be pasted among them.
func listing(t timeline, last int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s %v\n", t.kind, t.options)
	for _, o := range t.ops[:last+1] {
		fmt.Fprintf(&b, "  at(%.17g, %.17g),\n", o.now, o.cost)
	}
	return b.String()
}
