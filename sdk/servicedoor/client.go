package servicedoor

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/keyhash"
)

// The operations, in the contract's spelling.
const (
	opCheck     = "check"
	opCheckMany = "checkMany"
	opPeek      = "peek"
	opForecast  = "forecast"
)

var errClosed = errors.New("the service door's client is closed")

// Client speaks to one throttlekit service. It is safe for concurrent use, and one per
// service is enough: its connections are shared and reused.
type Client struct {
	rateLimiter throttlekitv1connect.RateLimiterClient
	monitor     throttlekitv1connect.MonitorClient
	fleet       throttlekitv1connect.FleetClient

	timeout time.Duration
	hash    *keyhash.Hash // or nil
	queue   *queue        // of checks that travel together, or nil
	closed  atomic.Bool
	hangUp  func()
}

// New makes a client for the service at address: http://host:port, https://host:port (a
// path in front of the service is allowed, and the port may be left out of a URL), or a
// bare host:port, which means http. It never dials; a wrong but well-formed address shows
// at the first call. Its errors never repeat the address, which may hold a secret.
func New(address string, options ...Option) (*Client, error) {
	base, err := parseAddress(address)
	if err != nil {
		return nil, fmt.Errorf("servicedoor: %w", err)
	}
	settings, err := newSettings(base, options)
	if err != nil {
		return nil, fmt.Errorf("servicedoor: %w", err)
	}

	client := &Client{timeout: settings.timeout, hash: settings.hash}
	httpClient, hangUp := settings.newHTTPClient(base)
	client.hangUp = hangUp
	once := onceClient{client: httpClient, closed: &client.closed, secret: settings.secret}
	connectOptions := settings.connectOptions()
	client.rateLimiter = throttlekitv1connect.NewRateLimiterClient(once, base.String(), connectOptions...)
	client.monitor = throttlekitv1connect.NewMonitorClient(once, base.String(), connectOptions...)
	client.fleet = throttlekitv1connect.NewFleetClient(once, base.String(), connectOptions...)
	if settings.gathering {
		client.queue = newQueue(client)
	}
	return client, nil
}

// Check spends one unit of key's limit under policy if it can. See the package
// documentation for its errors.
func (c *Client) Check(ctx context.Context, policy, key string) (throttlekit.Decision, error) {
	return c.CheckN(ctx, policy, key, 1)
}

// CheckN spends cost units of key's limit under policy if it can spend all of them, else
// none. cost is 1 to [throttlekit.MaxCost].
func (c *Client) CheckN(ctx context.Context, policy, key string, cost int64) (throttlekit.Decision, error) {
	if err := c.validate(opCheck, policy, cost, key); err != nil {
		return throttlekit.Decision{}, err
	}
	key = c.onWire(key)
	r := route{policy: policy, cost: cost}
	if c.queue != nil {
		return c.checkGathered(ctx, r, key)
	}
	return c.checkAlone(ctx, r, key)
}

// checkAlone is one check in a request of its own.
func (c *Client) checkAlone(ctx context.Context, r route, key string) (throttlekit.Decision, error) {
	res, err := call(ctx, c, opCheck, c.rateLimiter.Check, &throttlekitv1.CheckRequest{
		Policy: r.policy, Key: key, Cost: r.cost,
	})
	if err != nil {
		return throttlekit.Decision{}, err
	}
	return decision(opCheck, res.GetDecision())
}

// CheckMany runs CheckN for each of keys in one call and answers in the same order. No
// keys give an empty slice without a call. The keys are decided one by one; when the call
// fails, any of them may have been consumed where MayHaveConsumed says so.
func (c *Client) CheckMany(ctx context.Context, policy string, keys []string, cost int64) ([]throttlekit.Decision, error) {
	if err := c.validate(opCheckMany, policy, cost, keys...); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return []throttlekit.Decision{}, c.ready(ctx, opCheckMany)
	}
	if c.hash != nil {
		plain := keys
		keys = make([]string, len(plain))
		for i, key := range plain {
			keys[i] = c.onWire(key)
		}
	}
	return c.checkTogether(ctx, opCheckMany, route{policy: policy, cost: cost}, keys)
}

// checkTogether is one request with many keys. op is what its caller was asked for.
func (c *Client) checkTogether(ctx context.Context, op string, r route, keys []string) ([]throttlekit.Decision, error) {
	res, err := call(ctx, c, op, c.rateLimiter.CheckMany, &throttlekitv1.CheckManyRequest{
		Policy: r.policy, Keys: keys, Cost: r.cost,
	})
	if err != nil {
		return nil, err
	}
	return decisions(op, res.GetDecisions(), len(keys))
}

// Peek reports what a check of cost 1 would find now, and consumes nothing.
func (c *Client) Peek(ctx context.Context, policy, key string) (throttlekit.Decision, error) {
	if err := c.validate(opPeek, policy, 1, key); err != nil {
		return throttlekit.Decision{}, err
	}
	res, err := call(ctx, c, opPeek, c.rateLimiter.Peek, &throttlekitv1.PeekRequest{
		Policy: policy, Key: c.onWire(key),
	})
	if err != nil {
		return throttlekit.Decision{}, err
	}
	return decision(opPeek, res.GetDecision())
}

// Forecast reports how often cost could be spent now and when more comes back, and
// consumes nothing. cost is 1 to [throttlekit.MaxCost].
func (c *Client) Forecast(ctx context.Context, policy, key string, cost int64) (throttlekit.Forecast, error) {
	if err := c.validate(opForecast, policy, cost, key); err != nil {
		return throttlekit.Forecast{}, err
	}
	res, err := call(ctx, c, opForecast, c.rateLimiter.Forecast, &throttlekitv1.ForecastRequest{
		Policy: policy, Key: c.onWire(key), Cost: cost,
	})
	if err != nil {
		return throttlekit.Forecast{}, err
	}
	return forecast(res.GetForecast())
}

// RateLimiter is the generated client of the RateLimiter service. It shares the
// connections, the protocol, the interceptors and the secret of c, but neither
// [WithTimeout] nor [WithKeyHash], and its errors are connect's own.
func (c *Client) RateLimiter() throttlekitv1connect.RateLimiterClient { return c.rateLimiter }

// Monitor is the generated client of the Monitor service, on the terms of
// [Client.RateLimiter].
func (c *Client) Monitor() throttlekitv1connect.MonitorClient { return c.monitor }

// Fleet is the generated client of the Fleet service, on the terms of
// [Client.RateLimiter].
func (c *Client) Fleet() throttlekitv1connect.FleetClient { return c.fleet }

// Close ends the client and its connections. Calls made afterwards fail, and so do calls
// that are under way or wait to be gathered: wait for them first. An HTTP client given with
// [WithHTTPClient] stays as it is. Close always returns nil and may be called again.
func (c *Client) Close() error {
	c.closed.Store(true)
	c.hangUp()
	if c.queue != nil {
		c.queue.Close() // its goroutines end when the calls under way have failed
	}
	return nil
}
