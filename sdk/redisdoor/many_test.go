package redisdoor_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func TestCheckManyKeepsOrderAndSpendsForEachDuplicate(t *testing.T) {
	limiter, _ := onRedis(t, fivePerHour)
	decisions, err := limiter.CheckMany(t.Context(), []string{"a", "b", "a", "a", "c", "b"}, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		allowed   bool
		remaining int64
	}{{true, 3}, {true, 3}, {true, 1}, {false, 1}, {true, 3}, {true, 1}}
	if len(decisions) != len(want) {
		t.Fatalf("got %d decisions, want %d", len(decisions), len(want))
	}
	for i, d := range decisions {
		if d.Allowed != want[i].allowed || d.Remaining != want[i].remaining {
			t.Errorf("decision %d is %+v, want %+v", i, d, want[i])
		}
	}
}

func TestCheckManyOfNoKeysSendsNothing(t *testing.T) {
	limiter := newLimiter(t, dial(t, "redis://127.0.0.1:1"), fivePerHour)
	decisions, err := limiter.CheckMany(t.Context(), nil, 1)
	if err != nil || decisions == nil || len(decisions) != 0 {
		t.Errorf("got %v, %v, want an empty slice that is not nil", decisions, err)
	}
}

func TestCheckManySendsAnUnknownScriptOnce(t *testing.T) {
	pool := dial(t, redistest.StartProcess(t))
	limiter := newLimiter(t, pool, fivePerHour)
	const n = 600 // more than two pipelines
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprint(i % 300)
	}
	decisions, err := limiter.CheckMany(t.Context(), keys, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range decisions {
		if want := int64(4 - i/300); d.Remaining != want {
			t.Fatalf("decision %d has %d remaining, want %d: each check counts once", i, d.Remaining, want)
		}
	}
	if evals := calls(t, pool, "eval"); evals != 1 {
		t.Errorf("there were %d EVAL, want 1: after it Redis knows the script", evals)
	}
}

func TestCheckManyFailsOnlyTheKeyThatFails(t *testing.T) {
	limiter, pool := onRedis(t, fivePerHour, redisdoor.WithPrefix(""))
	p := prefix(t)
	command(t, pool, "LPUSH", p+secretKey, "x")
	defer command(t, pool, "DEL", p+"a", p+secretKey, p+"b")

	decisions, err := limiter.CheckMany(t.Context(), []string{p + "a", p + secretKey, p + "b"}, 1)
	var many *throttlekit.ManyError
	if !errors.As(err, &many) {
		t.Fatalf("error is %v, want a *throttlekit.ManyError", err)
	}
	if many.Errors[0] != nil || many.Errors[2] != nil {
		t.Errorf("errors are %v, want one at 1 alone", many.Errors)
	}
	wantFault(t, many.Errors[1], fault{source: throttlekit.SourceServer, says: "WRONGTYPE"})
	wantFault(t, err, fault{source: throttlekit.SourceServer, says: "1 of 3 keys failed; keys[1]: "})
	if !decisions[0].Allowed || !decisions[2].Allowed || decisions[1] != (throttlekit.Decision{}) {
		t.Errorf("decisions are %+v, want good ones beside a zero one at 1", decisions)
	}
}

func TestCheckManyOverABrokenConnection(t *testing.T) {
	server := startBrokenRedis(t, func(int64) []byte { return nil })
	limiter := newLimiter(t, dial(t, server.url()), fivePerHour)
	keys := make([]string, 2*256+1)
	for i := range keys {
		keys[i] = secretKey
	}
	size := limiter.ManySize(1)
	_, err := limiter.CheckMany(t.Context(), keys, 1)
	var many *throttlekit.ManyError
	if !errors.As(err, &many) {
		t.Fatalf("error is %v, want a *throttlekit.ManyError", err)
	}
	for i := range keys {
		// Those of the first script may have been consumed, the others were never sent.
		wantFault(t, many.Errors[i], fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport, consumed: i < size})
	}
	if n := server.commands.Load(); n != 1 {
		t.Errorf("the server read %d commands, want the first script alone", n)
	}
}

func TestCheckManyIsBoundedByWork(t *testing.T) {
	pool := dial(t, "redis://127.0.0.1:1")
	for _, row := range []struct {
		name string
		work []script.Term
		cost int64
		want int
	}{
		{"next to nothing: by keys", []script.Term{{Steps: 1}}, 1, 256},
		{"some: by work", []script.Term{{Steps: 10}}, 1, 100},
		{"work that grows with the cost", []script.Term{{Steps: 1, Per: []string{"cost"}}}, 300, 3},
		{"more than a script's worth: alone", []script.Term{{Steps: 5000}}, 1, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := newLimiter(t, pool, scripted{work: row.work}).ManySize(row.cost); got != row.want {
				t.Errorf("a script holds %d checks, want %d", got, row.want)
			}
		})
	}
}

func TestCheckManyIsTheSameChecksAtOneInstant(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			s := ofThree(t, d)
			together := newLimiter(t, pool, s, redisdoor.WithPrefix(prefix(t)))
			apart := newLimiter(t, pool, s, redisdoor.WithPrefix(prefix(t)))
			random := rand.New(rand.NewPCG(1, 2))
			now := time.UnixMilli(1_750_000_000_000)
			for round := range 40 {
				now = now.Add(time.Duration(random.IntN(900_000)) * time.Millisecond)
				cost := 1 + random.Int64N(4)
				keys := make([]string, random.IntN(12))
				for i := range keys {
					keys[i] = strconv.Itoa(random.IntN(5))
				}
				got, err := together.CheckManyAt(t.Context(), keys, cost, now)
				if err != nil {
					t.Fatal(err)
				}
				want := make([]throttlekit.Decision, len(keys))
				for i, key := range keys {
					if want[i], err = apart.CheckAt(t.Context(), key, cost, now); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("round %d, keys %v, cost %d (-one by one +many):\n%s", round, keys, cost, diff)
				}
			}
		})
	}
}
