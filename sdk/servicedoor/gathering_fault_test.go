package servicedoor_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"connectrpc.com/connect"
	"go.uber.org/goleak"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// underWay has three checks on their way in one request.
func (g *gate) underWay(client *servicedoor.Client) (calls []*asked, r *request, occupants []*asked) {
	g.t.Helper()
	occupants, held := g.occupy(client)
	for _, key := range []string{aKey, "bob-1", aKey} {
		calls = append(calls, queue(g.t, g.t.Context(), client, "api", key, 1))
	}
	held[0].answer <- nil
	occupants[0].succeeds(g.t)
	return calls, g.next(), occupants[1:]
}

// TestGatheredFaults: every check of a request that failed gets the fault as its own.
func TestGatheredFaults(t *testing.T) {
	said := func(code connect.Code) func(*request) {
		return func(r *request) { r.answer <- connect.NewError(code, errors.New("so it is")) }
	}
	replied := func(ds ...*throttlekitv1.Decision) func(*request) {
		return func(r *request) {
			r.reply = &throttlekitv1.CheckManyResponse{Decisions: ds}
			r.answer <- nil
		}
	}
	for _, tt := range []struct {
		name   string
		answer func(*request)
		source throttlekit.FaultSource
		kind   error
		may    bool
		reason string
	}{
		{
			name: "no such policy", answer: said(connect.CodeNotFound),
			source: throttlekit.SourceServer, kind: throttlekit.ErrPolicyNotFound,
			reason: "the policy is one for all of them",
		},
		{
			name: "internal", answer: said(connect.CodeInternal),
			source: throttlekit.SourceServer, may: true,
			reason: "the service does not say which key it failed on",
		},
		{
			name: "unavailable", answer: said(connect.CodeUnavailable),
			source: throttlekit.SourceServer, kind: throttlekit.ErrUnavailable, may: true,
			reason: "a server may say so after its store was asked",
		},
		{
			name: "connection breaks", answer: func(r *request) { _ = r.conn.Close() },
			source: throttlekit.SourceTransport, kind: throttlekit.ErrUnavailable, may: true,
			reason: "the answer is lost",
		},
		{
			name: "no decisions", answer: replied(),
			source: throttlekit.SourceDecoding, kind: throttlekit.ErrMalformedReply, may: true,
			reason: "an answer for nobody",
		},
		{
			name: "a decision too few", answer: replied(decided(), decided()),
			source: throttlekit.SourceDecoding, kind: throttlekit.ErrMalformedReply, may: true,
			reason: "whose is missing?",
		},
		{
			name: "a decision too many", answer: replied(decided(), decided(), decided(), decided()),
			source: throttlekit.SourceDecoding, kind: throttlekit.ErrMalformedReply, may: true,
			reason: "whose is the third?",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t)
			client := g.dial()
			calls, r, _ := g.underWay(client)
			tt.answer(r)
			for _, a := range calls {
				fault := a.fails(t)
				if fault.Source != tt.source || fault.Kind != tt.kind || fault.MayHaveConsumed != tt.may {
					t.Errorf("%+v, want %v from %v, may have consumed: %t: %s", fault, tt.kind, tt.source, tt.may, tt.reason)
				}
			}
			g.none() // nothing was sent again
		})
	}
}

// TestGatheringOutlivesAConnection: what waits when the connection breaks was not sent,
// and goes over the next.
func TestGatheringOutlivesAConnection(t *testing.T) {
	g := newGate(t)
	client := g.dial()
	broken, r, occupants := g.underWay(client)
	waiting := []*asked{
		queue(t, t.Context(), client, "login", "carol-1", 1),
		queue(t, t.Context(), client, "login", "carol-2", 1),
	}
	_ = r.conn.Close()
	for _, a := range append(broken, occupants...) {
		if fault := a.fails(t); fault.Kind != throttlekit.ErrUnavailable || !fault.MayHaveConsumed {
			t.Errorf("%+v, want ErrUnavailable that may have consumed", fault)
		}
	}
	next := g.next()
	if got, want := next.String(), "CheckMany login 1 [carol-1 carol-2]"; got != want {
		t.Errorf("the next request is %s, want %s", got, want)
	}
	if next.conn == r.conn {
		t.Error("the request came over the connection that broke")
	}
	next.answer <- nil
	for _, a := range waiting {
		a.succeeds(t)
	}
	g.none()
}

// TestGatheredWithoutConnection: where no connection comes about, nothing was sent for
// any of those who travel together.
func TestGatheredWithoutConnection(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	stalled := newStall()
	client := dial(t, gone.URL, servicedoor.WithGathering(), servicedoor.WithInterceptors(stalled))
	stalled.occupy(t, client)
	var calls []*asked
	for range 3 {
		calls = append(calls, queue(t, t.Context(), client, "api", aKey, 1))
	}
	close(stalled.release)
	for _, a := range calls {
		fault := a.fails(t)
		if fault.Source != throttlekit.SourceTransport || fault.Kind != throttlekit.ErrUnavailable || fault.MayHaveConsumed {
			t.Errorf("%+v, want the transport's ErrUnavailable, nothing consumed", fault)
		}
	}
	if got, want := stalled.requests.Load(), int64(servicedoor.GatherSeats+1); got != want {
		t.Errorf("%d requests, want %d: the checks did not travel together", got, want)
	}
}

// TestCloseEndsGathering: nobody is left waiting, and no goroutine.
func TestCloseEndsGathering(t *testing.T) {
	g := newGate(t)
	others := goleak.IgnoreCurrent()
	client := g.dial()
	sent, _, occupants := g.underWay(client)
	waiting := []*asked{
		queue(t, t.Context(), client, "api", aKey, 1),
		queue(t, t.Context(), client, "login", aKey, 1),
	}
	if err := client.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for _, a := range append(sent, occupants...) {
		if fault := a.fails(t); fault.Kind != throttlekit.ErrUnavailable || !fault.MayHaveConsumed {
			t.Errorf("a check cut off by Close: %+v, want ErrUnavailable that may have consumed", fault)
		}
	}
	for _, a := range append(waiting, ask(t.Context(), client, "api", aKey, 1)) {
		fault := a.fails(t)
		if fault.Source != throttlekit.SourceSDK || fault.Kind != throttlekit.ErrUnavailable || fault.MayHaveConsumed {
			t.Errorf("a check that waited, or came, at Close: %+v, want the SDK's ErrUnavailable, nothing consumed", fault)
		}
	}
	g.none()
	goleak.VerifyNone(t, others)
}
