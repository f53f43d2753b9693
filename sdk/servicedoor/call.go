package servicedoor

import (
	"context"
	"errors"

	"connectrpc.com/connect"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// ready reports why a call with ctx should not even be tried.
func (c *Client) ready(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return &throttlekit.Error{Op: op, Err: contextError(err)}
	}
	if c.closed.Load() {
		return &throttlekit.Error{Op: op, Kind: throttlekit.ErrUnavailable, Err: errClosed}
	}
	return nil
}

// bound puts the client's timeout on a call.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.timeout)
}

// call is one round trip: exactly one request, or none.
func call[Req, Res any](
	ctx context.Context,
	c *Client,
	op string,
	rpc func(context.Context, *Req) (*Res, error),
	req *Req,
) (*Res, error) {
	if err := c.ready(ctx, op); err != nil {
		return nil, err
	}
	ctx, cancel := c.bound(ctx)
	defer cancel()
	var trip trip
	res, err := rpc(trip.trace(ctx), req)
	if err != nil {
		if ctx.Err() != nil {
			trip.doubt()
		}
		return nil, fault(ctx, op, err, &trip)
	}
	return res, nil
}

// contextError gives an ended context the status code that a server would have given it.
func contextError(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return connect.NewError(connect.CodeDeadlineExceeded, err)
	}
	return connect.NewError(connect.CodeCanceled, err)
}
