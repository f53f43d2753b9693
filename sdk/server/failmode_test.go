package server_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// record is a log that a test can read while it is written.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

func (r *record) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }

var errGone = &throttlekit.Error{Op: "check", Source: throttlekit.SourceTransport, Kind: throttlekit.ErrUnavailable, MayHaveConsumed: true}

func TestFailModeAnswersForTheStore(t *testing.T) {
	open := &throttlekitv1.Decision{Allowed: true, Limit: 7, Remaining: 7}
	closed := &throttlekitv1.Decision{Limit: 7}
	for _, tt := range []struct {
		name string
		mode server.FailMode
		err  error
		want *throttlekitv1.Decision
	}{
		{"open, store gone", server.FailOpen, errGone, open},
		{"closed, store gone", server.FailClosed, errGone, closed},
		{"a key of another type is a failure too", server.FailClosed, &throttlekit.Error{Op: "check", Source: throttlekit.SourceServer, Err: errors.New("WRONGTYPE")}, closed},
		{"and a reply that is none", server.FailOpen, &throttlekit.Error{Op: "check", Kind: throttlekit.ErrMalformedReply}, open},
		{"and what nobody knows", server.FailOpen, errors.New("out of cheese"), open},
		{"and a deadline that is not the caller's", server.FailClosed, context.DeadlineExceeded, closed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := start(t, []server.Policy{{Name: "api", Limiter: failing(tt.err), Limit: 7}}, server.WithFailMode(tt.mode))
			c := grpcClient(t, r)
			one, err := c.Check(t.Context(), &throttlekitv1.CheckRequest{Policy: "api", Key: aKey})
			if diff := cmp.Diff(tt.want, one.GetDecision(), protocmp.Transform()); err != nil || diff != "" {
				t.Errorf("Check: %v (-want +got):\n%s", err, diff)
			}
			many, err := c.CheckMany(t.Context(), &throttlekitv1.CheckManyRequest{Policy: "api", Keys: []string{aKey, "bob"}})
			want := []*throttlekitv1.Decision{tt.want, tt.want}
			if diff := cmp.Diff(want, many.GetDecisions(), protocmp.Transform()); err != nil || diff != "" {
				t.Errorf("CheckMany: %v (-want +got):\n%s", err, diff)
			}
			for _, op := range []string{"peek", "forecast"} {
				if err := do(t.Context(), c, op, "api"); connect.CodeOf(err) != connect.CodeInternal {
					t.Errorf("%s: %v, want internal: nothing may be made up about a state", op, err)
				}
			}
		})
	}
}

func TestFailModeLeavesTheCallersFaultsAlone(t *testing.T) {
	for _, tt := range []struct {
		name   string
		err    error
		code   connect.Code
		reason string
	}{
		{"invalid argument", &throttlekit.Error{Op: "check", Kind: throttlekit.ErrInvalidArgument}, connect.CodeInvalidArgument, "the caller can mend it"},
		{"not supported", unsupported("check"), connect.CodeUnimplemented, "it will not work tomorrow either"},
		{"not supported, of one key", &throttlekit.ManyError{Errors: []error{nil, unsupported("check")}}, connect.CodeInternal, "the limiter contradicts itself"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limiter := failing(tt.err)
			limiter.checkMany = func(context.Context, []string, int64) ([]throttlekit.Decision, error) {
				return make([]throttlekit.Decision, 2), tt.err
			}
			r := start(t, []server.Policy{{Name: "api", Limiter: limiter}}, server.WithFailMode(server.FailOpen))
			if err := do(t.Context(), grpcClient(t, r), "checkMany", "api"); connect.CodeOf(err) != tt.code {
				t.Errorf("%v, want %v: %s", err, tt.code, tt.reason)
			}
		})
	}
	t.Run("the caller gives up", func(t *testing.T) {
		limiter, _, _ := gate()
		said := make(chan error, 1)
		spy := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
			return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
				res, err := next(ctx, req)
				said <- err
				return res, err
			}
		})
		r := start(t, []server.Policy{{Name: "api", Limiter: limiter}},
			server.WithFailMode(server.FailOpen), server.WithHandlerOptions(connect.WithInterceptors(spy)))
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_ = do(ctx, grpcClient(t, r), "check", "api") // what the caller sees may be its own
		if code := connect.CodeOf(<-said); code != connect.CodeDeadlineExceeded && code != connect.CodeCanceled {
			t.Errorf("the server said %v, want the caller's own end", code)
		}
	})
}

