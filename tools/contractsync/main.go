// Command contractsync vendors a contract: it copies the proto, the manifest, the
// scripts and the golden vectors from a checkout of the core, or from another
// repository that vendored them, and pins them in contract/contract.lock.
//
//	contractsync --source DIR [--into DIR] [--check] [--allow-breaking]
//
// The source holds either wire/ (a core checkout) or proto/ and contract/ (a vendored
// contract). All of it is read and verified before anything is written: every checksum
// of the manifest, and the source's own lock where there is one. What is written is
// proto/throttlekit/v1/throttlekit.proto and contract/ under --into; scripts that the
// new manifest does not name are removed, and files that are right already are left
// alone. With --check nothing is written, and drift is exit code 1.
//
// Refused, unless --allow-breaking is given: another contractVersion than the vendored
// one, and a proto that breaks those who speak the vendored one, which buf decides.
//
// When the source is a vendored contract and --into is the same folder, the contract
// was edited there by hand, and the lock is renewed: it is not held against the files,
// but the other way round. The lock holds sums and no texts, so what the proto was
// before is not known here, and buf is not asked.
//
// Exit codes: 0 done, 1 drift, refusal or error, 2 wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the command line.
type options struct {
	source, into         string
	check, allowBreaking bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("contractsync", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.source, "source", "", "`folder` that holds the contract: a core checkout, or a repository that vendored it")
	flags.StringVar(&o.into, "into", ".", "`folder` to vendor the contract into")
	flags.BoolVar(&o.check, "check", false, "write nothing; exit 1 when the folder is not what a sync would make it")
	flags.BoolVar(&o.allowBreaking, "allow-breaking", false, "take over another contractVersion, or a proto that is not proven to break nobody")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	problem := ""
	switch {
	case flags.NArg() > 0:
		problem = fmt.Sprintf("unexpected argument %q", flags.Arg(0))
	case o.source == "":
		problem = "--source is missing: want the folder that holds the contract"
	case o.into == "":
		problem = "--into is empty: want the folder to vendor into, or leave it out for this one"
	}
	if problem != "" {
		fmt.Fprintf(stderr, "contractsync: %s\n", problem)
		flags.Usage()
		return 2
	}
	if err := sync(ctx, o, stdout); err != nil {
		fmt.Fprintf(stderr, "contractsync: %v\n", err)
		return 1
	}
	return 0
}
