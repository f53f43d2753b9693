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
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

const vendoredVectors = "contract/golden-vectors.json"

func conformCommand() *cli.Command {
	return &cli.Command{
		Name:  "conform",
		Usage: "replay the contract's golden vectors through the Redis door",
		Description: "Replays every rateLimit suite, prints a line for each and a closing line with the\n" +
			"counts, and exits with 1 when any reply is not the expected one. Keys are the\n" +
			"command's own, and it removes them.",
		Flags: []cli.Flag{
			redisFlag(),
			&cli.StringFlag{Name: "vectors", Value: vendoredVectors, Usage: "replay `FILE`"},
		},
		Action: func(ctx context.Context, c *cli.Command) (err error) {
			if err := noArguments(c); err != nil {
				return err
			}
			file, err := readVectors(c.String("vectors"))
			if err != nil {
				return err
			}
			s, err := openStore(ctx, c.String("redis"))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			return conform(ctx, s, file, c.Root().Writer)
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

// conform replays file's rateLimit suites on s and reports to out. The error is errNo
// when a reply was not the expected one.
func conform(ctx context.Context, s *store, file vectorfile.File, out io.Writer) error {
	prefix := ownPrefix("conform")
	suites, ops, mismatches, others := 0, 0, 0, 0
	for i, suite := range file.Suites {
		if suite.Primitive != "rateLimit" {
			others++
			continue
		}
		var problems []string
		for range replays {
			var err error
			if problems, err = replay(ctx, s, fmt.Sprintf("%s-%d", prefix, i), suite); err != nil {
				return fmt.Errorf("suite %s: %w", suite.Name, err)
			}
			if len(problems) == 0 {
				break
			}
		}
		verdict := "ok  "
		if len(problems) > 0 {
			verdict = "FAIL"
		}
		fmt.Fprintf(out, "%s  %s (%d ops)\n", verdict, suite.Name, len(suite.Ops))
		for _, p := range problems {
			fmt.Fprintf(out, "      %s\n", p)
		}
		suites++
		ops += len(suite.Ops)
		mismatches += len(problems)
	}
	if others > 0 {
		fmt.Fprintf(out, "left out: %d suites of other primitives, which have no script\n", others)
	}
	fmt.Fprintf(out, "%d suites, %d ops, %d mismatches\n", suites, ops, mismatches)
	if mismatches > 0 {
		return errNo
	}
	return nil
}

// replay runs one suite and describes each reply that is not the expected one. The
// error is a fault: nothing can be said about the suite.
func replay(ctx context.Context, s *store, prefix string, suite vectorfile.Suite) ([]string, error) {
	plan, err := strategy.New(suite.Strategy.Kind, suite.Strategy.Options)
	if err != nil {
		return []string{err.Error()}, nil
	}
	limiter, err := redisdoor.New(s, plan, redisdoor.WithPrefix(prefix))
	if err != nil {
		return []string{err.Error()}, nil
	}
	shift := suite.Shift()
	moments := make([]redisdoor.Moment, len(suite.Ops))
	for i, op := range suite.Ops {
		moments[i] = redisdoor.Moment{Now: op.Now + shift, Cost: op.Cost}
	}
	decisions, err := limiter.Replay(ctx, suite.Key, moments)
	if err != nil {
		return nil, err
	}
	var problems []string
	for i, d := range decisions {
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
	w := vectorfile.Decision{
		Allowed:      d.Allowed,
		Limit:        float64(d.Limit),
		Remaining:    float64(d.Remaining),
		RetryAfterMs: float64(d.RetryAfter.Milliseconds()),
	}
	if !d.ResetAt.IsZero() {
		w.ResetAt = float64(d.ResetAt.UnixMilli())
	}
	return w
}
