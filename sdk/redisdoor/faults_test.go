package redisdoor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// fault is what an error should say of itself.
type fault struct {
	kind     error // nil: none of the sentinels
	source   throttlekit.FaultSource
	consumed bool
	says     string
}

var kinds = []error{throttlekit.ErrPolicyNotFound, throttlekit.ErrNotSupported, throttlekit.ErrUnavailable,
	throttlekit.ErrInvalidArgument, throttlekit.ErrMalformedReply, context.Canceled, context.DeadlineExceeded}

func wantFault(t *testing.T, err error, want fault) {
	t.Helper()
	var got *throttlekit.Error
	if !errors.As(err, &got) {
		t.Fatalf("error is %v (%T), want a *throttlekit.Error", err, err)
	}
	if got.Source != want.source {
		t.Errorf("source is %v, want %v (%v)", got.Source, want.source, err)
	}
	if got.MayHaveConsumed != want.consumed {
		t.Errorf("MayHaveConsumed is %v, want %v (%v)", got.MayHaveConsumed, want.consumed, err)
	}
	for _, kind := range kinds {
		if is, wanted := errors.Is(err, kind), kind == want.kind; is != wanted {
			t.Errorf("errors.Is %q is %v, want %v (%v)", kind, is, wanted, err)
		}
	}
	if !strings.Contains(err.Error(), want.says) {
		t.Errorf("error is %q, want one that says %q", err, want.says)
	}
	if strings.Contains(err.Error(), secretKey) {
		t.Errorf("error %q holds the limited key", err)
	}
}

func TestRepliesThatNoCheckGives(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	for _, row := range []struct{ name, lua, says string }{
		{"nil", `return nil`, "reply is nil, want 5 integers"},
		{"a number alone", `return 1`, "reply is an integer"},
		{"a string", `return KEYS[1]`, "reply is a string"},
		{"a status", `return redis.status_reply(KEYS[1])`, "reply is a string"},
		{"an empty list", `return {}`, "reply has 0 elements"},
		{"too short", `return {1, 2, 3, 4}`, "reply has 4 elements, want 5"},
		{"too long", `return {1, 2, 3, 4, 5, 6}`, "reply has 6 elements, want 5"},
		{"a string inside", `return {1, 2, '3', 4, 5}`, "reply element 2 (remaining) is a string, want an integer"},
		{"nil inside", `return {1, 2, 3, 4, false}`, "reply element 4 (retryAfterMs) is nil"},
		{"a list inside", `return {1, 2, 3, {KEYS[1]}, 5}`, "reply element 3 (resetAt) is a list of 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			limiter := newLimiter(t, pool, scripted{lua: row.lua})
			_, err := limiter.Check(t.Context(), secretKey)
			wantFault(t, err, fault{kind: throttlekit.ErrMalformedReply, source: throttlekit.SourceDecoding, consumed: true, says: row.says})
			_, err = limiter.CheckMany(t.Context(), []string{secretKey}, 1)
			wantFault(t, err, fault{kind: throttlekit.ErrMalformedReply, source: throttlekit.SourceDecoding, consumed: true, says: row.says})
			_, err = limiter.Replay(t.Context(), secretKey, []redisdoor.Moment{{Now: 1, Cost: 1}})
			wantFault(t, err, fault{kind: throttlekit.ErrMalformedReply, source: throttlekit.SourceDecoding, consumed: true, says: row.says})
		})
	}
}

