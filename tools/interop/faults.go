package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
)

// The Python client's exceptions.
const (
	baseError          = "ThrottleKitError"
	policyNotFound     = "PolicyNotFoundError"
	notSupported       = "OperationNotSupportedError"
	serviceUnavailable = "ServiceUnavailableError"
)

// invocation is a method of the Python client's service backend with its arguments.
type invocation struct {
	method    string
	word      string // what messages call it
	arguments []any
}

// everyOp is every operation that the backend has, on one policy.
func (v *service) everyOp(policy string) []invocation {
	key := v.key()
	all := []invocation{
		{"check", "check", []any{policy, key}},
		{"check_many", "checkMany", []any{policy, []string{key, key}}},
		{"peek", "peek", []any{policy, key}},
		{"forecast", "forecast", []any{policy, key}},
		{"debit", "debit", []any{policy, key}},
		{"admit", "admit", []any{policy, key}},
	}
	return slices.DeleteFunc(all, func(i invocation) bool { return !slices.Contains(v.ops, i.method) })
}

// isRateOp reports whether a plain rate limit offers the operation.
func (i invocation) isRateOp() bool { return i.method != "debit" && i.method != "admit" }

// refused wants a call to raise kind, or with kind ThrottleKitError that very class, and
// the message to hold every word of holds.
func (v *service) refused(ctx context.Context, i invocation, kind string, holds ...string) error {
	answer, err := v.call(ctx, i.method, i.arguments...)
	var raised *fault
	if err != nil && !errors.As(err, &raised) {
		return err
	}
	if !v.check(raised != nil, "%s%q returns %+v, want it to raise %s", i.method, i.arguments, answer, kind) {
		return nil
	}
	right := len(raised.Kinds) > 0 && raised.Kinds[0] == kind && raised.is(baseError)
	for _, word := range holds {
		right = right && strings.Contains(raised.Message, word)
	}
	v.check(right, "%s%q raises %v, want %s with %q in its message", i.method, i.arguments, raised, kind, holds)
	return nil
}

// quoted is a name as messages write it: a JSON string.
func quoted(name string) string {
	text, err := json.Marshal(name)
	if err != nil {
		panic(err) // a string always encodes
	}
	return string(text)
}

// refusals are the calls that the service must not serve, and what the Python client
// makes of its statuses.
func (v *service) refusals(ctx context.Context) error {
	known := []string{quoted(noPolicy), quoted(budgetPolicy), quoted(twoTierPolicy)}
	for _, d := range strategy.All() {
		known = append(known, quoted(policyOf(d)))
	}
	for _, i := range v.everyOp(noPolicy) {
		if err := v.refused(ctx, i, policyNotFound, known...); err != nil {
			return err
		}
	}
	for _, i := range v.everyOp("") {
		if err := v.refused(ctx, i, policyNotFound, append(known[1:], `""`)...); err != nil {
			return err
		}
	}
	for _, i := range v.everyOp(budgetPolicy) {
		if err := v.refused(ctx, i, notSupported, quoted(budgetPolicy)); err != nil {
			return err
		}
	}
	for _, d := range strategy.All() {
		for _, i := range v.everyOp(policyOf(d)) {
			if i.isRateOp() {
				continue
			}
			if err := v.refused(ctx, i, notSupported, quoted(policyOf(d)), i.word); err != nil {
				return err
			}
		}
		// Served as 2^53, it would be rounded; a limiter that failed over it would be open.
		for _, method := range []string{"check", "forecast"} {
			i := invocation{method, method, []any{policyOf(d), v.key(), int64(1) << 53}}
			if err := v.refused(ctx, i, baseError, "INVALID_ARGUMENT"); err != nil {
				return err
			}
		}
		i := invocation{"check_many", "checkMany", []any{policyOf(d), []string{v.key()}, int64(1) << 53}}
		if err := v.refused(ctx, i, baseError, "INVALID_ARGUMENT"); err != nil {
			return err
		}
	}
	return v.twoTier(ctx)
}

