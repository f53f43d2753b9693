package throttlekit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

func TestErrorSaysWhatHappened(t *testing.T) {
	cause := errors.New("connection reset")
	for _, row := range []struct {
		name string
		err  throttlekit.Error
		want string
	}{
		{"refused by the SDK: no source, for who else",
			throttlekit.Error{Op: "check", Kind: throttlekit.ErrInvalidArgument, Err: errors.New("cost is 0")},
			"throttlekit: check: invalid argument: cost is 0"},
		{"broken on the way",
			throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable, Source: throttlekit.SourceTransport, MayHaveConsumed: true, Err: cause},
			"throttlekit: check: unavailable (transport): connection reset; the check may have been consumed"},
		{"an answer of no kind",
			throttlekit.Error{Op: "peek", Source: throttlekit.SourceServer, Err: cause},
			"throttlekit: peek (server): connection reset"},
		{"a kind that says it all",
			throttlekit.Error{Op: "forecast", Kind: throttlekit.ErrNotSupported},
			"throttlekit: forecast: operation not supported"},
		{"an answer that could not be read",
			throttlekit.Error{Op: "check", Kind: throttlekit.ErrMalformedReply, Source: throttlekit.SourceDecoding, MayHaveConsumed: true, Err: cause},
			"throttlekit: check: malformed reply: connection reset; the check may have been consumed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.err.Error(); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestErrorUnwrapsToKindAndCause(t *testing.T) {
	err := fmt.Errorf("handler: %w", &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable, Err: context.DeadlineExceeded})
	for _, want := range []error{throttlekit.ErrUnavailable, context.DeadlineExceeded} {
		if !errors.Is(err, want) {
			t.Errorf("errors.Is(%v) is false", want)
		}
	}
	if errors.Is(err, throttlekit.ErrNotSupported) {
		t.Error("it is not of another kind")
	}
	if bare := (&throttlekit.Error{Op: "check"}).Unwrap(); len(bare) != 0 {
		t.Errorf("an error without kind and cause unwraps to %v, want nothing", bare)
	}
}

func TestManyErrorQuotesTheFirstAndUnwrapsToAll(t *testing.T) {
	err := error(&throttlekit.ManyError{Errors: []error{nil,
		&throttlekit.Error{Op: "checkMany", Kind: throttlekit.ErrUnavailable},
		&throttlekit.Error{Op: "checkMany", Kind: throttlekit.ErrMalformedReply}}})
	const want = "throttlekit: checkMany: 2 of 3 keys failed; keys[1]: throttlekit: checkMany: unavailable"
	if err.Error() != want {
		t.Errorf("got  %s\nwant %s", err, want)
	}
	if !errors.Is(err, throttlekit.ErrUnavailable) || !errors.Is(err, throttlekit.ErrMalformedReply) {
		t.Errorf("%v is not of both kinds", err)
	}
	if got := (&throttlekit.ManyError{Errors: []error{nil}}).Error(); !strings.Contains(got, "no key failed") {
		t.Errorf("without a failure it says %q", got)
	}
}

func TestFaultSourceNames(t *testing.T) {
	for source, want := range map[throttlekit.FaultSource]string{
		throttlekit.SourceSDK: "sdk", throttlekit.SourceTransport: "transport", throttlekit.SourceServer: "server",
		throttlekit.SourceDecoding: "decoding", 9: "source 9",
	} {
		if got := source.String(); got != want {
			t.Errorf("source %d is %q, want %q", source, got, want)
		}
	}
}

func TestValidateCost(t *testing.T) {
	for _, row := range []struct {
		name string
		cost int64
		ok   bool
	}{
		{"one", 1, true},
		{"the largest exact integer", throttlekit.MaxCost, true},
		{"nothing", 0, false},
		{"less than nothing, which would give a spent limit back", -1, false},
		{"beyond exactness", throttlekit.MaxCost + 1, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			err := throttlekit.ValidateCost("check", row.cost)
			if (err == nil) != row.ok || !row.ok && !errors.Is(err, throttlekit.ErrInvalidArgument) {
				t.Errorf("a cost of %d is %v, want ok %v", row.cost, err, row.ok)
			}
		})
	}
}

func TestDecisionLogsTheContractsFields(t *testing.T) {
	var b strings.Builder
	d := throttlekit.Decision{Limit: 5, ResetAt: time.UnixMilli(1000).UTC(), RetryAfter: time.Second}
	slog.New(slog.NewTextHandler(&b, nil)).Info("denied", "decision", d)
	const want = "decision.allowed=false decision.limit=5 decision.remaining=0 decision.resetAt=1970-01-01T00:00:01.000Z decision.retryAfter=1s"
	if !strings.Contains(b.String(), want) {
		t.Errorf("logged %q, want it to hold %q", b.String(), want)
	}
}

// What to do about a failed check depends on whether it may have been consumed.
func ExampleError() {
	check := func() error {
		return &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable, Source: throttlekit.SourceTransport}
	}
	err := check()
	var fault *throttlekit.Error
	if errors.As(err, &fault) && errors.Is(err, throttlekit.ErrUnavailable) {
		fmt.Println(err)
		fmt.Println("safe to try again:", !fault.MayHaveConsumed)
	}
	// Output:
	// throttlekit: check: unavailable (transport)
	// safe to try again: true
}
