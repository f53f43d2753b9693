package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

func check(t testing.TB, r *running, policy string, cost int64) (*throttlekitv1.Decision, error) {
	t.Helper()
	res, err := grpcClient(t, r).Check(t.Context(), &throttlekitv1.CheckRequest{Policy: policy, Key: aKey, Cost: cost})
	return res.GetDecision(), err
}

// do calls the RPC of an operation by its word, with one key.
func do(ctx context.Context, c throttlekitv1connect.RateLimiterClient, op, policy string) error {
	var err error
	switch op {
	case "check":
		_, err = c.Check(ctx, &throttlekitv1.CheckRequest{Policy: policy, Key: aKey})
	case "checkMany":
		_, err = c.CheckMany(ctx, &throttlekitv1.CheckManyRequest{Policy: policy, Keys: []string{"bob", aKey}})
	case "peek":
		_, err = c.Peek(ctx, &throttlekitv1.PeekRequest{Policy: policy, Key: aKey})
	case "forecast":
		_, err = c.Forecast(ctx, &throttlekitv1.ForecastRequest{Policy: policy, Key: aKey})
	case "debit":
		_, err = c.Debit(ctx, &throttlekitv1.DebitRequest{Policy: policy, Key: aKey})
	case "admit":
		_, err = c.Admit(ctx, &throttlekitv1.AdmitRequest{Policy: policy, Key: aKey})
	default:
		panic(op)
	}
	return err
}

func TestDecisionsReachTheWire(t *testing.T) {
	for _, tt := range []struct {
		name   string
		give   throttlekit.Decision
		want   *throttlekitv1.Decision
		reason string
	}{
		{
			name:   "allowed",
			give:   throttlekit.Decision{Allowed: true, Limit: 10, Remaining: 9, ResetAt: time.UnixMilli(1_750_000_000_123)},
			want:   &throttlekitv1.Decision{Allowed: true, Limit: 10, Remaining: 9, ResetAt: 1_750_000_000_123},
			reason: "the ordinary case",
		},
		{
			name:   "no reset",
			give:   throttlekit.Decision{Allowed: true, Limit: 10, Remaining: 10},
			want:   &throttlekitv1.Decision{Allowed: true, Limit: 10, Remaining: 10},
			reason: "the zero Time is the wire's 0, not the year 1",
		},
		{
			name:   "denied, fraction of a millisecond",
			give:   throttlekit.Decision{Limit: 1, ResetAt: time.UnixMilli(5), RetryAfter: 1500 * time.Microsecond},
			want:   &throttlekitv1.Decision{Limit: 1, ResetAt: 5, RetryAfterMs: 2},
			reason: "after 1 ms the caller would be denied again",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, []server.Policy{{Name: "api", Limiter: &fake{
				checkN: func(context.Context, string, int64) (throttlekit.Decision, error) { return tt.give, nil },
			}}})
			got, err := check(t, r, "api", 1)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, protocmp.Transform()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
			}
		})
	}
}

func TestCost(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}})
	c := grpcClient(t, r)
	for _, tt := range []struct {
		name       string
		cost, want int64
		reason     string
	}{
		{name: "zero", cost: 0, want: 1, reason: "proto3 cannot tell it from unset, which means 1"},
		{name: "negative", cost: -5, want: 1, reason: "it must never give anything back"},
		{name: "one", cost: 1, want: 1, reason: "kept"},
		{name: "more", cost: 7, want: 7, reason: "kept"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			one, err := c.Check(t.Context(), &throttlekitv1.CheckRequest{Policy: "api", Key: aKey, Cost: tt.cost})
			if err != nil || one.GetDecision().GetRemaining() != 10-tt.want {
				t.Errorf("Check: %v, %v; want cost %d, %s", one, err, tt.want, tt.reason)
			}
			many, err := c.CheckMany(t.Context(), &throttlekitv1.CheckManyRequest{Policy: "api", Keys: []string{"a", "b"}, Cost: tt.cost})
			if err != nil || len(many.GetDecisions()) != 2 || many.GetDecisions()[1].GetRemaining() != max(0, 10-tt.want-1) {
				t.Errorf("CheckMany: %v, %v; want cost %d in order, %s", many, err, tt.want, tt.reason)
			}
			forecast, err := c.Forecast(t.Context(), &throttlekitv1.ForecastRequest{Policy: "api", Key: aKey, Cost: tt.cost})
			want := &throttlekitv1.Forecast{SpendableNow: 10 / tt.want, FullAt: 1_750_000_000_456}
			if diff := cmp.Diff(want, forecast.GetForecast(), protocmp.Transform()); err != nil || diff != "" {
				t.Errorf("Forecast: %v; %s (-want +got):\n%s", err, tt.reason, diff)
			}
		})
	}
	t.Run("no keys", func(t *testing.T) {
		many, err := c.CheckMany(t.Context(), &throttlekitv1.CheckManyRequest{Policy: "api"})
		if err != nil || len(many.GetDecisions()) != 0 {
			t.Errorf("CheckMany of no keys: %v, %v; want OK and no decisions", many, err)
		}
	})
}

