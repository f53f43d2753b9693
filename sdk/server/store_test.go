package server_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// outage is a store that a test takes away and gives back.
type outage struct{ gone atomic.Bool }

func (o *outage) check(context.Context) error {
	if o.gone.Load() {
		return errors.New("connection refused")
	}
	return nil
}

// watchHealth opens a Watch and returns the next status that it tells.
func watchHealth(t *testing.T, r *running, service string) (next func() int32) {
	t.Helper()
	return watchHealthBy(t, h2c(t), connect.WithGRPC(), r, service)
}

func watchHealthBy(t *testing.T, client connect.HTTPClient, protocol connect.ClientOption, r *running, service string) (next func() int32) {
	t.Helper()
	c := newHealthClient(client, protocol, r.url)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // what never comes fails the test
	t.Cleanup(cancel)
	stream, err := c.watch.CallServerStream(ctx, connect.NewRequest(wrapperspb.String(service)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stream.Close() })
	return func() int32 {
		t.Helper()
		if !stream.Receive() {
			t.Fatalf("Watch(%q) ended: %v", service, stream.Err())
		}
		return stream.Msg().GetValue()
	}
}

func health(t *testing.T, r *running, service string) int32 {
	t.Helper()
	c := newHealthClient(h2c(t), connect.WithGRPC(), r.url)
	res, err := c.check.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String(service)))
	if err != nil {
		t.Fatal(err)
	}
	return res.Msg.GetValue()
}

func TestHealthFollowsTheStore(t *testing.T) {
	for _, tt := range []struct {
		name   string
		mode   server.FailMode
		during int32
		reason string
	}{
		{"failing open", server.FailOpen, serving, "a replica that fails open must stay in its balancer"},
		{"failing closed", server.FailClosed, notServing, "a replica that denies everything serves nobody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store, log, seen := &outage{}, &record{}, &sums{}
			r := start(t, nil, server.WithStoreInterval(10*time.Millisecond), server.WithFailMode(tt.mode),
				server.WithStoreCheck(store.check), server.WithLogger(log.logger()), server.WithObserver(seen))
			ofStore, ofServer := watchHealth(t, r, "throttlekit.store"), watchHealth(t, r, "")
			if a, b := ofStore(), ofServer(); a != serving || b != serving {
				t.Fatalf("began with %d and %d, want SERVING", a, b)
			}

			store.gone.Store(true)
			if got := ofStore(); got != notServing {
				t.Errorf("the store's health is %d, want NOT_SERVING", got)
			}
			for _, service := range []string{"", "throttlekit.v1.RateLimiter"} {
				if got := health(t, r, service); got != tt.during {
					t.Errorf("the health of %q is %d, want %d: %s", service, got, tt.during, tt.reason)
				}
			}
			if tt.mode == server.FailClosed && ofServer() != notServing {
				t.Error("the server's Watch did not tell")
			}

			store.gone.Store(false)
			if got := ofStore(); got != serving {
				t.Errorf("after the outage the store's health is %d, want SERVING", got)
			}
			if tt.mode == server.FailClosed && ofServer() != serving {
				t.Error("the server's Watch did not tell of the end")
			}
			if fails, recovers := strings.Count(log.String(), `msg="the store fails"`), strings.Count(log.String(), `msg="the store has recovered"`); fails != 1 || recovers != 1 {
				t.Errorf("%d and %d lines, want one for each change\n%s", fails, recovers, log)
			}
			if !strings.Contains(seen.String(), "store up false; store up true") {
				t.Errorf("the observer saw %s", seen)
			}
		})
	}
}

