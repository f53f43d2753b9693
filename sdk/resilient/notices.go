package resilient

import (
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// noticeEvery is how long the log keeps quiet after it told of a fault that no change of the
// breaker's state tells of.
const noticeEvery = time.Minute

// notices tells the log of faults that a stand-in would hide.
type notices struct {
	logger *slog.Logger
	fail   FailMode
	last   atomic.Int64 // in nanoseconds of the epoch
}

func (n *notices) fault(err error) {
	now, last := time.Now().UnixNano(), n.last.Load()
	if now-last < int64(noticeEvery) || !n.last.CompareAndSwap(last, now) {
		return
	}
	n.logger.Warn("the limiter answers, but not with a decision",
		slog.String("fail", n.fail.String()), slog.String("error", safeText(err)))
}

func logChange(logger *slog.Logger, mode FailMode, c change) {
	if c.Node != "" {
		logger = logger.With(slog.String("node", c.Node))
	}
	from, fail := slog.String("from", c.From.String()), slog.String("fail", mode.String())
	switch {
	case c.To == BreakerClosed:
		logger.Info("the limiter has recovered", from)
	case c.To == BreakerHalfOpen:
		logger.Debug("the limiter is tried again", from)
	case c.From == BreakerHalfOpen:
		logger.Debug("the limiter still fails", from, fail, slog.String("error", safeText(c.cause)))
	default:
		logger.Warn("the limiter fails", from, fail, slog.String("error", safeText(c.cause)))
	}
}

// safeText is what may be told about err: the SDK's own errors never hold a limited key,
// and of others nobody knows.
func safeText(err error) string {
	var ours *throttlekit.Error
	if errors.As(err, &ours) {
		return ours.Error()
	}
	return fmt.Sprintf("a %T, whose text is withheld since it may hold a key", err)
}