func TestUnknownPolicyComesFirst(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: failing(errors.New("asked"))}, {Name: `a "b" <c>`, Limiter: echo()}})
	c := grpcClient(t, r)
	const want = `not_found: unknown policy "ap\ni"; the server has "api", "a \"b\" <c>"`
	for _, op := range []string{"check", "checkMany", "peek", "forecast", "debit", "admit"} {
		t.Run(op, func(t *testing.T) {
			if err := do(t.Context(), c, op, "ap\ni"); err == nil || err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}

func TestUnsupported(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: &fake{}}})
	c := grpcClient(t, r)
	for _, op := range []string{"check", "checkMany", "peek", "forecast", "debit", "admit"} {
		t.Run(op, func(t *testing.T) {
			want := `unimplemented: policy "api" does not support ` + op
			if err := do(t.Context(), c, op, "api"); err == nil || err.Error() != want {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}

func TestErrorsOfLimiters(t *testing.T) {
	fault := &throttlekit.Error{Op: "check", Source: throttlekit.SourceServer, Kind: throttlekit.ErrUnavailable, Err: errors.New("LOADING")}
	for _, tt := range []struct {
		name   string
		err    error
		code   connect.Code
		want   string
		reason string
	}{
		{
			name:   "invalid argument",
			err:    throttlekit.ValidateCost("check", throttlekit.MaxCost+1),
			code:   connect.CodeInvalidArgument,
			want:   "want 1 to 2^53-1",
			reason: "the caller can mend it",
		},
		{
			name:   "store fault",
			err:    fault,
			code:   connect.CodeInternal,
			want:   "LOADING",
			reason: "the contract has INTERNAL for the store; the SDK's own text holds no key",
		},
		{
			name:   "store fault, wrapped with the key",
			err:    fmt.Errorf("key %s: %w", aKey, fault),
			code:   connect.CodeInternal,
			want:   "LOADING",
			reason: "only the SDK's part is told",
		},
		{
			name:   "foreign error",
			err:    errors.New("out of cheese"),
			code:   connect.CodeInternal,
			want:   "out of cheese",
			reason: "it holds no key",
		},
		{
			name:   "foreign error with the key",
			err:    fmt.Errorf("no room for %q", aKey),
			code:   connect.CodeInternal,
			want:   "withheld",
			reason: "it holds the key",
		},
		{
			name:   "timeout of the limiter's own",
			err:    context.DeadlineExceeded,
			code:   connect.CodeInternal,
			want:   "deadline",
			reason: "the caller did not give up",
		},
		{
			name:   "policy missing behind the limiter",
			err:    throttlekit.ErrPolicyNotFound,
			code:   connect.CodeInternal,
			want:   "policy not found",
			reason: "this server has the policy; what lies behind is its own affair",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, []server.Policy{{Name: "api", Limiter: failing(tt.err)}})
			c := grpcClient(t, r)
			for _, op := range []string{"check", "checkMany", "peek", "forecast"} {
				err := do(t.Context(), c, op, "api")
				if connect.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s: %v\nwant %v: %s, since %s", op, err, tt.code, tt.want, tt.reason)
				}
				if strings.Contains(err.Error(), aKey) {
					t.Errorf("%s: the message holds the key: %v", op, err)
				}
			}
		})
	}
}

func TestCheckManyFailsWhole(t *testing.T) {
	many := &throttlekit.ManyError{Errors: []error{nil, fmt.Errorf("%s: %w", aKey, throttlekit.ErrNotSupported)}}
	for _, tt := range []struct {
		name      string
		checkMany func(context.Context, []string, int64) ([]throttlekit.Decision, error)
		want      string
		reason    string
	}{
		{
			name:      "one key failed",
			checkMany: func(context.Context, []string, int64) ([]throttlekit.Decision, error) { return nil, many },
			want:      "internal: 1 of 2 keys failed, the others may have been consumed; keys[1]: the limiter failed; its error names the key and is withheld",
			reason:    "the sentinel in it is about that key alone",
		},
		{
			name: "too few decisions",
			checkMany: func(context.Context, []string, int64) ([]throttlekit.Decision, error) {
				return make([]throttlekit.Decision, 1), nil
			},
			want:   "internal: throttlekit: checkMany: malformed reply: the limiter gave 1 decisions for 2 keys; the check may have been consumed",
			reason: "they cannot be matched to keys",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, []server.Policy{{Name: "api", Limiter: &fake{checkMany: tt.checkMany}}})
			if err := do(t.Context(), grpcClient(t, r), "checkMany", "api"); err == nil || err.Error() != tt.want {
				t.Errorf("%v\nwant %s, since %s", err, tt.want, tt.reason)
			}
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	limiter, arrived, _ := gate()
	said := make(chan error, 1)
	spy := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			res, err := next(ctx, req)
			said <- err
			return res, err
		}
	})
	r := start(t, []server.Policy{{Name: "api", Limiter: limiter}},
		server.WithHandlerOptions(connect.WithInterceptors(spy)))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if err := do(ctx, grpcClient(t, r), "check", "api"); connect.CodeOf(err) != connect.CodeCanceled {
		t.Errorf("the caller got %v, want canceled", err)
	}
	if err := <-said; connect.CodeOf(err) != connect.CodeCanceled {
		t.Errorf("the server said %v, want canceled", err)
	}
}

