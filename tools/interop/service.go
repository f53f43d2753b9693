package main

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// serviceLimit is small enough to be spent check by check.
const serviceLimit = 5

// The policies beside one for each strategy.
const (
	budgetPolicy  = "budget"   // of a kind that this service lists and does not serve
	twoTierPolicy = "two-tier" // one that cannot be peeked at
	noPolicy      = "nobody's" // one that no file has
)

// policyOf is the name of a strategy's policy, and so the prefix of its keys.
func policyOf(d *script.Definition) string { return "interop-" + d.Name }

// policies are what the services are started with.
type policies struct {
	file   []byte                        // as a policy file
	plans  map[string]*script.Plan       // of those that have a strategy, by name
	params map[string]map[string]float64 // likewise, by ARGV name
}

// roomyPolicies are one policy for each strategy, under which nothing comes back for a
// day, and the others. now is in epoch milliseconds.
func roomyPolicies(now int64) (p policies, err error) {
	p = policies{plans: map[string]*script.Plan{}, params: map[string]map[string]float64{}}
	limiters := map[string]any{budgetPolicy: map[string]any{
		"tokenBudget": map[string]any{"budget": 100, "windowMs": hour},
	}}
	for i, d := range strategy.All() {
		name := policyOf(d)
		if p.params[name], p.plans[name], err = roomy(d, serviceLimit, now); err != nil {
			return policies{}, err
		}
		policy := map[string]any{"strategy": d.Name}
		for field, value := range p.params[name] {
			policy[field] = value
		}
		limiters[name] = policy
		if i == 0 {
			twoTier := maps.Clone(policy)
			twoTier["twoTier"] = map[string]any{"mode": "leased"}
			limiters[twoTierPolicy] = twoTier
		}
	}
	p.file, err = json.Marshal(map[string]any{"version": 1, "limiters": limiters})
	return p, err
}

// service is a running service, seen through one backend of the Python client and, for
// comparison, through our service door.
type service struct {
	*session
	target  string
	backend string
	ops     []string // what the backend offers
	mine    *servicedoor.Client
	policies
	onRedis bool // whether its keys are on the session's Redis
}

// serviceAnswer is what a method of the Python client's service backend returned.
type serviceAnswer struct {
	Decision  decision   `json:"decision"`
	Decisions []decision `json:"decisions"`
	Forecast  forecast   `json:"forecast"`
}

func (v *service) call(ctx context.Context, method string, arguments ...any) (a serviceAnswer, err error) {
	if arguments == nil {
		arguments = []any{}
	}
	err = v.peer.call(ctx, map[string]any{"op": "service", "backend": v.backend, "target": v.target,
		"method": method, "arguments": arguments}, &a)
	return a, err
}

// limiter is our Redis door to a policy of the service, by the policy's own prefix.
func (v *service) limiter(policy string) (*redisdoor.Limiter, error) {
	return redisdoor.New(v.pool, v.plans[policy], redisdoor.WithPrefix(policy))
}
