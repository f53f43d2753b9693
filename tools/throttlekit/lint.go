package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/policy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

func lintCommand() *cli.Command {
	return &cli.Command{
		Name:      "lint",
		Usage:     "find the traps of a policy file",
		ArgsUsage: "FILE",
		Description: "Reads the policy file, runs its strategies, and prints what its author may\n" +
			"not have meant, each with its line and column. Exits with 1 when there is a warning or\n" +
			"an error among it, with 0 when there is nothing or only notes, and with 2 when the\n" +
			"file cannot be read or is not valid.",
		Flags: []cli.Flag{
			redisFlag(),
			&cli.BoolFlag{Name: "json", Usage: "print the findings as a JSON array"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() != 1 {
				return fmt.Errorf("lint takes one argument, the policy file, got %d", c.Args().Len())
			}
			findings, err := lint(ctx, c.Args().First(), c.String("redis"))
			if err != nil {
				return err
			}
			if err := printFindings(c.Root().Writer, findings, c.Bool("json")); err != nil {
				return err
			}
			for _, f := range findings {
				if f.Severity != policy.Note {
					return errNo
				}
			}
			return nil
		},
	}
}

// lint returns all findings on the file at path.
func lint(ctx context.Context, path, redisURL string) (_ []policy.Finding, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the policy file: %w", err)
	}
	file, err := policy.Parse(path, text)
	if err != nil {
		return nil, fmt.Errorf("the policy file is not valid:\n%w", err)
	}
	run := policy.Runner(rehearseLocally)
	if redisURL != "" || needsRedis() {
		s, err := openStore(ctx, redisURL)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		run = s.rehearse(ownPrefix("lint"))
	}
	rehearsed, err := policy.Rehearse(ctx, file, time.Now(), run)
	if err != nil {
		return nil, err
	}
	findings := append(policy.Lint(file), rehearsed...)
	policy.SortFindings(findings)
	return findings, nil
}

// rehearse runs checks on a key that the replay deletes before and after.
func (s *store) rehearse(prefix string) policy.Runner {
	return func(ctx context.Context, strategy script.Strategy, checks []policy.Check) ([]bool, error) {
		limiter, err := redisdoor.New(s, strategy, redisdoor.WithPrefix(prefix))
		if err != nil {
			return nil, err
		}
		moments := make([]redisdoor.Moment, len(checks))
		for i, c := range checks {
			moments[i] = redisdoor.Moment{Now: c.Now, Cost: float64(c.Cost)}
		}
		return admissions(limiter.Replay(ctx, "rehearsal", moments))
	}
}

// rehearseLocally is a [policy.Runner] that needs no Redis.
func rehearseLocally(ctx context.Context, strategy script.Strategy, checks []policy.Check) ([]bool, error) {
	limiter, err := localdoor.New(strategy)
	if err != nil {
		return nil, err
	}
	moments := make([]localdoor.Moment, len(checks))
	for i, c := range checks {
		moments[i] = localdoor.Moment{Now: c.Now, Cost: float64(c.Cost)}
	}
	return admissions(limiter.Replay(ctx, "rehearsal", moments))
}

func admissions(decisions []throttlekit.Decision, err error) ([]bool, error) {
	admitted := make([]bool, len(decisions))
	for i, d := range decisions {
		admitted[i] = d.Allowed
	}
	return admitted, err
}

func printFindings(out io.Writer, findings []policy.Finding, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(append([]policy.Finding{}, findings...))
	}
	for _, f := range findings {
		if _, err := fmt.Fprintln(out, f); err != nil {
			return err
		}
	}
	return nil
}
