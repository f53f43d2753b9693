package servicedoor_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// bucket is a limit of 10 that never refills, over any number of keys: a small honest
// limiter behind the real server.
type bucket struct {
	mu    sync.Mutex
	spent map[string]int64
}

func (b *bucket) Check(ctx context.Context, key string) (throttlekit.Decision, error) {
	return b.CheckN(ctx, key, 1)
}

func (b *bucket) CheckN(_ context.Context, key string, cost int64) (throttlekit.Decision, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.spent[key]+cost > 10 {
		return throttlekit.Decision{Limit: 10, Remaining: 10 - b.spent[key], ResetAt: decidedAt, RetryAfter: 1500 * time.Millisecond}, nil
	}
	b.spent[key] += cost
	return throttlekit.Decision{Allowed: true, Limit: 10, Remaining: 10 - b.spent[key], ResetAt: decidedAt}, nil
}

func (b *bucket) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	all := make([]throttlekit.Decision, len(keys))
	for i, key := range keys {
		all[i], _ = b.CheckN(ctx, key, cost)
	}
	return all, nil
}

func (b *bucket) Peek(_ context.Context, key string) (throttlekit.Decision, error) {
	return throttlekit.Decision{Allowed: b.spent[key] < 10, Limit: 10, Remaining: 10 - b.spent[key]}, nil
}

func (b *bucket) Forecast(_ context.Context, key string, cost int64) (throttlekit.Forecast, error) {
	return throttlekit.Forecast{SpendableNow: (10 - b.spent[key]) / cost, NextReplenishAt: decidedAt, FullAt: decidedAt.Add(time.Second)}, nil
}

// TestEveryProtocol talks to the real server, and pins what goes over the wire.
func TestEveryProtocol(t *testing.T) {
	for _, tt := range []struct {
		name        string
		options     []servicedoor.Option
		tls         bool
		proto       int
		contentType string
	}{
		{name: "gRPC", proto: 2, contentType: "application/grpc"},
		{name: "gRPC over TLS", tls: true, proto: 2, contentType: "application/grpc"},
		{name: "Connect", options: []servicedoor.Option{servicedoor.WithConnect()}, proto: 1, contentType: "application/proto"},
		{name: "Connect over TLS", options: []servicedoor.Option{servicedoor.WithConnect()}, tls: true, proto: 2, contentType: "application/proto"},
		{name: "gRPC-Web", options: []servicedoor.Option{servicedoor.WithGRPCWeb()}, proto: 1, contentType: "application/grpc-web+proto"},
		{name: "gRPC-Web over TLS", options: []servicedoor.Option{servicedoor.WithGRPCWeb()}, tls: true, proto: 2, contentType: "application/grpc-web+proto"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, err := server.New([]server.Policy{{Name: "api", Limiter: &bucket{spent: map[string]int64{}}}})
			if err != nil {
				t.Fatal(err)
			}
			watched := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.ProtoMajor != tt.proto || r.Header.Get("Content-Type") != tt.contentType {
					t.Errorf("the server saw %s, %s; want HTTP/%d, %s", r.Proto, r.Header.Get("Content-Type"), tt.proto, tt.contentType)
				}
				srv.ServeHTTP(w, r)
			})
			var host *httptest.Server
			options := tt.options
			if tt.tls {
				host = httptest.NewUnstartedServer(watched)
				host.EnableHTTP2 = true
				host.StartTLS()
				t.Cleanup(host.Close)
				trust := host.Client().Transport.(*http.Transport).TLSClientConfig
				options = append(options, servicedoor.WithTLSConfig(trust))
			} else {
				host = listen(t, watched)
			}
			exercise(t, dial(t, host.URL, options...).Limiter("api"))
		})
	}
}

// exercise runs one story through a limiter of 10 and compares every field.
func exercise(t *testing.T, limiter throttlekit.Limiter) {
	t.Helper()
	ctx := t.Context()
	expect := func(what string, got any, err error, want any) {
		t.Helper()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
		}
	}
	one, err := limiter.Check(ctx, aKey)
	expect("Check", one, err, throttlekit.Decision{Allowed: true, Limit: 10, Remaining: 9, ResetAt: decidedAt})
	five, err := limiter.CheckN(ctx, aKey, 5)
	expect("CheckN", five, err, throttlekit.Decision{Allowed: true, Limit: 10, Remaining: 4, ResetAt: decidedAt})
	many, err := limiter.CheckMany(ctx, []string{aKey, "bob", aKey}, 3)
	expect("CheckMany", many, err, []throttlekit.Decision{
		{Allowed: true, Limit: 10, Remaining: 1, ResetAt: decidedAt},
		{Allowed: true, Limit: 10, Remaining: 7, ResetAt: decidedAt},
		{Limit: 10, Remaining: 1, ResetAt: decidedAt, RetryAfter: 1500 * time.Millisecond},
	})
	peek, err := limiter.Peek(ctx, aKey)
	expect("Peek", peek, err, throttlekit.Decision{Allowed: true, Limit: 10, Remaining: 1})
	outlook, err := limiter.Forecast(ctx, "bob", 2)
	expect("Forecast", outlook, err, throttlekit.Forecast{SpendableNow: 3, NextReplenishAt: decidedAt, FullAt: decidedAt.Add(time.Second)})
}

