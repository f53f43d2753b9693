package redisdoor_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(andCluster{m}) }

// andCluster ends the cluster that tests share, if one began it, after them.
type andCluster struct{ *testing.M }

func (m andCluster) Run() int {
	code := m.M.Run()
	if err := endCluster(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// secretKey is what the tests limit by; no error may ever repeat it.
const secretKey = "user-4711-secret"

// fivePerHour is a limit that no test outlives.
var fivePerHour = strategy.GCRA{Limit: 5, Period: time.Hour}

// dial returns a pool that is closed when the test ends.
func dial(tb testing.TB, address string, opts ...redisdoor.DialOption) *redis.Pool {
	tb.Helper()
	pool, err := redisdoor.Dial(address, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := pool.Close(); err != nil {
			tb.Error(err)
		}
	})
	return pool
}

func newLimiter(tb testing.TB, pool redisdoor.Pool, s script.Strategy, opts ...redisdoor.Option) *redisdoor.Limiter {
	tb.Helper()
	l, err := redisdoor.New(pool, s, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// onRedis is a limiter on the test's Redis, under a prefix of the test's own.
func onRedis(tb testing.TB, s script.Strategy, opts ...redisdoor.Option) (*redisdoor.Limiter, *redis.Pool) {
	tb.Helper()
	pool := dial(tb, redistest.Start(tb))
	return newLimiter(tb, pool, s, append([]redisdoor.Option{redisdoor.WithPrefix(prefix(tb))}, opts...)...), pool
}

func prefix(tb testing.TB) string {
	return tb.Name() + strconv.FormatInt(time.Now().UnixNano(), 36)
}

// command runs a command and fails the test when it fails.
func command(tb testing.TB, pool *redis.Pool, name string, args ...any) any {
	tb.Helper()
	conn := pool.Get()
	defer conn.Close()
	reply, err := conn.Do(name, args...)
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return reply
}

// calls returns how often Redis ran a command, from its own statistics.
func calls(tb testing.TB, pool *redis.Pool, name string) int {
	tb.Helper()
	info, err := redis.String(command(tb, pool, "INFO", "commandstats"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return callsIn(tb, info, name)
}

func callsIn(tb testing.TB, info, name string) int {
	tb.Helper()
	_, after, found := strings.Cut(info, "cmdstat_"+name+":calls=")
	if !found {
		return 0
	}
	n, err := strconv.Atoi(after[:strings.IndexByte(after, ',')])
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

// scripted is a strategy whose check is any Lua, for replies that no strategy of the
// contract gives. Its SHA-1 is no script's, so that Redis always asks for the text; a
// true one could not be computed in FIPS-only mode.
type scripted struct {
	lua  string
	work []script.Term
}

func (s scripted) Plan() (*script.Plan, error) {
	d := script.Definition{
		Name:  "scripted",
		Argv:  []string{"now", "cost"},
		Work:  s.work,
		Many:  script.Script{Name: "scripted.many", Source: "local function check(KEYS, ARGV)\n" + s.lua + "\nend\nreturn {check({KEYS[1]}) or false}", SHA1: strings.Repeat("1", 40)},
		Check: script.Script{Name: "scripted.check", Source: s.lua, SHA1: strings.Repeat("0", 40)},
		Reply: []string{"allowed", "limit", "remaining", "resetAt", "retryAfterMs"},
		Decode: func(r script.Reply) throttlekit.Decision {
			return throttlekit.Decision{Allowed: r[0] == 1, Limit: r[1], Remaining: r[2],
				ResetAt: script.Time(r[3]), RetryAfter: script.Duration(r[4])}
		},
	}
	return d.Plan()
}

// brokenRedis is a TCP server that reads commands and answers each with raw bytes, or
// hangs up, or says nothing. It counts the commands that it read.
type brokenRedis struct {
	listener net.Listener
	commands atomic.Int64
}

// startBrokenRedis answers each command by calling answer with its number, from 1; a
// nil answer hangs up.
func startBrokenRedis(tb testing.TB, answer func(command int64) []byte) *brokenRedis {
	tb.Helper()
	return startFakeRedis(tb, func(c fakeCommand) []byte { return answer(c.number) })
}

// fakeCommand is one that a brokenRedis read.
type fakeCommand struct {
	number int64    // from 1
	words  []string // the first is its name
	self   net.Addr // where it was read
}

// startFakeRedis is startBrokenRedis for answers that depend on more, and on listeners that
// are more than TCP.
func startFakeRedis(tb testing.TB, answer func(fakeCommand) []byte, above ...func(net.Listener) net.Listener) *brokenRedis {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	for _, wrap := range above {
		listener = wrap(listener)
	}
	b := &brokenRedis{listener: listener}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go b.serve(conn, answer)
		}
	}()
	tb.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return b
}

func (b *brokenRedis) url() string { return "redis://" + b.listener.Addr().String() }

func (b *brokenRedis) serve(conn net.Conn, answer func(fakeCommand) []byte) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		words, err := readCommand(in)
		if err != nil {
			return
		}
		reply := answer(fakeCommand{b.commands.Add(1), words, conn.LocalAddr()})
		if reply == nil {
			return
		}
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

// readCommand reads one RESP command: *N, then N times $LEN and its bytes.
func readCommand(in *bufio.Reader) (words []string, err error) {
	n, err := header(in, '*')
	for range n {
		size, err := header(in, '$')
		if err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err = io.ReadFull(in, text); err != nil {
			return nil, err
		}
		words = append(words, string(text[:size]))
	}
	return words, err
}

func header(in *bufio.Reader, kind byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	if line[0] != kind {
		return 0, errors.New("not the RESP that a client sends")
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}

// pipePool hands out connections whose server has answered already: reply, then the
// end.
type pipePool []byte

func (reply pipePool) GetContext(context.Context) (redis.Conn, error) {
	return redis.NewConn(&canned{bytes.NewReader(reply)}, 0, 0), nil
}

// canned is a connection that swallows what is written and reads from memory.
type canned struct{ *bytes.Reader }

func (canned) Write(p []byte) (int, error)      { return len(p), nil }
func (canned) Close() error                     { return nil }
func (canned) LocalAddr() net.Addr              { return nil }
func (canned) RemoteAddr() net.Addr             { return nil }
func (canned) SetDeadline(time.Time) error      { return nil }
func (canned) SetReadDeadline(time.Time) error  { return nil }
func (canned) SetWriteDeadline(time.Time) error { return nil }

var lengths = regexp.MustCompile(`[*$]\s*\+?0*[0-9]{5,}`)

// hugeLength reports whether the bytes announce more than 9999 elements or bytes.
func hugeLength(reply []byte) bool { return lengths.Match(reply) }
