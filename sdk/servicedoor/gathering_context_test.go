package servicedoor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// TestGatheredContextsEnd: a context ends one call and no other.
func TestGatheredContextsEnd(t *testing.T) {
	t.Run("while the check waits", func(t *testing.T) {
		g := newGate(t)
		client := g.dial()
		calls, held := g.occupy(client)
		ctx, leave := context.WithCancel(t.Context())
		leaver := queue(t, ctx, client, "api", aKey, 1)
		calls = append(calls, queue(t, t.Context(), client, "api", "bob-1", 1), queue(t, t.Context(), client, "api", "bob-2", 1))
		leave()
		fault := leaver.fails(t)
		if fault.Source != throttlekit.SourceSDK || fault.Kind != nil || fault.MayHaveConsumed ||
			!errors.Is(fault, context.Canceled) || connect.CodeOf(fault) != connect.CodeCanceled {
			t.Errorf("%+v, want canceled, nothing consumed", fault)
		}
		for _, r := range held {
			r.answer <- nil
		}
		r := g.next()
		if diff := cmp.Diff([]string{"bob-1", "bob-2"}, r.keys); diff != "" {
			t.Errorf("keys in the request (-want +got):\n%s", diff)
		}
		r.answer <- nil
		for _, a := range calls {
			a.succeeds(t)
		}
	})
	t.Run("while its request is under way", func(t *testing.T) {
		g := newGate(t)
		client := g.dial()
		calls, held := g.occupy(client)
		ctx, leave := context.WithCancel(t.Context())
		leaver := queue(t, ctx, client, "api", aKey, 1)
		calls = append(calls, queue(t, t.Context(), client, "api", "bob-1", 1))
		for _, r := range held {
			r.answer <- nil
		}
		r := g.next()
		leave()
		fault := leaver.fails(t)
		if fault.Source != throttlekit.SourceTransport || fault.Kind != nil || !fault.MayHaveConsumed ||
			!errors.Is(fault, context.Canceled) || connect.CodeOf(fault) != connect.CodeCanceled {
			t.Errorf("%+v, want canceled, may have consumed", fault)
		}
		r.answer <- nil
		for _, a := range calls {
			a.succeeds(t)
		}
	})
	t.Run("of all in a request", func(t *testing.T) {
		g := newGate(t)
		client := g.dial()
		_, held := g.occupy(client)
		ctx, leave := context.WithCancel(t.Context())
		leavers := []*asked{queue(t, ctx, client, "api", aKey, 1), queue(t, ctx, client, "api", aKey, 1)}
		held[0].answer <- nil
		r := g.next()
		leave()
		for _, a := range leavers {
			if fault := a.fails(t); !fault.MayHaveConsumed {
				t.Errorf("%+v, want one that may have consumed", fault)
			}
		}
		receive(t, r.ctx.Done(), "the service was not told that nobody waits any more")
		after := ask(t.Context(), client, "api", "bob-1", 1) // the seat is free again
		g.next().answer <- nil
		after.succeeds(t)
	})
	t.Run("by the client's timeout", func(t *testing.T) {
		g := newGate(t)
		// Holds the seats beyond any timeout: the wait for one is what is to end.
		stalled := newStall()
		client := g.dial(servicedoor.WithTimeout(20*time.Millisecond), servicedoor.WithInterceptors(stalled))
		occupants := stalled.occupy(t, client)
		fault := ask(t.Context(), client, "api", aKey, 1).fails(t)
		if fault.Source != throttlekit.SourceSDK || fault.Kind != nil || fault.MayHaveConsumed ||
			!errors.Is(fault, context.DeadlineExceeded) || connect.CodeOf(fault) != connect.CodeDeadlineExceeded {
			t.Errorf("%+v, want the deadline, nothing consumed", fault)
		}
		close(stalled.release)
		for _, a := range occupants {
			a.fails(t)
		}
	})
}
