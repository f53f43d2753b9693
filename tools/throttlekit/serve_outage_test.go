//go:build unix

package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"connectrpc.com/connect"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// aLimitedKey stands in requests, and in nothing that the service writes.
const aLimitedKey = "alice@example.com"

func TestServeOutlivesItsRedis(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		mode    string
		made    throttlekit.Decision
		during  string
		healthz int
	}{
		{"open", throttlekit.Decision{Allowed: true, Limit: 10, Remaining: 10, Source: throttlekit.SourceOpen}, "SERVING", http.StatusOK},
		{"closed", throttlekit.Decision{Limit: 10, Source: throttlekit.SourceClosed}, "NOT_SERVING", http.StatusServiceUnavailable},
	} {
		t.Run(row.mode, func(t *testing.T) {
			t.Parallel()
			redis := newRedisProcess(t)
			if err := redis.start(); err != nil {
				t.Fatal(err)
			}
			c := launch(t, writePolicies(t, twoPolicies), "--redis", redis.url(), "--fail", row.mode, "--metrics-port", "0")
			client := c.client(t)
			check := func() throttlekit.Decision {
				t.Helper()
				d, err := client.Check(t.Context(), "api", aLimitedKey)
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			if d := check(); d.Remaining != 9 || d.ResetAt.IsZero() {
				t.Fatalf("with its Redis: %+v", d)
			}

			redis.kill()
			if d := check(); d != row.made {
				t.Errorf("without its Redis: %+v, want %+v", d, row.made)
			}
			many, err := client.CheckMany(t.Context(), "api", []string{"bob", aLimitedKey}, 1)
			if err != nil || len(many) != 2 || many[0] != row.made || many[1] != row.made {
				t.Errorf("CheckMany without its Redis: %+v, %v", many, err)
			}
			if _, err := client.Peek(t.Context(), "api", aLimitedKey); err == nil || !strings.Contains(err.Error(), "internal: ") {
				t.Errorf("Peek without its Redis: %v, want internal", err)
			}
			// The door would refuse this by itself; other clients send it.
			if _, err := client.RateLimiter().Check(t.Context(), &throttlekitv1.CheckRequest{
				Policy: "api", Key: aLimitedKey, Cost: throttlekit.MaxCost + 1,
			}); connect.CodeOf(err) != connect.CodeInvalidArgument {
				t.Errorf("a cost that is none: %v, want invalid_argument rather than the fail mode", err)
			}
			eventually(t, "the store is NOT_SERVING", func() bool { return healthOf(t, c.address, "throttlekit.store") == "NOT_SERVING" })
			for _, service := range []string{"", "throttlekit.v1.RateLimiter"} {
				if got := healthOf(t, c.address, service); got != row.during {
					t.Errorf("health of %q is %s, want %s", service, got, row.during)
				}
			}
			if code, _ := get(t, "http://"+c.metrics+"/healthz"); code != row.healthz {
				t.Errorf("/healthz is %d, want %d", code, row.healthz)
			}

			if err := redis.start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the store is SERVING again", func() bool { return healthOf(t, c.address, "throttlekit.store") == "SERVING" })
			if got := healthOf(t, c.address, ""); got != "SERVING" {
				t.Errorf("health after the outage is %s", got)
			}
			// Connections of before the outage may still be in the pool, each good for one
			// failure.
			eventually(t, "a decision of Redis", func() bool { return !check().ResetAt.IsZero() })

			outcome := map[bool]string{true: "allowed", false: "denied"}[row.made.Allowed]
			_, text := get(t, "http://"+c.metrics+"/metrics")
			for _, want := range []string{
				"\nthrottlekit_store_up 1\n",
				`throttlekit_decisions_total{policy="api",outcome="allowed"} `,
				`throttlekit_synthesized_decisions_total{policy="api",outcome="` + outcome + `"} `,
				`throttlekit_errors_total{op="peek",code="internal"} 1` + "\n",
				`throttlekit_errors_total{op="check",code="invalid_argument"} 1` + "\n",
				`throttlekit_call_duration_seconds_count{op="checkMany"} 1` + "\n",
			} {
				if !strings.Contains(text, want) {
					t.Errorf("the metrics lack %q\n%s", want, text)
				}
			}
			log := c.log.String()
			if fails, recovers := strings.Count(log, `msg="the store fails"`), strings.Count(log, `msg="the store has recovered"`); fails != 1 || recovers != 1 {
				t.Errorf("%d and %d lines about the store, want 1 and 1", fails, recovers)
			}
			if strings.Contains(log+text, "alice") {
				t.Error("a key stands in the log or the metrics")
			}
		})
	}
}

