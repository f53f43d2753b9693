// Package server serves named limiters to others: the RateLimiter service of the
// contract over gRPC, Connect, gRPC-Web and JSON, with grpc.health.v1 and server
// reflection beside it, all on one port.
//
//	srv, err := server.New([]server.Policy{{Name: "api", Limiter: limiter}})
//	...
//	err = srv.Serve(ctx, listener) // until ctx ends
//
// A [Server] is an [http.Handler] too, for who has an HTTP server already; that one must
// speak HTTP/2, in the clear or over TLS, for gRPC to work, and bounds headers, streams,
// unread answers and idle connections by itself.
//
// # What it answers
//
// Check, CheckMany, Peek and Forecast ask the policy's limiter. A cost of 0 or less means
// 1, as the contract says. Debit, Admit, Release, Heartbeat and the services Monitor and
// Fleet are UNIMPLEMENTED. A denial is a successful answer. Statuses:
//
//	NOT_FOUND          no such policy; the message lists those there are
//	UNIMPLEMENTED      the policy does not have the operation, or the limiter says
//	                   [throttlekit.ErrNotSupported]
//	INVALID_ARGUMENT   a cost above [throttlekit.MaxCost], more than 10,000 keys, a key
//	                   above 4 KiB, or the limiter says [throttlekit.ErrInvalidArgument]
//	UNAUTHENTICATED    no secret or certificate, where one is wanted
//	PERMISSION_DENIED  [WithAuthorization] says so
//	RESOURCE_EXHAUSTED a request above 4 MiB
//	CANCELED,
//	DEADLINE_EXCEEDED  the caller gave up
//	INTERNAL           any other error of the limiter, or no answer of it within
//	                   [WithStoreTimeout]
//
// Who calls is looked at first, before a request is read, and then the policy. No message
// holds a limited key.
//
// Give the policies limiters of one door, a
// [github.com/throttlekit/throttlekit-go/sdk/redisdoor.Door]: calls to Check that are under
// way at the same moment then share scripts and connections, whoever makes them.
//
// # Who may call
//
// Everybody who can connect, unless [WithSecrets], [WithClientCertificates] or
// [WithAuthorization] says otherwise; each that is given must be satisfied. They stand
// before the contract's services. Health checks and reflection are open.
//
// # When the store fails
//
// With [WithFailMode], Check and CheckMany make a decision up where they would say
// INTERNAL. Each policy's limiter has a deadline and a breaker, those of package resilient,
// so that a store which is gone or hangs holds a few calls up and not the rest. With
// [WithStoreCheck], health tells how the store is:
//
//	service                    store gone           draining
//	throttlekit.store          NOT_SERVING          as the store is
//	"", the RateLimiter        NOT_SERVING under    NOT_SERVING
//	                           FailClosed alone
package server