func TestDecisionsFromTheWire(t *testing.T) {
	for _, tt := range []struct {
		name   string
		give   *throttlekitv1.Decision
		want   throttlekit.Decision
		reason string
	}{
		{
			name: "whole", give: decided(),
			want:   throttlekit.Decision{Allowed: true, Limit: 10, Remaining: 7, ResetAt: decidedAt},
			reason: "times are UTC",
		},
		{
			name: "empty", give: &throttlekitv1.Decision{},
			want:   throttlekit.Decision{Source: throttlekit.SourceClosed},
			reason: "reset_at 0 is no time, rather than 1970; and so a service that fails closed denies, for a limit that it does not know",
		},
		{
			name: "made up by a service that fails open", give: &throttlekitv1.Decision{Allowed: true, Limit: 10, Remaining: 10},
			want:   throttlekit.Decision{Allowed: true, Limit: 10, Remaining: 10, Source: throttlekit.SourceOpen},
			reason: "no strategy decides without a time",
		},
		{
			name: "made up by a service that fails closed", give: &throttlekitv1.Decision{Limit: 10},
			want:   throttlekit.Decision{Limit: 10, Source: throttlekit.SourceClosed},
			reason: "no strategy decides without a time",
		},
		{
			name: "of the first millisecond", give: &throttlekitv1.Decision{Allowed: true, Limit: 10, Remaining: 9},
			want:   throttlekit.Decision{Allowed: true, Limit: 10, Remaining: 9},
			reason: "something was spent, so somebody counted",
		},
		{
			name: "endless wait", give: &throttlekitv1.Decision{RetryAfterMs: math.MaxInt64},
			want:   throttlekit.Decision{RetryAfter: math.MaxInt64},
			reason: "it saturates; wrapped around it would be no wait at all",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host := listen(t, (&service{check: func(context.Context, *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
				return &throttlekitv1.CheckResponse{Decision: tt.give}, nil
			}}).handler())
			got, err := dial(t, host.URL).Check(t.Context(), "api", aKey)
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v; %s (-want +got):\n%s", err, tt.reason, diff)
			}
		})
	}
}

func TestCheckManyOfNoKeysAsksNobody(t *testing.T) {
	client := dial(t, "127.0.0.1:1") // nobody listens there
	got, err := client.CheckMany(t.Context(), "api", nil, 1)
	if err != nil || got == nil || len(got) != 0 {
		t.Errorf("CheckMany of no keys: %v, %v; want an empty slice", got, err)
	}
}

func TestRawClientsShareTheDoor(t *testing.T) {
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: &bucket{spent: map[string]int64{}}}})
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	count := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			seen++
			return next(ctx, req)
		}
	})
	client := dial(t, listen(t, srv).URL, servicedoor.WithInterceptors(count))
	if _, err := client.RateLimiter().Debit(t.Context(), &throttlekitv1.DebitRequest{Policy: "api"}); connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Errorf("Debit: %v, want unimplemented", err)
	}
	if _, err := client.Monitor().GetSnapshot(t.Context(), &throttlekitv1.GetSnapshotRequest{}); connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Errorf("GetSnapshot: %v, want unimplemented", err)
	}
	if _, err := client.Fleet().Reserve(t.Context(), &throttlekitv1.ReserveRequest{}); connect.CodeOf(err) != connect.CodeUnimplemented {
		t.Errorf("Reserve: %v, want unimplemented", err)
	}
	if _, err := client.Check(t.Context(), "api", aKey); err != nil {
		t.Errorf("Check: %v", err)
	}
	if seen != 4 {
		t.Errorf("the interceptor saw %d calls, want 4", seen)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			srv, err := server.New([]server.Policy{{Name: "api", Limiter: &bucket{spent: map[string]int64{}}}})
			if err != nil {
				t.Fatal(err)
			}
			peers := map[string]bool{}
			client := dial(t, listen(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				peers[r.RemoteAddr] = true
				srv.ServeHTTP(w, r)
			})).URL, p.options...)
			for range 20 {
				if _, err := client.Check(t.Context(), "api", aKey); err != nil {
					t.Fatal(err)
				}
			}
			if len(peers) != 1 {
				t.Errorf("20 calls used %d connections, want 1", len(peers))
			}
		})
	}
}

func TestClose(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			host := listen(t, failing(connect.NewError(connect.CodeInternal, nil)).handler())
			client, err := servicedoor.New(host.URL, p.options...)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = client.Check(t.Context(), "api", aKey)
			// No pause between a call and Close: the connection need not be idle yet. That
			// nothing is left is for goleak to say, at the end of all tests.
			for range 2 {
				if err := client.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}
			for _, o := range operations {
				fault := asFault(t, o.op, o.call(t.Context(), client))
				if fault.Source != throttlekit.SourceSDK || fault.Kind != throttlekit.ErrUnavailable || fault.MayHaveConsumed {
					t.Errorf("%s after Close: %+v, want the SDK's ErrUnavailable, nothing consumed", o.op, fault)
				}
			}
			_, err = client.RateLimiter().Check(t.Context(), &throttlekitv1.CheckRequest{})
			if err == nil || err.Error() != "unavailable: the service door's client is closed" {
				t.Errorf("raw Check after Close: %v", err)
			}
		})
	}
}

func TestCloseEndsCallsUnderWay(t *testing.T) {
	arrived := make(chan struct{})
	host := listen(t, (&service{check: func(ctx context.Context, _ *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
		close(arrived)
		<-ctx.Done()
		return nil, ctx.Err()
	}}).handler())
	client := dial(t, host.URL)
	result := make(chan error, 1)
	go func() {
		// A deadline, so that a Close without effect fails the test rather than hangs it.
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := client.Check(ctx, "api", aKey)
		result <- err
	}()
	<-arrived
	_ = client.Close()
	fault := asFault(t, "check", <-result)
	if fault.Kind != throttlekit.ErrUnavailable || !fault.MayHaveConsumed {
		t.Errorf("a call cut off by Close: %+v, want ErrUnavailable that may have consumed", fault)
	}
}
