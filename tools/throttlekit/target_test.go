package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/policy"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func TestPrintedPoliciesAreOnePerStrategy(t *testing.T) {
	stdout, stderr, code := throttlekitCommand(t, "conform", "--print-policies")
	if code != exitOK || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	file, err := policy.Parse("printed", []byte(stdout))
	if err != nil {
		t.Fatal(err)
	}
	if errs := file.Collisions(); len(errs) > 0 {
		t.Errorf("collisions: %v", errs)
	}
	var names []string
	for _, p := range file.Policies {
		names = append(names, p.StrategyName)
		plan, err := p.Strategy.Plan()
		if err != nil {
			t.Fatal(err)
		}
		if plan.Limit() != targetLimit || p.Unserved != "" || len(p.Notices) > 0 {
			t.Errorf("%s: limit %d, unserved %q, notices %q", p.Name, plan.Limit(), p.Unserved, p.Notices)
		}
	}
	if !slices.Equal(names, strategyNames()) {
		t.Errorf("strategies %v, want %v", names, strategyNames())
	}
}

// startServe runs serve with a policy file in this process until the test ends, and
// returns its address.
func startServe(t *testing.T, config string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policies.yaml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	output, input := io.Pipe()
	var group sync.WaitGroup
	group.Go(func() {
		code := run(ctx, append([]string{"throttlekit", "serve", "--config", path, "--port", "0"}, args...), input, t.Output())
		if code != exitOK {
			t.Errorf("serve ended with %d", code)
		}
		_ = input.Close()
	})
	t.Cleanup(func() {
		cancel()
		_, _ = io.Copy(io.Discard, output)
		group.Wait()
	})
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`listening on (\S+)`).FindStringSubmatch(line)
	if address == nil {
		t.Fatalf("serve printed %q", line)
	}
	return "http://" + address[1]
}

var conformed = regexp.MustCompile(`\A(ok    \S.*\n)+[1-9]\d* suites, [1-9]\d* ops, 0 mismatches\n\z`)

func TestServeConforms(t *testing.T) {
	printed, _, _ := throttlekitCommand(t, "conform", "--print-policies")
	// An interval that is no fraction a double holds, and a limit of one.
	own := printed + "  odd, own:\n    strategy: gcra\n    limit: 7\n    periodMs: 600001\n" +
		"  one:\n    strategy: slidingWindowLog\n    limit: 1\n    period: 1h\n"
	redisURL := redistest.Start(t)
	for _, row := range []struct {
		name   string
		serve  []string
		try    []string
		suites int
	}{
		{"in memory", nil, nil, len(strategy.All()) * len(trials)},
		{"on a Redis", []string{"--redis", redisURL, "--redis-prefix", ownPrefix("test")}, nil, len(strategy.All()) * len(trials)},
		{"policies of its own", nil, []string{"--policy", "one", "--policy", "odd, own"}, 2 * len(trials)},
		{"over Connect", nil, []string{"--protocol", "connect", "--policy", "one"}, len(trials)},
	} {
		t.Run(row.name, func(t *testing.T) {
			target := startServe(t, own, row.serve...)
			stdout, stderr, code := throttlekitCommand(t, append([]string{"conform", "--target", target}, row.try...)...)
			if code != exitOK || stderr != "" || !conformed.MatchString(stdout) {
				t.Errorf("exit code %d: %s%s", code, stdout, stderr)
			}
			if closing := fmt.Sprintf("\n%d suites, ", row.suites); !strings.Contains(stdout, closing) {
				t.Errorf("want %q at the end of\n%s", closing, stdout)
			}
		})
	}
}

func TestConformSkipsWhatAPolicyDoesNotOffer(t *testing.T) {
	target := listenTo(t, []server.Policy{{Name: "api", Limiter: threeAnHour(t), NoPeek: "it leases"}})
	stdout, _, code := throttlekitCommand(t, "conform", "--target", target, "--policy", "api")
	for _, want := range []string{
		"skip  api: peek consumes nothing: the service does not offer it\n",
		"skip  api: forecast consumes nothing: the service does not offer it\n",
		fmt.Sprintf("\n%d suites, ", len(trials)-2),
	} {
		if code != exitOK || !strings.Contains(stdout, want) {
			t.Errorf("exit code %d, want %q in\n%s", code, want, stdout)
		}
	}
}

// faulty is a good limiter but for what its functions replace.
type faulty struct {
	throttlekit.Limiter
	check    func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error)
	many     func(good throttlekit.Limiter, ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error)
	peek     func(good throttlekit.Limiter, ctx context.Context, key string) (throttlekit.Decision, error)
	forecast func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Forecast, error)
}

