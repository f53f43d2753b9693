package main

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// opened is a service without --redis, before it listens.
func opened(t *testing.T, config string, log io.Writer) *service {
	t.Helper()
	s, err := openService(t.Context(), &serveOptions{config: config, drain: time.Second, fail: server.FailClosed}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
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
	s := opened(t, path, io.Discard)
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

// withoutGo takes the form in Go from a strategy until the test ends.
func withoutGo(t *testing.T, name string) {
	t.Helper()
	for _, d := range strategy.All() {
		if local := d.Local; d.Name == name {
			d.Local = nil
			t.Cleanup(func() { d.Local = local })
		}
	}
}

// TestStrategyWithoutAFormInGoIsServed by the embedded Redis, and the others from memory.
func TestStrategyWithoutAFormInGoIsServed(t *testing.T) {
	withoutGo(t, "gcra")
	s := opened(t, writePolicies(t, twoPolicies), io.Discard)
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

// TestEvictionsAreTold once each, also those of a limiter that a reload replaces.
func TestEvictionsAreTold(t *testing.T) {
	var log bytes.Buffer
	path := writePolicies(t, twoPolicies)
	s := opened(t, path, &log)
	small, err := localdoor.New(strategy.FixedWindow{Limit: 3, Window: time.Hour}, localdoor.WithMaxKeys(1))
	if err != nil {
		t.Fatal(err)
	}
	s.local["login"] = &memory{Limiter: small}
	told := func(after string, want ...string) {
		t.Helper()
		var got []string
		for line := range strings.Lines(log.String()) {
			if _, rest, ok := strings.Cut(line, "some were forgotten"); ok {
				got = append(got, strings.TrimSpace(rest[strings.Index(rest, " policy="):]))
			}
		}
		log.Reset()
		if !slices.Equal(got, want) {
			t.Errorf("after %s: told %q, want %q", after, got, want)
		}
	}
	key := 0
	check := func(checks int) {
		t.Helper()
		for range checks {
			key++
			if _, err := s.local["login"].Check(t.Context(), strconv.Itoa(key)); err != nil {
				t.Fatal(err)
			}
		}
	}
	reload := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.reload()
	}

	check(1)
	s.tellEvictions()
	told("what fits")
	check(2)
	s.tellEvictions()
	s.tellEvictions()
	told("two keys more", "policy=login keys=1 forgotten=2")
	check(1)
	reload("limiters: {login: {strategy: fixedWindow, limit: 30, period: 1h}}\n")
	told("a reload", "policy=login keys=1 forgotten=1")
	check(3)
	reload("limiters: {login: {strategy: gcra, limit: 30, period: 1h}}\n")
	told("a reload that begins anew", "policy=login keys=1 forgotten=3")
	check(3)
	s.tellEvictions()
	told("what fits in the new one")
}
