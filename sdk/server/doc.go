// Package server serves named limiters to others: the RateLimiter service of the
// contract over gRPC, Connect, gRPC-Web and JSON, with grpc.health.v1 beside it, all on
// one port.
//
//	srv, err := server.New([]server.Policy{{Name: "api", Limiter: limiter}})
//	...
//	err = srv.Serve(ctx, listener) // until ctx ends
//
// A [Server] is an [http.Handler] too, for who has an HTTP server already; that one must
// speak HTTP/2, in the clear or over TLS, for gRPC to work.
//
// # What it answers
//
// Check, CheckMany, Peek and Forecast ask the policy's limiter. A cost of 0 or less means
// 1, as the contract says. Debit, Admit, Release, Heartbeat and the services Monitor and
// Fleet are UNIMPLEMENTED. A denial is a successful answer. Statuses:
//
//	NOT_FOUND          no such policy; the message lists those there are
//	UNIMPLEMENTED      the limiter says [throttlekit.ErrNotSupported]
//	INVALID_ARGUMENT   the limiter says [throttlekit.ErrInvalidArgument]
//	CANCELED,
//	DEADLINE_EXCEEDED  the caller gave up
//	INTERNAL           any other error of the limiter
//
// An unknown policy is reported before anything else is looked at. No message holds a
// limited key.
package server
