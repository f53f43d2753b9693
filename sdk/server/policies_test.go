package server_test

import (
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

var everyOp = []string{"check", "checkMany", "peek", "forecast", "debit", "admit"}

func TestUnservedPoliciesSayWhy(t *testing.T) {
	r := start(t, []server.Policy{
		{Name: "budget", Unserved: "not yet"},
		{Name: "tiers", Limiter: echo(), NoPeek: "it is leased"},
	})
	c := grpcClient(t, r)
	for _, op := range everyOp {
		want := `unimplemented: policy "budget" does not support ` + op + ": not yet"
		if err := do(t.Context(), c, op, "budget"); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", op, err, want)
		}
	}
	for op, want := range map[string]string{
		"check": "", "checkMany": "",
		"peek":     `unimplemented: policy "tiers" does not support peek: it is leased`,
		"forecast": `unimplemented: policy "tiers" does not support forecast: it is leased`,
		"debit":    `unimplemented: policy "tiers" does not support debit`,
	} {
		err := do(t.Context(), c, op, "tiers")
		if want == "" && err != nil || want != "" && (err == nil || err.Error() != want) {
			t.Errorf("%s: %v\nwant %q", op, err, want)
		}
	}
}

func TestSetPolicies(t *testing.T) {
	srv, err := server.New([]server.Policy{{Name: "old", Limiter: echo()}})
	if err != nil {
		t.Fatal(err)
	}
	r := host(t, srv)
	c := grpcClient(t, r)
	if err := srv.SetPolicies([]server.Policy{{Name: "new", Limiter: echo()}, {Name: "new", Limiter: echo()}}); err == nil {
		t.Fatal("SetPolicies took a name twice")
	}
	if err := do(t.Context(), c, "check", "old"); err != nil {
		t.Errorf("after a refused set of policies: %v, want the old ones to stay", err)
	}
	if err := srv.SetPolicies([]server.Policy{{Name: "new", Limiter: echo()}}); err != nil {
		t.Fatal(err)
	}
	if err := do(t.Context(), c, "check", "new"); err != nil {
		t.Errorf("the new policy: %v", err)
	}
	const want = `not_found: unknown policy "old"; the server has "new"`
	if err := do(t.Context(), c, "check", "old"); err == nil || err.Error() != want {
		t.Errorf("the old policy: %v\nwant %s", err, want)
	}
}

func TestCallsUnderWayKeepTheirPolicy(t *testing.T) {
	limiter, arrived, open := gate()
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: limiter}}, server.WithStoreTimeout(1<<40))
	if err != nil {
		t.Fatal(err)
	}
	c := grpcClient(t, host(t, srv))
	answer := make(chan error, 1)
	go func() { answer <- do(t.Context(), c, "check", "api") }()
	<-arrived
	if err := srv.SetPolicies(nil); err != nil {
		t.Fatal(err)
	}
	close(open)
	if err := <-answer; err != nil {
		t.Errorf("the call under way: %v", err)
	}
}

func TestLongListsOfPoliciesAreCut(t *testing.T) {
	var many []server.Policy
	for i := range 10_000 {
		many = append(many, server.Policy{Name: fmt.Sprintf("policy-%05d", i), Limiter: echo()})
	}
	r := start(t, many)
	err := do(t.Context(), grpcClient(t, r), "check", "nope")
	if connect.CodeOf(err) != connect.CodeNotFound || len(err.Error()) > 4<<10 || !strings.HasSuffix(err.Error(), " more") ||
		!strings.Contains(err.Error(), `the server has "policy-00000", "policy-00001", `) {
		t.Errorf("%v\nwant a list that clients' 8 KiB of trailers can hold", err)
	}
}
