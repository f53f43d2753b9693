package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v3"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

const vendoredVectors = "contract/golden-vectors.json"

func conformCommand() *cli.Command {
	return &cli.Command{
		Name:  "conform",
		Usage: "replay the contract's golden vectors through a door, or try a running service",
		Description: "Replays every rateLimit suite through the Redis door, or with --local through the\n" +
			"strategies' form in Go, prints a line for each and a closing line with the counts,\n" +
			"and exits with 1 when any reply is not the expected one. Keys are the command's own,\n" +
			"and it removes them.\n\n" +
			"With --target it tries what a service on a wall clock can be held to, on fresh keys,\n" +
			"for each --policy, or else for those of the policy file that --print-policies prints.\n" +
			"A policy of your own must be slow: nothing may come back while a burst is under way.",
		// A policy's name may have a comma in it.
		DisableSliceFlagSeparator: true,
		Flags: append([]cli.Flag{
			redisFlag(),
			&cli.BoolFlag{Name: "local", Usage: "replay in this process, without any Redis"},
			&cli.StringFlag{Name: "vectors", Value: vendoredVectors, Usage: "replay `FILE`"},
			&cli.StringSliceFlag{Name: "policy", Usage: "try the policy `NAME` of the service; may be given again"},
			&cli.BoolFlag{Name: "print-policies", Usage: "print a policy file to start a service with, and end"},
		}, targetFlags(&cli.StringFlag{Usage: "try the service at `URL` instead, such as " + defaultTarget})...),
		Action: func(ctx context.Context, c *cli.Command) (err error) {
			if err := noArguments(c); err != nil {
				return err
			}
			switch {
			case c.Bool("print-policies"):
				return printPolicies(c.Root().Writer)
			case c.IsSet("target"):
				return conformTargetAction(ctx, c)
			case c.IsSet("policy"):
				return errors.New("--policy needs a --target")
			}
			file, err := readVectors(c.String("vectors"))
			if err != nil {
				return err
			}
			if c.Bool("local") {
				if c.IsSet("redis") {
					return errors.New("--local replays without any Redis: give it or --redis")
				}
				return conform(ctx, replayLocally, file, c.Root().Writer)
			}
			s, err := openStore(ctx, c.String("redis"))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			return conform(ctx, s.replay, file, c.Root().Writer)
		},
	}
}

func readVectors(path string) (vectorfile.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return vectorfile.File{}, fmt.Errorf("cannot read the vectors (--vectors names them): %w", err)
	}
	defer f.Close()
	file, err := vectorfile.Load(f)
	if err != nil {
		return vectorfile.File{}, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// replays is how often a suite may be replayed until its replies are the expected ones:
// an expiry of a millisecond can strike once (see [redisdoor.Limiter.Replay]), and a
// wrong reply is wrong each time.
const replays = 3

// replayer runs a timeline on a key of its own, with the dry run before each check; the
// answers are nil for a strategy without one.
type replayer func(ctx context.Context, s script.Strategy, prefix, key string, moments []redisdoor.Moment) ([]script.Answer, []throttlekit.Decision, error)

func (s *store) replay(ctx context.Context, strategy script.Strategy, prefix, key string, moments []redisdoor.Moment) ([]script.Answer, []throttlekit.Decision, error) {
	limiter, err := redisdoor.New(s.Connections, strategy, redisdoor.WithPrefix(prefix))
	if err != nil {
		return nil, nil, err
	}
	answers, decisions, err := limiter.ProbeReplay(ctx, key, moments)
	if errors.Is(err, throttlekit.ErrNotSupported) {
		decisions, err = limiter.Replay(ctx, key, moments)
	}
	return answers, decisions, err
}

// replayLocally needs no prefix: nobody else has its memory.
func replayLocally(ctx context.Context, strategy script.Strategy, _, key string, moments []redisdoor.Moment) ([]script.Answer, []throttlekit.Decision, error) {
	limiter, err := localdoor.New(strategy)
	if err != nil {
		return nil, nil, err
	}
	timeline := make([]localdoor.Moment, len(moments))
	for i, m := range moments {
		timeline[i] = localdoor.Moment(m)
	}
	answers, decisions, err := limiter.ProbeReplay(ctx, key, timeline)
	if errors.Is(err, throttlekit.ErrNotSupported) {
		decisions, err = limiter.Replay(ctx, key, timeline)
	}
	return answers, decisions, errors.Join(err, limiter.Close())
}

// conform replays file's rateLimit suites by run and reports to out. The error is errNo
// when a reply was not the expected one.
func conform(ctx context.Context, run replayer, file vectorfile.File, out io.Writer) error {
	prefix := ownPrefix("conform")
	r := &report{out: out}
	others := 0
	for i, suite := range file.Suites {
		if suite.Primitive != "rateLimit" {
			others++
			continue
		}
		var problems []string
		for range replays {
			var err error
			if problems, err = replay(ctx, run, fmt.Sprintf("%s-%d", prefix, i), suite); err != nil {
				return fmt.Errorf("suite %s: %w", suite.Name, err)
			}
			if len(problems) == 0 {
				break
			}
		}
		r.suite(suite.Name, len(suite.Ops), problems)
	}
	if others > 0 {
		fmt.Fprintf(out, "left out: %d suites of other primitives, which have no script\n", others)
	}
	return r.close()
}

// replay runs one suite, asks the dry run before each op, and describes each reply that
// is not the expected one and each dry run that said something else. The
// error is a fault: nothing can be said about the suite.
func replay(ctx context.Context, run replayer, prefix string, suite vectorfile.Suite) ([]string, error) {
	plan, err := strategy.New(suite.Strategy.Kind, suite.Strategy.Options)
	if err != nil {
		return []string{err.Error()}, nil
	}
	shift := suite.Shift()
	moments := make([]redisdoor.Moment, len(suite.Ops))
	for i, op := range suite.Ops {
		moments[i] = redisdoor.Moment{Now: op.Now + shift, Cost: op.Cost}
	}
	answers, decisions, err := run(ctx, plan, prefix, suite.Key, moments)
	if errors.Is(err, throttlekit.ErrNotSupported) {
		return []string{err.Error()}, nil
	}
	if err != nil {
		return nil, err
	}
	var problems []string
	for i, d := range decisions {
		if answers != nil && (answers[i].Admitted != d.Allowed || !d.Allowed && answers[i].Denial != d) {
			problems = append(problems, fmt.Sprintf("op %d (now %v, cost %v): the dry run said %+v, the check did %+v",
				i, moments[i].Now, moments[i].Cost, answers[i], d))
		}
		got, want := onWire(d), suite.Ops[i].Expect
		want.ResetAt += shift
		if got != want {
			problems = append(problems, fmt.Sprintf("op %d (now %v, cost %v): want %+v, got %+v",
				i, moments[i].Now, moments[i].Cost, want, got))
		}
	}
	return problems, nil
}

// onWire is a decision as the vectors write it.
func onWire(d throttlekit.Decision) vectorfile.Decision {
	return vectorfile.Decision{
		Allowed:      d.Allowed,
		Limit:        float64(d.Limit),
		Remaining:    float64(d.Remaining),
		ResetAt:      float64(millis(d.ResetAt)),
		RetryAfterMs: float64(d.RetryAfter.Milliseconds()),
	}
}