// twoTier policies are checked by their plain strategy and cannot be looked at.
func (v *service) twoTier(ctx context.Context) error {
	key := v.key()
	for left := int64(serviceLimit - 1); left >= 0; left-- {
		got, err := v.call(ctx, "check", twoTierPolicy, key)
		if err != nil {
			return err
		}
		v.check(got.Decision.allowed && got.Decision.remaining == left, "%s: %v, want %d remaining", twoTierPolicy, got.Decision, left)
	}
	got, err := v.call(ctx, "check_many", twoTierPolicy, []string{key, v.key()})
	if err != nil {
		return err
	}
	v.check(len(got.Decisions) == 2 && !got.Decisions[0].allowed && got.Decisions[1].allowed,
		"%s: check_many: %v, want the spent key denied and the other admitted", twoTierPolicy, got.Decisions)
	for _, i := range v.everyOp(twoTierPolicy) {
		if i.method == "check" || i.method == "check_many" {
			continue
		}
		if err := v.refused(ctx, i, notSupported, quoted(twoTierPolicy)); err != nil {
			return err
		}
	}
	return nil
}

// failMode is the decision that stands in for one that could not be made.
func failMode(open bool) decision {
	if open {
		return decision{allowed: true, limit: serviceLimit, remaining: serviceLimit}
	}
	return decision{limit: serviceLimit}
}

// wrongType meets a key that holds what no strategy wrote: the fail mode answers for it,
// and for nothing else.
func (v *service) wrongType(ctx context.Context, open bool) error {
	for _, d := range strategy.All() {
		policy, broken, sound := policyOf(d), v.key(), v.key()
		if _, err := v.do(ctx, "RPUSH", policy+":"+broken, "something else"); err != nil {
			return err
		}
		got, err := v.call(ctx, "check", policy, broken)
		if err != nil {
			return err
		}
		v.check(got.Decision == failMode(open), "%s: check: %v, want %v", policy, got.Decision, failMode(open))
		got, err = v.call(ctx, "check_many", policy, []string{sound, broken, sound})
		if err != nil {
			return err
		}
		many := got.Decisions
		v.check(len(many) == 3 && many[0].remaining == serviceLimit-1 && many[1] == failMode(open) && many[2].remaining == serviceLimit-2 && many[2].resetAt > 0,
			"%s: check_many: %v, want the fail mode's decision for the second key alone", policy, many)
		for _, method := range []string{"peek", "forecast"} {
			if err := v.refused(ctx, invocation{method, method, []any{policy, broken}}, baseError, "INTERNAL"); err != nil {
				return err
			}
		}
		if _, err := v.do(ctx, "DEL", policy+":"+broken); err != nil {
			return err
		}
	}
	return nil
}

// storeGone asks while nobody can decide.
func (v *service) storeGone(ctx context.Context, open bool) error {
	for _, d := range strategy.All() {
		policy, key := policyOf(d), v.key()
		got, err := v.call(ctx, "check", policy, key)
		if err != nil {
			return err
		}
		v.check(got.Decision == failMode(open), "%s: check: %v, want %v", policy, got.Decision, failMode(open))
		got, err = v.call(ctx, "check_many", policy, []string{key, key})
		if err != nil {
			return err
		}
		v.check(slices.Equal(got.Decisions, []decision{failMode(open), failMode(open)}), "%s: check_many: %v, want %v twice", policy, got.Decisions, failMode(open))
		for _, method := range []string{"peek", "forecast"} {
			if err := v.refused(ctx, invocation{method, method, []any{policy, key}}, baseError, "INTERNAL"); err != nil {
				return err
			}
		}
		if err := v.refused(ctx, invocation{"check", "check", []any{noPolicy, key}}, policyNotFound, quoted(noPolicy)); err != nil {
			return err
		}
	}
	return nil
}

// serviceGone calls a service that has ended.
func (v *service) serviceGone(ctx context.Context) error {
	for _, i := range v.everyOp(policyOf(strategy.All()[0])) {
		if err := v.refused(ctx, i, serviceUnavailable); err != nil {
			return err
		}
	}
	return nil
}
