// Package redisdoor runs the contract's scripts straight in Redis: one hop, no service
// in between, and the same keys that a fleet in any language shares.
//
//	pool, err := redisdoor.Dial("redis://localhost:6379")
//	door := redisdoor.Open(pool)
//	limiter, err := door.Limiter(strategy.GCRA{Limit: 100, Period: time.Minute}, redisdoor.WithPrefix("api"))
//	decision, err := limiter.Check(ctx, userID)
//
// # What is sent
//
// A check is one EVALSHA with the SHA-1 that was computed when the code was generated.
// When Redis answers that it does not know the script (NOSCRIPT, which also says that
// nothing ran), the same call is repeated once as EVAL. Nothing else is ever repeated,
// since a check that may have reached Redis may have been consumed.
//
// The key is the prefix, a colon and the caller's key; the caller's key alone when the
// prefix is empty. Nothing is escaped, so prefix "a" with key "b:c" is prefix "a:b" with
// key "c". To share limits with the service, give the prefix that it uses for the
// policy.
//
// # Whose clock
//
// Checks run at the Redis server's own time. Every client of a key must agree on that;
// CheckAt and Replay are for tests and for replaying the past.
//
// # Errors
//
// Every error is a [*throttlekit.Error]. Its MayHaveConsumed is false only when it is
// certain that the script did not decide: nothing was sent, or Redis answered with an
// error that it gives before the script's first write.
package redisdoor
