package server

import (
	"context"
	"errors"
	"fmt"
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
// the policy's limiter, with a context that ends when the caller gives up or the store
// has had its time.
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
		timeout := r.settings.storeTimeout + time.Duration(len(q.keys))*keyTimeout
		bounded, cancel := context.WithDeadlineCause(ctx, began.Add(timeout), errSlowStore)
		defer cancel()
		return ask(bounded, p, q)
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
	d, err := p.Limiter.CheckN(ctx, q.keys[0], q.cost)
	madeUp := false
	if err != nil {
		r.noteFailure(ctx, p, q, err)
		if !r.standsIn(ctx, err) {
			return nil, status(ctx, q, err)
		}
		d, madeUp = r.settings.failMode.decision(p.Limit), true
	}
	r.settings.observer.Decided(p.Name, d, madeUp)
	return &throttlekitv1.CheckResponse{Decision: toWire(d)}, nil
}

// CheckMany implements the RPC of that name. The contract has no place for an error beside
// a decision: without a fail mode one key that fails fails the whole call.
func (r *rateLimiter) CheckMany(ctx context.Context, req *throttlekitv1.CheckManyRequest) (*throttlekitv1.CheckManyResponse, error) {
	q := question{op: opCheckMany, policy: req.GetPolicy(), keys: req.GetKeys(), cost: units(req.GetCost())}
	return call(ctx, r, q, r.checkMany)
}

func (r *rateLimiter) checkMany(ctx context.Context, p *servedPolicy, q question) (*throttlekitv1.CheckManyResponse, error) {
	ds, err := p.Limiter.CheckMany(ctx, q.keys, q.cost)
	if err == nil && len(ds) != len(q.keys) {
		err = fmt.Errorf("the limiter gave %d decisions for %d keys", len(ds), len(q.keys))
	}
	failed := func(int) bool { return false }
	if err != nil {
		r.noteFailure(ctx, p, q, err)
		if !r.standsIn(ctx, err) {
			return nil, status(ctx, q, err)
		}
		failed = failures(err, len(ds), len(q.keys))
	}
	res := &throttlekitv1.CheckManyResponse{Decisions: make([]*throttlekitv1.Decision, len(q.keys))}
	for i := range q.keys {
		d, madeUp := r.settings.failMode.decision(p.Limit), failed(i)
		if !madeUp {
			d = ds[i]
		}
		r.settings.observer.Decided(p.Name, d, madeUp)
		res.Decisions[i] = toWire(d)
	}
	return res, nil
}

// failures says which keys failed: those that the limiter named, where it gave decisions of
// the others beside its error, else all.
func failures(err error, decisions, keys int) func(i int) bool {
	var many *throttlekit.ManyError
	if errors.As(err, &many) && len(many.Errors) == keys && decisions == keys {
		return func(i int) bool { return many.Errors[i] != nil }
	}
	return func(int) bool { return true }
}

// Peek implements the RPC of that name.
func (r *rateLimiter) Peek(ctx context.Context, req *throttlekitv1.PeekRequest) (*throttlekitv1.PeekResponse, error) {
	q := question{op: opPeek, policy: req.GetPolicy(), keys: []string{req.GetKey()}, cost: 1}
	return call(ctx, r, q, func(ctx context.Context, p *servedPolicy, q question) (*throttlekitv1.PeekResponse, error) {
		d, err := p.Limiter.Peek(ctx, q.keys[0])
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
		f, err := p.Limiter.Forecast(ctx, q.keys[0], q.cost)
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
