// Command luagen generates typed Go from the Redis wire contract: a configuration
// struct per strategy, its validation, its ARGV order, its scripts with their SHA
// constants, and the decoder of its replies.
//
//	luagen [-contract DIR] [-out DIR] [-package NAME] [-check]
//
// It reads DIR/manifest.json and DIR/scripts, verifies every checksum, and writes a
// folder that holds nothing else: a generated file that the contract no longer calls
// for is removed. With -check it writes nothing, lists what differs, and exits 1. Bad
// usage exits 2.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/throttlekit/throttlekit-go/luagen/internal/gen"
	"github.com/throttlekit/throttlekit-go/luagen/internal/outdir"
)

func main() {
	switch err := run(os.Args[1:], os.Stdout, os.Stderr); {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintf(os.Stderr, "luagen: %v\n", err)
		os.Exit(1)
	}
}

// errUsage stands for what package flag has said already.
var errUsage = errors.New("bad usage")

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("luagen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	contract := flags.String("contract", "contract", "folder of the contract: manifest.json and scripts/")
	out := flags.String("out", "gen/strategy", "folder to generate into")
	pkg := flags.String("package", "strategy", "name of the generated package")
	check := flags.Bool("check", false, "write nothing; exit 1 when the folder is not what would be generated")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return err
	} else if err != nil {
		return errUsage
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	output, err := gen.Generate(os.DirFS(*contract), gen.Options{Package: *pkg})
	if err != nil {
		return fmt.Errorf("cannot generate from %s:\n%w", *contract, err)
	}
	for _, notice := range output.Notices {
		fmt.Fprintf(stderr, "luagen: notice: %s\n", notice)
	}
	changes, err := outdir.Compare(*out, output.Files)
	if err != nil {
		return err
	}
	if *check {
		for _, c := range changes {
			fmt.Fprintln(stdout, c)
		}
		if len(changes) > 0 {
			return fmt.Errorf("%s is not what %s generates; go generate ./... mends it", *out, *contract)
		}
		return nil
	}
	return outdir.Apply(*out, changes)
}
