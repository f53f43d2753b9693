package server

import (
	"fmt"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// FailMode is what Check and CheckMany answer for a key when the store behind its limiter
// fails: an ordinary decision, made up by the server. See [WithFailMode].
type FailMode uint8

const (
	// FailOpen admits: an outage of the store costs the limits, not the traffic. The
	// decision says that all of the limit remains.
	FailOpen FailMode = iota + 1

	// FailClosed denies: an outage of the store stops the traffic. The decision says that
	// nothing remains, and has no retry hint.
	FailClosed
)

// String returns open or closed.
func (m FailMode) String() string {
	switch m {
	case FailOpen:
		return "open"
	case FailClosed:
		return "closed"
	}
	return fmt.Sprintf("fail mode %d", uint8(m))
}

// decision is the answer of the mode. Its reset is the zero Time, on the wire 0, which no
// limiter's decision has: the one mark by which a caller can tell.
func (m FailMode) decision(limit int64) throttlekit.Decision {
	if m == FailOpen {
		return throttlekit.Decision{Allowed: true, Limit: limit, Remaining: limit}
	}
	return throttlekit.Decision{Limit: limit}
}
