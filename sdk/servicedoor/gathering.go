package servicedoor

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
)

const (
	// gatherSeats is how many requests with checks are under way at once: one that the
	// server works on, and one that waits there for its turn. More make each smaller,
	// which 64 callers feel: go test ./sdk/servicedoor -run - -bench Gathering.
	gatherSeats = 2

	// gatherKeys is how many keys one request carries: as many as the service hands to
	// its Redis in one script.
	gatherKeys = 256

	// gatherWaiting is how many checks may wait for a seat.
	gatherWaiting = 16_384

	// longKey is the length in bytes from which a key travels alone. Services refuse a
	// request for one key that is too long, and its neighbours would be refused with it.
	longKey = 1 << 10
)

// route tells apart which checks may share a request.
type route struct {
	policy string
	cost   int64
}

type queue = gather.Queue[route, route]

func newQueue(c *Client) *queue {
	return gather.New[route](gather.Settings{
		Op:        opCheck,
		Seats:     gatherSeats,
		Limit:     gatherWaiting,
		MaxCalls:  gatherKeys,
		MaxWeight: gatherKeys,
		Patience:  0, // a stream that nobody waits for ends without harm to the others
	}, func() gather.Carrier[route] { return carrier{client: c} })
}

// checkGathered has a check travel with others that wait at the same moment, or at once
// and alone when there are none.
func (c *Client) checkGathered(ctx context.Context, r route, key string) (throttlekit.Decision, error) {
	if c.queue.Seat() {
		defer c.queue.Leave()
		return c.checkAlone(ctx, r, key)
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	weight := int64(1)
	if len(key) >= longKey {
		weight = gatherKeys
	}
	d, err := c.queue.Do(ctx, r, r, key, r.cost, weight)
	if fault, ok := err.(*throttlekit.Error); ok && (fault.Err == context.Canceled || fault.Err == context.DeadlineExceeded) {
		fault.Err = contextError(fault.Err) // the caller's context ended, so nobody shares the fault
	}
	return d, err
}

// carrier carries gathered checks over the client's own connections.
type carrier struct{ client *Client }

// Board implements [gather.Carrier].
func (carrier) Board(context.Context) error { return nil }

// Rest implements [gather.Carrier].
func (carrier) Rest() {}

// Carry implements [gather.Carrier].
func (c carrier) Carry(ctx context.Context, r route, calls []*gather.Call) {
	if len(calls) == 1 {
		calls[0].Decision, calls[0].Err = c.client.checkAlone(ctx, r, calls[0].Key)
		return
	}
	// Not used again: what an interceptor keeps of a request must not change under it.
	keys := make([]string, len(calls))
	for i, check := range calls {
		keys[i] = check.Key
	}
	decisions, err := c.client.checkTogether(ctx, opCheck, r, keys)
	if wire := new(connect.Error); errors.As(err, &wire) {
		wire.Meta() // is made at first use, for which the callers would race
	}
	for i, check := range calls {
		check.Err = err
		if err == nil {
			check.Decision = decisions[i]
		}
	}
}
