package servicedoor

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// deadlineGrain is how much earlier than the caller's the server's copy of a deadline may
// run out: protocols send what is left in whole milliseconds at worst.
const deadlineGrain = 2 * time.Millisecond

// fault turns what a call failed with into the SDK's error, by the table in the package
// documentation.
func fault(ctx context.Context, op string, err error, trip *trip) *throttlekit.Error {
	said := connect.IsWireError(err)
	code := connect.CodeOf(err)
	f := &throttlekit.Error{Op: op, Source: throttlekit.SourceTransport, Err: err}
	if said {
		f.Source = throttlekit.SourceServer
	}

	switch ended := endedContext(ctx, code); {
	case ended != nil:
		if !errors.Is(err, ended) {
			f.Err = contextError(ended)
		}
	case said:
		f.Kind = kinds[code]
	case errors.Is(err, proto.Error):
		f.Source, f.Kind = throttlekit.SourceDecoding, throttlekit.ErrMalformedReply
	case brokeOff(err, code):
		f.Kind = throttlekit.ErrUnavailable
	case trip.answered.Load():
		f.Source, f.Kind = throttlekit.SourceDecoding, throttlekit.ErrMalformedReply
	}

	f.MayHaveConsumed = consumes(op) && !trip.neverLeft() && !errors.As(err, new(unprocessed)) && !(said && refuses[code])
	if f.Source == throttlekit.SourceTransport && f.Kind == throttlekit.ErrUnavailable && !errors.As(err, new(streamError)) {
		return trip.shared(f)
	}
	return f
}

// malformed is the fault of an answer that arrived whole and is not the contract's.
func malformed(op string, err error) error {
	return &throttlekit.Error{
		Op:              op,
		Source:          throttlekit.SourceDecoding,
		Kind:            throttlekit.ErrMalformedReply,
		MayHaveConsumed: consumes(op),
		Err:             err,
	}
}

// kinds are the statuses that have a sentinel when the server says them.
var kinds = map[connect.Code]error{
	connect.CodeNotFound:        throttlekit.ErrPolicyNotFound,
	connect.CodeUnimplemented:   throttlekit.ErrNotSupported,
	connect.CodeInvalidArgument: throttlekit.ErrInvalidArgument,
	connect.CodeUnavailable:     throttlekit.ErrUnavailable,
}

// refuses are the statuses that a server gives before it acts. UNAVAILABLE and INTERNAL
// are not among them: they also come after a handler ran.
var refuses = map[connect.Code]bool{
	connect.CodeNotFound:         true,
	connect.CodeUnimplemented:    true,
	connect.CodeInvalidArgument:  true,
	connect.CodeUnauthenticated:  true,
	connect.CodePermissionDenied: true,
}

func consumes(op string) bool { return op == opCheck || op == opCheckMany }

// endedContext returns the error of the caller's context when it is what ended the call,
// also when the server noticed first.
func endedContext(ctx context.Context, code connect.Code) error {
	if code != connect.CodeCanceled && code != connect.CodeDeadlineExceeded {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && code == connect.CodeDeadlineExceeded && time.Until(deadline) < deadlineGrain {
		return context.DeadlineExceeded
	}
	return nil
}

// brokeOff reports whether err is about the way to the server and back rather than about
// an answer. DEADLINE_EXCEEDED that is not the caller's is a timeout of the dial.
func brokeOff(err error, code connect.Code) bool {
	if code == connect.CodeUnavailable || code == connect.CodeDeadlineExceeded {
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.As(err, new(streamError)) ||
		errors.As(err, new(*net.OpError)) ||
		strings.Contains(err.Error(), connectionGone)
}

// connectionGone begins what net/http says, by text alone, when an HTTP/2 connection ends
// under an answer that has begun: "lost", and "force closed".
const connectionGone = "http2: client connection "

// streamError has the shape of golang.org/x/net/http2's error of that name, into which
// net/http lets its own, unexported one be read.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "HTTP/2 stream error" }
