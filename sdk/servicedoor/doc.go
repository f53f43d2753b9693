// Package servicedoor asks a throttlekit service for decisions, by the name of a policy
// that the service was configured with.
//
//	client, err := servicedoor.New("http://localhost:50051")
//	...
//	defer client.Close()
//	decision, err := client.Check(ctx, "api", apiKey)
//
// [Client.Limiter] turns one policy into a [throttlekit.Limiter], which code that limits
// things can take without knowing where decisions come from. The generated clients, for
// the parts of the contract that a Limiter has no words for, are one call away:
// [Client.RateLimiter], [Client.Monitor] and [Client.Fleet].
//
// # Protocols
//
// gRPC is the default, because it is the one protocol that every throttlekit service
// speaks; it always travels over HTTP/2, in the clear for http:// addresses.
// [WithConnect] and [WithGRPCWeb] use HTTP/1.1 for http:// addresses, and for https://
// ones HTTP/2 where the server offers it.
//
// # Errors
//
// A denial is a decision, not an error. Every error of the typed calls is a
// [*throttlekit.Error]; [connect.CodeOf] and [errors.Is] with the caller's own context
// errors see through it. What it says:
//
//	what happened                          Source     Kind               MayHaveConsumed
//	bad cost, policy or key: not UTF-8,    SDK        ErrInvalidArgument false
//	above throttlekit.MaxKeyBytes
//	context ended before the call          SDK        nil                false
//	client closed before the call          SDK        ErrUnavailable     false
//	context ended before its turn came     SDK        nil                false
//	too many checks wait to be gathered    SDK        ErrUnavailable     false
//	no connection: dial, TLS handshake     Transport  ErrUnavailable     false
//	connection broke under the call        Transport  ErrUnavailable     true
//	turned away: GOAWAY, REFUSED_STREAM    Transport  ErrUnavailable     false
//	context ended during the call          Transport  nil                true, once connected
//	NOT_FOUND                              Server     ErrPolicyNotFound  false
//	UNIMPLEMENTED                          Server     ErrNotSupported    false
//	INVALID_ARGUMENT                       Server     ErrInvalidArgument false
//	UNAUTHENTICATED, PERMISSION_DENIED     Server     nil                false
//	UNAVAILABLE                            Server     ErrUnavailable     true
//	any other status                       Server     nil                true
//	an answer that is none of the contract Decoding   ErrMalformedReply  true
//
// MayHaveConsumed is always false for Peek and Forecast, which consume nothing.
//
// # Decisions that nobody counted
//
// A service that cannot ask its own store may answer all the same: it fails open or closed,
// as it was told. The contract has no mark of such a decision but that it holds no times,
// by which its Source is [throttlekit.SourceOpen] or [throttlekit.SourceClosed] here. What
// to do while the service itself is gone is package resilient's.
//
// # Gathering
//
// With [WithGathering], concurrent checks for one policy and cost share requests:
//
//	client, err := servicedoor.New("http://localhost:50051", servicedoor.WithGathering())
//
// A check then goes at once while few requests are under way, and waits for the answer to
// one of them otherwise, to leave together with all that wait for the same. Each caller
// still has a call of its own: its own decision, its own error, its own context. One whose
// context ends while it waits was never sent; one whose context ends later returns at once,
// as one that may have been consumed even before there is a connection, and the others'
// request goes on. The option's documentation says what the service sees of it.
//
// # Nothing is sent twice
//
// A check is not idempotent. net/http on its own repeats an HTTP/2 request whose stream
// the server reset with REFUSED_STREAM, or with PROTOCOL_ERROR, which says nothing about
// whether the server had acted on it, again and again until the context ends. This package
// takes away the means to do so. The price is that a call which crosses with a server's
// goodbye (GOAWAY), as at a deployment, fails, too; it was not consumed. A caller who
// retries can ask MayHaveConsumed first.
package servicedoor