func TestDeadlineOfTheCaller(t *testing.T) {
	limiter, _, _ := gate()
	r := start(t, []server.Policy{{Name: "api", Limiter: limiter}})
	req, err := http.NewRequest(http.MethodPost, r.url+"/throttlekit.v1.RateLimiter/Check", strings.NewReader(`{"policy":"api"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	// Only the server watches this deadline, so that it is the server that sees it pass.
	req.Header.Set("Connect-Timeout-Ms", "20")
	res, err := client(t, &http.Transport{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || !bytes.Contains(body, []byte(`"code":"deadline_exceeded"`)) {
		t.Errorf("%s (%v), want deadline_exceeded", body, err)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}})
	_, err := grpcClient(t, r).Check(t.Context(), &throttlekitv1.CheckRequest{Policy: "api", Key: strings.Repeat("k", 4<<20)})
	if connect.CodeOf(err) != connect.CodeResourceExhausted {
		t.Errorf("a request above 4 MiB: %v, want resource_exhausted", err)
	}
}

func TestJSONOverHTTP1(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}})
	post := func(path, body string) (int, string) {
		t.Helper()
		c := client(t, &http.Transport{})
		res, err := c.Post(r.url+path, "application/json", bytes.NewBufferString(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.ProtoMajor != 1 {
			t.Errorf("spoke %s, want HTTP/1.1", res.Proto)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		// protojson varies its spaces between builds on purpose.
		return res.StatusCode, strings.ReplaceAll(string(text), " ", "")
	}
	for _, tt := range []struct {
		name, path, body string
		status           int
		want             string
		reason           string
	}{
		{
			name: "allowed", path: "/throttlekit.v1.RateLimiter/Check", body: `{"policy":"api","key":"k"}`,
			status: 200, want: `{"decision":{"allowed":true,"limit":"10","remaining":"9","resetAt":"1750000000123"}}`,
			reason: "int64 are strings and defaults are left out",
		},
		{
			name: "denied, cost as a number", path: "/throttlekit.v1.RateLimiter/Check", body: `{"policy":"api","key":"k","cost":11}`,
			status: 200, want: `{"decision":{"limit":"10","resetAt":"1750000000123"}}`,
			reason: "a denial is a success; numbers are read as well as strings",
		},
		{
			name: "unknown policy", path: "/throttlekit.v1.RateLimiter/Peek", body: `{"policy":"nope"}`,
			status: 404, want: `{"code":"not_found","message":"unknownpolicy\"nope\";theserverhas\"api\""}`,
			reason: "Connect gives errors as JSON",
		},
		{
			name: "other service", path: "/throttlekit.v1.Fleet/Reserve", body: `{}`,
			status: 501, want: `{"code":"unimplemented","message":"throttlekit.v1.Fleet.Reserveisnotimplemented"}`,
			reason: "said by the service itself",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, text := post(tt.path, tt.body)
			if status != tt.status || text != tt.want {
				t.Errorf("%d %s\nwant %d %s, since %s", status, text, tt.status, tt.want, tt.reason)
			}
		})
	}
}

func TestRestOfTheContractIsUnimplemented(t *testing.T) {
	r := start(t, []server.Policy{{Name: "api", Limiter: echo()}})
	for name, option := range map[string]connect.ClientOption{
		"grpc": connect.WithGRPC(), "grpcweb": connect.WithGRPCWeb(), "connect": connect.WithClientOptions(),
	} {
		t.Run(name, func(t *testing.T) {
			limiter := throttlekitv1connect.NewRateLimiterClient(h2c(t), r.url, option)
			monitor := throttlekitv1connect.NewMonitorClient(h2c(t), r.url, option)
			fleet := throttlekitv1connect.NewFleetClient(h2c(t), r.url, option)
			for rpc, call := range map[string]func() error{
				"Release": func() error {
					_, err := limiter.Release(t.Context(), &throttlekitv1.ReleaseRequest{})
					return err
				},
				"Heartbeat": func() error {
					_, err := limiter.Heartbeat(t.Context(), &throttlekitv1.HeartbeatRequest{})
					return err
				},
				"GetSnapshot": func() error {
					_, err := monitor.GetSnapshot(t.Context(), &throttlekitv1.GetSnapshotRequest{})
					return err
				},
				"Watch": func() error {
					stream, err := monitor.Watch(t.Context(), &throttlekitv1.WatchRequest{})
					if err != nil {
						return err
					}
					defer stream.Close()
					if stream.Receive() {
						return errors.New("a message came")
					}
					return stream.Err()
				},
				"Reserve": func() error {
					_, err := fleet.Reserve(t.Context(), &throttlekitv1.ReserveRequest{})
					return err
				},
			} {
				if err := call(); connect.CodeOf(err) != connect.CodeUnimplemented || !connect.IsWireError(err) {
					t.Errorf("%s: %v, want unimplemented, said by the server", rpc, err)
				}
			}
		})
	}
}
