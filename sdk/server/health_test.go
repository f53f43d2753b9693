package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// The health messages have one field each, number 1: a string in the request, an enum in
// the reply. wrapperspb's StringValue and Int32Value have the same bytes, which saves the
// tests a generated package of their own.
type (
	healthRequest = wrapperspb.StringValue
	healthReply   = wrapperspb.Int32Value
)

const (
	serving        = 1
	notServing     = 2
	serviceUnknown = 3
)

func TestHealthMessagesHaveTheBytesWeThink(t *testing.T) {
	want := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), serving)
	got, err := proto.Marshal(wrapperspb.Int32(serving))
	if err != nil || string(got) != string(want) {
		t.Errorf("Int32Value is %x, want %x (%v)", got, want, err)
	}
}

type healthClient struct {
	check, watch *connect.Client[healthRequest, healthReply]
}

func newHealthClient(c connect.HTTPClient, protocol connect.ClientOption, url string) healthClient {
	const service = "/grpc.health.v1.Health/"
	return healthClient{
		check: connect.NewClient[healthRequest, healthReply](c, url+service+"Check", protocol),
		watch: connect.NewClient[healthRequest, healthReply](c, url+service+"Watch", protocol),
	}
}

func TestHealthCheck(t *testing.T) {
	r := start(t, nil)
	c := newHealthClient(h2c(t), connect.WithGRPC(), r.url)
	for _, service := range []string{"", "throttlekit.v1.RateLimiter"} {
		res, err := c.check.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String(service)))
		if err != nil || res.Msg.GetValue() != serving {
			t.Errorf("Check(%q): %v, %v; want SERVING", service, res, err)
		}
	}
	for _, service := range []string{"throttlekit.v1.Monitor", "nope"} {
		_, err := c.check.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String(service)))
		if want := `not_found: unknown service "` + service + `"`; err == nil || err.Error() != want {
			t.Errorf("Check(%q): %v, want %s", service, err, want)
		}
	}
}

func TestHealthWatchEndsWhenDraining(t *testing.T) {
	r := start(t, nil)
	c := newHealthClient(h2c(t), connect.WithGRPC(), r.url)
	watches := map[string]*connect.ServerStreamForClient[healthReply]{}
	for service, first := range map[string]int32{
		"":                           serving,
		"throttlekit.v1.RateLimiter": serving,
		"nope":                       serviceUnknown,
	} {
		stream, err := c.watch.CallServerStream(t.Context(), connect.NewRequest(wrapperspb.String(service)))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		if !stream.Receive() || stream.Msg().GetValue() != first {
			t.Fatalf("Watch(%q) began with %v, %v; want %d", service, stream.Msg(), stream.Err(), first)
		}
		watches[service] = stream
	}

	r.stop()
	for service, stream := range watches {
		last := int32(0)
		for stream.Receive() {
			last = stream.Msg().GetValue()
		}
		if want := map[bool]int32{true: 0, false: notServing}[service == "nope"]; last != want || stream.Err() != nil {
			t.Errorf("Watch(%q) ended with %d, %v; want %d and a clean end", service, last, stream.Err(), want)
		}
	}
	if err := <-r.done; err != nil {
		t.Errorf("Serve: %v, want nil although watches were open", err)
	}
}

func TestDrainUnderAnotherHTTPServer(t *testing.T) {
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: echo()}})
	if err != nil {
		t.Fatal(err)
	}
	host := httptest.NewUnstartedServer(srv)
	host.EnableHTTP2 = true
	host.StartTLS()
	defer host.Close()
	c := newHealthClient(host.Client(), connect.WithGRPC(), host.URL)
	stream, err := c.watch.CallServerStream(t.Context(), connect.NewRequest(wrapperspb.String("")))
	if err != nil || !stream.Receive() {
		t.Fatal(err, stream.Err())
	}
	defer stream.Close()

	srv.Drain()
	if !stream.Receive() || stream.Msg().GetValue() != notServing {
		t.Errorf("an open Watch got %v, %v; want NOT_SERVING", stream.Msg(), stream.Err())
	}
	res, err := c.check.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String("")))
	if err != nil || res.Msg.GetValue() != notServing {
		t.Errorf("Check: %v, %v; want NOT_SERVING", res, err)
	}
	late, err := c.watch.CallServerStream(t.Context(), connect.NewRequest(wrapperspb.String("")))
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if !late.Receive() || late.Msg().GetValue() != notServing || late.Receive() || late.Err() != nil {
		t.Errorf("a late Watch got %v, %v; want NOT_SERVING and a clean end", late.Msg(), late.Err())
	}
}

func TestHealthIsOutsideInterceptors(t *testing.T) {
	deny := connect.UnaryInterceptorFunc(func(connect.UnaryFunc) connect.UnaryFunc {
		return func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) {
			return nil, connect.NewError(connect.CodeUnauthenticated, http.ErrNoCookie)
		}
	})
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}},
		server.WithHandlerOptions(connect.WithInterceptors(deny)))
	if _, err := check(t, r, "api", 1); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("Check behind the interceptor: %v", err)
	}
	c := newHealthClient(h2c(t), connect.WithGRPC(), r.url)
	if _, err := c.check.CallUnary(t.Context(), connect.NewRequest(wrapperspb.String(""))); err != nil {
		t.Errorf("health behind the interceptor: %v, want it outside", err)
	}
}
