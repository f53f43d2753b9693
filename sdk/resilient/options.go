package resilient

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// What a limiter is set to when no option says otherwise.
const (
	// DefaultDeadline is many times what a healthy Redis or service in the same data
	// centre needs, and little beside the work that a limiter stands in front of.
	DefaultDeadline = 50 * time.Millisecond

	// DefaultFailures is how many calls in a row fail before the breaker opens: more than
	// a connection or two that broke, and so few that an outage is over for its callers
	// within some 250 milliseconds.
	DefaultFailures = 5

	// DefaultProbeEvery is how long the breaker stays open before it lets a call try
	// again: short enough that limits are back within a second of their store.
	DefaultProbeEvery = 500 * time.Millisecond
)

// Option configures [New].
type Option interface{ apply(*settings) error }

type option func(*settings) error

func (f option) apply(s *settings) error { return f(s) }

// settings is what options amount to.
type settings struct {
	deadline   time.Duration
	failures   uint32
	probeEvery time.Duration
	mode       FailMode
	local      throttlekit.Limiter
	plan       *script.Plan
	denyKeys   int // 0 is no deny cache
	logger     *slog.Logger
	hook       func(StateChange)
}

func defaults() settings {
	return settings{
		deadline:   DefaultDeadline,
		failures:   DefaultFailures,
		probeEvery: DefaultProbeEvery,
		logger:     slog.New(slog.DiscardHandler),
		hook:       func(StateChange) {},
	}
}

// WithDeadline bounds how long one decision may take; [Limiter.CheckMany] has a millisecond
// more for each key but the first. A deadline of the caller's own that is earlier wins.
// Default: [DefaultDeadline].
func WithDeadline(deadline time.Duration) Option {
	return option(func(s *settings) error {
		if deadline <= 0 {
			return fmt.Errorf("WithDeadline was given %v, want more than 0", deadline)
		}
		s.deadline = deadline
		return nil
	})
}

// WithBreaker has the breaker open when that many calls in a row have failed, and let one
// call try again that long after it opened. Default: [DefaultFailures], [DefaultProbeEvery].
func WithBreaker(failures int, probeEvery time.Duration) Option {
	return option(func(s *settings) error {
		if failures < 1 || int64(failures) > 1<<31 || probeEvery <= 0 {
			return fmt.Errorf("WithBreaker was given %d failures and %v, want at least 1 and more than 0", failures, probeEvery)
		}
		s.failures, s.probeEvery = uint32(failures), probeEvery
		return nil
	})
}

// WithFailMode has checks that could not be made answered by mode; for [FailLocal] there
// is [WithFailLocal]. Default: [FailError], since whoever lets traffic through or stops it
// without having counted should have said so.
func WithFailMode(mode FailMode) Option {
	return option(func(s *settings) error {
		if mode > FailClosed {
			return fmt.Errorf("WithFailMode was given %v, want FailError, FailOpen or FailClosed; WithFailLocal takes a limiter", mode)
		}
		s.mode, s.local = mode, nil
		return nil
	})
}

// WithFailLocal has checks that could not be made answered by local: any limiter, usually
// that of [LocalShare]. It is called with the caller's context and without another
// deadline, so it should be one that does not wait.
func WithFailLocal(local throttlekit.Limiter) Option {
	return option(func(s *settings) error {
		if local == nil {
			return errors.New("WithFailLocal was given nil")
		}
		s.mode, s.local = FailLocal, local
		return nil
	})
}

// WithStrategy says which strategy runs behind a limiter that does not say so itself, such
// as one of the service door or a wrapper of your own: for the limit that decisions of
// [FailOpen] and [FailClosed] report, else 0, and for [WithDenyCache]. Limiters of the
// other doors say it.
func WithStrategy(strategy script.Strategy) Option {
	return option(func(s *settings) error {
		if strategy == nil {
			return errors.New("WithStrategy was given nil")
		}
		plan, err := strategy.Plan()
		if err != nil {
			return fmt.Errorf("WithStrategy: %w", err)
		}
		s.plan = plan
		return nil
	})
}

// WithDenyCache remembers denials of up to maxKeys keys, and answers checks of such a key
// that cost no less from memory until the denial's RetryAfter has passed; see the package
// documentation for what that presumes. Only for strategies whose RetryAfter keeps what it
// promises, by [script.Definition].RetryHint. Default: nothing is remembered.
func WithDenyCache(maxKeys int) Option {
	return option(func(s *settings) error {
		if maxKeys < 1 {
			return fmt.Errorf("WithDenyCache was given %d keys, want at least 1", maxKeys)
		}
		s.denyKeys = maxKeys
		return nil
	})
}

// WithLogger has each change of a breaker's state logged to logger, in one line: Warn
// when it opens, Info when it closes, Debug for the tries between. Faults that do not count
// against the limiter, such as a key of another type or a missing right, never open the
// breaker; they are a line at Warn, once a minute. No line holds a limited key. Default:
// nothing is logged.
func WithLogger(logger *slog.Logger) Option {
	return option(func(s *settings) error {
		if logger == nil {
			return errors.New("WithLogger was given nil")
		}
		s.logger = logger
		return nil
	})
}

// WithStateHook has hook called once for each change of a breaker's state, in order. It
// is called inside a caller's check, and so should return at once; it may use the limiter.
// Default: nobody is told.
func WithStateHook(hook func(StateChange)) Option {
	return option(func(s *settings) error {
		if hook == nil {
			return errors.New("WithStateHook was given nil")
		}
		s.hook = hook
		return nil
	})
}
