package redisdoor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// do runs one command. Without a context to watch it spares redigo the goroutine that
// watches it.
func do(ctx context.Context, conn redis.Conn, command string, args []any) (any, error) {
	if ctx.Done() == nil {
		return conn.Do(command, args...)
	}
	return redis.DoContext(conn, ctx, command, args...)
}

// evalScript is a script as redigo takes it: boxed once rather than for every call.
type evalScript struct{ sha1, source any }

func newEvalScript(s script.Script) evalScript { return evalScript{sha1: s.SHA1, source: s.Source} }

// eval runs the script by its SHA-1, and by its text when Redis does not know it. It
// fills in args[0].
func (s evalScript) eval(ctx context.Context, conn redis.Conn, args []any) (any, error) {
	args[0] = s.sha1
	reply, err := do(ctx, conn, "EVALSHA", args)
	if isNoScript(err) {
		args[0] = s.source
		reply, err = do(ctx, conn, "EVAL", args)
	}
	dropDemoted(conn, err)
	return reply, err
}

// isNoScript reports whether Redis answered that it does not know the script: the one
// answer after which a check may be sent again, since it did not run.
func isNoScript(err error) bool {
	if err == nil {
		return false
	}
	var reply redis.Error
	return errors.As(err, &reply) && replyCode(reply) == "NOSCRIPT"
}

func replyCode(reply redis.Error) string {
	code, rest, _ := strings.Cut(string(reply), " ")
	// Before Redis 7 what a script raises comes after where it did, some with a dash.
	if i := strings.LastIndex(rest, inScript); code == "ERR" && i >= 0 {
		if _, said, ok := strings.Cut(rest[i+len(inScript):], ": "); ok {
			code, _, _ = strings.Cut(strings.TrimPrefix(said, "-"), " ")
		}
	}
	return code
}

const inScript = "@user_script:"

// Answers that say Redis cannot serve now, though it may later. Redis gives each of
// them before a script's first write.
var unavailableCodes = []string{
	"BUSY", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "MISCONF", "NOREPLICAS", "OOM", "READONLY", "TRYAGAIN",
}

// Answers, besides those, that Redis gives before a script's first write. WRONGTYPE is
// one since a script of the contract touches one key: its first command on it fails.
// NOPERM is none: a user may be allowed a script's first write and not its second.
var untouchedCodes = []string{
	"ASK", "CROSSSLOT", "MOVED", "NOAUTH", "NOSCRIPT", "WRONGPASS", "WRONGTYPE",
}

// isUnavailable reports whether an error is an answer of those.
func isUnavailable(err error) bool {
	if err == nil {
		return false
	}
	var reply redis.Error
	return errors.As(err, &reply) && slices.Contains(unavailableCodes, replyCode(reply))
}

// dropDemoted breaks a connection whose Redis answered err if that says that it is a
// replica: it was the master when the connection was made, and the next one is to go to
// the master of now.
func dropDemoted(conn redis.Conn, err error) {
	if err == nil {
		return
	}
	var reply redis.Error
	if !errors.As(err, &reply) || replyCode(reply) != "READONLY" {
		return
	}
	// To redigo a context that has ended is a reason to close, without a word sent; a
	// pool does not take back what is closed.
	_, _ = redis.DoContext(conn, longGone, "PING")
}

// longGone is a context whose deadline has passed.
var longGone = func() context.Context {
	ctx, cancel := context.WithDeadline(context.Background(), time.Unix(0, 0))
	cancel()
	return ctx
}()

// connectFault describes a connection that could not be had: nothing was sent.
func connectFault(ctx context.Context, op string, err error) *throttlekit.Error {
	fault := &throttlekit.Error{Op: op, Source: throttlekit.SourceTransport, Err: untold(err)}
	if !endedContext(ctx, fault) {
		fault.Kind = throttlekit.ErrUnavailable
	}
	return fault
}

// callFault describes a call that was sent, or may have been, and brought no reply to
// decode.
func callFault(ctx context.Context, op string, err error) *throttlekit.Error {
	fault := &throttlekit.Error{Op: op, Source: throttlekit.SourceTransport, MayHaveConsumed: true, Err: untold(err)}
	var reply redis.Error
	switch {
	case errors.As(err, &reply):
		fault.Source = throttlekit.SourceServer
		code := replyCode(reply)
		unavailable := slices.Contains(unavailableCodes, code)
		if unavailable {
			fault.Kind = throttlekit.ErrUnavailable
		}
		fault.MayHaveConsumed = !unavailable && !slices.Contains(untouchedCodes, code)
	case endedContext(ctx, fault):
	default:
		fault.Kind = throttlekit.ErrUnavailable
	}
	return fault
}

// endedContext reports whether the fault is the caller's own context, and if so makes
// sure that errors.Is finds it: redigo meets the deadline as an I/O timeout, often a
// moment before the context says so itself.
func endedContext(ctx context.Context, fault *throttlekit.Error) bool {
	ended := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && ended == nil && !time.Now().Before(deadline) {
		ended = context.DeadlineExceeded
	}
	if ended == nil {
		return false // a dial that timed out by itself calls itself an ended context, too
	}
	if !errors.Is(fault.Err, ended) {
		fault.Err = errors.Join(ended, fault.Err)
	}
	return true
}
