package main

import (
	"fmt"
	"io"
)

// report prints how suites came out and counts.
type report struct {
	out                     io.Writer
	suites, ops, mismatches int
}

// suite prints one suite's line, and under it what was wrong.
func (r *report) suite(name string, ops int, problems []string) {
	verdict := "ok  "
	if len(problems) > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(r.out, "%s  %s (%d ops)\n", verdict, name, ops)
	for _, p := range problems {
		fmt.Fprintf(r.out, "      %s\n", p)
	}
	r.suites++
	r.ops += ops
	r.mismatches += len(problems)
}

// close prints the counts. The error is errNo when there was a mismatch.
func (r *report) close() error {
	fmt.Fprintf(r.out, "%d suites, %d ops, %d mismatches\n", r.suites, r.ops, r.mismatches)
	if r.mismatches > 0 {
		return errNo
	}
	return nil
}
