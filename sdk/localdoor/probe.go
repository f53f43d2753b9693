package localdoor

import (
	"context"
	"hash/maphash"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Peek implements [throttlekit.Limiter] by running the contract's check dry: it stops at
// the first write. It answers [throttlekit.ErrNotSupported] for a strategy whose script
// cannot run dry.
func (l *Limiter) Peek(ctx context.Context, key string) (throttlekit.Decision, error) {
	return l.peek(ctx, key, l.moment())
}

// PeekAt is Peek at an instant of the caller's choosing, on the terms of
// [Limiter.CheckAt].
func (l *Limiter) PeekAt(ctx context.Context, key string, now time.Time) (throttlekit.Decision, error) {
	at, err := l.momentAt(opPeek, now)
	if err != nil {
		return throttlekit.Decision{}, err
	}
	return l.peek(ctx, key, at)
}

func (l *Limiter) peek(ctx context.Context, key string, at moment) (d throttlekit.Decision, err error) {
	err = l.probe(ctx, opPeek, key, 1, func(state *script.State) (err error) {
		d, err = l.plan.PeekLocal(state, at.clock, at.now)
		return err
	})
	return d, err
}

// Forecast implements [throttlekit.Limiter] from the same dry run as Peek. It agrees with
// the Redis door's, which says how it differs from other implementations.
func (l *Limiter) Forecast(ctx context.Context, key string, cost int64) (throttlekit.Forecast, error) {
	return l.forecast(ctx, key, cost, l.moment())
}

// ForecastAt is Forecast at an instant of the caller's choosing, on the terms of
// [Limiter.CheckAt].
func (l *Limiter) ForecastAt(ctx context.Context, key string, cost int64, now time.Time) (throttlekit.Forecast, error) {
	at, err := l.momentAt(opForecast, now)
	if err != nil {
		return throttlekit.Forecast{}, err
	}
	return l.forecast(ctx, key, cost, at)
}

func (l *Limiter) forecast(ctx context.Context, key string, cost int64, at moment) (f throttlekit.Forecast, err error) {
	err = l.probe(ctx, opForecast, key, cost, func(state *script.State) (err error) {
		f, err = l.plan.ForecastLocal(state, at.clock, at.now, cost)
		return err
	})
	return f, err
}

// probe asks a key's state, under its lock; cost is only the caller's, to validate.
func (l *Limiter) probe(ctx context.Context, op, key string, cost int64, ask func(*script.State) error) error {
	if err := throttlekit.ValidateCost(op, cost); err != nil {
		return err
	}
	if !l.runsDry() {
		return notSupported(op, notDry)
	}
	if err := enter(ctx, op); err != nil {
		return err
	}
	if len(key) > MaxKeyBytes {
		return tooLong(op, key)
	}
	hash := maphash.String(l.store.seed, key)
	sh := l.store.shard(hash)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return closed(op)
	}
	_, n := sh.table.find(hash, key)
	if n >= 0 {
		sh.table.load(n, &sh.state)
	}
	err := ask(&sh.state)
	if n >= 0 {
		sh.table.save(n, &sh.state) // it may have been found to have expired
	}
	sh.state.Clear()
	if err != nil {
		return failed(op, false, err)
	}
	return nil
}

// notDry is why a strategy's Peek is not supported.
const notDry = "the strategy's check script cannot run dry"

// runsDry reports whether the generator could tell where the check's first write is.
func (l *Limiter) runsDry() bool { return l.plan.Definition().Probe.Source != "" }
