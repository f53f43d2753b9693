package resilient

import (
	"errors"
	"fmt"
	"math"

	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Share returns the strategy for one of so many replicas that count apart from each other:
// its amounts, such as limit, burst, capacity and what comes back in a second, divided by
// replicas; its times and its ways of counting as they are. Which is which the generator
// says, see [script.Param].
//
// Numbers of units are rounded down, so that all replicas together admit no more than the
// strategy does, but not below one unit, since a share of nothing would admit nothing:
// with more replicas than units they admit together up to one each.
func Share(strategy script.Strategy, replicas int) (*script.Plan, error) {
	if strategy == nil {
		return nil, errors.New("resilient: the strategy is nil")
	}
	if replicas < 1 {
		return nil, fmt.Errorf("resilient: a limit is shared among %d replicas, want at least 1", replicas)
	}
	whole, err := strategy.Plan()
	if err != nil {
		return nil, err
	}
	def := whole.Definition()
	values, shared := make([]float64, len(def.Params)), false
	for i, p := range def.Params {
		values[i], _ = whole.Value(p.Name)
		if p.Amount {
			values[i], shared = portion(p, values[i], replicas), true
		}
	}
	if !shared && replicas > 1 {
		return nil, fmt.Errorf("resilient: strategy %s has no amount that replicas could share", def.Name)
	}
	plan, err := def.Plan(values...)
	if err != nil {
		return nil, fmt.Errorf("resilient: shared among %d replicas: %w", replicas, err)
	}
	return plan, nil
}

// portion is a replica's part of an amount. What comes back in a second needs no rounding:
// it adds up.
func portion(p script.Param, amount float64, replicas int) float64 {
	part := amount / float64(replicas)
	if p.Unit == script.PerSecond {
		return part
	}
	// An amount below one unit, which the wire allows, is not raised to one.
	return max(math.Floor(part), min(amount, 1))
}

// LocalShare returns a limiter in the memory of this process for [WithFailLocal]: one
// replica's share of a strategy. Replicas is how many are expected to run; if there are
// more, they admit more together. An error is the strategy's, or
// [throttlekit.ErrNotSupported] for one that has no form in Go.
func LocalShare(strategy script.Strategy, replicas int, opts ...localdoor.Option) (*localdoor.Limiter, error) {
	plan, err := Share(strategy, replicas)
	if err != nil {
		return nil, err
	}
	return localdoor.New(plan, opts...)
}
