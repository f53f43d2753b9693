package servicedoor_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"go.uber.org/goleak"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// aKey stands in every request, and must stand in no error.
const aKey = "alice@example.com"

// service is a RateLimiter service of the test's own, for what a good one never says.
type service struct {
	throttlekitv1connect.UnimplementedRateLimiterHandler
	check     func(context.Context, *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error)
	checkMany func(context.Context, *throttlekitv1.CheckManyRequest) (*throttlekitv1.CheckManyResponse, error)
	peek      func(context.Context, *throttlekitv1.PeekRequest) (*throttlekitv1.PeekResponse, error)
	forecast  func(context.Context, *throttlekitv1.ForecastRequest) (*throttlekitv1.ForecastResponse, error)
}

func (s *service) Check(ctx context.Context, req *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
	return s.check(ctx, req)
}

func (s *service) CheckMany(ctx context.Context, req *throttlekitv1.CheckManyRequest) (*throttlekitv1.CheckManyResponse, error) {
	return s.checkMany(ctx, req)
}

func (s *service) Peek(ctx context.Context, req *throttlekitv1.PeekRequest) (*throttlekitv1.PeekResponse, error) {
	return s.peek(ctx, req)
}

func (s *service) Forecast(ctx context.Context, req *throttlekitv1.ForecastRequest) (*throttlekitv1.ForecastResponse, error) {
	return s.forecast(ctx, req)
}

// failing answers every operation with err.
func failing(err error) *service {
	return &service{
		check: func(context.Context, *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
			return nil, err
		},
		checkMany: func(context.Context, *throttlekitv1.CheckManyRequest) (*throttlekitv1.CheckManyResponse, error) {
			return nil, err
		},
		peek: func(context.Context, *throttlekitv1.PeekRequest) (*throttlekitv1.PeekResponse, error) {
			return nil, err
		},
		forecast: func(context.Context, *throttlekitv1.ForecastRequest) (*throttlekitv1.ForecastResponse, error) {
			return nil, err
		},
	}
}

func (s *service) handler(options ...connect.HandlerOption) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(throttlekitv1connect.NewRateLimiterHandler(s, options...))
	return mux
}

// listen serves handler over HTTP/1.1 and HTTP/2 in the clear.
func listen(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	return listenWith(t, handler, func(*httptest.Server) {})
}

func listenWith(t testing.TB, handler http.Handler, configure func(*httptest.Server)) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(handler)
	srv.Config.Protocols = new(http.Protocols)
	srv.Config.Protocols.SetHTTP1(true)
	srv.Config.Protocols.SetUnencryptedHTTP2(true)
	configure(srv)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

func dial(t testing.TB, address string, options ...servicedoor.Option) *servicedoor.Client {
	t.Helper()
	client, err := servicedoor.New(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// protocols are the ways to speak, for tests that must hold for all of them.
var protocols = []struct {
	name    string
	options []servicedoor.Option
}{
	{name: "gRPC"},
	{name: "Connect", options: []servicedoor.Option{servicedoor.WithConnect()}},
	{name: "gRPC-Web", options: []servicedoor.Option{servicedoor.WithGRPCWeb()}},
	{name: "gRPC gathered", options: []servicedoor.Option{servicedoor.WithGathering()}},
}

// operations are the typed calls, for tests that must hold for all of them.
var operations = []struct {
	op       string
	consumes bool
	call     func(context.Context, *servicedoor.Client) error
}{
	{op: "check", consumes: true, call: func(ctx context.Context, c *servicedoor.Client) error {
		_, err := c.Check(ctx, "api", aKey)
		return err
	}},
	{op: "checkMany", consumes: true, call: func(ctx context.Context, c *servicedoor.Client) error {
		_, err := c.CheckMany(ctx, "api", []string{aKey, aKey}, 1)
		return err
	}},
	{op: "peek", call: func(ctx context.Context, c *servicedoor.Client) error {
		_, err := c.Peek(ctx, "api", aKey)
		return err
	}},
	{op: "forecast", call: func(ctx context.Context, c *servicedoor.Client) error {
		_, err := c.Forecast(ctx, "api", aKey, 1)
		return err
	}},
}

// asFault checks what every error must have, and returns it.
func asFault(t testing.TB, op string, err error) *throttlekit.Error {
	t.Helper()
	fault, ok := err.(*throttlekit.Error)
	if !ok {
		t.Fatalf("%s: error %v (%T), want a *throttlekit.Error", op, err, err)
	}
	if fault.Op != op {
		t.Errorf("%s: the error says op %s", op, fault.Op)
	}
	if strings.Contains(err.Error(), aKey) {
		t.Errorf("%s: the error holds the key: %v", op, err)
	}
	return fault
}

// silence accepts connections and never says a word.
func silence(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conns []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				break
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return listener
}

func decided() *throttlekitv1.Decision {
	return &throttlekitv1.Decision{Allowed: true, Limit: 10, Remaining: 7, ResetAt: 1_750_000_000_123}
}

var decidedAt = time.UnixMilli(1_750_000_000_123).UTC()
