package contest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// strategyMatches are the door against itself, with every strategy of the contract.
func strategyMatches() []Match {
	var matches []Match
	for _, d := range strategy.All() {
		for _, goroutines := range []int{64, 512} {
			matches = append(matches, Match{
				Name:       fmt.Sprintf("Strategy/strategy=%s/goroutines=%d", d.Name, goroutines),
				goroutines: goroutines, repeats: 1,
				Contenders: []Contender{
					strategyContender(fusedContender, d),
					strategyContender(unfusedContender, d, redisdoor.WithoutFusing()),
				},
			})
		}
	}
	return matches
}

// strategyContender is c with another strategy. How many checks are admitted depends on
// its speed here: one limit that means the same to every strategy there is not.
func strategyContender(c Contender, d *script.Definition, opts ...redisdoor.Option) Contender {
	c.measure = func(ctx context.Context, a *Arena, l load.Load) (_ results.Sample, err error) {
		plan, err := ordinary(d)
		if err != nil {
			return results.Sample{}, err
		}
		limiter, close, err := openLimiter(a, l.Goroutines, plan, opts...)
		if err != nil {
			return results.Sample{}, err
		}
		defer func() { err = errors.Join(err, close()) }()
		return l.Run(1, func(i int) (int, error) {
			d, err := limiter.Check(context.Background(), keys[i])
			return count(d.Allowed), err
		})
	}
	return c
}

// ordinary is a limit of about a hundred a second.
func ordinary(d *script.Definition) (*script.Plan, error) { return planOf(d, 100, time.Second) }

// planOf is a limit of so many a period, whatever parameters the strategy has: each count
// is the limit, each time the period, each rate both, and what has a default keeps it.
func planOf(d *script.Definition, limit float64, period time.Duration) (*script.Plan, error) {
	params := make(map[string]float64)
	for _, p := range d.Params {
		switch {
		case p.Default != 0 || p.DefaultFrom != "":
		case p.Unit == script.Milliseconds:
			params[p.Name] = script.Millis(period)
		case p.Unit == script.PerSecond:
			params[p.Name] = limit / period.Seconds()
		default:
			params[p.Name] = limit
		}
	}
	return d.New(params)
}
