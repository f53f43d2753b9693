// Package gather lets checks that wait at the same moment travel together.
//
// A [Queue] has a few seats, one for each trip that may be under way at once. A caller
// that finds a free one and nobody waiting may go alone, in its own goroutine. Else its
// check waits in the queue; a worker takes all that wait in one group, up to a bound,
// carries them in one trip, hands the decisions out and comes back for the next. So a
// quiet queue delays nobody, and a batch forms only while the seats are taken: there is
// no timer to wait for.
//
//	caller --- free seat -------------------------> alone
//	caller --- queue: groups of calls --- worker --> a trip with many
//
// Workers start with the first call that waits and end when they have been idle for a
// while, or by Close. What a trip is, and what a worker needs for it, is the door's: a
// [Carrier].
package gather
