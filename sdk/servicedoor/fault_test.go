package servicedoor_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

func TestWhatTheServerSays(t *testing.T) {
	for _, tt := range []struct {
		code   connect.Code
		kind   error
		may    bool
		reason string
	}{
		{connect.CodeNotFound, throttlekit.ErrPolicyNotFound, false, "looked up before anything is spent"},
		{connect.CodeUnimplemented, throttlekit.ErrNotSupported, false, "there is nothing that could have spent"},
		{connect.CodeInvalidArgument, throttlekit.ErrInvalidArgument, false, "refused"},
		{connect.CodeUnauthenticated, nil, false, "refused"},
		{connect.CodePermissionDenied, nil, false, "refused"},
		{connect.CodeUnavailable, throttlekit.ErrUnavailable, true, "a server may say so after its store was asked"},
		{connect.CodeInternal, nil, true, "the store may have spent before it failed"},
		{connect.CodeResourceExhausted, nil, true, "no status of the contract; assume the worst"},
		{connect.CodeDeadlineExceeded, nil, true, "the server's own deadline, not the caller's"},
		{connect.CodeCanceled, nil, true, "likewise"},
		{connect.CodeUnknown, nil, true, "nothing is known"},
	} {
		for _, p := range protocols {
			t.Run(tt.code.String()+" "+p.name, func(t *testing.T) {
				host := listen(t, failing(connect.NewError(tt.code, errors.New("so it is"))).handler())
				client := dial(t, host.URL, p.options...)
				for _, o := range operations {
					err := o.call(t.Context(), client)
					fault := asFault(t, o.op, err)
					if fault.Source != throttlekit.SourceServer || fault.Kind != tt.kind || fault.MayHaveConsumed != (tt.may && o.consumes) {
						t.Errorf("%s: %+v\nwant kind %v, may have consumed %t: %s", o.op, fault, tt.kind, tt.may && o.consumes, tt.reason)
					}
					if connect.CodeOf(err) != tt.code {
						t.Errorf("%s: connect.CodeOf is %v", o.op, connect.CodeOf(err))
					}
					if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
						t.Errorf("%s: %v passes for the caller's context, which has not ended", o.op, err)
					}
				}
			})
		}
	}
}

func TestRefusedBeforeSending(t *testing.T) {
	client := dial(t, "127.0.0.1:1") // a call that got so far would be ErrUnavailable
	ctx := t.Context()
	check := func(policy, key string, cost int64) error {
		_, err := client.CheckN(ctx, policy, key, cost)
		return err
	}
	many := func(cost int64, keys ...string) error {
		_, err := client.CheckMany(ctx, "api", keys, cost)
		return err
	}
	outlook := func(cost int64) error {
		_, err := client.Forecast(ctx, "api", aKey, cost)
		return err
	}
	for _, tt := range []struct {
		name, op string
		err      error
		want     string
		reason   string
	}{
		{"zero cost", "check", check("api", aKey, 0), "cost is 0", "the wire would turn it into 1"},
		{"negative cost", "check", check("api", aKey, -1), "cost is -1", "a store might give it back"},
		{"huge cost", "check", check("api", aKey, throttlekit.MaxCost+1), "cost is 9007199254740992", "doubles cannot hold it"},
		{"many, negative cost", "checkMany", many(-1, aKey), "cost is -1", "as for one"},
		{"many of none, negative cost", "checkMany", many(-1), "cost is -1", "wrong is wrong, however many keys"},
		{"forecast, zero cost", "forecast", outlook(0), "cost is 0", "it would divide by it"},
		{"policy not UTF-8", "check", check("\xff", aKey, 1), "the policy name is not valid UTF-8", "proto3 cannot carry it"},
		{"key not UTF-8", "check", check("api", aKey+"\xff", 1), "keys[0] is not valid UTF-8", "proto3 cannot carry it"},
		{"one of many keys not UTF-8", "checkMany", many(1, "a", aKey+"\xff"), "keys[1] is not valid UTF-8", "say which"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fault := asFault(t, tt.op, tt.err)
			if fault.Source != throttlekit.SourceSDK || fault.Kind != throttlekit.ErrInvalidArgument || fault.MayHaveConsumed {
				t.Errorf("%+v, want the SDK's ErrInvalidArgument, nothing consumed: %s", fault, tt.reason)
			}
			if got := fault.Err.Error(); len(got) < len(tt.want) || got[:len(tt.want)] != tt.want {
				t.Errorf("it says %q, want %q and more", got, tt.want)
			}
		})
	}
}

