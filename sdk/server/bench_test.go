package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// bareEcho answers every check alike, with nothing around it: what HTTP/2 and connect cost
// by themselves, and so what the server is held against.
type bareEcho struct {
	throttlekitv1connect.UnimplementedRateLimiterHandler
}

func (bareEcho) Check(context.Context, *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
	return &throttlekitv1.CheckResponse{Decision: &throttlekitv1.Decision{
		Allowed: true, Limit: 10, Remaining: 9, ResetAt: 1_750_000_000_123,
	}}, nil
}

// newBareEcho is bareEcho with what a Server tells connect.
func newBareEcho() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(throttlekitv1connect.NewRateLimiterHandler(bareEcho{},
		connect.WithReadMaxBytes(4<<20), connect.WithCompressMinBytes(1<<10)))
	return mux
}

func served(tb testing.TB, limiter throttlekit.Limiter) http.Handler {
	tb.Helper()
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: limiter}})
	if err != nil {
		tb.Fatal(err)
	}
	return srv
}

type contender struct {
	name    string
	handler http.Handler
}

// contenders are the handlers that a check is measured on.
func contenders(b *testing.B) []contender {
	b.Helper()
	pool, err := redisdoor.Dial(redistest.Start(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = pool.Close() })
	door := redisdoor.Open(pool)
	b.Cleanup(func() { _ = door.Close(context.Background()) })
	limiter, err := door.Limiter(strategy.GCRA{Limit: 100, Period: time.Second, Burst: 20}, redisdoor.WithPrefix(b.Name()))
	if err != nil {
		b.Fatal(err)
	}
	return []contender{
		{"bareEcho", newBareEcho()},
		{"limiter=constant", served(b, echo())},
		{"limiter=redis", served(b, limiter)},
	}
}

// BenchmarkHandler is the handler's own part of one gRPC check, with no network before it.
func BenchmarkHandler(b *testing.B) {
	for _, c := range contenders(b) {
		b.Run(c.name, func(b *testing.B) {
			check := direct(b, c.handler)
			b.ReportAllocs()
			for b.Loop() {
				check()
			}
		})
	}
}

// TestHandlerAllocates holds the handler to what it allocates for a check besides what
// connect does: the number may only go down.
func TestHandlerAllocates(t *testing.T) {
	const most = 2
	bare := testing.AllocsPerRun(1000, direct(t, newBareEcho()))
	if ours := testing.AllocsPerRun(1000, direct(t, served(t, echo()))); ours > bare+most {
		t.Errorf("%v allocations a check, want at most %v: those of a bare handler and %d", ours, bare+most, most)
	}
}

// direct returns a function that has handler answer one gRPC check.
func direct(tb testing.TB, handler http.Handler) func() {
	tb.Helper()
	message, err := proto.Marshal(&throttlekitv1.CheckRequest{Policy: "api", Key: aKey})
	if err != nil {
		tb.Fatal(err)
	}
	body := append([]byte{0, 0, 0, 0, byte(len(message))}, message...)
	reader := bytes.NewReader(nil)
	ctx, cancel := context.WithCancel(tb.Context()) // as every request's can be
	tb.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, throttlekitv1connect.RateLimiterCheckProcedure, io.NopCloser(reader))
	if err != nil {
		tb.Fatal(err)
	}
	request.ProtoMajor, request.ProtoMinor = 2, 0
	request.Header.Set("Content-Type", "application/grpc+proto")
	w := &sink{header: http.Header{}}
	check := func() {
		reader.Reset(body)
		clear(w.header)
		handler.ServeHTTP(w, request)
	}
	check()
	if status := w.header.Get(http.TrailerPrefix + "Grpc-Status"); status != "0" || w.written == 0 {
		tb.Fatalf("grpc-status %q and %d bytes, want 0 and a decision", status, w.written)
	}
	return check
}

// sink is an answer that nobody reads.
type sink struct {
	header  http.Header
	written int
}

func (s *sink) Header() http.Header             { return s.header }
func (s *sink) WriteHeader(int)                 {}
func (s *sink) Flush()                          {}
func (s *sink) SetReadDeadline(time.Time) error { return nil }
func (s *sink) Write(p []byte) (int, error) {
	s.written += len(p)
	return len(p), nil
}

// BenchmarkGRPC is one check over HTTP/2 on loopback, both sides in this process.
func BenchmarkGRPC(b *testing.B) {
	for _, goroutines := range []int{1, 64} {
		for _, c := range contenders(b) {
			b.Run(fmt.Sprintf("goroutines=%d/%s", goroutines, c.name), func(b *testing.B) {
				client := grpcClient(b, host(b, c.handler))
				b.ReportAllocs()
				parallel(b, goroutines, func() error {
					_, err := client.Check(b.Context(), &throttlekitv1.CheckRequest{Policy: "api", Key: aKey})
					return err
				})
			})
		}
	}
}

// parallel has so many goroutines make b.N calls in all.
func parallel(b *testing.B, goroutines int, call func() error) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var callers sync.WaitGroup
	for range goroutines {
		callers.Go(func() {
			for left.Add(-1) >= 0 {
				if err := call(); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
}
