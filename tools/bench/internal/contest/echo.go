package contest

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
)

// echo answers every check alike.
type echo struct {
	throttlekitv1connect.UnimplementedRateLimiterHandler
}

// Check implements the RPC of that name.
func (echo) Check(context.Context, *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
	return &throttlekitv1.CheckResponse{Decision: &throttlekitv1.Decision{
		Allowed: true, Limit: burst, Remaining: burst - 1, ResetAt: time.Now().UnixMilli(),
	}}, nil
}

// Echo serves the contract's RateLimiter without a limit, until ctx ends: what is left of
// `throttlekit serve` when nothing is decided and nothing is counted. Its HTTP server is
// set as that one's is.
func Echo(ctx context.Context, out io.Writer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	mux := http.NewServeMux()
	mux.Handle(throttlekitv1connect.NewRateLimiterHandler(echo{},
		connect.WithReadMaxBytes(4<<20), connect.WithCompressMinBytes(1<<10)))
	server := &http.Server{
		Handler:           mux,
		Protocols:         protocols,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: callsEach},
		MaxHeaderBytes:    32 << 10,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       3 * time.Minute,
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if _, err := fmt.Fprintf(out, "listening on %s\n", listener.Addr()); err != nil {
		return err
	}
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	return nil
}
