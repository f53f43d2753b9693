package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestEveryKindOfRedis has the commands that count on a Redis do so on a cluster and
// behind sentinels.
func TestEveryKindOfRedis(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func() string{
		"cluster":  func() string { return redistest.StartCluster(t, 3, 0).URL() },
		"sentinel": func() string { return redistest.StartWatch(t, "mymaster", 1).URL() },
	} {
		url := start()
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := throttlekitCommand(t, "conform", "--vectors", vendored, "--redis", url)
			if code != exitOK || !strings.HasSuffix(stdout, " ops, 0 mismatches\n") {
				t.Errorf("conform: exit code %d\n%s%s", code, stdout, stderr)
			}
			if stdout, stderr, code = throttlekitCommand(t, "demo", "--redis", url); code != exitOK {
				t.Errorf("demo: exit code %d\n%s%s", code, stdout, stderr)
			}
			policies := writePolicies(t, "limiters:\n  p: {strategy: gcra, limit: 2, period: 1h}\n")
			if stdout, stderr, code = throttlekitCommand(t, "lint", policies, "--redis", url); code != exitOK {
				t.Errorf("lint: exit code %d\n%s%s", code, stdout, stderr)
			}
			s, err := openService(t.Context(), &serveOptions{config: policies, redis: url, redisPrefix: ownPrefix("redis"),
				fail: server.FailClosed, drain: defaultDrain}, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.ping(t.Context()); err != nil {
				t.Errorf("ping: %v", err)
			}
			host := httptest.NewServer(s.server)
			allowed := 0
			for i := range 9 { // three of each key, which are in slots of their own
				code, text := post(t, host.Client(), host.URL+"/throttlekit.v1.RateLimiter/Check", fmt.Sprintf(`{"policy":"p","key":"k%d"}`, i%3))
				if code != http.StatusOK {
					t.Fatalf("serve: %d %s", code, text)
				}
				if strings.Contains(text, `"allowed":true`) {
					allowed++
				}
			}
			if allowed != 6 {
				t.Errorf("serve admitted %d checks of three keys, want 2 of each", allowed)
			}
			host.Close()
			if err := s.close(); err != nil {
				t.Error(err)
			}
		})
	}
}
