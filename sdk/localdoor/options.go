package localdoor

import "time"

// Option configures a limiter.
type Option interface{ apply(*settings) }

type settings struct {
	now      func() time.Time
	maxKeys  int64
	evicting bool
	maxWork  int64
}

func defaults() settings {
	return settings{maxKeys: DefaultMaxKeys, evicting: true, maxWork: DefaultMaxWork}
}

type option func(*settings)

func (f option) apply(s *settings) { f(s) }

// WithClock has the limiter ask now for the time, instead of the system's clock, once in
// each call and at no other time. Times are cut to the millisecond, and those before 1970
// count as its first millisecond.
func WithClock(now func() time.Time) Option {
	return option(func(s *settings) { s.now = now })
}

// DefaultMaxKeys is how many keys a limiter remembers when [WithMaxKeys] says nothing
// else: about 75 MB of them, for a strategy that keeps one or two numbers.
const DefaultMaxKeys = 1 << 20

// WithMaxKeys bounds how many keys the limiter remembers at once. What happens when it is
// full is told in the package documentation. Below 1 it means 1.
func WithMaxKeys(n int64) Option {
	return option(func(s *settings) { s.maxKeys = max(1, n) })
}

// WithoutEviction has a full limiter refuse keys that it does not know rather than forget
// one that has spent something: a check that would be admitted is
// [throttlekit.ErrUnavailable], and consumes nothing.
func WithoutEviction() Option {
	return option(func(s *settings) { s.evicting = false })
}

// DefaultMaxWork is the work that one check may be when [WithMaxWork] says nothing else. It
// is the Redis door's bound, so that every door takes the same costs.
const DefaultMaxWork = 10_000

// WithMaxWork bounds how much work, in steps of [script.Plan.Work], one check may be. A
// cost beyond it is [throttlekit.ErrInvalidArgument]. Only strategies whose work and
// memory grow with the cost, such as a log that remembers every unit, ever reach it.
func WithMaxWork(steps int64) Option {
	return option(func(s *settings) { s.maxWork = steps })
}
