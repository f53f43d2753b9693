package server

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// The words that messages use for the operations, as in the contract's other servers.
const (
	opCheck     = "check"
	opCheckMany = "checkMany"
	opPeek      = "peek"
	opForecast  = "forecast"
	opDebit     = "debit"
	opAdmit     = "admit"
)

// rateLimiter is the RateLimiter service over limiters.
type rateLimiter struct {
	// Release and Heartbeat name leases, of which there are none without Admit.
	throttlekitv1connect.UnimplementedRateLimiterHandler

	policies atomic.Pointer[policyBook]
	settings *settings
	store    *store
}

// question is a request as the limiters see it.
type question struct {
	op, policy string
	keys       []string
	cost       int64
}

// call answers one question: what every operation has in common. ask puts the question to
// the policy's limiter.
func call[Res any](
	ctx context.Context,
	r *rateLimiter,
	q question,
	ask func(context.Context, *servedPolicy, question) (*Res, error),
) (*Res, error) {
	began := time.Now()
	p, err := r.policies.Load().find(q.policy)
	if err != nil {
		// The caller chose the name, so it is not one to count by.
		r.settings.observer.Called(q.op, "", time.Since(began), err)
		return nil, err
	}
	res, err := func() (*Res, error) {
		if err := p.offers(q.op); err != nil {
			return nil, err
		}
		if err := q.validate(); err != nil {
			return nil, err
		}
		return ask(ctx, p, q)
	}()
	r.settings.observer.Called(q.op, p.Name, time.Since(began), err)
	return res, err
}

// Check implements the RPC of that name.
func (r *rateLimiter) Check(ctx context.Context, req *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
	q := question{op: opCheck, policy: req.GetPolicy(), keys: []string{req.GetKey()}, cost: units(req.GetCost())}
	return call(ctx, r, q, r.check)
}

func (r *rateLimiter) check(ctx context.Context, p *servedPolicy, q question) (*throttlekitv1.CheckResponse, error) {
	d, err := p.limiter.CheckN(ctx, q.keys[0], q.cost)
	if err != nil {
		r.noteFailure(ctx, p, q, err)
		madeUp, stands := r.standIn(ctx, p, err)
		if !stands {
			return nil, status(ctx, q, err)
		}
		d = madeUp
	}
	r.settings.observer.Decided(p.Name, d, d.Degraded())
	return &throttlekitv1.CheckResponse{Decision: toWire(d)}, nil
}

// CheckMany implements the RPC of that name. The contract has no place for an error beside
// a decision: without a fail mode one key that fails fails the whole call.
func (r *rateLimiter) CheckMany(ctx context.Context, req *throttlekitv1.CheckManyRequest) (*throttlekitv1.CheckManyResponse, error) {
	q := question{op: opCheckMany, policy: req.GetPolicy(), keys: req.GetKeys(), cost: units(req.GetCost())}
	return call(ctx, r, q, r.checkMany)
}

func (r *rateLimiter) checkMany(ctx context.Context, p *servedPolicy, q question) (*throttlekitv1.CheckManyResponse, error) {
	ds, err := p.limiter.CheckMany(ctx, q.keys, q.cost)
	if err != nil {
		r.noteFailure(ctx, p, q, err)
		madeUp, stands := r.standIn(ctx, p, err)
		if !stands {
			return nil, status(ctx, q, err)
		}
		ds = withStandIn(madeUp, ds, err, len(q.keys))
	}
	res := &throttlekitv1.CheckManyResponse{Decisions: make([]*throttlekitv1.Decision, len(q.keys))}
	for i, d := range ds {
		r.settings.observer.Decided(p.Name, d, d.Degraded())
		res.Decisions[i] = toWire(d)
	}
	return res, nil
}

// withStandIn puts a decision in the place of those that failed: the keys that the limiter
// named, else all.
func withStandIn(madeUp throttlekit.Decision, ds []throttlekit.Decision, err error, keys int) []throttlekit.Decision {
	var many *throttlekit.ManyError
	named := errors.As(err, &many) && len(ds) == keys
	if !named {
		ds = make([]throttlekit.Decision, keys)
	}
	for i := range ds {
		if !named || many.Errors[i] != nil {
			ds[i] = madeUp
		}
	}
	return ds
}

// Peek implements the RPC of that name.
func (r *rateLimiter) Peek(ctx context.Context, req *throttlekitv1.PeekRequest) (*throttlekitv1.PeekResponse, error) {
	q := question{op: opPeek, policy: req.GetPolicy(), keys: []string{req.GetKey()}, cost: 1}
	return call(ctx, r, q, func(ctx context.Context, p *servedPolicy, q question) (*throttlekitv1.PeekResponse, error) {
		d, err := p.limiter.Peek(ctx, q.keys[0])
		if err != nil {
			r.noteFailure(ctx, p, q, err)
			return nil, status(ctx, q, err)
		}
		return &throttlekitv1.PeekResponse{Decision: toWire(d)}, nil
	})
}

// Forecast implements the RPC of that name.
func (r *rateLimiter) Forecast(ctx context.Context, req *throttlekitv1.ForecastRequest) (*throttlekitv1.ForecastResponse, error) {
	q := question{op: opForecast, policy: req.GetPolicy(), keys: []string{req.GetKey()}, cost: units(req.GetCost())}
	return call(ctx, r, q, func(ctx context.Context, p *servedPolicy, q question) (*throttlekitv1.ForecastResponse, error) {
		f, err := p.limiter.Forecast(ctx, q.keys[0], q.cost)
		if err != nil {
			r.noteFailure(ctx, p, q, err)
			return nil, status(ctx, q, err)
		}
		return &throttlekitv1.ForecastResponse{Forecast: &throttlekitv1.Forecast{
			SpendableNow:    f.SpendableNow,
			NextReplenishAt: instant(f.NextReplenishAt),
			FullAt:          instant(f.FullAt),
		}}, nil
	})
}

// Debit implements the RPC of that name. No policy of this server is a token budget.
func (r *rateLimiter) Debit(ctx context.Context, req *throttlekitv1.DebitRequest) (*throttlekitv1.DebitResponse, error) {
	return call[throttlekitv1.DebitResponse](ctx, r, question{op: opDebit, policy: req.GetPolicy()}, nil)
}

// Admit implements the RPC of that name. No policy of this server limits concurrency.
func (r *rateLimiter) Admit(ctx context.Context, req *throttlekitv1.AdmitRequest) (*throttlekitv1.AdmitResponse, error) {
	return call[throttlekitv1.AdmitResponse](ctx, r, question{op: opAdmit, policy: req.GetPolicy()}, nil)
}

// units is the contract's rule for costs: what is not positive means 1.
func units(cost int64) int64 {
	return max(cost, 1)
}