func TestOnlyFailingKeysAreMadeUp(t *testing.T) {
	limiter := &fake{checkMany: func(context.Context, []string, int64) ([]throttlekit.Decision, error) {
		return []throttlekit.Decision{{Allowed: true, Limit: 7, Remaining: 3, ResetAt: time.UnixMilli(5)}, {}},
			&throttlekit.ManyError{Errors: []error{nil, errGone}}
	}}
	seen := &sums{}
	r := start(t, []server.Policy{{Name: "api", Limiter: limiter, Limit: 7}}, server.WithFailMode(server.FailClosed), server.WithObserver(seen))
	res, err := grpcClient(t, r).CheckMany(t.Context(), &throttlekitv1.CheckManyRequest{Policy: "api", Keys: []string{"bob", aKey}})
	want := []*throttlekitv1.Decision{{Allowed: true, Limit: 7, Remaining: 3, ResetAt: 5}, {Limit: 7}}
	if diff := cmp.Diff(want, res.GetDecisions(), protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, want := seen.String(), "called checkMany api ok; decided api allowed; decided api denied, made up"; got != want {
		t.Errorf("the observer saw %q, want %q", got, want)
	}
}

// TestManyErrorOfNothing is a limiter that names the key that failed and has no decisions
// of the others to give.
func TestManyErrorOfNothing(t *testing.T) {
	limiter := failing(&throttlekit.ManyError{Errors: []error{nil, errGone}})
	r := start(t, []server.Policy{{Name: "api", Limiter: limiter, Limit: 7}}, server.WithFailMode(server.FailClosed))
	res, err := grpcClient(t, r).CheckMany(t.Context(), &throttlekitv1.CheckManyRequest{Policy: "api", Keys: []string{"bob", aKey}})
	want := []*throttlekitv1.Decision{{Limit: 7}, {Limit: 7}}
	if diff := cmp.Diff(want, res.GetDecisions(), protocmp.Transform()); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestSlowStoreIsAFailedStore(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options []server.Option
		want    string
	}{
		{"without a fail mode", nil, "internal: throttlekit: check: unavailable: the limiter did not answer in time: context deadline exceeded"},
		{"failing open", []server.Option{server.WithFailMode(server.FailOpen)}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limiter, _, _ := gate()
			r := start(t, []server.Policy{{Name: "api", Limiter: limiter}}, append(tt.options, server.WithStoreTimeout(time.Millisecond))...)
			// The caller would wait for much longer.
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := do(ctx, grpcClient(t, r), "check", "api")
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestAHungStoreIsAskedNoMore: a few calls wait for it, and the others do not.
func TestAHungStoreIsAskedNoMore(t *testing.T) {
	var asked atomic.Int64
	hung := &fake{checkN: func(ctx context.Context, _ string, _ int64) (throttlekit.Decision, error) {
		asked.Add(1)
		<-ctx.Done()
		return throttlekit.Decision{}, ctx.Err()
	}}
	seen := &sums{}
	r := start(t, []server.Policy{{Name: "api", Limiter: hung, Limit: 7}}, server.WithFailMode(server.FailClosed),
		server.WithStoreTimeout(10*time.Millisecond), server.WithObserver(seen))
	c := grpcClient(t, r)
	for range 50 {
		res, err := c.Check(t.Context(), &throttlekitv1.CheckRequest{Policy: "api", Key: aKey})
		if diff := cmp.Diff(&throttlekitv1.Decision{Limit: 7}, res.GetDecision(), protocmp.Transform()); err != nil || diff != "" {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	}
	// One in half a second may try again.
	if n := asked.Load(); n < resilient.DefaultFailures || n > 3*resilient.DefaultFailures {
		t.Errorf("the limiter was asked %d times by 50 calls, want about %d", n, resilient.DefaultFailures)
	}
	if !strings.HasSuffix(seen.String(), "decided api denied, made up") {
		t.Errorf("the observer saw %q", seen)
	}
}

func TestFailuresAreLoggedOnceAMinuteWithoutTheKey(t *testing.T) {
	log := &record{}
	fault := errors.New("WRONGTYPE " + aKey)
	r := start(t, []server.Policy{{Name: "api", Limiter: failing(fault)}, {Name: "web", Limiter: failing(fault)}},
		server.WithFailMode(server.FailOpen), server.WithLogger(log.logger()))
	c := grpcClient(t, r)
	for range 3 {
		for _, policy := range []string{"api", "web"} {
			for _, op := range []string{"check", "checkMany", "peek"} {
				_ = do(t.Context(), c, op, policy)
			}
		}
	}
	for _, policy := range []string{"api", "web"} {
		if n := strings.Count(log.String(), `msg="a call failed" op=check policy=`+policy); n != 1 {
			t.Errorf("%d lines about %s, want 1\n%s", n, policy, log)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 2 || strings.Contains(log.String(), aKey) {
		t.Errorf("%d lines, want 2 and no key\n%s", n, log)
	}
}

func TestFailuresOfAKnownOutageAreNotLogged(t *testing.T) {
	log, store := &record{}, &outage{}
	store.gone.Store(true)
	r := start(t, []server.Policy{{Name: "api", Limiter: failing(errGone)}}, server.WithFailMode(server.FailOpen),
		server.WithStoreCheck(store.check), server.WithLogger(log.logger()))
	for range 3 {
		if err := do(t.Context(), grpcClient(t, r), "check", "api"); err != nil {
			t.Fatal(err)
		}
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, `msg="the store fails" fail=open error="connection refused"`) {
		t.Errorf("logged\n%swant one line about the store", text)
	}
}
