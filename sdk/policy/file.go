package policy

import (
	"fmt"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// File is a policy file that was read and found valid.
type File struct {
	// Name is the file's name as [Parse] was given it, for messages.
	Name string
	// Policies are the file's policies, in its order. Their names differ.
	Policies []Policy
	// Notices say what of the file this server leaves to others, to be shown when the
	// file is loaded.
	Notices []string

	foreign       []position // of what Notices are about
	defaultPrefix *position  // of defaults.prefix, or nil when it is not given
}

// Policy is one entry of the file's limiters.
type Policy struct {
	// Name is what clients call the policy.
	Name string
	// Prefix stands before every key of the policy (see [JoinKey]): the policy's own
	// prefix, else defaults.prefix, else the name. It may be empty.
	Prefix string
	// Strategy is what a door runs. It is nil exactly when Unserved is not empty.
	Strategy script.Strategy
	// StrategyName is the file's strategy field; empty for a policy of a kind that has
	// none.
	StrategyName string
	// Kind names the policy's kind block, such as tokenBudget; empty for a plain one.
	Kind string
	// Unserved is why this server does not serve the policy, or is empty.
	Unserved string
	// NoPeek is why Peek and Forecast are not offered on the policy, or is empty.
	NoPeek string
	// Notices say in which way the policy is served differently from what its fields
	// ask for, to be shown when the file is loaded.
	Notices []string
	// Line and Column are where the policy's name stands in the file, from 1. Columns
	// count characters.
	Line, Column int

	fields map[string]field // as written, for findings
}

// field is where a field's value stands, and its text.
type field struct {
	position
	text string
}

type position struct{ line, column int }

// JoinKey puts prefix and a colon before key, or nothing when prefix is empty. Nothing
// is escaped: this is how every ThrottleKit client makes a Redis key.
func JoinKey(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + ":" + key
}

// Error is one problem of a policy file.
type Error struct {
	// File is the file's name.
	File string
	// Line and Column are the problem's position, from 1. Column is 0 when only the
	// line is known.
	Line, Column int
	// Field is the path of what is wrong, such as limiters[api].limit; empty for the
	// file as a whole.
	Field string
	// Problem says what was got and what is allowed.
	Problem string
}

// Error implements error, as file:line:column: field: problem.
func (e *Error) Error() string {
	where := place(e.File, position{e.Line, e.Column})
	if e.Field != "" {
		where += ": " + e.Field
	}
	return where + ": " + e.Problem
}

func place(file string, at position) string {
	if at.column == 0 {
		return fmt.Sprintf("%s:%d", file, at.line)
	}
	return fmt.Sprintf("%s:%d:%d", file, at.line, at.column)
}
