package throttlekit

import (
	"log/slog"
	"time"
)

// Decision is the answer to one check. Its first five fields are the contract's five, with
// times as Go times; all of them are exact to the millisecond.
type Decision struct {
	// Allowed reports whether the cost was admitted, and so consumed. A denied check
	// consumes nothing.
	Allowed bool

	// Limit is the most that can be spent at once, as the strategy reports it: the
	// burst or capacity where it has one, else the limit of the window.
	Limit int64

	// Remaining is how many units could still be spent right after this check, never
	// below zero.
	Remaining int64

	// ResetAt is when the limit is whole again, in UTC. What "whole" means is the
	// strategy's: GCRA and the token bucket name the instant they are full, the fixed
	// window its end, the sliding window the latest end of what it counts now, and
	// the log the instant its oldest unit leaves. It is the zero Time when the answer
	// carried none, as the service's fail modes do.
	ResetAt time.Time

	// RetryAfter is how long to wait before the same check can be admitted; zero when
	// Allowed. It is finite even for a cost above Limit, which no waiting ever admits.
	// Values beyond what a Duration holds (292 years) saturate.
	RetryAfter time.Duration

	// Source says who decided: the contract, or what stood in for it while it could not
	// be asked.
	Source Source
}

// Degraded reports whether the decision is not the contract's, but made up or another
// limiter's: see [Source].
func (d Decision) Degraded() bool { return d.Source != SourceContract }

// LogValue implements [slog.LogValuer] with the contract's field names and, where the
// decision is not the contract's, its source.
func (d Decision) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.Bool("allowed", d.Allowed),
		slog.Int64("limit", d.Limit),
		slog.Int64("remaining", d.Remaining),
		slog.Time("resetAt", d.ResetAt),
		slog.Duration("retryAfter", d.RetryAfter),
	}
	if d.Degraded() {
		attrs = append(attrs, slog.String("source", d.Source.String()))
	}
	return slog.GroupValue(attrs...)
}

// Forecast says what a key could spend without spending any of it.
type Forecast struct {
	// SpendableNow is how many checks of the asked cost would be admitted right now.
	SpendableNow int64

	// NextReplenishAt is when the next unit comes back, in UTC.
	NextReplenishAt time.Time

	// FullAt is when the key is whole again if nobody spends from it, in UTC.
	FullAt time.Time
}

var _ slog.LogValuer = Decision{}
