package localdoor

import (
	"context"
	"fmt"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Moment is one check of a replay, in the wire's own numbers, which may be fractions as
// in the contract's vectors.
type Moment struct {
	Now  float64 // the instant, in epoch milliseconds
	Cost float64 // the units to spend
}

// Replay runs a timeline of checks on one key, each at its own instant, and returns
// their decisions. It is meant for proofs such as the contract's golden vectors. The key
// is the timeline's alone: whatever it held is forgotten before the first check, and what
// the checks leave is forgotten after the last. Nothing expires meanwhile.
//
// A moment at 0 is [throttlekit.ErrInvalidArgument]: on the wire it stands for the
// server's time. Costs must be above 0; [WithMaxWork] does not apply.
func (l *Limiter) Replay(ctx context.Context, key string, moments []Moment) ([]throttlekit.Decision, error) {
	_, decisions, err := l.replay(ctx, key, moments, false)
	return decisions, err
}

// ProbeReplay runs a timeline as [Limiter.Replay] does, and before each check asks the
// dry run of the same cost at the same instant. It returns what the dry run said beside
// what the check then did.
func (l *Limiter) ProbeReplay(ctx context.Context, key string, moments []Moment) ([]script.Answer, []throttlekit.Decision, error) {
	if !l.runsDry() {
		return nil, nil, notSupported(opReplay, notDry)
	}
	return l.replay(ctx, key, moments, true)
}

func (l *Limiter) replay(ctx context.Context, key string, moments []Moment, probes bool) ([]script.Answer, []throttlekit.Decision, error) {
	for i, m := range moments {
		if m.Now == 0 || !(m.Cost > 0 && m.Cost <= throttlekit.MaxCost) {
			return nil, nil, &throttlekit.Error{Op: opReplay, Kind: throttlekit.ErrInvalidArgument,
				Err: fmt.Errorf("moment %d has now %v and cost %v, want a now other than 0 and a cost above 0", i, m.Now, m.Cost)}
		}
	}
	if err := l.forget(ctx, opReplay, key); err != nil {
		return nil, nil, err
	}
	// The key's state has no place in the store: one that is there for a moment could make
	// another go.
	var state script.State
	clock := l.store.clock.millis()
	var answers []script.Answer
	decisions := make([]throttlekit.Decision, len(moments))
	for i, m := range moments {
		if probes {
			answer, err := l.plan.DryLocal(&state, clock, m.Now, m.Cost)
			if err != nil {
				return nil, nil, fmt.Errorf("probe of moment %d: %w", i, failed(opReplay, true, err))
			}
			answers = append(answers, answer)
		}
		var err error
		if decisions[i], err = l.plan.CheckLocal(&state, clock, m.Now, m.Cost); err != nil {
			return nil, nil, fmt.Errorf("moment %d: %w", i, failed(opReplay, true, err))
		}
	}
	return answers, decisions, nil
}