func TestContextEndedBeforeTheCall(t *testing.T) {
	client := dial(t, "127.0.0.1:1")
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithDeadline(context.Background(), time.Unix(1, 0))
	defer cancel()
	for _, o := range operations {
		err := o.call(canceled, client)
		fault := asFault(t, o.op, err)
		if fault.Source != throttlekit.SourceSDK || fault.Kind != nil || fault.MayHaveConsumed ||
			!errors.Is(err, context.Canceled) || connect.CodeOf(err) != connect.CodeCanceled {
			t.Errorf("%s, canceled: %+v", o.op, fault)
		}
		err = o.call(late, client)
		fault = asFault(t, o.op, err)
		if fault.Source != throttlekit.SourceSDK || fault.Kind != nil || fault.MayHaveConsumed ||
			!errors.Is(err, context.DeadlineExceeded) || connect.CodeOf(err) != connect.CodeDeadlineExceeded {
			t.Errorf("%s, too late: %+v", o.op, fault)
		}
	}
	if _, err := client.CheckMany(canceled, "api", nil, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("CheckMany of no keys, canceled: %v", err)
	}
}

func TestContextEndsDuringTheCall(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			arrived := make(chan struct{}, 1)
			hang := &service{check: func(ctx context.Context, _ *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
				arrived <- struct{}{}
				<-ctx.Done()
				return nil, ctx.Err()
			}}
			host := listen(t, hang.handler())

			// Long enough for the request to arrive on a busy machine, too.
			client := dial(t, host.URL, append(p.options, servicedoor.WithTimeout(300*time.Millisecond))...)
			_, err := client.Check(t.Context(), "api", aKey)
			fault := asFault(t, "check", err)
			if !errors.Is(err, context.DeadlineExceeded) || connect.CodeOf(err) != connect.CodeDeadlineExceeded ||
				fault.Kind != nil || !fault.MayHaveConsumed {
				t.Fatalf("timeout: %+v (%v)", fault, err)
			}
			<-arrived

			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-arrived
				cancel()
			}()
			_, err = dial(t, host.URL, p.options...).Check(ctx, "api", aKey)
			fault = asFault(t, "check", err)
			if !errors.Is(err, context.Canceled) || connect.CodeOf(err) != connect.CodeCanceled ||
				fault.Kind != nil || fault.Source != throttlekit.SourceTransport || !fault.MayHaveConsumed {
				t.Errorf("canceled: %+v (%v)", fault, err)
			}
		})
	}
}

// TestServerSaysTheDeadline: client and server watch the same deadline, and either may
// be the first to see it pass. It is the caller's deadline all the same.
func TestServerSaysTheDeadline(t *testing.T) {
	host := listen(t, failing(connect.NewError(connect.CodeDeadlineExceeded, errors.New("too slow"))).handler())
	for _, tt := range []struct {
		name   string
		left   time.Duration // when the answer is there
		err    error         // of the caller's context then
		is     bool
		reason string
	}{
		{name: "passed", left: -time.Millisecond, err: context.DeadlineExceeded, is: true, reason: "both have seen it"},
		{name: "about to pass", left: time.Millisecond, is: true, reason: "the wire rounds deadlines down, by up to a millisecond"},
		{name: "far", left: time.Hour, is: false, reason: "the server means a deadline of its own"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := &scripted{Context: t.Context()}
			ctx.set(time.Now().Add(time.Hour), nil)
			answered := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
				return func(callCtx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
					res, err := next(callCtx, req)
					ctx.set(time.Now().Add(tt.left), tt.err)
					return res, err
				}
			})
			_, err := dial(t, host.URL, servicedoor.WithInterceptors(answered)).Check(ctx, "api", aKey)
			fault := asFault(t, "check", err)
			if errors.Is(err, context.DeadlineExceeded) != tt.is || fault.Source != throttlekit.SourceServer || fault.Kind != nil || !fault.MayHaveConsumed {
				t.Errorf("%+v\nis the caller's deadline: %t, want %t: %s", fault, !tt.is, tt.is, tt.reason)
			}
		})
	}
}

// scripted is a context whose deadline passes when the test says so.
type scripted struct {
	context.Context

	mu       sync.Mutex
	deadline time.Time
	err      error
}

func (s *scripted) set(deadline time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline, s.err = deadline, err
}