// TestServeDoesNotWaitForAHungRedis stops Redis the way a swapping machine does: what is
// sent is taken, and nothing comes back.
func TestServeDoesNotWaitForAHungRedis(t *testing.T) {
	t.Parallel()
	redis := newRedisProcess(t)
	if err := redis.start(); err != nil {
		t.Fatal(err)
	}
	c := launch(t, writePolicies(t, twoPolicies), "--redis", redis.url())
	client := c.client(t)
	if _, err := client.Check(t.Context(), "api", aLimitedKey); err != nil {
		t.Fatal(err)
	}
	if err := redis.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if d, err := client.Check(t.Context(), "api", aLimitedKey); err != nil || !d.Allowed || !d.ResetAt.IsZero() {
		t.Errorf("Check: %+v, %v; want the decision of --fail open", d, err)
	}
	eventually(t, "the store is NOT_SERVING", func() bool { return healthOf(t, c.address, "throttlekit.store") == "NOT_SERVING" })
	if err := redis.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store is SERVING again", func() bool { return healthOf(t, c.address, "throttlekit.store") == "SERVING" })
}

// TestServeStartsWithoutItsRedis: whichever of the two comes up first.
func TestServeStartsWithoutItsRedis(t *testing.T) {
	t.Parallel()
	redis := newRedisProcess(t)
	c := launch(t, writePolicies(t, twoPolicies), "--redis", redis.url(), "--fail", "closed")
	if got := healthOf(t, c.address, ""); got != "NOT_SERVING" {
		t.Errorf("health is %s, want NOT_SERVING from the first answer on", got)
	}
	client := c.client(t)
	if d, err := client.Check(t.Context(), "api", aLimitedKey); err != nil || d.Allowed {
		t.Errorf("Check: %+v, %v; want a denial", d, err)
	}
	if err := redis.start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "SERVING", func() bool { return healthOf(t, c.address, "") == "SERVING" })
	if d, err := client.Check(t.Context(), "api", aLimitedKey); err != nil || !d.Allowed || d.Remaining != 9 {
		t.Errorf("Check: %+v, %v; want the first of ten", d, err)
	}
}

// TestServeTellsOfKeysOfAnotherType: with --fail open, nothing else would tell that a
// policy limits nothing.
func TestServeTellsOfKeysOfAnotherType(t *testing.T) {
	redis := newRedisProcess(t)
	if err := redis.start(); err != nil {
		t.Fatal(err)
	}
	c := launch(t, writePolicies(t, twoPolicies), "--redis", redis.url())
	s, err := openStore(t.Context(), redis.url())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.do(t.Context(), "LPUSH", "api:"+aLimitedKey, "x"); err != nil {
		t.Fatal(err)
	}
	client := c.client(t)
	for range 3 {
		if d, err := client.Check(t.Context(), "api", aLimitedKey); err != nil || !d.Allowed || !d.ResetAt.IsZero() {
			t.Errorf("Check: %+v, %v; want the decision of --fail open", d, err)
		}
	}
	if got := healthOf(t, c.address, "throttlekit.store"); got != "SERVING" {
		t.Errorf("the store's health is %s: one key is no outage", got)
	}
	log := c.log.String()
	if n := strings.Count(log, `msg="a call failed" op=check policy=api error="throttlekit: check (server): `); n != 1 || !strings.Contains(log, "WRONGTYPE") || strings.Contains(log, "alice") {
		t.Errorf("%d lines about it, want 1 without the key", n)
	}
}
