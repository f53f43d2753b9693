package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

const clientHelp = `A KEY of - stands for the lines of the standard input: a key on a command line is seen by
whoever may list processes. A KEY that begins with a dash goes after --.

The exit code is 0 for yes, 1 for no, and 2 when there is no answer. With --json each
answer is one line, an object with the contract's field names, its times in milliseconds.
`

// clientCommands are the operations of the service door, for a shell.
func clientCommands() []*cli.Command {
	commands := []*cli.Command{
		{
			Name:        "check",
			Usage:       "spend from a key's limit at a service, if it can be spent",
			ArgsUsage:   "POLICY KEY",
			Description: clientHelp,
			Flags:       clientFlags(costFlag()),
			Action: clientAction(func(ctx context.Context, l throttlekit.Limiter, keys []string, cost int64) ([]answer, error) {
				d, err := l.CheckN(ctx, keys[0], cost)
				return []answer{decided(d)}, err
			}),
		},
		{
			Name:        "peek",
			Usage:       "ask whether a check of cost 1 would pass, and spend nothing",
			ArgsUsage:   "POLICY KEY",
			Description: clientHelp,
			Flags:       clientFlags(),
			Action: clientAction(func(ctx context.Context, l throttlekit.Limiter, keys []string, _ int64) ([]answer, error) {
				d, err := l.Peek(ctx, keys[0])
				return []answer{decided(d)}, err
			}),
		},
		{
			Name:        "forecast",
			Usage:       "ask how often a cost could be spent now and when more comes back, and spend nothing",
			ArgsUsage:   "POLICY KEY",
			Description: clientHelp,
			Flags:       clientFlags(costFlag()),
			Action: clientAction(func(ctx context.Context, l throttlekit.Limiter, keys []string, cost int64) ([]answer, error) {
				f, err := l.Forecast(ctx, keys[0], cost)
				return []answer{foreseen(f)}, err
			}),
		},
		{
			Name:        manyCommand,
			Usage:       "check many keys in one call; yes is yes for all of them",
			ArgsUsage:   "POLICY KEY...",
			Description: clientHelp,
			Flags:       clientFlags(costFlag()),
			Action: clientAction(func(ctx context.Context, l throttlekit.Limiter, keys []string, cost int64) ([]answer, error) {
				ds, err := l.CheckMany(ctx, keys, cost)
				answers := make([]answer, len(ds))
				for i, d := range ds {
					answers[i] = decided(d)
				}
				return answers, err
			}),
		},
	}
	for _, c := range commands {
		c.HideHelpCommand = true // a policy may be called help
	}
	return commands
}

// manyCommand is the one command that takes more than one key, and numbers its answers.
const manyCommand = "many"

func costFlag() cli.Flag {
	return &cli.Int64Flag{Name: "cost", Value: 1, Usage: "a check spends `N` units"}
}

func clientFlags(own ...cli.Flag) []cli.Flag {
	own = append(own, &cli.BoolFlag{Name: "json", Usage: "print JSON"})
	return append(own, targetFlags(&cli.StringFlag{Value: defaultTarget, Usage: "ask the service at `URL`"})...)
}

// clientAction runs ask against the limiter that the arguments and flags name, and prints
// what it answers.
func clientAction(ask func(context.Context, throttlekit.Limiter, []string, int64) ([]answer, error)) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) (err error) {
		policy, keys, err := policyAndKeys(c)
		if err != nil {
			return err
		}
		client, err := dialTarget(c)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, client.Close()) }()
		answers, err := ask(ctx, client.Limiter(policy), keys, c.Int64("cost"))
		if err != nil {
			return err
		}
		no := false
		for i, a := range answers {
			no = no || !a.yes()
			line := a.text()
			if c.Name == manyCommand {
				line = fmt.Sprintf("%3d  %s", i+1, line)
			}
			if c.Bool("json") {
				line = asJSON(a.wire())
			}
			if _, err := fmt.Fprintln(c.Root().Writer, line); err != nil {
				return err
			}
		}
		if no {
			return errNo
		}
		return nil
	}
}

// policyAndKeys reads the arguments. Its errors count them and do not repeat them: keys
// are other people's.
func policyAndKeys(c *cli.Command) (policy string, keys []string, err error) {
	args := c.Args().Slice()
	if len(args) == 0 {
		return "", nil, fmt.Errorf("%s needs a policy and a key: %s %s", c.Name, c.Name, c.ArgsUsage)
	}
	for _, arg := range args[1:] {
		if arg != "-" {
			keys = append(keys, arg)
			continue
		}
		lines, err := readLines(c.Root().Reader)
		if err != nil {
			return "", nil, fmt.Errorf("cannot read keys from the standard input: %w", err)
		}
		keys = append(keys, lines...)
	}
	switch {
	case len(keys) == 0:
		return "", nil, fmt.Errorf("%s needs a key: %s %s", c.Name, c.Name, c.ArgsUsage)
	case len(keys) > 1 && c.Name != manyCommand:
		return "", nil, fmt.Errorf("%s takes one key, got %d; %s takes several", c.Name, len(keys), manyCommand)
	}
	return args[0], keys, nil
}

func readLines(r io.Reader) ([]string, error) {
	all, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(all)) {
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	return lines, nil
}

// answer is what a service said about one key.
type answer interface {
	yes() bool    // the exit code
	text() string // for a reader
	wire() any    // for a program
}

type decided throttlekit.Decision

func (d decided) yes() bool { return d.Allowed }

func (d decided) text() string {
	var b strings.Builder
	b.WriteString("denied")
	if d.Allowed {
		b.Reset()
		b.WriteString("allowed")
	}
	fmt.Fprintf(&b, "; %d of %d left", d.Remaining, d.Limit)
	if d.RetryAfter > 0 {
		fmt.Fprintf(&b, "; retry after %s", d.RetryAfter)
	}
	if d.ResetAt.IsZero() {
		b.WriteString("; no reset: the service answered without its store")
	} else {
		b.WriteString("; reset at " + instant(d.ResetAt))
	}
	return b.String()
}

func (d decided) wire() any { return onWire(throttlekit.Decision(d)) }

type foreseen throttlekit.Forecast

func (f foreseen) yes() bool { return f.SpendableNow > 0 }

func (f foreseen) text() string {
	return fmt.Sprintf("%d spendable now; next unit at %s; full at %s", f.SpendableNow, instant(f.NextReplenishAt), instant(f.FullAt))
}

func (f foreseen) wire() any {
	return struct {
		SpendableNow    int64 `json:"spendableNow"`
		NextReplenishAt int64 `json:"nextReplenishAt"`
		FullAt          int64 `json:"fullAt"`
	}{f.SpendableNow, millis(f.NextReplenishAt), millis(f.FullAt)}
}

func instant(t time.Time) string { return t.Format("2006-01-02T15:04:05.000Z07:00") }

// millis is an instant as the contract writes it, whose 0 means that there is none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// asJSON writes values of numbers, texts and truths, which always have a JSON form.
func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(data)
}
