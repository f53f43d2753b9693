package redisdoor

// Option changes how a limiter runs. Given to [Open] it holds for all limiters of the
// door, given to [Door.Limiter] or [New] for that one.
type Option interface{ apply(*settings) }

type settings struct {
	prefix  string
	maxWork int64
}

type optionFunc func(*settings)

func (f optionFunc) apply(s *settings) { f(s) }

// WithPrefix puts prefix and a colon before every key. Empty, the default, means the
// key as it is.
func WithPrefix(prefix string) Option {
	return optionFunc(func(s *settings) { s.prefix = prefix })
}

// DefaultMaxWork is the work that one check may be for Redis when [WithMaxWork] says
// nothing else. A check of that work holds Redis, and with it everybody else, for some
// ten to twenty milliseconds: go test ./sdk/redisdoor -run - -bench LargestCheck.
const DefaultMaxWork = 10_000

// WithMaxWork bounds how much work, in steps of [script.Plan.Work], one check may be
// for Redis. A cost beyond it is [throttlekit.ErrInvalidArgument] and is not sent.
// Only strategies whose work grows with the cost, such as a log that remembers every
// unit, ever reach it.
func WithMaxWork(steps int64) Option {
	return optionFunc(func(s *settings) { s.maxWork = steps })
}

func settingsOf(base settings, opts []Option) settings {
	for _, o := range opts {
		o.apply(&base)
	}
	return base
}
