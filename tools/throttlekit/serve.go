package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v3"

	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
)

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "serve the limits of a policy file over gRPC, gRPC-Web, Connect and JSON",
		Description: "Prints one line when it listens and logs to stderr. SIGHUP reads the policy file\n" +
			"again; SIGTERM or Ctrl-C finishes the calls under way and stops, a second one stops\n" +
			"at once. What is wrong at the start ends it with exit code 1. A Redis that is not\n" +
			"there is not wrong: --fail decides until it is.\n\n" +
			"Without --redis the policies count in this process, by the contract's scripts in Go,\n" +
			"and forget all when it ends; each remembers up to " + strconv.Itoa(localdoor.DefaultMaxKeys) + " keys, and the log says\n" +
			"when one was forgotten that still counted.\n\n" +
			"With --secret-file or " + secretVariable + " only health and reflection are open to everybody.\n" +
			"The file should be readable by this process alone. Beyond this machine it needs TLS.",
		Flags: append(serveFlags(), foreignFlags()...),
		OnUsageError: func(_ context.Context, _ *cli.Command, err error, _ bool) error {
			return exitWith(exitNo, err)
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			return exitWith(exitNo, serveAction(ctx, c))
		},
	}
}

func serveAction(ctx context.Context, c *cli.Command) error {
	if err := noArguments(c); err != nil {
		return err
	}
	o, err := readServeOptions(c)
	if err != nil {
		return err
	}
	s, err := openService(ctx, o, c.Root().ErrWriter)
	if err != nil {
		return err
	}
	return errors.Join(s.run(ctx, c.Root().Writer), s.close())
}

func serveFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "serve the policies of `FILE`, YAML or JSON"},
		&cli.StringFlag{Name: "host", Value: "127.0.0.1", Usage: "listen at `HOST`; 0.0.0.0 or :: for all of the machine's addresses"},
		&cli.StringFlag{Name: "port", Aliases: []string{"p"}, Value: "50051", Usage: "listen on `PORT`; 0 for any that is free"},
		&cli.StringFlag{Name: "redis", Sources: fromEnvironment, Usage: "count on the Redis at `URL`, such as redis://localhost:6379; without it in the memory of this process"},
		&cli.StringFlag{Name: "redis-prefix", Usage: "put `PREFIX` and a colon before every key in the Redis of --redis"},
		&cli.StringFlag{Name: "fail", Value: "open", Usage: "when Redis fails, admit (`MODE` open) or deny (closed)"},
		&cli.StringFlag{Name: "tls-cert", Usage: "speak TLS with the certificate chain in `FILE` (PEM)"},
		&cli.StringFlag{Name: "tls-key", Usage: "the key of --tls-cert, in `FILE` (PEM)"},
		&cli.StringFlag{Name: "tls-ca", Usage: "require a client certificate by the authorities in `FILE` (PEM)"},
		secretFlag("answer only who shows one of the secrets in `FILE`, one on a line"),
		&cli.StringFlag{Name: "metrics-port", Usage: "serve Prometheus metrics at /metrics, and /healthz, on `PORT`; 0 for any that is free"},
		&cli.StringFlag{Name: "metrics-host", Value: "127.0.0.1", Usage: "serve them at `HOST`"},
		&cli.DurationFlag{Name: "drain", Value: defaultDrain, Usage: "when told to stop, give the calls under way `DURATION`"},
		&cli.StringFlag{Name: "log", Value: "text", Usage: "write the log as `FORMAT`, text or json"},
	}
}

// foreign are the flags of the core's service that this one does not serve, each with why.
// They are known here so that whoever moves over learns of each by name rather than that
// some flag is unknown.
var foreign = []struct{ name, why string }{
	{"store", "the store is the Redis of --redis, or without it the memory of this process"},
	{"postgres-url", noPostgres}, {"postgres-table", noPostgres}, {"postgres-prefix", noPostgres},
	{"dynamodb-table", noDynamo}, {"dynamodb-region", noDynamo}, {"dynamodb-endpoint", noDynamo},
	{"dynamodb-prefix", noDynamo}, {"dynamodb-create-table", noDynamo},
	{"region", noFleet}, {"node-id", noFleet}, {"fleet-secret", noFleet},
	{"monitor", noMonitor}, {"monitor-secret", noMonitor}, {"tui", noMonitor},
	{"plan-candidate", "this server does not compare policy files"},
}

const (
	noPostgres = "this server counts on Redis, not on Postgres"
	noDynamo   = "this server counts on Redis, not on DynamoDB"
	noFleet    = "this server does not serve the Fleet service"
	noMonitor  = "this server does not serve the Monitor service; --metrics-port has metrics"
)

// switches are the foreign flags that take no value.
var switches = map[string]bool{"dynamodb-create-table": true, "tui": true}

func foreignFlags() []cli.Flag {
	var flags []cli.Flag
	for _, f := range foreign {
		if switches[f.name] {
			flags = append(flags, &cli.BoolFlag{Name: f.name, Hidden: true})
		} else {
			flags = append(flags, &cli.StringFlag{Name: f.name, Hidden: true})
		}
	}
	return flags
}

func refuseForeign(c *cli.Command) error {
	for _, f := range foreign {
		if c.IsSet(f.name) {
			return fmt.Errorf("--%s is not served: %s", f.name, f.why)
		}
	}
	return nil
}

// exitError is an error that says what the process exits with.
type exitError struct {
	code int
	err  error
}

// exitWith has err, if there is one, end the process with code.
func exitWith(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: code, err: err}
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// exitCode is what the process exits with for err.
func exitCode(err error) int {
	var exit *exitError
	if errors.As(err, &exit) {
		return exit.code
	}
	return exitFault
}
