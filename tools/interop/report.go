package main

import (
	"fmt"
	"io"
	"strings"
)

// maxTold bounds how many failures of one section are told in full; all are counted.
const maxTold = 3

// report counts what was checked and tells what did not hold.
type report struct {
	out      io.Writer
	checks   int
	failures int

	section                      string
	sectionChecks, sectionFailed int
}

// say prints a line that is no check.
func (r *report) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

// begin opens a section, which ends with end.
func (r *report) begin(section string) {
	r.section, r.sectionChecks, r.sectionFailed = section, 0, 0
}

// check counts one thing that must hold, and tells when it doesn't. It returns holds.
func (r *report) check(holds bool, format string, args ...any) bool {
	r.checks++
	r.sectionChecks++
	if !holds {
		r.failures++
		r.sectionFailed++
		if r.sectionFailed <= maxTold {
			r.say("FAIL  %s: %s", r.section, indent(fmt.Sprintf(format, args...)))
		}
	}
	return holds
}

// holds counts n things that were compared and agreed.
func (r *report) holds(n int) {
	r.checks += n
	r.sectionChecks += n
}

// end closes the section with a line of its own.
func (r *report) end(detail string) {
	verdict := "ok  "
	if r.sectionFailed > 0 {
		verdict = "FAIL"
	}
	if detail != "" {
		detail = "; " + detail
	}
	if untold := r.sectionFailed - maxTold; untold > 0 {
		detail += fmt.Sprintf("; %d more failures are not told", untold)
	}
	r.say("%s  %s: %d checks%s", verdict, r.section, r.sectionChecks, detail)
}

// summary is the closing line.
func (r *report) summary() string {
	return fmt.Sprintf("%d checks, %d failures", r.checks, r.failures)
}

func indent(text string) string { return strings.ReplaceAll(text, "\n", "\n      ") }
