package resilient

import (
	"context"
	"errors"
	"fmt"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// fault is what the end of a call says about the limiter.
type fault uint8

const (
	none     fault = iota // it decided
	refused               // it never does what it was asked to do: returned as it is
	ended                 // nothing, since the caller's context ended: returned as it is
	answered              // it is there, and could not decide on this one
	failed                // it failed
	rejected              // nothing, since it was not asked
)

// attempt is how a call to the limiter ended.
type attempt struct {
	fault    fault
	timedOut bool // the deadline was ours
	err      error
}

// noCancel stands for the end of a context that needs none.
func noCancel() {}

// bound gives ctx the deadline, unless its own comes first. Ours reports which it is.
func (l *Limiter) bound(ctx context.Context, keys int) (bounded context.Context, ours bool, cancel context.CancelFunc) {
	deadline := time.Now().Add(l.deadline + time.Duration(keys-1)*keyTime)
	if own, ok := ctx.Deadline(); ok && own.Before(deadline) {
		return ctx, false, noCancel
	}
	bounded, cancel = context.WithDeadline(ctx, deadline)
	return bounded, true, cancel
}

// ask puts a question about key to the limiter, if the breaker lets it.
func (l *Limiter) ask(ctx context.Context, key string, question func(context.Context) error) (try attempt) {
	try.fault = rejected
	l.breakers.of(key).pass(func() error {
		bounded, ours, cancel := l.bound(ctx, 1)
		defer cancel()
		try = l.judge(ctx, ours, question(bounded))
		return try.verdict()
	})
	l.breakers.changes.announce()
	if try.fault == rejected {
		l.counts.rejected.Add(1)
	}
	return try
}

// verdict is what the attempt says to a breaker.
func (t attempt) verdict() error {
	switch t.fault {
	case failed:
		return t.err
	case refused, ended, rejected:
		return errNoVerdict
	}
	return nil
}

// judge says what err means, and counts it. ctx is the caller's, and ours whether the call
// had another deadline than that.
func (l *Limiter) judge(ctx context.Context, ours bool, err error) attempt {
	if err == nil {
		return attempt{}
	}
	try := attempt{err: err}
	c := &l.counts
	var said *throttlekit.Error
	known := errors.As(err, &said)
	late := errors.Is(err, context.DeadlineExceeded)
	switch {
	case ctx.Err() != nil, late && !ours:
		try.fault = ended
		c.ended.Add(1)
	case errors.Is(err, throttlekit.ErrInvalidArgument), errors.Is(err, throttlekit.ErrNotSupported),
		errors.Is(err, throttlekit.ErrPolicyNotFound):
		try.fault = refused
		c.refused.Add(1)
		return try // nothing was consumed
	case late:
		try.fault, try.timedOut = failed, true
		c.timeouts.Add(1)
	case errors.Is(err, throttlekit.ErrUnavailable):
		try.fault = failed
		c.unavailable.Add(1)
	case errors.Is(err, throttlekit.ErrMalformedReply):
		try.fault = failed
		c.malformed.Add(1)
	case known && said.Source == throttlekit.SourceServer && !said.MayHaveConsumed:
		// Such as a key of another type. If it opened the breaker, whoever can name keys
		// could switch the limits off.
		try.fault = answered
		c.other.Add(1)
		l.notices.fault(err)
	default:
		try.fault = failed
		c.other.Add(1)
	}
	if known && said.MayHaveConsumed {
		c.mayHaveConsumed.Add(1)
	}
	return try
}

// told is the error that the caller gets for an attempt that failed.
func (l *Limiter) told(ctx context.Context, op string, try attempt) error {
	switch {
	case try.fault == rejected:
		return rejections[op]
	case try.timedOut:
		return because(op, throttlekit.ErrUnavailable, fmt.Errorf("%w: %w", errLate, context.DeadlineExceeded), try.err)
	case try.fault == ended && ctx.Err() != nil && !errors.Is(try.err, ctx.Err()):
		return because(op, nil, ctx.Err(), try.err)
	}
	return try.err
}

// because is an error in place of the limiter's, which keeps who said that and whether the
// check may have been consumed. It leaves out the text, which may hold a key where the
// limiter is somebody else's.
func because(op string, kind, err, limiters error) error {
	fault := &throttlekit.Error{Op: op, Kind: kind, Err: err}
	var said *throttlekit.Error
	if errors.As(limiters, &said) {
		fault.Source, fault.MayHaveConsumed = said.Source, said.MayHaveConsumed
	}
	return fault
}

var (
	errLate        = errors.New("the limiter did not answer in time")
	errBreakerOpen = errors.New("the breaker is open, since the limiter failed lately")
)

// rejections are the errors of calls that the breaker kept from the limiter. They are made
// once, so that an outage costs no memory.
var rejections = func() map[string]error {
	all := map[string]error{}
	for _, op := range []string{opCheck, opCheckMany, opPeek, opForecast, opReset} {
		all[op] = &throttlekit.Error{Op: op, Kind: throttlekit.ErrUnavailable, Err: errBreakerOpen}
	}
	return all
}()