func (f *faulty) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	if f.check == nil {
		return f.Limiter.CheckN(ctx, key, cost)
	}
	return f.check(f.Limiter, ctx, key, cost)
}

func (f *faulty) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	if f.many == nil {
		return f.Limiter.CheckMany(ctx, keys, cost)
	}
	return f.many(f.Limiter, ctx, keys, cost)
}

func (f *faulty) Peek(ctx context.Context, key string) (throttlekit.Decision, error) {
	if f.peek == nil {
		return f.Limiter.Peek(ctx, key)
	}
	return f.peek(f.Limiter, ctx, key)
}

func (f *faulty) Forecast(ctx context.Context, key string, cost int64) (throttlekit.Forecast, error) {
	if f.forecast == nil {
		return f.Limiter.Forecast(ctx, key, cost)
	}
	return f.forecast(f.Limiter, ctx, key, cost)
}

// answering is an interceptor that replaces answers of the server.
func answering(change func(procedure string, req any, res connect.AnyResponse, err error) (connect.AnyResponse, error)) server.Option {
	return server.WithHandlerOptions(connect.WithInterceptors(connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			res, err := next(ctx, req)
			method := req.Spec().Procedure
			return change(method[strings.LastIndex(method, "/")+1:], req.Any(), res, err)
		}
	})))
}

