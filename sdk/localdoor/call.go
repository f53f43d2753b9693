package localdoor

import (
	"context"
	"errors"
	"fmt"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// The operations, as errors name them.
const (
	opCheck     = "check"
	opCheckMany = "checkMany"
	opPeek      = "peek"
	opForecast  = "forecast"
	opReplay    = "replay"
	opReset     = "reset"
)

// moment is when something is decided, in epoch milliseconds.
type moment struct {
	clock int64   // by which states expire
	now   float64 // by which the strategy counts
}

func (l *Limiter) moment() moment {
	clock := l.store.clock.millis()
	return moment{clock, float64(clock)}
}

// momentAt is the caller's now on the limiter's clock, unless the wire has no number for
// it.
func (l *Limiter) momentAt(op string, now time.Time) (moment, error) {
	ms := now.UnixMilli()
	if ms == 0 || ms > throttlekit.MaxCost || ms < -throttlekit.MaxCost {
		return moment{}, &throttlekit.Error{Op: op, Kind: throttlekit.ErrInvalidArgument,
			Err: fmt.Errorf("now is %d ms after the epoch, want any within 2^53-1 but 0, which stands for the server's clock", ms)}
	}
	return moment{l.store.clock.millis(), float64(ms)}, nil
}

// validate refuses what must not be checked.
func (l *Limiter) validate(ctx context.Context, op string, cost int64, keys ...string) error {
	if err := throttlekit.ValidateCost(op, cost); err != nil {
		return err
	}
	if err := throttlekit.ValidateKeys(op, keys...); err != nil {
		return err
	}
	if cost > l.maxCost {
		return &throttlekit.Error{Op: op, Kind: throttlekit.ErrInvalidArgument,
			Err: fmt.Errorf("a cost of %d is %d steps of work; want at most %d, or raise it by WithMaxWork",
				cost, l.plan.Work(cost), l.maxWork)}
	}
	return enter(ctx, op)
}

// enter refuses a call whose context has ended.
func enter(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return &throttlekit.Error{Op: op, Err: err}
	}
	return nil
}

func closed(op string) error {
	return &throttlekit.Error{Op: op, Kind: throttlekit.ErrUnavailable, Err: errClosed}
}

var errClosed = errors.New("the limiter is closed")

func notSupported(op, why string) error {
	return &throttlekit.Error{Op: op, Kind: throttlekit.ErrNotSupported, Err: errors.New(why)}
}

// failed is the fault of a check that ended with an error, as its script would.
func failed(op string, consumed bool, err error) error {
	return &throttlekit.Error{Op: op, MayHaveConsumed: consumed, Err: err}
}
