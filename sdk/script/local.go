package script

import (
	"errors"
	"fmt"
	"math"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// Local is a check script translated to Go: it decides on, and writes to, the state of
// one key. It returns the numbers of the script's reply that make a decision, before
// Redis would cut them to integers, or the error that the script would end with.
// Functions of this type are generated; nobody writes one by hand.
//
// The numbers are results of their own, and not one of a struct or an array, since Go
// then passes them in registers.
type Local func(s *State, in Input) (allowed, limit, remaining, resetAt, retryAfterMs float64, err error)

// Input is what a check is given besides its state.
type Input struct {
	// Now is ARGV[1], an instant in epoch milliseconds, and Cost the units to spend.
	Now, Cost float64
	// Params are the parameters, in the order of Definition.Params.
	Params []float64
	// Clock is the owner's time in epoch milliseconds, by which expiries are set. It is
	// what a Redis server's own clock is to a script, whatever Now says.
	Clock int64
	// Dry makes the check end with [ErrAdmitted] in place of its first write.
	Dry bool
}

// ErrAdmitted is how a dry check ends that gets as far as a write, and so would have
// been admitted. No other check ends with it.
var ErrAdmitted = errors.New("a dry check stopped at its first write")

// errReply is the error of a script that ends without the reply of the contract.
var errReply = errors.New("the check ended without a reply")

// NoReply is the error of a check script that ends without a return.
func NoReply() error { return errReply }

// Missing is the error of a script that uses a value where there is none, as Lua says
// it of nil and false. Line is the script's.
func Missing(script string, line int) error {
	return fmt.Errorf("%s:%d: a value is nil where one is needed", script, line)
}

func (p *Plan) errNotLocal() error {
	return fmt.Errorf("strategy %s has no in-process form: %s: %w", p.def.Name, p.def.NotLocal, throttlekit.ErrNotSupported)
}

// CheckLocal runs the check on a state that the caller holds, in this process and with
// no Redis. Clock is the owner's time in epoch milliseconds, by which what is written
// expires; now, in epoch milliseconds too, is what the strategy counts by, and cost the
// units to spend. Both may be fractions, as on the wire.
//
// The caller sees to it that nobody else uses s meanwhile, and that s is used with
// plans of one strategy only. Where the strategy's script could not be translated the
// error is [throttlekit.ErrNotSupported]; any other is one that the script raises.
func (p *Plan) CheckLocal(s *State, clock int64, now, cost float64) (d throttlekit.Decision, err error) {
	err = p.DecideLocal(&d, s, clock, now, cost)
	return d, err
}

// DecideLocal is [Plan.CheckLocal] that writes its decision to d, for callers who pass it
// on and to whom another copy matters. With an error it leaves d alone.
func (p *Plan) DecideLocal(d *throttlekit.Decision, s *State, clock int64, now, cost float64) error {
	_, _, err := p.runLocal(d, s, clock, now, cost, false)
	return err
}

// runLocal also returns the numbers that make up d.Limit and d.Remaining.
func (p *Plan) runLocal(d *throttlekit.Decision, s *State, clock int64, now, cost float64, dry bool) (limit, remaining float64, err error) {
	if p.def.Local == nil {
		return 0, 0, p.errNotLocal()
	}
	s.expire(clock)
	allowed, limit, remaining, resetAt, retryAfterMs, err := p.def.Local(s, Input{Now: now, Cost: cost, Params: p.values, Clock: clock, Dry: dry})
	if err != nil {
		return 0, 0, err
	}
	d.Allowed = Integer(allowed) == 1
	d.Limit = Integer(limit)
	d.Remaining = Integer(remaining)
	d.ResetAt = Time(Integer(resetAt))
	d.RetryAfter = Duration(Integer(retryAfterMs))
	return limit, remaining, nil
}

// PeekLocal tells what [Plan.CheckLocal] of cost 1 would find, and spends nothing.
func (p *Plan) PeekLocal(s *State, clock int64, now float64) (throttlekit.Decision, error) {
	state, err := p.DryLocal(s, clock, now, never)
	if err != nil {
		return throttlekit.Decision{}, err
	}
	one, err := p.DryLocal(s, clock, now, 1)
	if err != nil {
		return throttlekit.Decision{}, err
	}
	return p.Peek([]Answer{state, one})
}

// ForecastLocal tells what could be spent from a state in checks of that cost, and when
// more can. It spends nothing.
func (p *Plan) ForecastLocal(s *State, clock int64, now float64, cost int64) (throttlekit.Forecast, error) {
	state, limit, remaining, err := p.askLocal(s, clock, now, never)
	if err != nil {
		return throttlekit.Forecast{}, err
	}
	var whole, next Answer
	if !state.Admitted {
		// What a probe script asks as wholeLimit and oneMore.
		if whole, err = p.DryLocal(s, clock, now, math.Floor(limit)); err != nil {
			return throttlekit.Forecast{}, err
		}
		if next, err = p.DryLocal(s, clock, now, math.Floor(remaining)+1); err != nil {
			return throttlekit.Forecast{}, err
		}
	}
	return p.Forecast(Integer(now), cost, []Answer{state, whole, next})
}

// askLocal runs the check dry, as a probe script does in Redis. The numbers are those of
// the denial, before they were cut.
func (p *Plan) askLocal(s *State, clock int64, now, cost float64) (a Answer, limit, remaining float64, err error) {
	limit, remaining, err = p.runLocal(&a.Denial, s, clock, now, cost, true)
	if err == ErrAdmitted {
		return Answer{Admitted: true}, 0, 0, nil
	}
	a.Admitted = a.Denial.Allowed
	return a, limit, remaining, err
}

// DryLocal runs the check dry: up to its first write. It tells whether a check of that
// cost would be admitted, and where not, its decision.
func (p *Plan) DryLocal(s *State, clock int64, now, cost float64) (Answer, error) {
	answer, _, _, err := p.askLocal(s, clock, now, cost)
	return answer, err
}