func TestFailedCallHasTheStoreAsked(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"check", "checkMany", "peek", "forecast"} {
		t.Run(op, func(t *testing.T) {
			store := &outage{}
			r := start(t, []server.Policy{{Name: "api", Limiter: failing(errGone)}},
				server.WithStoreInterval(time.Hour), server.WithFailMode(server.FailOpen), server.WithStoreCheck(store.check))
			next := watchHealth(t, r, server.StoreService)
			next()
			store.gone.Store(true)
			_ = do(t.Context(), grpcClient(t, r), op, "api")
			if got := next(); got != notServing {
				t.Errorf("the store's health is %d, want NOT_SERVING long before it is asked again", got)
			}
		})
	}
}

// TestBrokenConnectionIsNoOutage is the other half: what the store answers counts, not the
// call that failed.
func TestBrokenConnectionIsNoOutage(t *testing.T) {
	asked := make(chan struct{})
	check := func(ctx context.Context) error {
		select {
		case asked <- struct{}{}:
		case <-ctx.Done():
		}
		return nil
	}
	go func() { <-asked }() // by Serve, before it answers
	r := start(t, []server.Policy{{Name: "api", Limiter: failing(errGone)}}, server.WithStoreInterval(time.Hour),
		server.WithFailMode(server.FailClosed), server.WithStoreCheck(check))
	for range 2 {
		if err := do(t.Context(), grpcClient(t, r), "check", "api"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-asked:
		case <-time.After(30 * time.Second):
			t.Fatal("nobody asked the store")
		}
	}
	if got := health(t, r, ""); got != serving {
		t.Errorf("health is %d, want SERVING", got)
	}
}

func TestStoreThatIsGoneAtTheStartIsKnownBeforeTheFirstAnswer(t *testing.T) {
	store := &outage{}
	store.gone.Store(true)
	r := start(t, nil, server.WithFailMode(server.FailClosed), server.WithStoreCheck(store.check))
	if got := health(t, r, ""); got != notServing {
		t.Errorf("health is %d, want NOT_SERVING", got)
	}
}

func TestHangingStoreIsGone(t *testing.T) {
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	r := start(t, nil, server.WithStoreCheck(hang), server.WithStoreTimeout(1))
	if got := health(t, r, "throttlekit.store"); got != notServing {
		t.Errorf("health is %d, want NOT_SERVING", got)
	}
}

func TestStoreIsUnknownWithoutACheck(t *testing.T) {
	t.Parallel()
	r := start(t, nil, server.WithFailMode(server.FailClosed))
	c := newHealthClient(h2c(t), connect.WithGRPC(), r.url)
	_, err := c.check.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String("throttlekit.store")))
	if connect.CodeOf(err) != connect.CodeNotFound {
		t.Errorf("Check: %v, want not_found", err)
	}
	if got := watchHealth(t, r, "throttlekit.store")(); got != serviceUnknown {
		t.Errorf("Watch: %d, want SERVICE_UNKNOWN", got)
	}
}

func TestStoresHealthIsToldWhileDraining(t *testing.T) {
	srv, err := server.New(nil, server.WithStoreCheck(func(context.Context) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	r := host(t, srv)
	if got := health(t, r, server.StoreService); got != serving {
		t.Fatalf("the store's health is %d, want SERVING", got)
	}
	srv.Drain()
	if got := health(t, r, server.StoreService); got != serving {
		t.Errorf("the store's health is %d, want SERVING: the store is not what drains", got)
	}
	if srv.Serving() || health(t, r, "") != notServing {
		t.Error("the server is SERVING, want NOT_SERVING")
	}
}

func TestWatchStoreBesideAnotherHTTPServer(t *testing.T) {
	store := &outage{}
	store.gone.Store(true)
	srv, err := server.New(nil, server.WithStoreCheck(store.check))
	if err != nil {
		t.Fatal(err)
	}
	r := host(t, srv)
	next := watchHealth(t, r, server.StoreService)
	first := next()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.WatchStore(ctx)
	}()
	if second := next(); first != serving || second != notServing {
		t.Errorf("Watch told %d and %d, want SERVING and then NOT_SERVING", first, second)
	}
	cancel()
	<-done
}
