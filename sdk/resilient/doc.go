// Package resilient keeps a limiter from doing harm on a bad day: when its Redis or its
// service is gone, hangs, or answers nonsense.
//
//	limiter, err := resilient.New(door, resilient.WithFailMode(resilient.FailOpen))
//
// The result is a [throttlekit.Limiter] over any other. A check goes through these steps,
// always in this order:
//
//	arguments   a cost that none may have, and a context that has ended, are refused
//	memory      with WithDenyCache: a key that is known to be denied still is
//	breaker     while the limiter fails, it is not asked
//	deadline    the limiter has 50 ms, or what WithDeadline says, or what the caller's
//	            context still has, whichever is least
//	limiter     decides
//	fail mode   answers for a limiter that did not
//
// # Fail modes
//
// The mode is the user's to choose, for each limit: a login may be closed and a read open.
//
//	FailError    the fault is returned; the default, since nothing is made up unasked
//	FailOpen     admitted, as if nothing had ever been spent; nothing is counted
//	FailClosed   denied, without a hint when to come back
//	FailLocal    another limiter decides, usually one in this process with a replica's
//	             share of the limit: see LocalShare
//
// A decision that the contract did not make says so by its Source, and so by
// [throttlekit.Decision.Degraded]. Open and closed ones have the five fields that the
// contract's service gives: the strategy's limit, where it is known, and no times.
//
// Peek and Forecast have the breaker and the deadline, but their faults are returned in
// every mode: nothing may be made up about a state, and a local limiter's is another.
//
// # Which faults count
//
// A fault of the limiter's is answered by the mode; one of the caller's is returned as it
// is. Most faults count against the limiter, and open the breaker when they come in a row.
//
//	                                                      answered by    counts
//	                                                      the mode       against it
//	ErrUnavailable, a broken way, the deadline            yes            yes
//	ErrMalformedReply, and what is no *throttlekit.Error  yes            yes
//	an answer after which the outcome is unknown          yes            yes
//	an answer about one key that was certainly not        yes            no
//	consumed, such as WRONGTYPE: the server is there
//	ErrInvalidArgument, ErrNotSupported,                  no             no
//	ErrPolicyNotFound
//	the caller's context ended, by its deadline too       no             no
//
// Callers whose checks travelled together share the error of their way, and those on one
// connection to the service that of its end: each is one failure, so that one broken
// connection takes nobody's limits away.
//
// So callers whose own deadlines are earlier than the limiter's learn nothing about it: give
// [WithDeadline] less than they usually have. A CheckMany counts against the limiter when
// none of its keys was decided; its faults are answered, or returned, key by key.
//
// What may have been consumed before it failed may be admitted twice, by the limiter and
// by the mode: once at most for each fault, and [Stats].MayHaveConsumed has them counted.
//
// # The breaker
//
// It opens when [DefaultFailures] calls in a row have failed, and from then on a check
// costs the mode's answer alone, without memory and far below a microsecond. Every
// [DefaultProbeEvery] one caller's check is let through, with the deadline that all have;
// if it is decided, the breaker closes. There is no goroutine that asks: without callers
// nobody needs to know. Each change is logged and told once, see [WithLogger] and
// [WithStateHook].
//
// In a cluster each node has a breaker of its own, so that a node that fails takes no other
// along, and what the others decide does not hide that it fails. The limiter says where its
// keys are by a method Node(key string) string, as those of the Redis door do; behind a
// wrapper without it there is one breaker for all.
//
// The deadline is the wrapped limiter's to keep, by its context, as the doors do. One that
// ignores its context holds its callers for as long as it likes.
//
// # A local share
//
// A local limiter keeps what it has counted from one outage to the next, as long as its
// strategy does, and shares it with nobody: what was spent in Redis is not known to it, nor
// is what it admitted charged to Redis when that is back. So around an outage a key may
// spend what the limit allows, and its local shares once more.
//
// # Answers from memory
//
// A denied check consumes nothing, and a key that was denied for a while needs no asking
// meanwhile. [WithDenyCache] answers such checks from memory, for a cost not below the one
// that was denied, until the denial's RetryAfter has passed, counted so that no check is
// denied that would be admitted by then. Such a decision is the contract's, and has its
// Source: Limit, Remaining and ResetAt are the denial's, and RetryAfter counts down. For a
// higher cost RetryAfter is the least that it can be.
//
// This presumes three things. The strategy's RetryAfter must be a promise, which the
// generator knows for the contract's scripts as they are. Nobody may give a key back what
// it spent but [Limiter.Reset] of this very limiter. And nobody may raise the limit of keys
// in use.
package resilient
