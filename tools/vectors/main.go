// Command vectors writes contract/golden-vectors.json: the timelines of this folder
// with the replies that the contract's formulas give to them.
//
//	go run ./tools/vectors           # write the file
//	go run ./tools/vectors -check    # only say whether it is up to date
//
// The timelines hold no replies but those that were worked out by hand; the rest is
// filled in by the oracle, after it has proved itself on every one of the former.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

// generatedFrom is how a vector file says that it came from here.
const generatedFrom = "throttlekit-go@0.1.0"

func main() {
	out := flag.String("out", "contract/golden-vectors.json", "the `file` to write or to check")
	check := flag.Bool("check", false, "write nothing; exit 1 if the file is not up to date")
	flag.Parse()
	if err := run(*out, *check, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "vectors:", err)
		os.Exit(1)
	}
}

func run(out string, check bool, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("unexpected argument %q: the file goes after -out", args[0])
	}
	want, err := encoded()
	if err != nil {
		return err
	}
	if !check {
		return os.WriteFile(out, want, 0o644)
	}
	got, err := os.ReadFile(out)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s is not what the timelines give; to mend it: go run ./tools/vectors -out %s", out, out)
	}
	return nil
}

// encoded is the vector file as it should be.
func encoded() ([]byte, error) {
	file := vectorfile.File{ContractVersion: "1", GeneratedFrom: generatedFrom}
	var faults []error
	add := func(s vectorfile.Suite, err error) {
		file.Suites = append(file.Suites, s)
		faults = append(faults, err)
	}
	for _, t := range rateLimits() {
		add(t.suite())
	}
	for _, t := range tokenBudgets {
		add(t.suite())
	}
	for _, t := range leases {
		add(t.suite())
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return file.Encode()
}

// rateLimits are the timelines of every strategy.
func rateLimits() []timeline {
	var all []timeline
	for _, timelines := range [][]timeline{
		gcraTimelines, tokenBucketTimelines, fixedWindowTimelines, slidingWindowTimelines, slidingWindowLogTimelines,
	} {
		all = append(all, timelines...)
	}
	return all
}
