package main

import (
	"context"
	"fmt"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
)

// checker spends units of one key, through one of the doors to it.
type checker struct {
	name  string
	check func(ctx context.Context, key string, cost int64) (decision, error)
}

// checkers are all doors to a policy: the service through the Python client and through
// ours, and straight to Redis through either where the service's Redis is known.
func (v *service) checkers(policy, strategyName string) ([]checker, error) {
	all := []checker{
		{"their service backend", func(ctx context.Context, key string, cost int64) (decision, error) {
			a, err := v.call(ctx, "check", policy, key, cost)
			return a.Decision, err
		}},
		{"our service door", func(ctx context.Context, key string, cost int64) (decision, error) {
			d, err := v.mine.CheckN(ctx, policy, key, cost)
			return onWire(d), err
		}},
	}
	if !v.onRedis {
		return all, nil
	}
	limiter, err := v.limiter(policy)
	if err != nil {
		return nil, err
	}
	direct := theirClient{session: v.session, strategy: strategyName, params: v.params[policy], prefix: policy}
	return append(all,
		checker{"their Redis backend", func(ctx context.Context, key string, cost int64) (decision, error) {
			a, err := direct.check(ctx, key, cost, 0)
			return a.Decision, err
		}},
		checker{"our Redis door", func(ctx context.Context, key string, cost int64) (decision, error) {
			d, err := limiter.CheckN(ctx, key, cost)
			return onWire(d), err
		}}), nil
}

// walk spends a key of every policy down to nothing through each door in turn, and looks
// at it on the way. Nothing comes back meanwhile, so every number is known; and on a
// Redis whose clock can be read, every reply must be that of a single client of it.
func (v *service) walk(ctx context.Context) error {
	for _, d := range strategy.All() {
		policy, key := policyOf(d), v.key()
		doors, err := v.checkers(policy, d.Name)
		if err != nil {
			return err
		}
		w := &stroll{service: v, policy: policy, key: key}
		w.look(ctx, serviceLimit)
		for i := range int64(serviceLimit - 1) {
			w.spend(ctx, doors[int(i)%len(doors)], 1, true, serviceLimit-1-i)
		}
		w.look(ctx, 1)
		w.spend(ctx, doors[0], 2, false, 1)
		w.spend(ctx, doors[0], serviceLimit+1, false, 1)
		w.spend(ctx, doors[0], 0, true, 0) // the service counts it as 1
		w.look(ctx, 0)
		w.spend(ctx, doors[0], -3, false, 0) // it gives nothing back
		for _, door := range doors {
			w.spend(ctx, door, 1, false, 0)
		}
		if w.err != nil {
			return fmt.Errorf("%s: %w", policy, w.err)
		}
		if !v.onRedis {
			continue
		}
		found, err := explain(ctx, w.seen, v.replayOurs(v.plans[policy]))
		if err != nil {
			return err
		}
		if i := found.failed; !v.check(i < 0, "%s: no single client explains the replies", policy) {
			v.say("      check %d says %v; a client alone would say %v", i, w.seen[i].reply, found.instead)
		}
	}
	return nil
}

// stroll is a walk over one key. After its first fault it stands still.
type stroll struct {
	*service
	policy, key string
	seen        []observation
	err         error
}

// spend checks through one door, and wants the reply that the key's history gives.
func (w *stroll) spend(ctx context.Context, door checker, cost int64, allowed bool, remaining int64) {
	if w.err != nil {
		return
	}
	before, got, after, err := around(ctx, w.service, func() (decision, error) { return door.check(ctx, w.key, cost) })
	if w.err = err; err != nil {
		return
	}
	w.check(got.allowed == allowed && got.limit == serviceLimit && got.remaining == remaining &&
		(got.retryAfterMs == 0) == allowed && got.resetAt >= before,
		"%s: %s, cost %d: %v, want allowed %t and %d remaining", w.policy, door.name, cost, got, allowed, remaining)
	w.seen = append(w.seen, observation{cost: max(cost, 1), reply: got, before: before, after: after})
}

// look peeks and forecasts with remaining units left, through their backend and ours,
// twice: looking must change nothing.
func (w *stroll) look(ctx context.Context, remaining int64) {
	for range 2 {
		if w.err != nil {
			return
		}
		w.peek(ctx, remaining)
		for _, cost := range []int64{1, 2, 0, -3} { // what is not positive counts as 1
			w.forecast(ctx, cost, remaining/max(cost, 1), remaining)
		}
	}
}

