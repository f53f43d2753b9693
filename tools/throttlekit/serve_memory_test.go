package main

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// opened is a service without --redis, before it listens.
func opened(t *testing.T, config string) *service {
	t.Helper()
	s, err := openService(t.Context(), &serveOptions{config: config, drain: time.Second, fail: server.FailClosed}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.door != nil {
			if err := s.door.Close(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestMemoryOutlivesAReload: what is spent stays spent as long as the strategy can read it,
// and no Redis is started for it.
func TestMemoryOutlivesAReload(t *testing.T) {
	path := writePolicies(t, twoPolicies)
	s := opened(t, path)
	if s.door != nil {
		t.Error("a Redis was opened, and nothing needs one")
	}
	remaining := func(policy string) int64 {
		t.Helper()
		d, err := s.local[policy].Check(t.Context(), aKey)
		if err != nil {
			t.Fatal(err)
		}
		return d.Remaining
	}
	if n := remaining("login"); n != 2 {
		t.Fatalf("login has %d left, want 2", n)
	}
	for _, step := range []struct {
		name, text string
		want       int64
	}{
		{"another limit", "limiters: {login: {strategy: fixedWindow, limit: 30, period: 1h}}\n", 28},
		{"a file that is wrong", "limiters: {login: {strategy: gcra, limit: 0, period: 1h}}\n", 27},
		{"another strategy, which cannot read what that one wrote", "limiters: {login: {strategy: gcra, limit: 30, period: 1h}}\n", 29},
	} {
		if err := os.WriteFile(path, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.reload()
		if n := remaining("login"); n != step.want {
			t.Errorf("after %s: login has %d left, want %d", step.name, n, step.want)
		}
	}
	if err := s.ping(t.Context()); err != nil {
		t.Errorf("memory does not answer: %v", err)
	}
}

// TestStrategyWithoutAFormInGoIsServed by the embedded Redis, and the others from memory.
func TestStrategyWithoutAFormInGoIsServed(t *testing.T) {
	for _, d := range strategy.All() {
		if local := d.Local; d.Name == "gcra" {
			d.Local = nil
			defer func() { d.Local = local }()
		}
	}
	s := opened(t, writePolicies(t, twoPolicies))
	_, served, local, err := s.readPolicies()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ping(t.Context()); err != nil {
		t.Errorf("the embedded Redis does not answer: %v", err)
	}
	for _, p := range served {
		if _, inRedis := p.Limiter.(*redisdoor.Limiter); inRedis != (p.Name == "api") || inRedis == (local[p.Name] != nil) {
			t.Errorf("%s runs on a %T", p.Name, p.Limiter)
		}
		if d, err := p.Limiter.Check(t.Context(), aKey); err != nil || !d.Allowed {
			t.Errorf("%s: got %+v, %v", p.Name, d, err)
		}
	}
}
