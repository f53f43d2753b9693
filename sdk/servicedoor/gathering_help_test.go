package servicedoor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// patience is how long a test waits for what must happen before it calls it a failure.
const patience = 10 * time.Second

// teller is a limiter whose decisions tell which question they answer: keys end in a
// number.
type teller struct {
	throttlekit.Limiter
	limit int64 // the policy's
}

func (l teller) CheckN(_ context.Context, key string, cost int64) (throttlekit.Decision, error) {
	return told(l.limit, key, cost), nil
}

func (l teller) CheckMany(_ context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	ds := make([]throttlekit.Decision, len(keys))
	for i, key := range keys {
		ds[i] = told(l.limit, key, cost)
	}
	return ds, nil
}

func told(limit int64, key string, cost int64) throttlekit.Decision {
	number, _ := strconv.ParseInt(key[strings.LastIndexByte(key, '-')+1:], 10, 64)
	return throttlekit.Decision{Limit: limit, Remaining: number, RetryAfter: time.Duration(cost) * time.Millisecond}
}

// The limits that the service of a gate tells for its policies.
var tellers = map[string]int64{"api": 1000, "login": 2000}

// request is one that has come to the service, and waits there.
type request struct {
	many   bool
	policy string
	cost   int64
	keys   []string
	ctx    context.Context
	conn   net.Conn
	reply  *throttlekitv1.CheckManyResponse // instead of the handler's
	answer chan error                       // nil lets it pass
}

func (r *request) String() string {
	procedure := "Check"
	if r.many {
		procedure = "CheckMany"
	}
	return fmt.Sprintf("%s %s %d %s", procedure, r.policy, r.cost, r.keys)
}

// gate is the real service behind an interceptor that holds each request until the test
// lets it pass.
type gate struct {
	t       *testing.T
	url     string
	arrived chan *request
}

func newGate(t *testing.T) *gate {
	t.Helper()
	var policies []server.Policy
	for name, limit := range tellers {
		policies = append(policies, server.Policy{Name: name, Limiter: teller{limit: limit}})
	}
	g := &gate{t: t, arrived: make(chan *request, 1024)}
	srv, err := server.New(policies, server.WithHandlerOptions(connect.WithInterceptors(connect.UnaryInterceptorFunc(g.hold))))
	if err != nil {
		t.Fatal(err)
	}
	g.url = listenWith(t, srv, func(host *httptest.Server) {
		host.Config.ErrorLog = discardLog
		host.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		}
	}).URL
	return g
}

func (g *gate) hold(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		r := &request{ctx: ctx, conn: ctx.Value(connKey{}).(net.Conn), answer: make(chan error, 1)}
		switch m := req.Any().(type) {
		case *throttlekitv1.CheckRequest:
			r.policy, r.cost, r.keys = m.GetPolicy(), m.GetCost(), []string{m.GetKey()}
		case *throttlekitv1.CheckManyRequest:
			r.many, r.policy, r.cost, r.keys = true, m.GetPolicy(), m.GetCost(), m.GetKeys()
		}
		g.arrived <- r
		select {
		case err := <-r.answer:
			switch {
			case err != nil:
				return nil, err
			case r.reply != nil:
				return connect.NewResponse(r.reply), nil
			}
			return next(ctx, req)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// dial is a gathering client of the service.
func (g *gate) dial(options ...servicedoor.Option) *servicedoor.Client {
	g.t.Helper()
	return dial(g.t, g.url, append(options, servicedoor.WithGathering())...)
}

// next is the next request that arrives.
func (g *gate) next() *request {
	g.t.Helper()
	return receive(g.t, g.arrived, "no request came to the service")
}

// none fails the test if requests have come that it did not look at.
func (g *gate) none() {
	g.t.Helper()
	select {
	case r := <-g.arrived:
		g.t.Errorf("a request with %d keys came to the service, want no further one", len(r.keys))
	default:
	}
}

// occupy takes all seats of client with a check each, which the service holds.
func (g *gate) occupy(client *servicedoor.Client) (calls []*asked, requests []*request) {
	g.t.Helper()
	for i := range servicedoor.GatherSeats {
		calls = append(calls, ask(g.t.Context(), client, "api", "occupant-"+strconv.Itoa(i), 1))
		requests = append(requests, g.next())
	}
	return calls, requests
}

func receive[T any](t *testing.T, from <-chan T, otherwise string) T {
	t.Helper()
	var got T
	select {
	case got = <-from:
	case <-time.After(patience):
		t.Fatal(otherwise)
	}
	return got
}

// asked is a call of CheckN in a goroutine of its own.
type asked struct {
	policy, key string
	cost        int64
	answered    chan struct{}
	decision    throttlekit.Decision
	err         error
}

func ask(ctx context.Context, client *servicedoor.Client, policy, key string, cost int64) *asked {
	a := &asked{policy: policy, key: key, cost: cost, answered: make(chan struct{})}
	go func() {
		defer close(a.answered)
		a.decision, a.err = client.CheckN(ctx, policy, key, cost)
		if wire := new(connect.Error); errors.As(a.err, &wire) {
			wire.Meta() // which changes it: callers that share a fault must not notice
		}
	}()
	return a
}

// queue is ask for a client all of whose seats are taken. It returns once the check waits.
func queue(t *testing.T, ctx context.Context, client *servicedoor.Client, policy, key string, cost int64) *asked {
	t.Helper()
	w := &waited{Context: ctx, asked: make(chan struct{})}
	a := ask(w, client, policy, key, cost)
	receive(t, w.asked, "the check does not wait")
	return a
}

// waited is a context that tells when somebody waits for its end: a check does once it is
// in the queue, and not before.
type waited struct {
	context.Context
	once  sync.Once
	asked chan struct{}
}

func (w *waited) Done() <-chan struct{} {
	w.once.Do(func() { close(w.asked) })
	return w.Context.Done()
}

// succeeds requires the decision on just this question.
func (a *asked) succeeds(t *testing.T) {
	t.Helper()
	receive(t, a.answered, "the check is not answered")
	if want := told(tellers[a.policy], a.key, a.cost); a.err != nil || a.decision != want {
		t.Errorf("check of %d for %s under %s: %+v, %v; want %+v", a.cost, a.key, a.policy, a.decision, a.err, want)
	}
}

// fails requires an error and returns it.
func (a *asked) fails(t *testing.T) *throttlekit.Error {
	t.Helper()
	receive(t, a.answered, "the check is not answered")
	return asFault(t, "check", a.err)
}

// stall is an interceptor of a client that holds as many requests as there are seats, and
// lets later ones pass.
type stall struct {
	requests atomic.Int64
	held     chan struct{}
	release  chan struct{} // closed by the test
}

func newStall() *stall { return &stall{held: make(chan struct{}), release: make(chan struct{})} }

func (s *stall) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
		if s.requests.Add(1) <= servicedoor.GatherSeats {
			s.held <- struct{}{}
			<-s.release
			return nil, connect.NewError(connect.CodeAborted, errors.New("held for long enough"))
		}
		return next(ctx, req)
	}
}

func (s *stall) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (s *stall) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

// occupy takes all seats of client with a check each.
func (s *stall) occupy(t *testing.T, client *servicedoor.Client) (calls []*asked) {
	t.Helper()
	for range servicedoor.GatherSeats {
		calls = append(calls, ask(t.Context(), client, "api", aKey, 1))
		receive(t, s.held, "the check does not leave")
	}
	return calls
}
