package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"connectrpc.com/connect"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// trials are the suites that a policy on a wall clock can be held to.
var trials = []struct {
	name string
	try  func(*trial, context.Context) error
}{
	{"a cold burst is admitted up to the limit", (*trial).coldBurst},
	{"so is one of callers at once", (*trial).crowd},
	{"keys are independent", (*trial).independence},
	{"a cost above the limit is denied, and consumes nothing", (*trial).tooDear},
	{"a cost of 0 or less on the wire is 1", (*trial).costOnTheWire},
	{"checkMany keeps the order and checks duplicates", (*trial).many},
	{"peek consumes nothing", (*trial).peeking},
	{"forecast consumes nothing", (*trial).forecasting},
	{"statuses", (*trial).statuses},
}

// beyond is how many checks a burst goes on for after the limit.
const beyond = 2

func (t *trial) coldBurst(ctx context.Context) error {
	key := t.fresh()
	spent := int64(0)
	for i := range t.limit + beyond {
		d, err := t.check(ctx, key, 1)
		if err != nil {
			return err
		}
		spent = t.spend(fmt.Sprintf("check %d", i+1), d, spent, 1)
	}
	return nil
}

// crowd counts: who of those at once came first cannot be seen.
func (t *trial) crowd(ctx context.Context) error {
	const callers = 8
	key := t.fresh()
	checks := t.limit + beyond
	decisions, errs := make([]throttlekit.Decision, checks), make([]error, checks)
	var group sync.WaitGroup
	for caller := range int64(callers) {
		group.Go(func() {
			for i := caller; i < checks; i += callers {
				decisions[i], errs[i] = stored(t.limiter.CheckN(ctx, key, 1))
			}
		})
	}
	group.Wait()
	t.ops += int(checks)
	admitted := int64(0)
	for _, d := range decisions {
		if d.Allowed {
			admitted++
		}
	}
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	if admitted < t.limit-1 || admitted > t.limit {
		t.problem("%d callers were admitted %d times, want %d, or one less", callers, admitted, t.limit)
	}
	return nil
}

func (t *trial) independence(ctx context.Context) error {
	spent := map[string]int64{}
	ann, bob := t.fresh(), t.fresh()
	for _, step := range []struct {
		key  string
		name string
		cost int64
	}{
		{ann, "the first key", max(t.limit-1, 1)},
		{bob, "the second key", 1},
		{ann, "the first key again", 1},
		{bob, "the second key again", 1},
	} {
		d, err := t.check(ctx, step.key, step.cost)
		if err != nil {
			return err
		}
		spent[step.key] = t.spend(step.name, d, spent[step.key], step.cost)
	}
	return nil
}

func (t *trial) tooDear(ctx context.Context) error {
	key := t.fresh()
	d, err := t.check(ctx, key, t.limit+1)
	if err != nil {
		return err
	}
	spent := t.spend("above the limit", d, 0, t.limit+1)
	if d, err = t.check(ctx, key, 1); err != nil {
		return err
	}
	t.spend("the check after it", d, spent, 1)
	return nil
}

// costOnTheWire goes by the raw client, since the typed one refuses such costs.
func (t *trial) costOnTheWire(ctx context.Context) error {
	key := t.fresh()
	spent := int64(0)
	for i := range t.limit + beyond {
		cost := -(i % 2) * i // 0 each other time
		d, err := t.checkRaw(ctx, key, cost)
		if err != nil {
			return err
		}
		spent = t.spend(fmt.Sprintf("check %d, of cost %d", i+1, cost), d, spent, 1)
	}
	return nil
}

func (t *trial) checkRaw(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	t.ops++
	res, err := t.client.RateLimiter().Check(ctx, &throttlekitv1.CheckRequest{Policy: t.policy, Key: key, Cost: cost})
	if err != nil {
		return throttlekit.Decision{}, err
	}
	d := res.GetDecision()
	return stored(throttlekit.Decision{
		Allowed:    d.GetAllowed(),
		Limit:      d.GetLimit(),
		Remaining:  d.GetRemaining(),
		ResetAt:    script.Time(d.GetResetAt()),
		RetryAfter: script.Duration(d.GetRetryAfterMs()),
	}, nil)
}

func (t *trial) many(ctx context.Context) error {
	fresh, used, other := t.fresh(), t.fresh(), t.fresh()
	d, err := t.check(ctx, used, max(t.limit-1, 1))
	if err != nil {
		return err
	}
	spent := map[string]int64{used: t.spend("the check before", d, 0, max(t.limit-1, 1))}
	keys := []string{fresh, used, other}
	for range t.limit {
		keys = append(keys, fresh)
	}
	t.ops += len(keys)
	decisions, err := t.limiter.CheckMany(ctx, keys, 1)
	if err != nil {
		return err
	}
	for i, d := range decisions {
		if _, err := stored(d, nil); err != nil {
			return err
		}
		spent[keys[i]] = t.spend(fmt.Sprintf("keys[%d]", i), d, spent[keys[i]], 1)
	}

	t.ops++
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	res, err := t.client.RateLimiter().CheckMany(ctx, &throttlekitv1.CheckManyRequest{Policy: t.policy})
	if err != nil {
		return err
	}
	if n := len(res.GetDecisions()); n != 0 {
		t.problem("no keys: %d decisions", n)
	}
	return nil
}

