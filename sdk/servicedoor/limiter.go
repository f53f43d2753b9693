package servicedoor

import (
	"context"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// Limiter is the limit that the service keeps under the name policy. Nothing is asked
// yet: a name that the service does not know shows at the first call, as
// [throttlekit.ErrPolicyNotFound]. It lives as long as c.
func (c *Client) Limiter(policy string) throttlekit.Limiter {
	return &limiter{client: c, policy: policy}
}

type limiter struct {
	client *Client
	policy string
}

var _ throttlekit.Limiter = (*limiter)(nil)

func (l *limiter) Check(ctx context.Context, key string) (throttlekit.Decision, error) {
	return l.client.Check(ctx, l.policy, key)
}

func (l *limiter) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	return l.client.CheckN(ctx, l.policy, key, cost)
}

func (l *limiter) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	return l.client.CheckMany(ctx, l.policy, keys, cost)
}

func (l *limiter) Peek(ctx context.Context, key string) (throttlekit.Decision, error) {
	return l.client.Peek(ctx, l.policy, key)
}

func (l *limiter) Forecast(ctx context.Context, key string, cost int64) (throttlekit.Forecast, error) {
	return l.client.Forecast(ctx, l.policy, key, cost)
}
