package throttlekit

import (
	"errors"
	"fmt"
	"strings"
)

// The kinds of fault, for [errors.Is]. Every one of them arrives wrapped in an
// [*Error]. A context that ended is not among them: it stays context.Canceled or
// context.DeadlineExceeded.
var (
	// ErrPolicyNotFound means that the service has no policy of that name.
	ErrPolicyNotFound = errors.New("policy not found")

	// ErrNotSupported means that the limiter, or the policy behind it, does not offer
	// the operation.
	ErrNotSupported = errors.New("operation not supported")

	// ErrUnavailable means that Redis or the service could not be reached, broke off,
	// or was not in a state to answer.
	ErrUnavailable = errors.New("unavailable")

	// ErrInvalidArgument means that the call was refused for its arguments and nothing
	// was consumed.
	ErrInvalidArgument = errors.New("invalid argument")

	// ErrMalformedReply means that an answer came but is not one that the contract
	// allows.
	ErrMalformedReply = errors.New("malformed reply")

	// ErrCostExceedsLimit means that [Wait] gave up at once: the cost is above all that
	// can ever be spent together. Nothing was consumed.
	ErrCostExceedsLimit = errors.New("cost exceeds the limit")
)

// FaultSource says who reported a fault.
type FaultSource uint8

const (
	// SourceSDK is this module itself: the call was refused, or given up, before
	// anything was sent.
	SourceSDK FaultSource = iota
	// SourceTransport is the way to Redis or to the service: dialling, writing, reading.
	SourceTransport
	// SourceServer is Redis or the service, which answered with an error.
	SourceServer
	// SourceDecoding is the SDK's reading of an answer that it could not accept.
	SourceDecoding
)

// String returns the source's name in lower case.
func (s FaultSource) String() string {
	switch s {
	case SourceSDK:
		return "sdk"
	case SourceTransport:
		return "transport"
	case SourceServer:
		return "server"
	case SourceDecoding:
		return "decoding"
	}
	return fmt.Sprintf("source %d", uint8(s))
}

// Error is the one error type of the SDK's calls. It never holds a limited key or a
// secret.
type Error struct {
	// Op is the operation in the contract's spelling: check, checkMany, peek, forecast;
	// or wait, for [Wait].
	Op string

	// Source says who reported the fault.
	Source FaultSource

	// Kind is one of the sentinels above, or nil when none of them fits.
	Kind error

	// MayHaveConsumed reports whether the check may have spent its cost all the same.
	// False is certain: nothing was consumed. True is not: the request was under way
	// when it failed.
	MayHaveConsumed bool

	// Err is the cause, or nil when Kind says it all.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("throttlekit: ")
	b.WriteString(e.Op)
	if e.Kind != nil {
		b.WriteString(": ")
		b.WriteString(e.Kind.Error())
	}
	if e.Source == SourceServer || e.Source == SourceTransport {
		b.WriteString(" (" + e.Source.String() + ")")
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	if e.MayHaveConsumed {
		b.WriteString("; the check may have been consumed")
	}
	return b.String()
}

// Unwrap gives [errors.Is] and [errors.As] both the kind and the cause.
func (e *Error) Unwrap() []error {
	chain := make([]error, 0, 2)
	if e.Kind != nil {
		chain = append(chain, e.Kind)
	}
	if e.Err != nil {
		chain = append(chain, e.Err)
	}
	return chain
}

// ManyError is what CheckMany returns when some of its keys could not be decided. The
// decisions of the others, returned beside it, are good.
type ManyError struct {
	// Errors has one element per key, in the order asked: nil where the decision is
	// good, else that key's own fault, an [*Error].
	Errors []error
}

// Error implements error. It counts the failed keys and quotes the first fault; keys
// are named by position only.
func (e *ManyError) Error() string {
	failed, first := 0, -1
	for i, err := range e.Errors {
		if err != nil {
			if failed == 0 {
				first = i
			}
			failed++
		}
	}
	if failed == 0 {
		return "throttlekit: checkMany: no key failed"
	}
	return fmt.Sprintf("throttlekit: checkMany: %d of %d keys failed; keys[%d]: %s",
		failed, len(e.Errors), first, e.Errors[first])
}

// Unwrap gives [errors.Is] and [errors.As] every key's fault.
func (e *ManyError) Unwrap() []error {
	var failed []error
	for _, err := range e.Errors {
		if err != nil {
			failed = append(failed, err)
		}
	}
	return failed
}
