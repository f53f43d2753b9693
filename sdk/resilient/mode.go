package resilient

import (
	"fmt"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// FailMode is what a limiter answers for a check that could not be made.
type FailMode uint8

const (
	// FailError makes nothing up: the caller gets the fault.
	FailError FailMode = iota

	// FailOpen admits: an outage costs the limits, not the traffic. The decision says that
	// all of the limit remains.
	FailOpen

	// FailClosed denies: an outage stops the traffic. The decision says that nothing
	// remains, and has no retry hint.
	FailClosed

	// FailLocal asks another limiter, see [WithFailLocal].
	FailLocal
)

// String returns the mode's name in lower case.
func (m FailMode) String() string {
	switch m {
	case FailError:
		return "error"
	case FailOpen:
		return "open"
	case FailClosed:
		return "closed"
	case FailLocal:
		return "local"
	}
	return fmt.Sprintf("fail mode %d", uint8(m))
}

// Decision returns the decision that the mode makes up for a limit, 0 where the limit is
// not known: the five fields that the contract's service gives. Its ResetAt is the zero
// Time, on the wire 0, which no decision of the contract has. Made reports whether the
// mode makes any up, as FailOpen and FailClosed do.
func (m FailMode) Decision(limit int64) (d throttlekit.Decision, made bool) {
	switch m {
	case FailOpen:
		return throttlekit.Decision{Allowed: true, Limit: limit, Remaining: limit, Source: throttlekit.SourceOpen}, true
	case FailClosed:
		return throttlekit.Decision{Limit: limit, Source: throttlekit.SourceClosed}, true
	}
	return throttlekit.Decision{}, false
}
