package redisdoor

import "github.com/throttlekit/throttlekit-go/sdk/internal/keyhash"

// Option configures a door, and with it all its limiters.
type Option interface{ apply(*settings) }

// LimiterOption changes how a limiter runs. Given to [Open] or [New] it holds for all
// limiters of the door, given to [Door.Limiter] for that one.
type LimiterOption interface {
	Option
	applyToLimiter(*settings)
}

type settings struct {
	prefix  string
	maxWork int64
	alone   bool
	hash    *keyhash.Hash // nil for keys as they are
	hashErr error         // why there is none, though one was asked for

	// The door's.
	workers    int
	queueLimit int
}

func defaults() settings {
	return settings{maxWork: DefaultMaxWork, workers: DefaultWorkers, queueLimit: DefaultQueueLimit}
}

type doorOption func(*settings)

func (f doorOption) apply(s *settings) { f(s) }

type limiterOption func(*settings)

func (f limiterOption) apply(s *settings)          { f(s) }
func (f limiterOption) applyToLimiter(s *settings) { f(s) }

// WithPrefix puts prefix and a colon before every key. Empty, the default, means the
// key as it is.
func WithPrefix(prefix string) LimiterOption {
	return limiterOption(func(s *settings) { s.prefix = prefix })
}

// WithKeyHash has Redis hold a keyed hash in each key's place: the prefix and its colon,
// then HMAC-SHA-256(secret, key) in 64 lower-case hexadecimal digits. So nobody who reads
// the Redis, its backups or its slow log learns whom the keys name, and a guess cannot be
// tried without the secret. All who share a limit must use it, with the same secret; another
// secret begins all limits anew. A hash tag in braces is hashed with the rest, so keys that
// have one in common are no longer in one cluster slot.
//
// The secret is at least 16 bytes that nobody can guess; with a shorter one [Door.Limiter]
// and [New] return an error. It is copied.
func WithKeyHash(secret []byte) LimiterOption {
	hash, err := keyhash.New(secret)
	return limiterOption(func(s *settings) { s.hash, s.hashErr = hash, err })
}

// DefaultMaxWork is the work that one check may be for Redis when [WithMaxWork] says
// nothing else. A check of that work holds Redis, and with it everybody else, for some
// ten to twenty milliseconds: go test ./sdk/redisdoor -run - -bench LargestCheck.
const DefaultMaxWork = 10_000

// WithMaxWork bounds how much work, in steps of [script.Plan.Work], one check may be
// for Redis. A cost beyond it is [throttlekit.ErrInvalidArgument] and is not sent.
// Only strategies whose work grows with the cost, such as a log that remembers every
// unit, ever reach it.
func WithMaxWork(steps int64) LimiterOption {
	return limiterOption(func(s *settings) { s.maxWork = steps })
}

// WithoutFusing has every check travel alone, as the contract's script on a connection
// of its own from the pool. Without it, checks that wait at the same moment travel
// together: see the package documentation.
func WithoutFusing() LimiterOption {
	return limiterOption(func(s *settings) { s.alone = true })
}

// DefaultWorkers is how many scripts a door has under way at once when [WithWorkers]
// says nothing else: one that Redis runs, and one that waits there for its turn.
const DefaultWorkers = 2

// WithWorkers sets how many scripts with fused checks the door has under way at once.
// Each takes one connection of the pool while there are checks for it, so a pool should
// have room for some more than that. More workers make smaller scripts, which pays only
// when Redis is a millisecond away or more: go test ./sdk/redisdoor -run - -bench
// 'Workers|OverALink'. Below 1 it means 1.
func WithWorkers(n int) Option {
	return doorOption(func(s *settings) { s.workers = max(1, n) })
}

// DefaultQueueLimit is how many checks may wait for a worker when [WithQueueLimit] says
// nothing else.
const DefaultQueueLimit = 16_384

// WithQueueLimit bounds how many checks may wait for a worker of the door. One that
// finds the queue full is [throttlekit.ErrUnavailable], and nothing was consumed. Below
// 1 it means 1.
func WithQueueLimit(n int) Option {
	return doorOption(func(s *settings) { s.queueLimit = max(1, n) })
}
