package main

import (
	"fmt"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// TestNativeExpiry draws timelines and holds the expiry that each check sets in Go
// against the one that Redis has for the key right after the same check.
func TestNativeExpiry(t *testing.T) {
	kinds := strategies(t)
	r := newReplayer(t)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			differing, set := 0, 0
			for i := 0; i < *timelines && differing < 3; i++ {
				line := newDraw(*seed, kind+" expiry", i).timeline(kind)
				plan := nativePlan(t, kind, line.options)
				want := nativeExpiries(t, plan, line.ops)
				report := ""
				// Redis says what is left, a millisecond less when one has just passed.
				for range 10 {
					if report = r.expiryReport(t, plan, line.ops, want); report == "" {
						break
					}
				}
				if report != "" {
					differing++
					t.Errorf("timeline %d of seed %d: %s\n%s", i, *seed, report, listing(line, len(line.ops)-1))
				}
				for _, ms := range want {
					if ms > 0 {
						set++
					}
				}
			}
			t.Logf("%d expiries", set)
			if set == 0 {
				t.Error("no check set an expiry")
			}
		})
	}
}

// What PTTL answers beside milliseconds.
const (
	noExpiry = -1
	noKey    = -2
)

func nativeExpiries(t *testing.T, plan *script.Plan, ops []op) []int64 {
	var state script.State
	left := make([]int64, len(ops))
	for i, o := range ops {
		if _, err := plan.CheckLocal(&state, stillClock, o.now, o.cost); err != nil {
			t.Fatal(err)
		}
		switch {
		case state.Empty():
			left[i] = noKey
		case state.Expiry() == 0:
			left[i] = noExpiry
		default:
			left[i] = state.Expiry() - 1 - stillClock
		}
		state.Persist()
	}
	return left
}

func (r *replayer) expiryReport(t *testing.T, plan *script.Plan, ops []op, want []int64) string {
	r.count++
	key := fmt.Sprintf("%s:%d", r.prefix, r.count)
	conn := r.pool.Get()
	defer conn.Close()
	send := func(command string, args ...any) {
		if err := conn.Send(command, args...); err != nil {
			t.Fatal(err)
		}
	}
	send("MULTI")
	for _, o := range ops {
		args := []any{plan.Definition().Check.Source, 1, key}
		send("EVAL", plan.AppendArgv(args, script.Number(o.now), script.Number(o.cost))...)
		send("PTTL", key)
		send("PERSIST", key)
	}
	send("DEL", key)
	replies, err := redis.Values(conn.Do("EXEC"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range ops {
		got, err := redis.Int64(replies[3*i+1], nil)
		if err != nil {
			t.Fatal(err)
		}
		if got != want[i] {
			return fmt.Sprintf("op %d leaves %d ms in Redis, %d in Go", i, got, want[i])
		}
	}
	return ""
}
