package contest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// The names by which the reports know who asks a service.
const (
	Service  = "servicedoor"
	Gathered = "servicedoor-gathered"
	GRPCGo   = "grpc-go"
	BareEcho = "bare-echo"
)

// ServiceMatch is the name of the match of single checks that so many goroutines ask a
// service for.
func ServiceMatch(goroutines int) string { return fmt.Sprintf("Service/goroutines=%d", goroutines) }

func serviceMatches() []Match {
	var matches []Match
	for _, goroutines := range []int{1, 64, 512} {
		matches = append(matches, Match{
			Name: ServiceMatch(goroutines), goroutines: goroutines, repeats: 1,
			Contenders: []Contender{
				contender(Service, "servicedoor at its defaults (gRPC) against throttlekit serve over the same Redis", openService()),
				contender(Gathered, "the same with servicedoor.WithGathering", openService(servicedoor.WithGathering())),
				contender(GRPCGo, "grpc-go against the same server, a connection for each 256 goroutines, which is what the server admits on one", openGRPC),
				{Name: BareEcho, About: "servicedoor against a bare Connect handler that answers every check alike, the reference", measure: measureEcho},
			},
		})
	}
	return matches
}

func openService(opts ...servicedoor.Option) opener {
	return func(ctx context.Context, a *Arena, _ int) (*client, error) {
		address, err := a.service(ctx)
		if err != nil {
			return nil, err
		}
		door, err := servicedoor.New(address, opts...)
		if err != nil {
			return nil, err
		}
		return &client{check: checker(door.Limiter(policyName)), spend: a.spendServed, close: door.Close}, nil
	}
}

// spendServed empties the keys under the names that the service gives them.
func (a *Arena) spendServed(ctx context.Context) (err error) {
	door, err := servicedoor.New(a.serve.Address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, door.Close()) }()
	return spend(func(keys []string, cost int64) ([]throttlekit.Decision, error) {
		return door.CheckMany(ctx, policyName, keys, cost)
	})
}

// callsEach is how many calls a server of ours takes on one connection at a time.
const callsEach = 256

// openGRPC is grpc-go as its own guide has it: a connection more where one has no streams
// left.
func openGRPC(ctx context.Context, a *Arena, goroutines int) (_ *client, err error) {
	address, err := a.service(ctx)
	if err != nil {
		return nil, err
	}
	var conns []*grpc.ClientConn
	close := func() error {
		var errs []error
		for _, conn := range conns {
			errs = append(errs, conn.Close())
		}
		return errors.Join(errs...)
	}
	for range (goroutines + callsEach - 1) / callsEach {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, errors.Join(err, close())
		}
		conns = append(conns, conn)
	}
	check := func(ctx context.Context, key string) (bool, error) {
		conn := conns[int(key[len(key)-1])%len(conns)]
		request := &throttlekitv1.CheckRequest{Policy: policyName, Key: key, Cost: 1}
		response := new(throttlekitv1.CheckResponse)
		err := conn.Invoke(ctx, throttlekitv1connect.RateLimiterCheckProcedure, request, response)
		return response.GetDecision().GetAllowed(), err
	}
	return &client{check: check, spend: a.spendServed, close: close}, nil
}

func measureEcho(ctx context.Context, a *Arena, l load.Load) (_ results.Sample, err error) {
	address, err := a.bareEcho(ctx)
	if err != nil {
		return results.Sample{}, err
	}
	door, err := servicedoor.New(address)
	if err != nil {
		return results.Sample{}, err
	}
	defer func() { err = errors.Join(err, door.Close()) }()
	check := checker(door.Limiter(policyName))
	return l.Run(1, func(i int) (int, error) {
		admitted, err := check(context.Background(), keys[i])
		return count(admitted), err
	})
}

// policyFile holds the limit for the service.
func policyFile() (string, error) {
	plan, err := limit.Plan()
	if err != nil {
		return "", err
	}
	var file strings.Builder
	fmt.Fprintf(&file, "version: 1\nlimiters:\n  %s:\n    strategy: %s\n", policyName, plan.Definition().Name)
	fmt.Fprintf(&file, "    limit: %d\n    period: %dms\n    burst: %d\n", limit.Limit, limit.Period.Milliseconds(), limit.Burst)
	return file.String(), nil
}