func TestErrorsThatRedisAnswers(t *testing.T) {
	url := redistest.StartProcess(t)
	pool := dial(t, url)
	for _, row := range []struct {
		name     string
		lua      string
		prepare  []any
		restore  []any
		kind     error
		consumed bool
		says     string
	}{
		{name: "another type under the key: the first command failed",
			lua: `return redis.call('GET', KEYS[1])`, prepare: []any{"LPUSH", secretKey, "x"}, restore: []any{"DEL", secretKey},
			says: "WRONGTYPE"},
		{name: "an error after a write: the write stands",
			lua:      `redis.call('SET', KEYS[1], 1) return redis.call('PEXPIRE', KEYS[1], 'x')`,
			consumed: true, restore: []any{"DEL", secretKey}, says: "not an integer"},
		{name: "a script that raises",
			lua: `error('out of order')`, consumed: true, says: "out of order"},
		{name: "no memory left: refused before the first write",
			lua: `return redis.call('SET', KEYS[1], 1)`, prepare: []any{"CONFIG", "SET", "maxmemory", "1"}, restore: []any{"CONFIG", "SET", "maxmemory", "0"},
			kind: throttlekit.ErrUnavailable, says: "OOM"},
		{name: "a replica: refused before the first write",
			lua: `return redis.call('SET', KEYS[1], 1)`, prepare: []any{"REPLICAOF", "127.0.0.1", "1"}, restore: []any{"REPLICAOF", "NO", "ONE"},
			kind: throttlekit.ErrUnavailable, says: "READONLY"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.prepare != nil {
				command(t, pool, row.prepare[0].(string), row.prepare[1:]...)
			}
			if row.restore != nil {
				defer func() { command(t, pool, row.restore[0].(string), row.restore[1:]...) }()
			}
			_, err := newLimiter(t, pool, scripted{lua: row.lua}).Check(t.Context(), secretKey)
			wantFault(t, err, fault{kind: row.kind, source: throttlekit.SourceServer, consumed: row.consumed, says: row.says})
		})
	}
}

func TestRawAnswers(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer string
		want   fault
	}{
		{"Redis is loading its data", "-LOADING Redis is loading the dataset in memory\r\n",
			fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceServer, says: "LOADING"}},
		{"another script runs too long", "-BUSY Redis is busy running a script\r\n",
			fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceServer, says: "BUSY"}},
		{"the connection wants a password", "-NOAUTH Authentication required.\r\n",
			fault{source: throttlekit.SourceServer, says: "NOAUTH"}},
		{"the slot is elsewhere", "-MOVED 866 127.0.0.1:7002\r\n",
			fault{source: throttlekit.SourceServer, says: "MOVED"}},
		{"a right that the user lacks, perhaps for the second write", "-NOPERM this user has no permissions to run the 'pexpire' command\r\n",
			fault{source: throttlekit.SourceServer, consumed: true, says: "NOPERM"}},
		{"not RESP at all", "HTTP/1.1 400 Bad Request\r\n\r\n",
			fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport, consumed: true, says: "redigo"}},
		{"the script is unknown, twice", "-NOSCRIPT No matching script. Please use EVAL.\r\n",
			fault{source: throttlekit.SourceServer, says: "NOSCRIPT"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := startBrokenRedis(t, func(int64) []byte { return []byte(row.answer) })
			_, err := newLimiter(t, dial(t, server.url()), fivePerHour).Check(t.Context(), secretKey)
			wantFault(t, err, row.want)
		})
	}
}

func TestACheckIsNeverSentTwice(t *testing.T) {
	for _, row := range []struct {
		name    string
		answer  []byte // nil hangs up
		silent  bool
		context func(t *testing.T) context.Context
		kind    error
	}{
		{name: "the connection closes after the command", context: background, kind: throttlekit.ErrUnavailable},
		{name: "it closes in the middle of the reply", answer: []byte("*5\r\n:1\r\n"), context: background, kind: throttlekit.ErrUnavailable},
		{name: "the caller's deadline passes", silent: true, kind: context.DeadlineExceeded,
			context: func(t *testing.T) context.Context {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
				t.Cleanup(cancel)
				return ctx
			}},
		{name: "Redis does not answer in time", silent: true, context: background, kind: throttlekit.ErrUnavailable},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			hold := make(chan struct{})
			server := startBrokenRedis(t, func(command int64) []byte {
				switch {
				case row.silent:
					<-hold
				case command > 1:
					return nil
				}
				return row.answer
			})
			defer close(hold)
			_, err := newLimiter(t, dial(t, server.url()), fivePerHour).Check(row.context(t), secretKey)
			wantFault(t, err, fault{kind: row.kind, source: throttlekit.SourceTransport, consumed: true, says: "may have been consumed"})
			if n := server.commands.Load(); n != 1 {
				t.Errorf("the server read %d commands, want 1", n)
			}
		})
	}
}