func (w *stroll) peek(ctx context.Context, remaining int64) {
	var peeked serviceAnswer
	before, mine, after, err := around(ctx, w.service, func() (decision, error) {
		var err error
		if peeked, err = w.call(ctx, "peek", w.policy, w.key); err != nil {
			return decision{}, err
		}
		d, err := w.mine.Peek(ctx, w.policy, w.key)
		return onWire(d), err
	})
	if w.err = err; err != nil {
		return
	}
	got, slack := peeked.Decision, after-before+1
	w.check(got.allowed == (remaining > 0) && got.limit == serviceLimit && got.remaining == remaining &&
		(got.retryAfterMs == 0) == got.allowed && got.resetAt >= before,
		"%s: peek: %v, want %d remaining", w.policy, got, remaining)
	w.check(got.allowed == mine.allowed && got.limit == mine.limit && got.remaining == mine.remaining &&
		near(got.resetAt, mine.resetAt, slack) && near(got.retryAfterMs, mine.retryAfterMs, slack),
		"%s: peek: theirs says %v, ours %v, within %d ms", w.policy, got, mine, slack)
}

func (w *stroll) forecast(ctx context.Context, cost, spendable, remaining int64) {
	if w.err != nil {
		return
	}
	var said serviceAnswer
	before, mine, after, err := around(ctx, w.service, func() (forecast, error) {
		var err error
		if said, err = w.call(ctx, "forecast", w.policy, w.key, cost); err != nil {
			return forecast{}, err
		}
		f, err := w.mine.Forecast(ctx, w.policy, w.key, max(cost, 1))
		return forecast{f.SpendableNow, f.NextReplenishAt.UnixMilli(), f.FullAt.UnixMilli()}, err
	})
	if w.err = err; err != nil {
		return
	}
	got, slack := said.Forecast, after-before+1
	w.check(got.spendableNow == spendable && got.nextReplenishAt >= before && got.fullAt >= got.nextReplenishAt &&
		(remaining < serviceLimit || got.fullAt <= after),
		"%s: forecast of cost %d: %+v, want %d spendable with %d remaining", w.policy, cost, got, spendable, remaining)
	w.check(got.spendableNow == mine.spendableNow && near(got.nextReplenishAt, mine.nextReplenishAt, slack) && near(got.fullAt, mine.fullAt, slack),
		"%s: forecast of cost %d: theirs says %+v, ours %+v, within %d ms", w.policy, cost, got, mine, slack)
}

func near(a, b, slack int64) bool { return max(a, b)-min(a, b) <= slack }

// around runs a call between two readings of Redis's clock, which is the service's own
// clock when it runs on that Redis, and this machine's in any case.
func around[T any](ctx context.Context, v *service, call func() (T, error)) (before int64, result T, after int64, err error) {
	if before, err = v.serverTime(ctx); err != nil {
		return
	}
	if result, err = call(); err != nil {
		return
	}
	after, err = v.serverTime(ctx)
	return
}

// batches asks for many keys in one call.
func (v *service) batches(ctx context.Context) error {
	for _, d := range strategy.All() {
		policy := policyOf(d)
		a, b, c := v.key(), v.key(), v.key()
		for _, row := range []struct {
			why  string
			keys []string
			cost int64
			want []int64 // what remains; -1 and below for a denial, with -1-want left
		}{
			{"none give none", []string{}, 1, []int64{}},
			{"one", []string{a}, 1, []int64{4}},
			{"answers come in the order asked", []string{b, a, c}, 1, []int64{4, 3, 4}},
			{"a key that occurs twice is checked twice", []string{c, c, b, c}, 1, []int64{3, 2, 3, 1}},
			{"one key's denial leaves the others alone", []string{a, c, b}, 2, []int64{1, -2, 1}},
			{"a cost that is not positive counts as 1", []string{a, c}, 0, []int64{0, 0}},
			{"nothing is left", []string{a, b, c, a}, 2, []int64{-1, -2, -1, -1}},
		} {
			got, err := v.call(ctx, "check_many", policy, row.keys, row.cost)
			if err != nil {
				return err
			}
			if !v.check(len(got.Decisions) == len(row.want), "%s: check_many: %s: %v, want %d decisions", policy, row.why, got.Decisions, len(row.want)) {
				continue
			}
			for i, want := range row.want {
				allowed := want >= 0
				if !allowed {
					want = -1 - want
				}
				d := got.Decisions[i]
				v.check(d.allowed == allowed && d.remaining == want && d.limit == serviceLimit && (d.retryAfterMs == 0) == allowed && d.resetAt > 0,
					"%s: check_many: %s: decision %d is %v, want allowed %t and %d remaining", policy, row.why, i, d, allowed, want)
			}
		}
	}
	return nil
}
