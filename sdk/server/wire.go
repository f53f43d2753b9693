package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

func toWire(d throttlekit.Decision) *throttlekitv1.Decision {
	return &throttlekitv1.Decision{
		Allowed:      d.Allowed,
		Limit:        d.Limit,
		Remaining:    d.Remaining,
		ResetAt:      instant(d.ResetAt),
		RetryAfterMs: span(d.RetryAfter),
	}
}

// instant is a time in the wire's milliseconds, whose 0 means that there is none.
func instant(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// span is a duration in whole milliseconds, rounded up: a caller who waited for less
// would be denied again.
func span(d time.Duration) int64 {
	ms := d.Milliseconds()
	if d > time.Duration(ms)*time.Millisecond {
		ms++
	}
	return ms
}

// status is the error that the caller gets for what a limiter returned.
func status(ctx context.Context, q question, err error) error {
	// A ManyError may hold sentinels, but of single keys: it says nothing about the policy.
	var many *throttlekit.ManyError
	switch ended := callerEnded(ctx); {
	case errors.Is(ended, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, ended)
	case ended != nil:
		return connect.NewError(connect.CodeCanceled, ended)
	case errors.As(err, &many):
		return connect.NewError(connect.CodeInternal, errors.New(manyText(many, q.keys)))
	case errors.Is(err, throttlekit.ErrNotSupported):
		return unimplemented(q.policy, q.op, "")
	case errors.Is(err, throttlekit.ErrInvalidArgument):
		return invalid(errors.New(text(err, q.keys)))
	}
	return connect.NewError(connect.CodeInternal, errors.New(text(err, q.keys)))
}

// unimplemented says that the policy does not have the operation, and why if there is more
// to say.
func unimplemented(policy, op, reason string) error {
	message := "policy " + quoted(policy) + " does not support " + op
	if reason != "" {
		message += ": " + reason
	}
	return connect.NewError(connect.CodeUnimplemented, errors.New(message))
}

// text is what may be told about err. The SDK's own errors never hold a key; of others
// nobody knows, so they are withheld when they do.
func text(err error, keys []string) string {
	var ours *throttlekit.Error
	if errors.As(err, &ours) {
		return ours.Error()
	}
	whole := err.Error()
	for _, key := range keys {
		if key != "" && strings.Contains(whole, key) {
			return "the limiter failed; its error names the key and is withheld"
		}
	}
	return whole
}

// manyText counts the failed keys and tells the first fault, as the SDK's own text of a
// ManyError does, but holds that fault to the rule of text.
func manyText(many *throttlekit.ManyError, keys []string) string {
	failed, first := 0, 0
	for i, err := range many.Errors {
		if err == nil {
			continue
		}
		if failed == 0 {
			first = i
		}
		failed++
	}
	if failed == 0 {
		return "the limiter failed without saying for which key"
	}
	return fmt.Sprintf("%d of %d keys failed, the others may have been consumed; keys[%d]: %s",
		failed, len(many.Errors), first, text(many.Errors[first], keys))
}
