package redisdoor_test

import (
	"errors"
	"fmt"
	"testing"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
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
	server := startBrokenRedis(t, func(command int64) []byte {
		switch {
		case command == 256: // the last of the first pipeline, so that all of it was written
			return nil
		case command > 2:
			return []byte{}
		}
		return []byte("*5\r\n:1\r\n:5\r\n:4\r\n:1000\r\n:0\r\n")
	})
	limiter := newLimiter(t, dial(t, server.url()), fivePerHour)
	const n = 300 // the second pipeline is never written
	keys := make([]string, n)
	for i := range keys {
		keys[i] = secretKey
	}
	decisions, err := limiter.CheckMany(t.Context(), keys, 1)
	var many *throttlekit.ManyError
	if !errors.As(err, &many) {
		t.Fatalf("error is %v, want a *throttlekit.ManyError", err)
	}
	for i := range keys {
		switch {
		case i < 2:
			if many.Errors[i] != nil || !decisions[i].Allowed {
				t.Fatalf("keys[%d] is %+v, %v, want the decision that came before the break", i, decisions[i], many.Errors[i])
			}
		default:
			wantFault(t, many.Errors[i], fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport, consumed: i < 256})
		}
	}
	if read := server.commands.Load(); read > 256 {
		t.Errorf("the server read %d commands, want none of the second pipeline", read)
	}
}
