package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/urfave/cli/v3"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// The policies that conform prints: as generous as a burst is quick to send, and as slow
// as nothing comes back meanwhile.
const (
	targetLimit  = 12
	targetPeriod = 10 * time.Minute

	// maxTargetLimit keeps a burst on one key to what a service answers in a second.
	maxTargetLimit = 1000
)

// targetPolicies names the policies of [printPolicies].
func targetPolicies() []string {
	var names []string
	for _, d := range strategy.All() {
		names = append(names, "conform-"+d.Name)
	}
	return names
}

// printPolicies writes a policy file with one policy for each strategy. What a policy
// leaves out has a default.
func printPolicies(out io.Writer) error {
	var b strings.Builder
	b.WriteString("# The policies of: throttlekit conform --target URL\nversion: 1\nlimiters:\n")
	for i, d := range strategy.All() {
		fmt.Fprintf(&b, "  %s:\n    strategy: %s\n", targetPolicies()[i], d.Name)
		values := fill(d, targetLimit, targetPeriod)
		for _, p := range d.Params {
			if v, ok := values[p.Name]; ok {
				fmt.Fprintf(&b, "    %s: %s\n", p.Name, script.Number(v))
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func conformTargetAction(ctx context.Context, c *cli.Command) (err error) {
	for _, flag := range []string{"redis", "local", "vectors"} {
		if c.IsSet(flag) {
			return fmt.Errorf("--%s is about a door, --target about a service: give one of them", flag)
		}
	}
	policies := c.StringSlice("policy")
	if len(policies) == 0 {
		policies = targetPolicies()
	}
	client, err := dialTarget(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	return conformTarget(ctx, client, c.Duration("timeout"), policies, c.Root().Writer)
}

// conformTarget tries policies of the service behind client and reports to out. The error
// is errNo when an answer was not the contract's.
func conformTarget(ctx context.Context, client *servicedoor.Client, timeout time.Duration, policies []string, out io.Writer) error {
	r := &report{out: out}
	prefix := ownPrefix("conform")
	for i, policy := range policies {
		t := &trial{
			client: client, timeout: timeout, limiter: client.Limiter(policy),
			policy: policy, policies: policies, prefix: fmt.Sprintf("%s-%d", prefix, i),
		}
		if err := t.learn(ctx); err != nil {
			return err
		}
		for _, s := range trials {
			if err := t.suite(ctx, r, policy+": "+s.name, s.try); err != nil {
				return err
			}
		}
	}
	return r.close()
}

// trial is one policy of a service, under trial.
type trial struct {
	client   *servicedoor.Client
	timeout  time.Duration // of its raw calls, which the client does not bound
	limiter  throttlekit.Limiter
	policy   string
	policies []string // all that are under trial
	prefix   string   // of this run's keys for this policy
	keys     int
	limit    int64 // as the policy's decisions report it

	// Of the try that is under way:
	ops      int
	problems []string
}

// tries is how often a suite may be tried until nothing is wrong with it, each time with
// fresh keys: the edge of a window can fall into a burst once, and what is wrong with a
// service is wrong each time.
const tries = 3

// suite tries and reports. The error is a fault: nothing can be said about the service.
func (t *trial) suite(ctx context.Context, r *report, name string, try func(*trial, context.Context) error) error {
	for range tries {
		t.ops, t.problems = 0, nil
		err := try(t, ctx)
		switch {
		case errors.Is(err, errNotOffered):
			fmt.Fprintf(r.out, "skip  %s: %v\n", name, err)
			return nil
		case answered(err):
			t.problems = append(t.problems, err.Error())
		case err != nil:
			return fmt.Errorf("%s: %w", name, err)
		}
		if len(t.problems) == 0 {
			break
		}
	}
	r.suite(name, t.ops, t.problems)
	return nil
}

var (
	errNotOffered = errors.New("the service does not offer it")
	errNoStore    = errors.New("the service answered without its store, as its fail mode is, which says nothing about its limits")
)

// answered reports whether err is what the service said, and so a mismatch, where a
// decision was due. All else, such as a connection refused, is a fault.
func answered(err error) bool {
	return errors.Is(err, throttlekit.ErrMalformedReply) ||
		connect.IsWireError(err) && connect.CodeOf(err) != connect.CodeUnavailable
}

// learn asks for the policy's limit.
func (t *trial) learn(ctx context.Context) error {
	d, err := t.check(ctx, t.fresh(), 1)
	switch {
	case errors.Is(err, throttlekit.ErrPolicyNotFound):
		return fmt.Errorf("%w\nstart the service with the file that conform --print-policies prints, or name policies of its own with --policy", err)
	case err != nil:
		return fmt.Errorf("policy %q: %w", t.policy, err)
	case d.Limit < 1 || d.Limit > maxTargetLimit:
		return fmt.Errorf("policy %q has a limit of %d; conform tries limits from 1 to %d", t.policy, d.Limit, maxTargetLimit)
	}
	t.limit = d.Limit
	return nil
}

// fresh makes a key that nobody has used.
func (t *trial) fresh() string {
	t.keys++
	return fmt.Sprintf("%s-%d", t.prefix, t.keys)
}

func (t *trial) check(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	t.ops++
	return stored(t.limiter.CheckN(ctx, key, cost))
}

func (t *trial) peek(ctx context.Context, key string) (throttlekit.Decision, error) {
	t.ops++
	d, err := stored(t.limiter.Peek(ctx, key))
	if errors.Is(err, throttlekit.ErrNotSupported) {
		err = errNotOffered
	}
	return d, err
}

// stored refuses the decisions of fail modes, which have no ResetAt; real ones always do.
func stored(d throttlekit.Decision, err error) (throttlekit.Decision, error) {
	if err == nil && d.ResetAt.IsZero() {
		err = errNoStore
	}
	return d, err
}

func (t *trial) problem(format string, args ...any) {
	t.problems = append(t.problems, fmt.Sprintf(format, args...))
}

// spend requires that d answers a check of cost, on a key of which spent units are spent,
// and returns how many are spent then.
func (t *trial) spend(what string, d throttlekit.Decision, spent, cost int64) int64 {
	after := spent
	if d.Allowed {
		after += cost
	}
	t.require(what, d, spent+cost, after)
	return after
}

// require compares d with what the limit allows: wanted units in all if it admits, left
// units spent when it has answered. Everywhere it may be one unit short: some intervals
// are no fraction that a double holds, and then the last unit comes a millisecond late.
func (t *trial) require(what string, d throttlekit.Decision, wanted, left int64) {
	switch {
	case d.Allowed && wanted > t.limit:
		t.problem("%s: allowed, with %d units of %d in all", what, wanted, t.limit)
	case !d.Allowed && wanted < t.limit:
		t.problem("%s: denied, with %d units of %d in all", what, wanted, t.limit)
	}
	if most := t.limit - left; d.Remaining < max(most-1, 0) || d.Remaining > most {
		t.problem("%s: remaining is %d, want %d, or one less", what, d.Remaining, most)
	}
	if d.Limit != t.limit {
		t.problem("%s: limit is %d, and was %d before", what, d.Limit, t.limit)
	}
	if d.Allowed != (d.RetryAfter == 0) || d.RetryAfter < 0 {
		t.problem("%s: allowed is %t, and retry after is %s", what, d.Allowed, d.RetryAfter)
	}
}
