package e2e

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
)

// dial connects grpc-go, the client that most of the world's Go services have.
func dial(t *testing.T, c channel, address string) *grpc.ClientConn {
	t.Helper()
	security := insecure.NewCredentials()
	if c.tls != nil {
		security = credentials.NewTLS(c.tls)
	}
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(security))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func check(ctx context.Context, conn *grpc.ClientConn, policy, key string, cost int64) (*throttlekitv1.Decision, error) {
	response := new(throttlekitv1.CheckResponse)
	err := conn.Invoke(ctx, "/throttlekit.v1.RateLimiter/Check",
		&throttlekitv1.CheckRequest{Policy: policy, Key: key, Cost: cost}, response)
	return response.GetDecision(), err
}

func TestGRPCGo(t *testing.T) {
	for _, channel := range channels(t) {
		t.Run(channel.name, func(t *testing.T) {
			conn := dial(t, channel, serve(t, channel.args...))
			ctx := timeout(t)
			d, err := check(ctx, conn, "api", "k", 0)
			if err != nil || !d.GetAllowed() || d.GetRemaining() != 4 {
				t.Errorf("cost 0, which means 1, is %v, %v", d, err)
			}
			d, err = check(ctx, conn, "api", "k", 9)
			if err != nil || d.GetAllowed() || d.GetRetryAfterMs() <= 0 {
				t.Errorf("a denial is %v, %v, want a reply and no error", d, err)
			}
			for _, row := range []struct {
				name, policy string
				cost         int64
				code         codes.Code
			}{
				{"an unknown policy", "nobody", 1, codes.NotFound},
				{"a policy of another axis", "later", 1, codes.Unimplemented},
				{"a cost beyond exactness", "api", 1 << 53, codes.InvalidArgument},
			} {
				if _, err := check(ctx, conn, row.policy, "k", row.cost); status.Code(err) != row.code {
					t.Errorf("%s is %v, want %v", row.name, err, row.code)
				}
			}
			health, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{Service: "throttlekit.v1.RateLimiter"})
			if err != nil || health.GetStatus() != healthv1.HealthCheckResponse_SERVING {
				t.Errorf("health is %v, %v", health, err)
			}
		})
	}
}

// TestReflection does what grpcurl does before its first call.
func TestReflection(t *testing.T) {
	plain := channels(t)[0]
	conn := dial(t, plain, serve(t))
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(timeout(t))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(request *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		t.Helper()
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		response, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	listed := ask(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{},
	}).GetListServicesResponse()
	var services []string
	for _, service := range listed.GetService() {
		services = append(services, service.GetName())
	}
	for _, want := range []string{"throttlekit.v1.RateLimiter", "grpc.health.v1.Health"} {
		if !slices.Contains(services, want) {
			t.Errorf("services are %v, want %s among them", services, want)
		}
	}
	files := ask(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "throttlekit.v1.RateLimiter"},
	}).GetFileDescriptorResponse().GetFileDescriptorProto()
	var methods []string
	for _, data := range files {
		file := new(descriptorpb.FileDescriptorProto)
		if err := proto.Unmarshal(data, file); err != nil {
			t.Fatal(err)
		}
		for _, service := range file.GetService() {
			for _, method := range service.GetMethod() {
				methods = append(methods, service.GetName()+"."+method.GetName())
			}
		}
	}
	if !slices.Contains(methods, "RateLimiter.CheckMany") {
		t.Errorf("methods are %v, want RateLimiter.CheckMany among them", methods)
	}
}
