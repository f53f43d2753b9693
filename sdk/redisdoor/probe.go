package redisdoor

import (
	"context"
	"errors"
	"time"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Peek implements [throttlekit.Limiter] by running the contract's check dry, at the
// Redis server's time: it stops at the first write, and so tells whether a check would
// be admitted without any Go code knowing how that is decided. It answers
// [throttlekit.ErrNotSupported] for a strategy whose script cannot run dry, and does not
// work on a read-only replica for one that prunes, such as a log.
func (l *Limiter) Peek(ctx context.Context, key string) (throttlekit.Decision, error) {
	return l.peek(ctx, key, serverClock)
}

// PeekAt is Peek at an instant of the caller's choosing, on the terms of
// [Limiter.CheckAt].
func (l *Limiter) PeekAt(ctx context.Context, key string, now time.Time) (throttlekit.Decision, error) {
	ms, err := instant(opPeek, now)
	if err != nil {
		return throttlekit.Decision{}, err
	}
	return l.peek(ctx, key, ms)
}

func (l *Limiter) peek(ctx context.Context, key string, now any) (throttlekit.Decision, error) {
	_, answers, err := l.probe(ctx, opPeek, key, 1, now, script.PeekQuestions())
	if err != nil {
		return throttlekit.Decision{}, err
	}
	d, err := l.plan.Peek(answers)
	if err != nil {
		return throttlekit.Decision{}, unreadable(opPeek, false, err)
	}
	return d, nil
}

// Forecast implements [throttlekit.Limiter] from the same dry run as Peek.
//
// It agrees with the formulas of the contract's other implementations but for two
// things, in which it is the more exact: an untouched fixed or sliding window is full
// now rather than at the window's end, and the next unit of a sliding window comes at
// the instant that the window's own retry hint names. Where the formulas and the check
// round differently, as GCRA's do by a millisecond in a few states of a thousand, both
// Peek and Forecast go by the check.
func (l *Limiter) Forecast(ctx context.Context, key string, cost int64) (throttlekit.Forecast, error) {
	return l.forecast(ctx, key, cost, serverClock)
}

// ForecastAt is Forecast at an instant of the caller's choosing, on the terms of
// [Limiter.CheckAt].
func (l *Limiter) ForecastAt(ctx context.Context, key string, cost int64, now time.Time) (throttlekit.Forecast, error) {
	ms, err := instant(opForecast, now)
	if err != nil {
		return throttlekit.Forecast{}, err
	}
	return l.forecast(ctx, key, cost, ms)
}

func (l *Limiter) forecast(ctx context.Context, key string, cost int64, now any) (throttlekit.Forecast, error) {
	at, answers, err := l.probe(ctx, opForecast, key, cost, now, script.ForecastQuestions())
	if err != nil {
		return throttlekit.Forecast{}, err
	}
	f, err := l.plan.Forecast(at, cost, answers)
	if err != nil {
		return throttlekit.Forecast{}, unreadable(opForecast, false, err)
	}
	return f, nil
}

// probe asks the probe script for each of the costs in questions; cost is only the
// caller's, to validate.
func (l *Limiter) probe(ctx context.Context, op, key string, cost int64, now any, questions []any) (int64, []script.Answer, error) {
	if err := throttlekit.ValidateCost(op, cost); err != nil {
		return 0, nil, err
	}
	if err := throttlekit.ValidateKeys(op, key); err != nil {
		return 0, nil, err
	}
	if l.plan.Definition().Probe.Source == "" {
		return 0, nil, notSupported(op, "the strategy's check script cannot run dry")
	}
	if err := l.door.enter(ctx, op); err != nil {
		return 0, nil, err
	}
	defer l.door.calls.leave()
	var reply any
	key = l.key(key)
	if fault := l.door.visit(ctx, op, key, func(conn redis.Conn) (err error) {
		reply, err = l.probing.eval(ctx, conn, l.probeArgs(nil, key, now, questions))
		return err
	}); fault != nil {
		fault.MayHaveConsumed = false // a dry run never writes
		return 0, nil, fault
	}
	at, answers, err := l.plan.DecodeProbe(reply, len(questions))
	if err != nil {
		return 0, nil, unreadable(op, false, err)
	}
	return at, answers, nil
}

func (l *Limiter) probeArgs(text any, key string, now any, questions []any) []any {
	args := append(make([]any, 0, 16), text, 1, key)
	return append(l.plan.AppendParams(args, now), questions...)
}

// Reset forgets everything that was spent from key. It deletes the key's state, so the
// next check finds it untouched, in every process that shares it.
func (l *Limiter) Reset(ctx context.Context, key string) error {
	if err := throttlekit.ValidateKeys(opReset, key); err != nil {
		return err
	}
	if err := l.door.enter(ctx, opReset); err != nil {
		return err
	}
	defer l.door.calls.leave()
	key = l.key(key)
	if fault := l.door.visit(ctx, opReset, key, func(conn redis.Conn) error {
		_, err := do(ctx, conn, "DEL", []any{key})
		return err
	}); fault != nil {
		fault.MayHaveConsumed = false // at worst the reset happened, or did not
		return fault
	}
	return nil
}

func notSupported(op, why string) *throttlekit.Error {
	return &throttlekit.Error{Op: op, Kind: throttlekit.ErrNotSupported, Err: errors.New(why)}
}

// unreadable is the fault of an answer that is none of the contract's.
func unreadable(op string, consumed bool, err error) *throttlekit.Error {
	return &throttlekit.Error{Op: op, Source: throttlekit.SourceDecoding,
		Kind: throttlekit.ErrMalformedReply, MayHaveConsumed: consumed, Err: err}
}
