// Package redisdoor runs the contract's scripts straight in Redis: one hop, no service
// in between, and the same keys that a fleet in any language shares.
//
//	pool, err := redisdoor.Dial("redis://localhost:6379")
//	door := redisdoor.Open(pool)
//	limiter, err := door.Limiter(strategy.GCRA{Limit: 100, Period: time.Minute}, redisdoor.WithPrefix("api"))
//	decision, err := limiter.Check(ctx, userID)
//
// # Checks that travel together
//
// A check finds the door idle, and leaves at once as the contract's script. Or it finds
// scripts under way: then it waits for one of them to come back, together with all that
// came meanwhile, and they travel in one script that runs the contract's check for each
// of them. Redis spends most of its time on each command rather than on each check, so
// that a busy door checks several times as much as it could one by one, and an idle one
// waits for nothing; there is no timer.
//
//   - Such a script holds no more than 256 checks, of one strategy with the same
//     parameters, and no more work than keeps Redis busy for about a millisecond.
//   - The queue is bounded: [WithQueueLimit].
//   - A context that ends while its check is in the queue takes the check out, and
//     nothing was consumed. One that ends while the check is under way ends the call, with
//     the outcome unknown; neither the connection nor the others notice.
//   - A connection that breaks fails the checks that were under way on it, with the
//     outcome unknown. Those in the queue go on over another.
//   - What one key answers, an error too, is its caller's alone.
//
// [WithoutFusing] turns it off, [WithWorkers] sets how many scripts are under way at
// once. A check whose context can end leaves by a worker even when the door is idle,
// since it must not take the connection along; that costs it about a microsecond.
//
// # What is sent
//
// A lone check is one EVALSHA with the SHA-1 that was computed when the code was generated.
// When Redis answers that it does not know the script (NOSCRIPT, which also says that
// nothing ran), the same call is repeated once as EVAL. Nothing else is ever repeated,
// since a check that may have reached Redis may have been consumed.
//
// The key is the prefix, a colon and the caller's key; the caller's key alone when the
// prefix is empty. Nothing is escaped, so prefix "a" with key "b:c" is prefix "a:b" with
// key "c". To share limits with the service, give the prefix that it uses for the
// policy.
//
// # Clusters and sentinels
//
// [Dial] finds the master that sentinels watch over, and follows when it is another;
// [DialCluster] is the way to a cluster; [DialAny] takes any address. Every call goes to
// the node that has its key. Checks that travel together do so by node: those of one slot
// in one script, as a cluster demands, and all scripts for a node in one pipeline.
//
// What a node redirects (MOVED, ASK, TRYAGAIN) did not run, so it follows. A node that
// cannot be reached fails the checks of its own keys alone, until another takes over. Who
// serves which slot is learned from the cluster, and anew as soon as something says that
// it has changed.
//
// # Rights
//
// A user of Redis that may do this, and no more, suffices for every strategy, here with
// the prefix api:
//
//	ACL SETUSER limiter on >password ~api:* +evalsha +eval +ping +time +get +set +hmget +hgetall +hset +pexpire +zremrangebyscore +zcard +zrange +zadd
//
// Reset needs +del as well, a cluster +cluster|slots and +asking, a master behind
// sentinels +role, a database other than 0 +select, and Replay +del, +multi, +exec and
// +persist. sdk/docs/redis.md lists what each strategy needs.
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
