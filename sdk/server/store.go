package server

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// noticeInterval is how long the log keeps quiet about a policy after it told of a failed
// call, while the store as a whole is said to be well.
const noticeInterval = time.Minute

// store is what the server knows about the store behind its limiters: what the check of
// [WithStoreCheck] said last. The check alone decides. A failed call only makes it be asked
// at once, so that neither one broken connection nor a key of the wrong type takes a
// replica out of its balancer.
type store struct {
	settings *settings
	changed  func() // told after down has changed
	suspect  chan struct{}
	down     atomic.Bool
}

func newStore(s *settings, changed func()) *store {
	return &store{settings: s, changed: changed, suspect: make(chan struct{}, 1)}
}

// known reports whether anything can be said about the store at all.
func (s *store) known() bool { return s.settings.storeCheck != nil }

// watch asks the store about once a second, and when it is suspected, until ctx ends.
func (s *store) watch(ctx context.Context) {
	if !s.known() {
		return
	}
	ticker := time.NewTicker(s.settings.storeInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.suspect:
		}
		s.ask(ctx)
	}
}

// ask asks the store once, and tells everybody when its answer is news.
func (s *store) ask(ctx context.Context) {
	if !s.known() {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, s.settings.storeTimeout)
	defer cancel()
	err := s.settings.storeCheck(bounded)
	if ctx.Err() != nil {
		return
	}
	if down := err != nil; s.down.Swap(down) == down {
		return
	}
	if err != nil {
		s.settings.logger.Warn("the store fails", slog.String("fail", s.settings.failMode.String()), slog.Any("error", err))
	} else {
		s.settings.logger.Info("the store has recovered")
	}
	s.settings.observer.StoreChanged(err == nil)
	s.changed()
}

// suspected has the store asked now rather than at the next tick.
func (s *store) suspected() {
	select {
	case s.suspect <- struct{}{}:
	default: // about to be asked anyway
	}
}

// standIn is what the fail mode answers in place of err, if it does: for anything that is
// neither the caller's own doing nor a thing that the limiter never does.
func (r *rateLimiter) standIn(ctx context.Context, p *servedPolicy, err error) (d throttlekit.Decision, stands bool) {
	if !storeFailed(ctx, err) {
		return d, false
	}
	return r.settings.failMode.Decision(p.Limit)
}

func storeFailed(ctx context.Context, err error) bool {
	return callerEnded(ctx) == nil &&
		!errors.Is(err, throttlekit.ErrInvalidArgument) && !errors.Is(err, throttlekit.ErrNotSupported)
}

// callerEnded is why the caller's context ended, or nil.
func callerEnded(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		// Limiters that set the deadline on a connection see it pass a moment before the
		// context does.
		<-ctx.Done()
	}
	return ctx.Err()
}

// noteFailure has the store asked about, and tells the log of a failure that the state of
// the store does not explain, such as a key that holds another type: once a minute and
// policy, since with [FailOpen] nothing else would.
func (r *rateLimiter) noteFailure(ctx context.Context, p *servedPolicy, q question, err error) {
	if !storeFailed(ctx, err) || r.store.down.Load() {
		return
	}
	r.store.suspected()
	now := time.Now().UnixNano()
	last := p.noticed.Load()
	if now-last < int64(noticeInterval) || !p.noticed.CompareAndSwap(last, now) {
		return
	}
	r.settings.logger.Warn("a call failed",
		slog.String("op", q.op), slog.String("policy", p.Name), slog.String("error", text(err, q.keys)))
}
