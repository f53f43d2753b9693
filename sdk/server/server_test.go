package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"go.uber.org/goleak"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNewRefuses(t *testing.T) {
	good := server.Policy{Name: "api", Limiter: echo()}
	for _, tt := range []struct {
		name     string
		policies []server.Policy
		options  []server.Option
		want     string
		reason   string
	}{
		{
			name:     "empty name",
			policies: []server.Policy{good, {Limiter: echo()}},
			want:     "server: policies[1] has no name",
			reason:   "an empty policy name in a request is NOT_FOUND by contract",
		},
		{
			name:     "no limiter",
			policies: []server.Policy{{Name: "api"}},
			want:     `server: policies[0] ("api") has no limiter`,
			reason:   "it would panic at the first request",
		},
		{
			name:     "same name twice",
			policies: []server.Policy{good, good},
			want:     `server: policies[1] has the name "api", which an earlier policy has too`,
			reason:   "one of the two would silently not apply",
		},
		{
			name:     "a name that is too long",
			policies: []server.Policy{{Name: strings.Repeat("n", server.MaxPolicyBytes+1), Limiter: echo()}},
			want:     "server: policies[0] has a name of 257 bytes, want at most 256",
			reason:   "names stand in messages, logs and metrics",
		},
		{
			name:    "no fail mode",
			options: []server.Option{server.WithFailMode(0)},
			want:    "server: WithFailMode was given error, want FailOpen or FailClosed",
			reason:  "leaving the option out says that",
		},
		{
			name:    "no time for the store",
			options: []server.Option{server.WithStoreTimeout(-1)},
			want:    "server: WithStoreTimeout was given -1ns, want more than 0",
			reason:  "every call would fail",
		},
		{
			name:    "nil store check",
			options: []server.Option{server.WithStoreCheck(nil)},
			want:    "server: WithStoreCheck was given nil",
			reason:  "leaving the option out says that",
		},
		{
			name:    "nil logger",
			options: []server.Option{server.WithLogger(nil)},
			want:    "server: WithLogger was given nil",
			reason:  "it would panic at the first line",
		},
		{
			name:    "nil observer",
			options: []server.Option{server.WithObserver(nil)},
			want:    "server: WithObserver was given nil",
			reason:  "it would panic at the first call",
		},
		{
			name:    "no time to drain",
			options: []server.Option{server.WithDrainTimeout(0)},
			want:    "server: WithDrainTimeout was given 0s, want more than 0",
			reason:  "every stop would cut calls off",
		},
		{
			name:    "nil option",
			options: []server.Option{nil},
			want:    "server: an option is nil",
			reason:  "better told than a panic",
		},
		{
			name:    "nil handler option",
			options: []server.Option{server.WithHandlerOptions(connect.WithReadMaxBytes(1), nil)},
			want:    "server: WithHandlerOptions was given nil at position 1",
			reason:  "connect would panic when it applies it",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := server.New(tt.policies, tt.options...)
			if err == nil || err.Error() != tt.want {
				t.Errorf("New: %v\nwant %s\nsince %s", err, tt.want, tt.reason)
			}
		})
	}
}

func TestNoPoliciesIsFine(t *testing.T) {
	r := start(t, nil)
	_, err := check(t, r, "api", 1)
	if connect.CodeOf(err) != connect.CodeNotFound || !strings.HasSuffix(err.Error(), "the server has (none)") {
		t.Errorf("Check on a server without policies: %v", err)
	}
}

func TestUnknownPaths(t *testing.T) {
	srv, err := server.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, reason string }{
		{"root", "/", "there is nothing to see"},
		{"another service", "/other.v1.Service/Check", "it is not served here"},
		{"a method that there is not", "/throttlekit.v1.RateLimiter/Guess", "the service has none of the name"},
		{"a service alone", "/throttlekit.v1.RateLimiter", "it is no method"},
		{"below a method", "/throttlekit.v1.RateLimiter/Check/more", "methods have nothing below them"},
		{"no path", "*", "OPTIONS may ask so"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.URL.Path = tt.path
			srv.ServeHTTP(w, r)
			if w.Code != http.StatusNotFound {
				t.Errorf("POST %s: %d, want 404: %s", tt.path, w.Code, tt.reason)
			}
		})
	}
}
