// Command bench measures this SDK beside its peers, in one run on one machine.
//
//	go -C tools/bench run . [-rounds 5] [-time 1s] [-only REGEXP] [-out DIR]
//	go -C tools/bench run . report -out DIR
//	go -C tools/bench run . compare -base REF [-count 6] [PACKAGE...]
//
// The first starts a Redis of its own over TCP and measures, in turn and round after
// round: single checks by redigo, go-redis, redis_rate, throttled, rueidis, this SDK and
// redis-benchmark; a lone caller; every strategy; many keys in one call; the service; and,
// without that Redis, the in-process door beside golang.org/x/time/rate and the memory
// stores of throttled and ulule/limiter. It prints a report in Markdown and, with -out,
// writes it as RESULTS.md, with results.txt, which benchstat reads, and throughput.svg.
// -only measures what matches in MATCH/CONTENDER, such as ^Check/goroutines=64/ or /fused$,
// or ^(Local|Memory)/ for what runs in the process. It needs redis-server and
// redis-benchmark on the PATH and the go command, and takes about fifteen minutes.
//
// The second makes RESULTS.md and throughput.svg from a results.txt.
//
// The third runs the benchmarks of packages (./sdk/redisdoor and ./sdk/servicedoor when
// none are named) in this source and in that of the git revision REF, in turn, and has
// benchstat compare them.
//
// Exit codes: 0 done, 1 failed, 2 bad usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/contest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp), errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errUsage is what the flag package has printed already.
var errUsage = errors.New("bad usage")

// echoCommand is how the command runs itself as the reference server.
const echoCommand = "echo"

func command(ctx context.Context, args []string, out, log io.Writer) error {
	name := ""
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		name, args = args[0], args[1:]
	}
	switch name {
	case "":
		return run(ctx, args, out, log)
	case "report":
		return rewrite(args, log)
	case "compare":
		return compare(ctx, args, out, log)
	case echoCommand:
		return contest.Echo(ctx, out)
	}
	return fmt.Errorf("there is no %q: want no name, report or compare", name)
}

func parse(flags *flag.FlagSet, args []string, log io.Writer) error {
	flags.SetOutput(log)
	if err := flags.Parse(args); err != nil {
		return errors.Join(errUsage, err)
	}
	return nil
}
