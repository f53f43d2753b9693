package server

import (
	"context"
	"fmt"

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

	policies *policyBook
}

// Check implements the RPC of that name.
func (r *rateLimiter) Check(ctx context.Context, req *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
	limiter, err := r.policies.find(req.GetPolicy())
	if err != nil {
		return nil, err
	}
	d, err := limiter.CheckN(ctx, req.GetKey(), units(req.GetCost()))
	if err != nil {
		return nil, status(ctx, opCheck, req.GetPolicy(), err, req.GetKey())
	}
	return &throttlekitv1.CheckResponse{Decision: toWire(d)}, nil
}

// CheckMany implements the RPC of that name. One key that fails fails the whole call:
// the contract has no place for an error beside a decision.
func (r *rateLimiter) CheckMany(ctx context.Context, req *throttlekitv1.CheckManyRequest) (*throttlekitv1.CheckManyResponse, error) {
	limiter, err := r.policies.find(req.GetPolicy())
	if err != nil {
		return nil, err
	}
	ds, err := limiter.CheckMany(ctx, req.GetKeys(), units(req.GetCost()))
	if err == nil && len(ds) != len(req.GetKeys()) {
		err = fmt.Errorf("the limiter gave %d decisions for %d keys", len(ds), len(req.GetKeys()))
	}
	if err != nil {
		return nil, status(ctx, opCheckMany, req.GetPolicy(), err, req.GetKeys()...)
	}
	res := &throttlekitv1.CheckManyResponse{Decisions: make([]*throttlekitv1.Decision, len(ds))}
	for i, d := range ds {
		res.Decisions[i] = toWire(d)
	}
	return res, nil
}

// Peek implements the RPC of that name.
func (r *rateLimiter) Peek(ctx context.Context, req *throttlekitv1.PeekRequest) (*throttlekitv1.PeekResponse, error) {
	limiter, err := r.policies.find(req.GetPolicy())
	if err != nil {
		return nil, err
	}
	d, err := limiter.Peek(ctx, req.GetKey())
	if err != nil {
		return nil, status(ctx, opPeek, req.GetPolicy(), err, req.GetKey())
	}
	return &throttlekitv1.PeekResponse{Decision: toWire(d)}, nil
}

// Forecast implements the RPC of that name.
func (r *rateLimiter) Forecast(ctx context.Context, req *throttlekitv1.ForecastRequest) (*throttlekitv1.ForecastResponse, error) {
	limiter, err := r.policies.find(req.GetPolicy())
	if err != nil {
		return nil, err
	}
	f, err := limiter.Forecast(ctx, req.GetKey(), units(req.GetCost()))
	if err != nil {
		return nil, status(ctx, opForecast, req.GetPolicy(), err, req.GetKey())
	}
	return &throttlekitv1.ForecastResponse{Forecast: &throttlekitv1.Forecast{
		SpendableNow:    f.SpendableNow,
		NextReplenishAt: instant(f.NextReplenishAt),
		FullAt:          instant(f.FullAt),
	}}, nil
}

// Debit implements the RPC of that name. No policy of this server is a token budget.
func (r *rateLimiter) Debit(ctx context.Context, req *throttlekitv1.DebitRequest) (*throttlekitv1.DebitResponse, error) {
	return nil, r.unsupported(ctx, opDebit, req.GetPolicy())
}

// Admit implements the RPC of that name. No policy of this server limits concurrency.
func (r *rateLimiter) Admit(ctx context.Context, req *throttlekitv1.AdmitRequest) (*throttlekitv1.AdmitResponse, error) {
	return nil, r.unsupported(ctx, opAdmit, req.GetPolicy())
}

func (r *rateLimiter) unsupported(ctx context.Context, op, policy string) error {
	if _, err := r.policies.find(policy); err != nil {
		return err
	}
	return status(ctx, op, policy, throttlekit.ErrNotSupported)
}

// units is the contract's rule for costs: what is not positive means 1.
func units(cost int64) int64 {
	return max(cost, 1)
}
