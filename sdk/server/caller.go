package server

import (
	"context"
	"crypto/x509"

	"github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1/throttlekitv1connect"
)

// Caller is who makes a call, as far as the server could tell before it read the request.
type Caller struct {
	// Procedure is what is called, such as /throttlekit.v1.RateLimiter/Check.
	Procedure string

	// Secret is which of the secrets of [WithSecrets] the caller showed, counted from 0;
	// -1 without that option.
	Secret int

	// Certificate is the caller's own, verified by the listener's TLS configuration, or
	// nil. Whom to believe in it is for [WithAuthorization] to say.
	Certificate *x509.Certificate
}

// Spends reports whether the call may spend from a limit, or give back to one. All of the
// contract's calls may but Peek and Forecast.
func (c Caller) Spends() bool { return !reads[c.Procedure] }

// reads are the calls that spend nothing. A call that the contract gains may, until it is
// listed here.
var reads = map[string]bool{
	throttlekitv1connect.RateLimiterPeekProcedure:     true,
	throttlekitv1connect.RateLimiterForecastProcedure: true,
}

type callerKey struct{}

// CallerFrom is the caller on whose behalf ctx runs: for interceptors of
// [WithHandlerOptions], and for limiters. There is one with any of [WithSecrets],
// [WithClientCertificates] and [WithAuthorization].
func CallerFrom(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}