func background(*testing.T) context.Context { return context.Background() }

func TestCancelledWhileWaitingForTheAnswer(t *testing.T) {
	asked, hold := make(chan struct{}), make(chan struct{})
	server := startBrokenRedis(t, func(int64) []byte {
		close(asked)
		<-hold
		return nil
	})
	defer close(hold)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := newLimiter(t, dial(t, server.url()), fivePerHour).Check(ctx, secretKey)
	wantFault(t, err, fault{kind: context.Canceled, source: throttlekit.SourceTransport, consumed: true})
}

func TestNothingWasSentWithoutAConnection(t *testing.T) {
	// Where nobody listens: a port that was free a moment ago may be another test's.
	const url = "redis://user:hunter2@127.0.0.1:1"
	full := dial(t, redistest.Start(t))
	full.MaxActive = 1
	held := full.Get()
	if _, err := held.Do("PING"); err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()

	for _, row := range []struct {
		name string
		ctx  context.Context
		pool *redis.Pool
		kind error
	}{
		{"nobody listens", t.Context(), dial(t, url), throttlekit.ErrUnavailable},
		{"every connection is taken until the deadline", short, full, context.DeadlineExceeded},
	} {
		t.Run(row.name, func(t *testing.T) {
			limiter := newLimiter(t, row.pool, fivePerHour)
			for op, call := range map[string]func() error{
				"check":     func() error { _, err := limiter.Check(row.ctx, secretKey); return err },
				"checkMany": func() error { _, err := limiter.CheckMany(row.ctx, []string{secretKey}, 1); return err },
				"replay": func() error {
					_, err := limiter.Replay(row.ctx, secretKey, []redisdoor.Moment{{Now: 1, Cost: 1}})
					return err
				},
			} {
				err := call()
				var e *throttlekit.Error
				if !errors.As(err, &e) || !errors.Is(err, row.kind) || e.MayHaveConsumed || e.Op != op {
					t.Errorf("%s: error is %v, want %v, certainly not consumed", op, err, row.kind)
				}
				if strings.Contains(err.Error(), "hunter2") {
					t.Errorf("%s: error %q holds the password", op, err)
				}
			}
		})
	}
}

// FuzzReply feeds the door whatever bytes a server may send.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		"*5\r\n:1\r\n:5\r\n:4\r\n:1000\r\n:0\r\n", "*5\r\n:1\r\n", "$-1\r\n", "*-1\r\n", ":1\r\n", "-ERR no\r\n",
		"+OK\r\n", "*1\r\n*1\r\n*1\r\n:1\r\n", "*5\r\n:9223372036854775807\r\n:-9223372036854775808\r\n:0\r\n:0\r\n:0\r\n",
		"$3\r\nabc\r\n", "*2147483647\r\n", "_\r\n", ",1.5\r\n", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, reply []byte) {
		if len(reply) > 1<<12 || hugeLength(reply) {
			return // redigo allocates what a length announces; its bound is not ours to test
		}
		limiter := newLimiter(t, pipePool(reply), fivePerHour)
		d, err := limiter.Check(context.Background(), secretKey)
		if err == nil && d.ResetAt.Location() != time.UTC {
			t.Errorf("decision %+v is not in UTC", d)
		}
		var e *throttlekit.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("error is a %T, want a *throttlekit.Error", err)
		}
	})
}
