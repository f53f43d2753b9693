package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/throttlekit/internal/doctor"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "examine a Redis that is to keep limits",
		Description: "Looks at the server, its clock, latency, memory, replicas, script cache and cluster, and\n" +
			"tries every operation of a door with the user's rights. Prints each finding and what to\n" +
			"do about it. Exits with 1 when there is a warning or an error among them, with 0 when\n" +
			"there are only notes, and with 2 when the Redis could not be examined.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "redis", Required: true, Sources: fromEnvironment, Usage: "examine the Redis at `URL`, such as redis://localhost:6379"},
			&cli.StringFlag{Name: "prefix", Value: "throttlekit-doctor", Usage: "try on keys that begin with `PREFIX` and a colon, where a user may use no others"},
			&cli.BoolFlag{Name: "json", Usage: "print the findings as a JSON array"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if err := noArguments(c); err != nil {
				return err
			}
			findings, err := examine(ctx, c.String("redis"), c.String("prefix"))
			if err != nil {
				return err
			}
			if c.Bool("json") {
				encoder := json.NewEncoder(c.Root().Writer)
				encoder.SetIndent("", "  ")
				encoder.SetEscapeHTML(false)
				err = encoder.Encode(findings)
			} else {
				for _, f := range findings {
					_, printed := fmt.Fprintln(c.Root().Writer, f)
					err = errors.Join(err, printed)
				}
			}
			if err != nil {
				return err
			}
			for _, f := range findings {
				if f.Severity == doctor.Warning || f.Severity == doctor.Error {
					return errNo
				}
			}
			return nil
		},
	}
}

// examine tries every strategy with the parameters of the policies that conform prints.
func examine(ctx context.Context, address, prefix string) ([]doctor.Finding, error) {
	definitions := strategy.All()
	strategies := make([]script.Strategy, len(definitions))
	for i, d := range definitions {
		var err error
		if strategies[i], err = strategy.New(d.Name, fill(d, targetLimit, targetPeriod)); err != nil {
			return nil, err
		}
	}
	return doctor.Examine(ctx, doctor.Patient{Address: address, Prefix: prefix, Strategies: strategies, Definitions: definitions})
}
