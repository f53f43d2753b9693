package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity says how much a [Finding] matters.
type Severity string

// The severities.
const (
	// Note is a property of the policy that its author may have meant.
	Note Severity = "note"
	// Warning is a limit that does otherwise than its fields seem to say.
	Warning Severity = "warning"
	// Fault is what a server refuses in some setting, such as with a shared Redis.
	Fault Severity = "error"
)

// Finding is what [Lint] or [Rehearse] has to say about a policy file.
type Finding struct {
	// File is the file's name.
	File string `json:"file"`
	// Line is where, from 1.
	Line int `json:"line"`
	// Column is where in the line, in characters, from 1.
	Column int `json:"column"`
	// Policy is the policy's name; empty for the file as a whole.
	Policy string `json:"policy,omitempty"`
	// Severity says how much it matters.
	Severity Severity `json:"severity"`
	// Message says what it is and what would be otherwise.
	Message string `json:"message"`
}

// String is the finding on one line: file:line:column: severity: policy: message.
func (f Finding) String() string {
	where := fmt.Sprintf("%s: %s: ", place(f.File, position{f.Line, f.Column}), f.Severity)
	if f.Policy != "" {
		where += limitersPath(f.Policy) + ": "
	}
	return where + f.Message
}

// SortFindings puts findings into the file's order.
func SortFindings(findings []Finding) {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// findings collects what there is to say about one policy.
type findings struct {
	file   *File
	policy *Policy
	list   []Finding
}

// add adds a finding at the first of the fields that is given, else at the policy's name.
func (f *findings) add(s Severity, fields []string, format string, args ...any) {
	where := position{f.policy.Line, f.policy.Column}
	for _, name := range fields {
		if given, ok := f.policy.fields[name]; ok {
			where = given.position
			break
		}
	}
	f.list = append(f.list, Finding{File: f.file.Name, Line: where.line, Column: where.column, Policy: f.policy.Name,
		Severity: s, Message: fmt.Sprintf(format, args...)})
}
