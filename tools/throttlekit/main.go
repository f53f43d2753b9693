// Command throttlekit shows ThrottleKit at work and proves that it conforms.
//
//	throttlekit demo        one limit, enforced through every door
//	throttlekit serve       the limits of a policy file, as a service
//	throttlekit lint        what such a file had better say otherwise
//	throttlekit conform     the contract's golden vectors, or a service held to the contract
//	throttlekit doctor      what is wrong with a Redis that is to keep limits
//	throttlekit check       the operations of a service, from a shell; and peek, forecast, many
//	throttlekit completion  the shell's help in typing these
//	throttlekit version     what was built
//
// Run it with --help, or a command with --help, for the flags.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"
)

// What the process exits with.
const (
	exitOK    = 0
	exitNo    = 1 // the answer is no: a denial, a mismatch
	exitFault = 2 // there is no answer: bad usage, no Redis, no service
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// errNo makes run exit with exitNo; what there is to say has been said.
var errNo = errors.New("the answer is no")

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app := &cli.Command{
		Name:                            "throttlekit",
		Usage:                           "rate limits that a fleet in any language shares",
		Writer:                          stdout,
		ErrWriter:                       stderr,
		Commands:                        append([]*cli.Command{demoCommand(), serveCommand(), lintCommand(), conformCommand(), doctorCommand(), versionCommand()}, clientCommands()...),
		EnableShellCompletion:           true,
		ConfigureShellCompletionCommand: func(c *cli.Command) { c.Hidden = false },
		// The library's own way out is os.Exit in the middle of things.
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return fmt.Errorf("unknown command %q; run throttlekit --help for the list", c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	switch err := app.Run(ctx, args); {
	case err == nil:
		return exitOK
	case errors.Is(err, errNo):
		return exitNo
	default:
		// The SDK's own errors begin with the name already.
		fmt.Fprintf(stderr, "throttlekit: %s\n", strings.TrimPrefix(err.Error(), "throttlekit: "))
		return exitCode(err)
	}
}

func noArguments(c *cli.Command) error {
	if c.Args().Present() {
		return fmt.Errorf("%s takes no arguments, got %q", c.Name, c.Args().First())
	}
	return nil
}

// fromEnvironment has a flag's value in a variable as well, for an address whose password
// nobody is to see who may list processes.
var fromEnvironment = cli.EnvVars("THROTTLEKIT_REDIS")

func redisFlag() cli.Flag {
	return &cli.StringFlag{Name: "redis", Usage: "run on the Redis at `URL`, such as redis://localhost:6379; without it inside this process"}
}
