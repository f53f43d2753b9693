package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// gate is a limiter whose checks wait until they are let go, and say when they arrive.
func gate() (limiter *fake, arrived, open chan struct{}) {
	arrived, open = make(chan struct{}, 1), make(chan struct{})
	return &fake{checkN: func(ctx context.Context, _ string, _ int64) (throttlekit.Decision, error) {
		arrived <- struct{}{}
		select {
		case <-open:
			return throttlekit.Decision{Allowed: true}, nil
		case <-ctx.Done():
			return throttlekit.Decision{}, ctx.Err()
		}
	}}, arrived, open
}

func TestServeFinishesWhatIsUnderWay(t *testing.T) {
	limiter, arrived, open := gate()
	r := start(t, []server.Policy{{Name: "api", Limiter: limiter}})
	answer := make(chan error, 1)
	c := grpcClient(t, r)
	go func() { answer <- do(context.Background(), c, "check", "api") }()
	<-arrived

	r.stop()
	waitUntilRefused(t, r.address)
	select {
	case err := <-r.done:
		t.Fatalf("Serve returned %v while a call was under way", err)
	default:
	}
	close(open)
	if err := <-answer; err != nil {
		t.Errorf("the call under way got %v", err)
	}
	if err := <-r.done; err != nil {
		t.Errorf("Serve: %v, want nil after a clean stop", err)
	}
}

// waitUntilRefused returns when nobody listens at address any more.
func waitUntilRefused(t *testing.T, address string) {
	t.Helper()
	for range 10_000 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = conn.Close()
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the listener stayed open after the stop")
}

func TestServeCutsOffWhatDoesNotEnd(t *testing.T) {
	limiter, arrived, _ := gate()
	r := start(t, []server.Policy{{Name: "api", Limiter: limiter}}, server.WithDrainTimeout(10*time.Millisecond))
	answer := make(chan error, 1)
	c := grpcClient(t, r)
	go func() { answer <- do(context.Background(), c, "check", "api") }()
	<-arrived
	r.stop()
	if err := <-r.done; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "were cut off") {
		t.Errorf("Serve: %v, want an error that says that calls were cut off", err)
	}
	if err := <-answer; err == nil {
		t.Error("the call that never ends got an answer")
	}
}

func TestServeReportsTheListener(t *testing.T) {
	srv, err := server.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := srv.Serve(t.Context(), listener); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve on a closed listener: %v, want net.ErrClosed", err)
	}
}

func TestServeWithAnEndedContext(t *testing.T) {
	r := start(t, nil)
	r.stop()
	if err := <-r.done; err != nil {
		t.Errorf("Serve: %v, want nil", err)
	}
	waitUntilRefused(t, r.address)
}

func TestServeTLS(t *testing.T) {
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: echo()}})
	if err != nil {
		t.Fatal(err)
	}
	// httptest lends its certificate and a client that trusts it.
	lender := httptest.NewUnstartedServer(http.NotFoundHandler())
	lender.EnableHTTP2 = true
	lender.StartTLS()
	defer lender.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := serve(t, srv, tls.NewListener(listener, &tls.Config{
		Certificates: lender.TLS.Certificates,
		NextProtos:   []string{"h2", "http/1.1"},
	}))
	defer lender.Client().CloseIdleConnections()
	c := throttlekitv1connect.NewRateLimiterClient(lender.Client(), "https://"+r.address, connect.WithGRPC())
	res, err := c.Check(t.Context(), &throttlekitv1.CheckRequest{Policy: "api", Key: aKey})
	if err != nil || !res.GetDecision().GetAllowed() {
		t.Errorf("gRPC over TLS: %v, %v", res, err)
	}
}
