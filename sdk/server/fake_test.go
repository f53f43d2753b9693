package server_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// aKey stands in requests, and nowhere in what the server says about failed ones.
const aKey = "alice@example.com"

// fake is a limiter whose every answer the test decides. What it does not decide is not
// supported.
type fake struct {
	checkN    func(ctx context.Context, key string, cost int64) (throttlekit.Decision, error)
	checkMany func(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error)
	peek      func(ctx context.Context, key string) (throttlekit.Decision, error)
	forecast  func(ctx context.Context, key string, cost int64) (throttlekit.Forecast, error)
}

var _ throttlekit.Limiter = (*fake)(nil)

func (f *fake) Check(ctx context.Context, key string) (throttlekit.Decision, error) {
	return f.CheckN(ctx, key, 1)
}

func (f *fake) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	if f.checkN == nil {
		return throttlekit.Decision{}, unsupported("check")
	}
	return f.checkN(ctx, key, cost)
}

func (f *fake) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	if f.checkMany == nil {
		return nil, unsupported("checkMany")
	}
	return f.checkMany(ctx, keys, cost)
}

func (f *fake) Peek(ctx context.Context, key string) (throttlekit.Decision, error) {
	if f.peek == nil {
		return throttlekit.Decision{}, unsupported("peek")
	}
	return f.peek(ctx, key)
}

func (f *fake) Forecast(ctx context.Context, key string, cost int64) (throttlekit.Forecast, error) {
	if f.forecast == nil {
		return throttlekit.Forecast{}, unsupported("forecast")
	}
	return f.forecast(ctx, key, cost)
}

func unsupported(op string) error {
	return &throttlekit.Error{Op: op, Kind: throttlekit.ErrNotSupported}
}

// failing is a limiter whose every operation returns err.
func failing(err error) *fake {
	return &fake{
		checkN: func(context.Context, string, int64) (throttlekit.Decision, error) {
			return throttlekit.Decision{}, err
		},
		checkMany: func(context.Context, []string, int64) ([]throttlekit.Decision, error) { return nil, err },
		peek:      func(context.Context, string) (throttlekit.Decision, error) { return throttlekit.Decision{}, err },
		forecast: func(context.Context, string, int64) (throttlekit.Forecast, error) {
			return throttlekit.Forecast{}, err
		},
	}
}

// echo is a limiter that answers with the cost it was asked for.
func echo() *fake {
	decide := func(cost int64) throttlekit.Decision {
		return throttlekit.Decision{Allowed: cost <= 10, Limit: 10, Remaining: max(0, 10-cost), ResetAt: time.UnixMilli(1_750_000_000_123)}
	}
	return &fake{
		checkN: func(_ context.Context, _ string, cost int64) (throttlekit.Decision, error) { return decide(cost), nil },
		checkMany: func(_ context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
			all := make([]throttlekit.Decision, len(keys))
			for i := range keys {
				all[i] = decide(cost + int64(i))
			}
			return all, nil
		},
		peek: func(context.Context, string) (throttlekit.Decision, error) { return decide(0), nil },
		forecast: func(_ context.Context, _ string, cost int64) (throttlekit.Forecast, error) {
			return throttlekit.Forecast{SpendableNow: 10 / cost, FullAt: time.UnixMilli(1_750_000_000_456)}, nil
		},
	}
}

// running is a server on a port of the system's choosing.
type running struct {
	url     string
	address string
	stop    context.CancelFunc
	done    chan error
}

func start(t testing.TB, policies []server.Policy, options ...server.Option) *running {
	t.Helper()
	// Limiters that a test holds back are not slow stores, however slow the machine is.
	options = append([]server.Option{server.WithStoreTimeout(time.Minute)}, options...)
	srv, err := server.New(policies, options...)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, srv, listener)
}

func serve(t testing.TB, srv *server.Server, listener net.Listener) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{
		url:     "http://" + listener.Addr().String(),
		address: listener.Addr().String(),
		stop:    cancel,
		done:    make(chan error, 1),
	}
	go func() {
		r.done <- srv.Serve(ctx, listener)
		close(r.done)
	}()
	t.Cleanup(func() {
		cancel()
		<-r.done
	})
	return r
}

// host runs handler on a port of the system's choosing, under an HTTP server that is not a
// Server's own.
func host(t testing.TB, handler http.Handler) *running {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	return &running{url: s.URL, address: s.Listener.Addr().String()}
}

// h2c is an HTTP client for HTTP/2 in the clear that leaves nothing behind.
func h2c(t testing.TB) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	return client(t, &http.Transport{Protocols: protocols})
}

// client hangs up on all its connections when the test ends: a server that shuts down
// gives one in use a second.
func client(t testing.TB, transport *http.Transport) *http.Client {
	dial := transport.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	var mu sync.Mutex
	var conns []net.Conn
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			conns = append(conns, conn)
		}
		return conn, err
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
	return &http.Client{Transport: transport}
}

func grpcClient(t testing.TB, r *running) throttlekitv1connect.RateLimiterClient {
	return throttlekitv1connect.NewRateLimiterClient(h2c(t), r.url, connect.WithGRPC())
}