// Every suite must be able to fail: each row is a service that is wrong in one way.
func TestConformFindsWhatIsWrongWithAService(t *testing.T) {
	check := func(f func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error)) *faulty {
		return &faulty{check: f}
	}
	for _, row := range []struct {
		name  string
		wrong *faulty
		say   server.Option
		fails string // a suite
		says  string // one of its problems
	}{
		{name: "it admits beyond the limit", wrong: check(func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
			d, err := good.CheckN(ctx, key, cost)
			d.Allowed, d.RetryAfter = true, 0
			return d, err
		}), fails: "a cold burst is admitted up to the limit", says: "check 4: allowed, with 4 units of 3 in all"},
		{name: "it admits a crowd beyond the limit", wrong: check(func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
			d, err := good.CheckN(ctx, key, cost)
			d.Allowed, d.RetryAfter = true, 0
			return d, err
		}), fails: "so is one of callers at once", says: "8 callers were admitted 5 times, want 3, or one less"},
		{name: "it denies what is left", wrong: check(func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
			return good.CheckN(ctx, key, 3*cost)
		}), fails: "a cold burst is admitted up to the limit", says: "check 2: denied, with 2 units of 3 in all"},
		{name: "it does not count what is left", wrong: check(func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
			d, err := good.CheckN(ctx, key, cost)
			d.Remaining = 2
			return d, err
		}), fails: "a cold burst is admitted up to the limit", says: "check 2: remaining is 2, want 1, or one less"},
		{name: "its limit changes", wrong: check(func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
			d, err := good.CheckN(ctx, key, cost)
			if !d.Allowed {
				d.Limit++
			}
			return d, err
		}), fails: "a cold burst is admitted up to the limit", says: "check 5: limit is 4, and was 3 before"},
		{name: "its denials name no wait", wrong: check(func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
			d, err := good.CheckN(ctx, key, cost)
			d.RetryAfter = 0
			return d, err
		}), fails: "a cold burst is admitted up to the limit", says: "check 5: allowed is false, and retry after is 0s"},
		{name: "its denials are errors", say: answering(func(_ string, _ any, res connect.AnyResponse, err error) (connect.AnyResponse, error) {
			if err != nil {
				return nil, err
			}
			if r, ok := res.Any().(*throttlekitv1.CheckResponse); ok && !r.GetDecision().GetAllowed() {
				return nil, connect.NewError(connect.CodeResourceExhausted, errors.New("denied"))
			}
			return res, nil
		}), fails: "a cold burst is admitted up to the limit", says: "resource_exhausted: denied"},
		{name: "keys share what the last one left", wrong: check(func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
			return good.CheckN(ctx, key[:strings.LastIndex(key, "-")], cost)
		}), fails: "keys are independent", says: "the second key: denied, with 1 units of 3 in all"},
		{name: "a cost above the limit spends what there is", wrong: check(func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
			d, err := good.CheckN(ctx, key, cost)
			if err == nil && cost > d.Limit {
				_, err = good.CheckN(ctx, key, d.Limit)
			}
			return d, err
		}), fails: "a cost above the limit is denied, and consumes nothing", says: "the check after it: denied, with 1 units of 3 in all"},
		{name: "a cost above the limit is admitted", wrong: check(func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
			return good.CheckN(ctx, key, min(cost, 3))
		}), fails: "a cost above the limit is denied, and consumes nothing", says: "above the limit: allowed, with 4 units of 3 in all"},
		{name: "a cost of 0 on the wire is free", say: answering(func(_ string, req any, res connect.AnyResponse, err error) (connect.AnyResponse, error) {
			if r, ok := req.(*throttlekitv1.CheckRequest); ok && r.GetCost() == 0 {
				return connect.NewResponse(&throttlekitv1.CheckResponse{Decision: &throttlekitv1.Decision{
					Allowed: true, Limit: 3, Remaining: 3, ResetAt: time.Now().UnixMilli()}}), nil
			}
			return res, err
		}), fails: "a cost of 0 or less on the wire is 1", says: "check 5, of cost 0: allowed, with "},
		{name: "checkMany answers in another order", wrong: &faulty{many: func(good throttlekit.Limiter, ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
			ds, err := good.CheckMany(ctx, keys, cost)
			slices.Reverse(ds)
			return ds, err
		}}, fails: "checkMany keeps the order and checks duplicates", says: "keys[0]: denied"},
		{name: "checkMany checks a duplicate once", wrong: &faulty{many: func(good throttlekit.Limiter, ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
			once := map[string]throttlekit.Decision{}
			ds := make([]throttlekit.Decision, len(keys))
			for i, key := range keys {
				if _, known := once[key]; !known {
					d, err := good.CheckN(ctx, key, cost)
					if err != nil {
						return nil, err
					}
					once[key] = d
				}
				ds[i] = once[key]
			}
			return ds, nil
		}}, fails: "checkMany keeps the order and checks duplicates", says: "allowed, with 4 units of 3 in all"},
		{name: "checkMany loses an answer", say: answering(func(_ string, _ any, res connect.AnyResponse, err error) (connect.AnyResponse, error) {
			if err != nil {
				return nil, err
			}
			if r, ok := res.Any().(*throttlekitv1.CheckManyResponse); ok && len(r.GetDecisions()) > 0 {
				r.Decisions = r.GetDecisions()[1:]
			}
			return res, nil
		}), fails: "checkMany keeps the order and checks duplicates", says: "the reply has 5 decisions for 6 keys"},
		{name: "peek spends", wrong: &faulty{peek: func(good throttlekit.Limiter, ctx context.Context, key string) (throttlekit.Decision, error) {
			d, err := good.Peek(ctx, key)
			return d, errors.Join(err, second(good.CheckN(ctx, key, 1)))
		}}, fails: "peek consumes nothing", says: "peek, after 0 units: remaining is 1, want 3, or one less"},
		{name: "peek says what a check leaves", wrong: &faulty{peek: func(good throttlekit.Limiter, ctx context.Context, key string) (throttlekit.Decision, error) {
			d, err := good.Peek(ctx, key)
			d.Remaining -= 2
			return d, err
		}}, fails: "peek consumes nothing", says: "peek, after 0 units: remaining is 1, want 3, or one less"},
		{name: "peek does not see the limit", wrong: &faulty{peek: func(good throttlekit.Limiter, ctx context.Context, key string) (throttlekit.Decision, error) {
			d, err := good.Peek(ctx, key)
			d.Allowed, d.RetryAfter = true, 0
			return d, err
		}}, fails: "peek consumes nothing", says: "peek, after 3 units: allowed, with 4 units of 3 in all"},
		{name: "forecast spends", wrong: &faulty{forecast: func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Forecast, error) {
			f, err := good.Forecast(ctx, key, cost)
			return f, errors.Join(err, second(good.CheckN(ctx, key, 1)))
		}}, fails: "forecast consumes nothing", says: "forecast of cost 1, after 0 units: spendable now is 1, want 3"},
		{name: "forecast counts units, not checks", wrong: &faulty{forecast: func(good throttlekit.Limiter, ctx context.Context, key string, _ int64) (throttlekit.Forecast, error) {
			return good.Forecast(ctx, key, 1)
		}}, fails: "forecast consumes nothing", says: "forecast of cost 2, after 1 units: spendable now is 2, want 1"},
		{name: "forecast names no instant", wrong: &faulty{forecast: func(good throttlekit.Limiter, ctx context.Context, key string, cost int64) (throttlekit.Forecast, error) {
			f, err := good.Forecast(ctx, key, cost)
			f.FullAt = time.Time{}
			return f, err
		}}, fails: "forecast consumes nothing", says: "forecast, after 0 units: an instant is missing"},
		{name: "an unknown policy is another status", say: answering(func(_ string, _ any, res connect.AnyResponse, err error) (connect.AnyResponse, error) {
			if connect.CodeOf(err) == connect.CodeNotFound {
				return nil, connect.NewError(connect.CodeInvalidArgument, errors.Unwrap(err))
			}
			return res, err
		}), fails: "statuses", says: "peek of an unknown policy: got invalid_argument"},
		{name: "an unknown policy does not list the others", say: answering(func(_ string, _ any, res connect.AnyResponse, err error) (connect.AnyResponse, error) {
			if connect.CodeOf(err) == connect.CodeNotFound {
				return nil, connect.NewError(connect.CodeNotFound, errors.New("no such policy"))
			}
			return res, err
		}), fails: "statuses", says: `check of an unknown policy: the status does not list "api"`},
		{name: "a rate policy is debited", say: answering(func(procedure string, _ any, res connect.AnyResponse, err error) (connect.AnyResponse, error) {
			if procedure == "Debit" {
				return connect.NewResponse(&throttlekitv1.DebitResponse{}), nil
			}
			return res, err
		}), fails: "statuses", says: "debit of a rate policy: got <nil>, want the status unimplemented"},
	} {
		t.Run(row.name, func(t *testing.T) {
			limiter := threeAnHour(t)
			if row.wrong != nil {
				row.wrong.Limiter = limiter
				limiter = row.wrong
			}
			var options []server.Option
			if row.say != nil {
				options = append(options, row.say)
			}
			target := listenTo(t, []server.Policy{{Name: "api", Limiter: limiter, Limit: 3}}, options...)
			stdout, stderr, code := throttlekitCommand(t, "conform", "--target", target, "--policy", "api")
			if code != exitNo || stderr != "" {
				t.Errorf("exit code %d, want 1: %s", code, stderr)
			}
			suite := regexp.MustCompile(`(?m)^FAIL  api: ` + row.fails + ` \(\d+ ops\)\n(      .*\n)+`).FindString(stdout)
			if !strings.Contains(suite, row.says) {
				t.Errorf("want %q under %q in\n%s", row.says, row.fails, stdout)
			}
		})
	}
}