func (s *scripted) Deadline() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.deadline, true
}

func (s *scripted) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func TestMalformedReplies(t *testing.T) {
	many := func(ds ...*throttlekitv1.Decision) *service {
		return &service{checkMany: func(context.Context, *throttlekitv1.CheckManyRequest) (*throttlekitv1.CheckManyResponse, error) {
			return &throttlekitv1.CheckManyResponse{Decisions: ds}, nil
		}}
	}
	empty := &service{
		check: func(context.Context, *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
			return &throttlekitv1.CheckResponse{}, nil
		},
		peek: func(context.Context, *throttlekitv1.PeekRequest) (*throttlekitv1.PeekResponse, error) {
			return &throttlekitv1.PeekResponse{}, nil
		},
		forecast: func(context.Context, *throttlekitv1.ForecastRequest) (*throttlekitv1.ForecastResponse, error) {
			return &throttlekitv1.ForecastResponse{}, nil
		},
	}
	// answer is an HTTP server that is no throttlekit service.
	answer := func(status int, contentType, body string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		})
	}
	for _, tt := range []struct {
		name    string
		handler http.Handler
		options []servicedoor.Option
		op      string
	}{
		{name: "check without a decision", handler: empty.handler(), op: "check"},
		{name: "peek without a decision", handler: empty.handler(), op: "peek"},
		{name: "forecast without a forecast", handler: empty.handler(), op: "forecast"},
		{name: "fewer decisions than keys", handler: many(decided()).handler(), op: "checkMany"},
		{name: "more decisions than keys", handler: many(decided(), decided(), decided()).handler(), op: "checkMany"},
		{name: "no decisions", handler: many().handler(), op: "checkMany"},
		{name: "a web page", handler: answer(200, "text/html", "<p>hello"), op: "check"},
		{name: "no such path", handler: http.NotFoundHandler(), op: "check"},
		{name: "a redirect", handler: http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect), op: "check"},
		{name: "bytes that are no message", handler: answer(200, "application/proto", "\xff\xff"), options: []servicedoor.Option{servicedoor.WithConnect()}, op: "check"},
		{name: "a frame that is no message", handler: answer(200, "application/grpc-web+proto", "\x00\x00\x00\x00\x02\xff\xff"), options: []servicedoor.Option{servicedoor.WithGRPCWeb()}, op: "check"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := dial(t, listen(t, tt.handler).URL, tt.options...)
			for _, o := range operations {
				if o.op != tt.op {
					continue
				}
				fault := asFault(t, o.op, o.call(t.Context(), client))
				if fault.Source != throttlekit.SourceDecoding || fault.Kind != throttlekit.ErrMalformedReply || fault.MayHaveConsumed != o.consumes {
					t.Errorf("%+v\nwant ErrMalformedReply from decoding", fault)
				}
			}
		})
	}
}

// TestFirstReleaseOfTheContract: its servers know four operations, and answer the rest
// with UNIMPLEMENTED.
func TestFirstReleaseOfTheContract(t *testing.T) {
	old := &service{
		check: func(context.Context, *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
			return &throttlekitv1.CheckResponse{Decision: decided()}, nil
		},
		checkMany: func(_ context.Context, req *throttlekitv1.CheckManyRequest) (*throttlekitv1.CheckManyResponse, error) {
			return &throttlekitv1.CheckManyResponse{Decisions: []*throttlekitv1.Decision{decided(), decided()}}, nil
		},
		peek: func(context.Context, *throttlekitv1.PeekRequest) (*throttlekitv1.PeekResponse, error) {
			return &throttlekitv1.PeekResponse{Decision: decided()}, nil
		},
		forecast: func(context.Context, *throttlekitv1.ForecastRequest) (*throttlekitv1.ForecastResponse, error) {
			return &throttlekitv1.ForecastResponse{Forecast: &throttlekitv1.Forecast{SpendableNow: 1}}, nil
		},
	}
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			client := dial(t, listen(t, old.handler()).URL, p.options...)
			for _, o := range operations {
				if err := o.call(t.Context(), client); err != nil {
					t.Errorf("%s: %v", o.op, err)
				}
			}
			if _, err := client.RateLimiter().Heartbeat(t.Context(), &throttlekitv1.HeartbeatRequest{}); connect.CodeOf(err) != connect.CodeUnimplemented {
				t.Errorf("Heartbeat: %v, want unimplemented", err)
			}
		})
	}
}
