// Command interop holds this module against what others wrote: the published Python
// client of ThrottleKit.
//
//	go run ./tools/interop [--versions newest,oldest] [--cache DIR]
//
// It installs the client into a venv of its own, once for each version, and a version
// without gRPC stubs gets them from our proto. Then, for each:
//
//   - the Python client's Redis backend and our Redis door share keys: at explicit
//     instants, at the server's time and both at once, by random operations of every
//     strategy, every reply must be what a single client would have got;
//   - the script manifest that it carries must state the facts of our contract, and its
//     scripts, run by its own manifest, must answer as ours do;
//   - its service backend drives `throttlekit serve` through every rate operation it has,
//     errors and outages included.
//
// Where PyPI cannot be reached, or with --offline, a stand-in of our own takes the
// client's place, over the grpcio, grpcio-tools and redis of this machine's Python, and
// the run says so.
//
// It needs redis-server, the go command and Python 3.10 or newer, and runs in the root of
// the module. The Redis, the services and the folders it uses are its own and go with it.
//
// Exit codes: 0 all holds, 1 something does not, 2 there is no answer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
)

// What the process exits with.
const (
	exitOK    = 0
	exitNo    = 1 // the answer is no: something does not hold
	exitFault = 2 // there is no answer: bad usage, no Python, no Redis
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the command line.
type options struct {
	python   string
	versions []string
	cache    string
	offline  bool
	ops      int
	seed     uint64
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	r := &report{out: stdout}
	if err == nil {
		err = prove(ctx, o, r)
	}
	if err != nil {
		fmt.Fprintf(stderr, "interop: %v\n", err)
		return exitFault
	}
	r.say("%s", r.summary())
	if r.failures > 0 {
		return exitNo
	}
	return exitOK
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("interop", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.python, "python", "python3", "the `interpreter` that makes the venvs")
	versions := flags.String("versions", "newest,oldest", "`versions` of "+packageName+" to run against: numbers, newest, oldest")
	flags.StringVar(&o.cache, "cache", "", "keep the venvs in `DIR` for the next run, rather than in a temporary folder")
	flags.BoolVar(&o.offline, "offline", false, "do not try PyPI; run against the stand-in")
	flags.IntVar(&o.ops, "ops", 1000, "random `operations` for each strategy and clock")
	flags.Uint64Var(&o.seed, "seed", 20251123, "seed of the random operations")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for v := range strings.SplitSeq(*versions, ",") {
		if v = strings.TrimSpace(v); v != "" {
			o.versions = append(o.versions, v)
		}
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q; run with --help for the flags", flags.Arg(0))
	case len(o.versions) == 0:
		return o, errors.New("--versions names no version, want numbers, newest or oldest")
	case o.ops < opsPerTimeline:
		return o, fmt.Errorf("--ops is %d, want %d or more, the length of a timeline", o.ops, opsPerTimeline)
	}
	return o, nil
}

// prove runs every proof with every client. Its error is a fault: there is no answer.
func prove(ctx context.Context, o options, r *report) (err error) {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	binary, err := buildCommand(ctx, dir)
	if err != nil {
		return err
	}
	clients, err := pythonClients(ctx, o, r, dir)
	if err != nil {
		return err
	}
	for _, client := range clients {
		if err := proveWith(ctx, o, r, client, binary); err != nil {
			return fmt.Errorf("%s: %w", client.how, err)
		}
	}
	r.say("")
	for _, client := range clients {
		r.say("ran against %s", client.how)
	}
	return nil
}

func pythonClients(ctx context.Context, o options, r *report, dir string) ([]pythonClient, error) {
	i := installer{python: o.python, dir: dir, say: r.say}
	if o.cache != "" {
		var err error
		if i.dir, err = filepath.Abs(o.cache); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(i.dir, 0o755); err != nil {
			return nil, err
		}
	}
	reason := "--offline was given"
	if !o.offline {
		clients, err := i.install(ctx, o.versions)
		if !errors.Is(err, errOutOfReach) || ctx.Err() != nil {
			return clients, err
		}
		reason = err.Error()
	}
	i.dir = dir
	client, err := i.own(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w\nPyPI was not used: %s", err, reason)
	}
	client.how += " (not the published client, since " + reason + ")"
	return []pythonClient{client}, nil
}

func proveWith(ctx context.Context, o options, r *report, client pythonClient, binary string) (err error) {
	dir, err := os.MkdirTemp("", "interop")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	p, err := startPeer(ctx, client, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	store, url, err := startRedis(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.stop()) }()
	pool, err := redisdoor.Dial(url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()

	r.say("\n== %s\n   %v", client.how, p.hello)
	for _, backend := range slices.Sorted(maps.Keys(p.hello.ServiceOps)) {
		r.say("   %s has %s", backend, strings.Join(p.hello.ServiceOps[backend], ", "))
	}
	s := &session{report: r, peer: p, pool: pool, url: url, seed: o.seed, ops: o.ops}
	s.pair = s.oursAndTheirs
	if err := s.shareKeys(ctx); err != nil {
		return err
	}
	if client.published {
		if err := s.compareContracts(ctx); err != nil {
			return err
		}
	} else {
		r.say("left out: the packaged manifest, which the stand-in does not have")
	}
	if err := s.prove("key names", func() (string, error) { return s.nameKeys(ctx) }); err != nil {
		return err
	}
	return s.driveServices(ctx, dir, binary, store)
}