func second[T any](_ T, err error) error { return err }

func TestConformTargetFaults(t *testing.T) {
	broken := &faulty{Limiter: threeAnHour(t), check: func(throttlekit.Limiter, context.Context, string, int64) (throttlekit.Decision, error) {
		return throttlekit.Decision{}, &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable}
	}}
	target := listenTo(t, []server.Policy{
		{Name: "broken", Limiter: broken, Limit: 3},
		{Name: "large", Limiter: anHour(t, maxTargetLimit+1)},
		{Name: "other", Unserved: "it is of another kind"},
	}, server.WithFailMode(server.FailOpen))
	for _, row := range []struct {
		name string
		args []string
		says string
	}{
		{"the printed policies are not there: how to get them there", []string{"--target", target}, "start the service with the file that conform --print-policies prints"},
		{"a service without its store says nothing about limits", []string{"--target", target, "--policy", "broken"}, "the service answered without its store"},
		{"a limit too large to try", []string{"--target", target, "--policy", "large"}, `policy "large" has a limit of 1001; conform tries limits from 1 to 1000`},
		{"a policy of another kind", []string{"--target", target, "--policy", "other"}, "operation not supported"},
		{"nobody there", []string{"--target", "127.0.0.1:1"}, "unavailable (transport)"},
		{"two things at once", []string{"--target", target, "--redis", "redis://127.0.0.1:1"}, "--redis is about a door, --target about a service"},
		{"vectors of a service", []string{"--target", target, "--vectors", vendored}, "--vectors is about a door"},
		{"a policy of nothing", []string{"--policy", "api"}, "--policy needs a --target"},
		{"no address", []string{"--target", ""}, "--target: servicedoor: the address is neither a URL nor host:port"},
	} {
		t.Run(row.name, func(t *testing.T) {
			stdout, stderr, code := throttlekitCommand(t, append([]string{"conform"}, row.args...)...)
			if code != exitFault || !strings.Contains(stderr, row.says) {
				t.Errorf("exit code %d and %q, want 2 and %q\n%s", code, stderr, row.says, stdout)
			}
		})
	}
}
