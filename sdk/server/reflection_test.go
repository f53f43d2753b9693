package server_test

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpcreflect"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// openReflection makes a stream of questions to the server, as grpcurl does. The client of
// grpcreflect asks for v1 first.
func openReflection(t *testing.T, r *running) *grpcreflect.ClientStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	stream := grpcreflect.NewClient(h2c(t), r.url, connect.WithGRPC()).NewStream(ctx)
	t.Cleanup(func() { _, _ = stream.Close() })
	return stream
}

func TestReflection(t *testing.T) {
	t.Parallel()
	stream := openReflection(t, start(t, []server.Policy{{Name: "api", Limiter: echo()}}))
	services, err := stream.ListServices()
	if err != nil {
		t.Fatal(err)
	}
	want := []protoreflect.FullName{"throttlekit.v1.RateLimiter", "grpc.health.v1.Health"}
	if len(services) != 2 || services[0] != want[0] || services[1] != want[1] {
		t.Errorf("it lists %v, want %v", services, want)
	}
	for _, service := range want {
		files, err := stream.FileContainingSymbol(service)
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d files, %v", service, len(files), err)
		}
	}
}

func TestReflectionEndsWhenDraining(t *testing.T) {
	r := start(t, nil, server.WithDrainTimeout(time.Minute))
	stream := openReflection(t, r)
	if _, err := stream.ListServices(); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if err := <-r.done; err != nil {
		t.Errorf("Serve: %v, want nil although a stream was open", err)
	}
}