// looks is how often peek and forecast are asked in a row.
const looks = 3

func (t *trial) peeking(ctx context.Context) error {
	key := t.fresh()
	spent := int64(0)
	for _, cost := range []int64{1, max(t.limit-2, 1), 1, 1} {
		for range looks {
			d, err := t.peek(ctx, key)
			if err != nil {
				return err
			}
			t.require(fmt.Sprintf("peek, after %d units", spent), d, spent+1, spent)
		}
		d, err := t.check(ctx, key, cost)
		if err != nil {
			return err
		}
		spent = t.spend(fmt.Sprintf("check of cost %d, after peeks", cost), d, spent, cost)
	}
	return nil
}

func (t *trial) forecasting(ctx context.Context) error {
	key := t.fresh()
	spent := int64(0)
	for _, cost := range []int64{1, 2, 1} {
		for range looks {
			t.ops++
			f, err := t.limiter.Forecast(ctx, key, cost)
			if errors.Is(err, throttlekit.ErrNotSupported) {
				return errNotOffered
			}
			if err != nil {
				return err
			}
			left := max(t.limit-spent, 0)
			if f.SpendableNow < max(left-1, 0)/cost || f.SpendableNow > left/cost {
				t.problem("forecast of cost %d, after %d units: spendable now is %d, want %d, or what one unit less makes", cost, spent, f.SpendableNow, left/cost)
			}
			if f.NextReplenishAt.IsZero() || f.FullAt.IsZero() {
				t.problem("forecast, after %d units: an instant is missing", spent)
			}
		}
		d, err := t.check(ctx, key, 1)
		if err != nil {
			return err
		}
		spent = t.spend("check, after forecasts", d, spent, 1)
	}
	return nil
}

// longList is from where on a list of policies may end early: what carries a status is as
// bounded as a header.
const longList = 1 << 10

func (t *trial) statuses(ctx context.Context) error {
	raw := t.client.RateLimiter()
	unknown, key := t.fresh(), t.fresh() // a name as good as a key: nobody has it
	var names []string
	for _, policy := range t.policies {
		names = append(names, strconv.Quote(policy))
	}
	for _, call := range []struct {
		name string
		code connect.Code
		says []string
		do   func(context.Context) error
	}{
		{"check of an unknown policy", connect.CodeNotFound, names, func(ctx context.Context) error {
			_, err := raw.Check(ctx, &throttlekitv1.CheckRequest{Policy: unknown, Key: key})
			return err
		}},
		{"checkMany of an unknown policy", connect.CodeNotFound, names, func(ctx context.Context) error {
			_, err := raw.CheckMany(ctx, &throttlekitv1.CheckManyRequest{Policy: unknown, Keys: []string{key}})
			return err
		}},
		{"peek of an unknown policy", connect.CodeNotFound, names, func(ctx context.Context) error {
			_, err := raw.Peek(ctx, &throttlekitv1.PeekRequest{Policy: unknown, Key: key})
			return err
		}},
		{"forecast of an unknown policy", connect.CodeNotFound, names, func(ctx context.Context) error {
			_, err := raw.Forecast(ctx, &throttlekitv1.ForecastRequest{Policy: unknown, Key: key})
			return err
		}},
		{"debit of a rate policy", connect.CodeUnimplemented, nil, func(ctx context.Context) error {
			_, err := raw.Debit(ctx, &throttlekitv1.DebitRequest{Policy: t.policy, Key: key})
			return err
		}},
		{"admit of a rate policy", connect.CodeUnimplemented, nil, func(ctx context.Context) error {
			_, err := raw.Admit(ctx, &throttlekitv1.AdmitRequest{Policy: t.policy, Key: key})
			return err
		}},
	} {
		t.ops++
		ctx, cancel := context.WithTimeout(ctx, t.timeout)
		err := call.do(ctx)
		cancel()
		if err != nil && !answered(err) {
			return fmt.Errorf("%s: %w", call.name, err)
		}
		if err == nil || connect.CodeOf(err) != call.code {
			t.problem("%s: got %v, want the status %s", call.name, err, call.code)
			continue
		}
		for _, name := range call.says {
			if len(err.Error()) < longList && !strings.Contains(err.Error(), name) {
				t.problem("%s: the status does not list %s: %v", call.name, name, err)
			}
		}
	}
	return nil
}
