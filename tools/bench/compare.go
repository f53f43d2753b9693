package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/process"
)

// compared is what is compared when no package is named.
var compared = []string{"./sdk/redisdoor", "./sdk/servicedoor"}

// compare compares two sources by their own benchmarks.
func compare(ctx context.Context, args []string, out, log io.Writer) error {
	c := comparison{out: out, log: log}
	flags := flag.NewFlagSet("bench compare", flag.ContinueOnError)
	flags.StringVar(&c.base, "base", "", "compare with the git revision `REF`")
	flags.IntVar(&c.count, "count", 6, "run each side `N` times; benchstat needs 6")
	flags.StringVar(&c.bench, "bench", ".", "run the benchmarks that match `REGEXP`")
	flags.StringVar(&c.time, "time", "1s", "run each for `TIME`, as go test's -benchtime")
	if err := parse(flags, args, log); err != nil {
		return err
	}
	if c.base == "" || c.count < 1 {
		return errors.New("compare needs -base REF, the revision to compare with, and a -count of 1 or more")
	}
	if c.packages = flags.Args(); len(c.packages) == 0 {
		c.packages = compared
	}
	var err error
	if c.source, err = process.Source(ctx); err != nil {
		return err
	}
	return c.run(ctx)
}

// comparison is of source, as it is, and of its revision base.
type comparison struct {
	source, base string
	count        int
	bench, time  string
	packages     []string
	out, log     io.Writer
}

// run runs the benchmarks of the two in turn, so that a machine that becomes slower does
// not favour one, and prints what benchstat finds.
func (c comparison) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "bench-compare")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	old := side{name: c.base, source: filepath.Join(dir, "base"), file: filepath.Join(dir, "base.txt")}
	now := side{name: "this", source: c.source, file: filepath.Join(dir, "this.txt")}
	if err := c.git(ctx, "worktree", "add", "--quiet", "--detach", old.source, c.base); err != nil {
		return err
	}
	defer func() {
		// Also when ctx has ended, or git would remember the worktree.
		err = errors.Join(err, c.git(context.WithoutCancel(ctx), "worktree", "remove", "--force", old.source))
	}()
	test := append([]string{"test", "-run", "^$", "-count", "1", "-bench", c.bench, "-benchtime", c.time}, c.packages...)
	for round := range c.count {
		pair := []side{old, now}
		if round%2 == 1 {
			pair = []side{now, old}
		}
		for _, s := range pair {
			fmt.Fprintf(c.log, "%d/%d  %s\n", round+1, c.count, s.name)
			if err := s.run(ctx, test); err != nil {
				return err
			}
		}
	}
	stat := exec.CommandContext(ctx, "go", "tool", "benchstat", old.name+"="+old.file, now.name+"="+now.file)
	stat.Stdout, stat.Stderr = c.out, c.log
	return stat.Run()
}

func (c comparison) git(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = c.source
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s %s: %w\n%s", args[0], args[1], err, out)
	}
	return nil
}

// side is one of the two sources.
type side struct{ name, source, file string }

// run appends the output of go test to the side's file.
func (s side) run(ctx context.Context, test []string) error {
	cmd := exec.CommandContext(ctx, "go", test...)
	cmd.Dir = s.source
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("the benchmarks of %s: %w\n%s", s.name, err, output)
	}
	file, err := os.OpenFile(s.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = file.Write(output)
	return errors.Join(err, file.Close())
}
