package server

import "github.com/throttlekit/throttlekit-go/sdk/resilient"

// FailMode is what Check and CheckMany answer for a key when the store behind its limiter
// fails: an ordinary decision, made up by the server. See [WithFailMode].
type FailMode = resilient.FailMode

// The modes that a server offers.
const (
	// FailOpen admits: an outage of the store costs the limits, not the traffic. The
	// decision says that all of the limit remains.
	FailOpen = resilient.FailOpen

	// FailClosed denies: an outage of the store stops the traffic. The decision says that
	// nothing remains, and has no retry hint.
	FailClosed = resilient.FailClosed
)
