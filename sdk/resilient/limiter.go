package resilient

import (
	"context"
	"errors"
	"fmt"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// The operations, as errors name them.
const (
	opCheck     = "check"
	opCheckMany = "checkMany"
	opPeek      = "peek"
	opForecast  = "forecast"
	opReset     = "reset"
)

// Limiter is another limiter, kept from doing harm when it fails. It is safe for
// concurrent use, starts no goroutine of its own and has nothing to close.
type Limiter struct {
	limiter  throttlekit.Limiter
	deadline time.Duration
	breakers *breakers
	mode     FailMode
	limit    int64               // what made-up decisions report
	local    throttlekit.Limiter // of FailLocal
	denials  *denials            // nil for none
	counts   counts
	notices  notices
}

var _ throttlekit.Limiter = (*Limiter)(nil)

// planner is a limiter that says what it runs, as those of the Redis door and the local
// door do.
type planner interface{ Plan() *script.Plan }

// New returns limiter with a deadline, a breaker and a fail mode. It asks nothing yet. The
// limiter stays the caller's, to be closed by whoever opened it.
func New(limiter throttlekit.Limiter, opts ...Option) (*Limiter, error) {
	if limiter == nil {
		return nil, errors.New("resilient: the limiter is nil")
	}
	s := defaults()
	for _, o := range opts {
		if o == nil {
			return nil, errors.New("resilient: an option is nil")
		}
		if err := o.apply(&s); err != nil {
			return nil, fmt.Errorf("resilient: %w", err)
		}
	}
	if p, ok := limiter.(planner); ok && s.plan == nil {
		s.plan = p.Plan()
	}
	l := &Limiter{limiter: limiter, deadline: s.deadline, breakers: newBreakers(&s, limiter), mode: s.mode, local: s.local,
		notices: notices{logger: s.logger, fail: s.mode}}
	if s.plan != nil {
		l.limit = s.plan.Limit()
	}
	if s.denyKeys > 0 {
		var err error
		if l.denials, err = newDenials(s.denyKeys, s.plan); err != nil {
			return nil, fmt.Errorf("resilient: %w", err)
		}
	}
	return l, nil
}

// Check implements [throttlekit.Limiter].
func (l *Limiter) Check(ctx context.Context, key string) (throttlekit.Decision, error) {
	return l.CheckN(ctx, key, 1)
}

// CheckN implements [throttlekit.Limiter]. What it answers when the limiter fails is the
// fail mode's.
func (l *Limiter) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	if err := l.enter(ctx, opCheck, cost); err != nil {
		return throttlekit.Decision{}, err
	}
	var v visit
	if l.denials != nil {
		var denied throttlekit.Decision
		var found bool
		if v, denied, found = l.denials.find(key, cost); found {
			l.counts.cached.Add(1)
			l.counts.decided(denied.Source, 1)
			return denied, nil
		}
	}
	var d throttlekit.Decision
	try := l.ask(ctx, key, func(ctx context.Context) (err error) {
		d, err = l.limiter.CheckN(ctx, key, cost)
		return err
	})
	switch try.fault {
	case none:
		l.counts.decided(d.Source, 1)
		if l.denials != nil {
			l.denials.learn(v, key, cost, d)
		}
		return d, nil
	case refused, ended:
		return throttlekit.Decision{}, l.told(ctx, opCheck, try)
	}
	return l.standIn(ctx, key, cost, try)
}

// standIn answers a check that could not be made.
func (l *Limiter) standIn(ctx context.Context, key string, cost int64, try attempt) (throttlekit.Decision, error) {
	d, made := l.mode.Decision(l.limit)
	switch {
	case made:
	case l.mode == FailLocal:
		var err error
		if d, err = l.local.CheckN(ctx, key, cost); err != nil {
			return throttlekit.Decision{}, errors.Join(l.told(ctx, opCheck, try), err)
		}
		d = asLocal(d)
	default:
		return throttlekit.Decision{}, l.told(ctx, opCheck, try)
	}
	l.counts.decided(d.Source, 1)
	return d, nil
}

// asLocal marks a decision of the local limiter as such, unless that one has a stand-in
// of its own, which says more.
func asLocal(d throttlekit.Decision) throttlekit.Decision {
	if !d.Degraded() {
		d.Source = throttlekit.SourceLocal
	}
	return d
}

// Peek implements [throttlekit.Limiter]. It has the deadline and the breaker, but faults
// are returned in every fail mode: nothing may be made up about a state, and a local
// limiter's is another.
func (l *Limiter) Peek(ctx context.Context, key string) (d throttlekit.Decision, err error) {
	if err := l.enter(ctx, opPeek, 1); err != nil {
		return throttlekit.Decision{}, err
	}
	try := l.ask(ctx, key, func(ctx context.Context) (err error) {
		d, err = l.limiter.Peek(ctx, key)
		return err
	})
	if try.fault != none {
		return throttlekit.Decision{}, l.told(ctx, opPeek, try)
	}
	return d, nil
}

// Forecast implements [throttlekit.Limiter]. Faults are returned, as those of Peek are.
func (l *Limiter) Forecast(ctx context.Context, key string, cost int64) (f throttlekit.Forecast, err error) {
	if err := l.enter(ctx, opForecast, cost); err != nil {
		return throttlekit.Forecast{}, err
	}
	try := l.ask(ctx, key, func(ctx context.Context) (err error) {
		f, err = l.limiter.Forecast(ctx, key, cost)
		return err
	})
	if try.fault != none {
		return throttlekit.Forecast{}, l.told(ctx, opForecast, try)
	}
	return f, nil
}

type resetter interface {
	Reset(ctx context.Context, key string) error
}

// Reset forgets everything that was spent from key, and a denial that is remembered of it;
// with [FailLocal] in the local limiter as well. It has the deadline and the breaker, and
// its faults are returned. A limiter that cannot reset, such as the service door's, is
// [throttlekit.ErrNotSupported].
func (l *Limiter) Reset(ctx context.Context, key string) error {
	limiter, ok := l.limiter.(resetter)
	if !ok {
		return &throttlekit.Error{Op: opReset, Kind: throttlekit.ErrNotSupported,
			Err: fmt.Errorf("a %T has no Reset", l.limiter)}
	}
	if err := l.enter(ctx, opReset, 1); err != nil {
		return err
	}
	var err error
	if local, ok := l.local.(resetter); ok {
		err = local.Reset(ctx, key)
	}
	try := l.ask(ctx, key, func(ctx context.Context) error { return limiter.Reset(ctx, key) })
	if l.denials != nil {
		l.denials.forget(key) // also when nobody knows whether the limiter did
	}
	if try.fault != none {
		err = errors.Join(l.told(ctx, opReset, try), err)
	}
	return err
}

// enter refuses what is not to be asked, whatever state the limiter is in: else a mode
// would answer it.
func (l *Limiter) enter(ctx context.Context, op string, cost int64) error {
	if err := throttlekit.ValidateCost(op, cost); err != nil {
		l.counts.refused.Add(1)
		return err
	}
	if err := ctx.Err(); err != nil {
		l.counts.ended.Add(1)
		return &throttlekit.Error{Op: op, Err: err}
	}
	return nil
}
