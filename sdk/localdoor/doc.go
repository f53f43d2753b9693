// Package localdoor runs the contract's strategies inside the process: no Redis, no
// network, no Lua.
//
//	limiter, err := localdoor.New(strategy.GCRA{Limit: 100, Period: time.Minute, Burst: 20})
//	decision, err := limiter.Check(ctx, userID)
//
// It is for one process that limits alone, for laptops and tests, and for what a process
// does while its Redis is away. It shares nothing: two limiters know nothing of each
// other's keys, two processes admit twice the limit together, and all is forgotten when
// the process ends. Limits of a fleet are package redisdoor's.
//
// # The same decisions
//
// Nobody wrote the Go that decides here. luagen translates it from the contract's check
// script, the same that the Redis door runs in Redis, and so both give the same answer to
// the same checks at the same instants, to the last bit: the contract's golden vectors and
// random timelines are replayed through both. A strategy whose script uses more of Lua
// than luagen translates is [throttlekit.ErrNotSupported] here, and embedded.Start runs
// it.
//
// # Whose clock
//
// Checks run at the system's time, cut to the millisecond, or at that of [WithClock]. By
// the same clock states expire, also those of CheckAt, as they do by the Redis server's.
//
// # Memory
//
// A key of a strategy that keeps one or two numbers takes about 70 bytes, its name of 12
// bytes included; the bytes of ten million of them, and the longest that any check took
// meanwhile, are measured by
//
//	go test ./sdk/localdoor -run - -bench TenMillion -benchtime 1x
//
// A sliding window takes more, by its buckets, and a log by the units that it remembers.
//
// What has expired counts no more, and leaves memory soon: each new key looks at a few
// others, and while there are keys at all, a timer goes through them every second or less
// often. No goroutine waits, and a limiter that nobody refers to any more is collected,
// whether it was closed or not.
//
// # When it is full
//
// A limiter remembers [DefaultMaxKeys] keys, or those of [WithMaxKeys]. A new key beyond
// them takes the place of another, chosen from a few that are drawn at random: one that
// has expired; else the one that has spent the fewest units not yet come back, as the
// contract's own check tells; and of several the one that expires soonest. With nothing
// spent nothing is lost: a bucket that is full again and an untouched one are the same. With
// something spent, that much can be spent again, which is more than the limit; it is
// counted in [Stats].Evictions, and should be 0. So a flood of new keys makes the limiter
// forget the flood, which has spent least, and not whoever is at the limit.
//
// [WithoutEviction] has new keys refused instead. Other parameters do not make a limiter
// forget: [Limiter.With].
package localdoor
