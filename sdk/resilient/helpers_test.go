package resilient_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secretKey is what the tests limit by; no error, log or count may ever repeat it.
const secretKey = "user-4711-secret"

// What limiters answer in these tests.
var (
	whole    = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	admitted = throttlekit.Decision{Allowed: true, Limit: 7, Remaining: 6, ResetAt: whole}
	denied   = throttlekit.Decision{Limit: 7, ResetAt: whole, RetryAfter: time.Second}
	gone     = &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable, Source: throttlekit.SourceTransport, MayHaveConsumed: true}
	wrong    = &throttlekit.Error{Op: "check", Kind: throttlekit.ErrInvalidArgument}
)

// scripted is a limiter that answers by a function, and counts how often it was asked. Each
// error is a failure of its own, as it is where checks travel alone. Its CheckMany is
// CheckN for each key.
type scripted struct {
	throttlekit.Limiter
	asked  atomic.Int64
	check  func(ctx context.Context, key string, cost int64) (throttlekit.Decision, error)
	forget func(key string)
}

func answering(d throttlekit.Decision, err error) *scripted {
	return &scripted{check: func(context.Context, string, int64) (throttlekit.Decision, error) { return d, err }}
}

func (s *scripted) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	s.asked.Add(1)
	return s.answer(ctx, key, cost)
}

func (s *scripted) answer(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	d, err := s.check(ctx, key, cost)
	return d, anew(err)
}

// anew is err as a failure of its own, not one that callers share.
func anew(err error) error {
	if _, ok := err.(*throttlekit.Error); ok {
		return another{err}
	}
	return err
}

type another struct{ error }

func (a another) Unwrap() error { return a.error }

func (s *scripted) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	s.asked.Add(1)
	decisions, errs := make([]throttlekit.Decision, len(keys)), make([]error, len(keys))
	for i, key := range keys {
		decisions[i], errs[i] = s.answer(ctx, key, cost)
	}
	if slices.ContainsFunc(errs, func(err error) bool { return err != nil }) {
		return decisions, &throttlekit.ManyError{Errors: errs}
	}
	return decisions, nil
}

func (s *scripted) Peek(ctx context.Context, key string) (throttlekit.Decision, error) {
	s.asked.Add(1)
	return s.answer(ctx, key, 1)
}

func (s *scripted) Forecast(ctx context.Context, key string, cost int64) (throttlekit.Forecast, error) {
	s.asked.Add(1)
	d, err := s.answer(ctx, key, cost)
	return throttlekit.Forecast{SpendableNow: d.Remaining}, err
}

func (s *scripted) Reset(ctx context.Context, key string) error {
	s.asked.Add(1)
	if s.forget != nil {
		s.forget(key)
	}
	_, err := s.answer(ctx, key, 1)
	return err
}

func newLimiter(tb testing.TB, limiter throttlekit.Limiter, options ...resilient.Option) *resilient.Limiter {
	tb.Helper()
	l, err := resilient.New(limiter, options...)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// record is a log that a test can read while it is written.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

func (r *record) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: level}))
}
