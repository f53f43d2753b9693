package redisdoor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func TestPeekAndForecastTakeTheServersTime(t *testing.T) {
	limiter, pool := onRedis(t, fivePerHour)
	look := func() (throttlekit.Decision, throttlekit.Forecast) {
		t.Helper()
		d, err := limiter.Peek(t.Context(), secretKey)
		if err != nil {
			t.Fatal(err)
		}
		f, err := limiter.Forecast(t.Context(), secretKey, 2)
		if err != nil {
			t.Fatal(err)
		}
		return d, f
	}

	before := serverTime(t, pool)
	d, f := look()
	after := serverTime(t, pool)
	if want := (throttlekit.Decision{Allowed: true, Limit: 5, Remaining: 5, ResetAt: d.ResetAt}); d != want {
		t.Errorf("peek at an untouched key is %+v, want %+v", d, want)
	}
	if f.SpendableNow != 2 || !f.NextReplenishAt.Equal(f.FullAt) {
		t.Errorf("forecast of 2 for an untouched key is %+v, want two of them, and nothing to wait for", f)
	}
	for what, at := range map[string]time.Time{"ResetAt": d.ResetAt, "FullAt": f.FullAt} {
		if at.Before(before) || at.After(after) || at.Location() != time.UTC {
			t.Errorf("%s of an untouched key is %v, want the server's now, in UTC", what, at)
		}
	}

	spent, err := limiter.CheckN(t.Context(), secretKey, 5)
	if err != nil || !spent.Allowed {
		t.Fatalf("spending all of it: %+v, %v", spent, err)
	}
	d, f = look()
	const interval = time.Hour / 5
	if d.RetryAfter <= 0 || d.RetryAfter > interval {
		t.Errorf("retry after %v, want up to the %v that a unit takes", d.RetryAfter, interval)
	}
	if want := (throttlekit.Decision{Limit: 5, ResetAt: spent.ResetAt, RetryAfter: d.RetryAfter}); d != want {
		t.Errorf("peek at a spent key is %+v, want %+v", d, want)
	}
	want := throttlekit.Forecast{NextReplenishAt: spent.ResetAt.Add(-4 * interval), FullAt: spent.ResetAt}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Errorf("forecast of a spent key (-want +got):\n%s", diff)
	}
}

// serverTime is Redis's clock, to the millisecond as checks take it.
func serverTime(t *testing.T, pool *redis.Pool) time.Time {
	t.Helper()
	parts, err := redis.Int64s(command(t, pool, "TIME"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return time.UnixMilli(parts[0]*1000 + parts[1]/1000)
}

func TestLookingLeavesEveryStrategyAsItWas(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	for _, definition := range strategy.All() {
		t.Run(definition.Name, func(t *testing.T) {
			own := prefix(t)
			limiter := newLimiter(t, pool, ofThree(t, definition), redisdoor.WithPrefix(own))
			now := time.UnixMilli(1_750_000_000_000)
			for spent := range int64(4) {
				d, err := limiter.PeekAt(t.Context(), secretKey, now)
				if err != nil {
					t.Fatal(err)
				}
				if d.Allowed != (spent < 3) || d.Limit != 3 || d.Remaining != 3-spent || (d.RetryAfter > 0) == d.Allowed {
					t.Errorf("peek with %d of 3 spent is %+v", spent, d)
				}
				f, err := limiter.ForecastAt(t.Context(), secretKey, 2, now)
				if err != nil {
					t.Fatal(err)
				}
				if f.SpendableNow != (3-spent)/2 || f.FullAt.After(now) != (spent > 0) || f.NextReplenishAt.After(f.FullAt) {
					t.Errorf("forecast of 2 with %d of 3 spent is %+v", spent, f)
				}
				if there := command(t, pool, "EXISTS", own+":"+secretKey); there != min(spent, 1) {
					t.Errorf("with %d spent and after looking there are %v keys", spent, there)
				}
				if checked, err := limiter.CheckAt(t.Context(), secretKey, 1, now); err != nil || checked.Allowed != d.Allowed {
					t.Errorf("a check with %d of 3 spent is %+v (%v), and peek said %t", spent, checked, err, d.Allowed)
				}
			}
		})
	}
}

func TestProbeIsSentOnceAndAgainAfterAFlush(t *testing.T) {
	pool := dial(t, redistest.StartProcess(t))
	limiter := newLimiter(t, pool, fivePerHour)
	look := func(evals, shas int) {
		t.Helper()
		for range 2 {
			if d, err := limiter.Peek(t.Context(), secretKey); err != nil || d.Remaining != 5 {
				t.Errorf("peek is %+v, %v", d, err)
			}
			if f, err := limiter.Forecast(t.Context(), secretKey, 1); err != nil || f.SpendableNow != 5 {
				t.Errorf("forecast is %+v, %v", f, err)
			}
		}
		if e, s := calls(t, pool, "eval"), calls(t, pool, "evalsha"); e != evals || s != shas {
			t.Errorf("there were %d EVAL and %d EVALSHA so far, want %d and %d", e, s, evals, shas)
		}
	}
	look(1, 4)
	command(t, pool, "SCRIPT", "FLUSH")
	look(2, 8)
}

func TestNoLookIsSentThatMustNotBe(t *testing.T) {
	untouched := startBrokenRedis(t, func(int64) []byte { return nil })
	limiter := newLimiter(t, dial(t, untouched.url()), fivePerHour)
	now, epoch, far := time.UnixMilli(1_750_000_000_000), time.UnixMicro(999), time.UnixMilli(1<<53)
	ended, cancel := context.WithCancel(t.Context())
	cancel()

	peekAt := func(at time.Time) error { _, err := limiter.PeekAt(t.Context(), secretKey, at); return err }
	forecastAt := func(cost int64, at time.Time) error {
		_, err := limiter.ForecastAt(t.Context(), secretKey, cost, at)
		return err
	}
	for _, row := range []struct {
		name string
		call func() error
		want error
		says string
	}{
		{"a cost of 0 would be divided by", func() error { return forecastAt(0, now) }, throttlekit.ErrInvalidArgument, "forecast: invalid argument: cost is 0, want 1 to 2^53-1"},
		{"a negative cost would forecast less than nothing", func() error { return forecastAt(-1, now) }, throttlekit.ErrInvalidArgument, "cost is -1"},
		{"2^53 is not exact in a double", func() error { return forecastAt(1<<53, now) }, throttlekit.ErrInvalidArgument, "cost is 9007199254740992"},
		{"a forecast at the server's time validates, too", func() error { _, err := limiter.Forecast(t.Context(), secretKey, 0); return err }, throttlekit.ErrInvalidArgument, "cost is 0"},
		{"the epoch means the server's clock: peek", func() error { return peekAt(epoch) }, throttlekit.ErrInvalidArgument, "peek: invalid argument: now is 0 ms"},
		{"the epoch means the server's clock: forecast", func() error { return forecastAt(1, epoch) }, throttlekit.ErrInvalidArgument, "forecast: invalid argument: now is 0 ms"},
		{"an instant beyond 2^53 ms is not exact: peek", func() error { return peekAt(far) }, throttlekit.ErrInvalidArgument, "within 2^53-1"},
		{"an instant beyond 2^53 ms is not exact: forecast", func() error { return forecastAt(1, far) }, throttlekit.ErrInvalidArgument, "within 2^53-1"},
		{"peek under a context that has ended", func() error { _, err := limiter.Peek(ended, secretKey); return err }, context.Canceled, "peek"},
		{"forecast under a context that has ended", func() error { _, err := limiter.Forecast(ended, secretKey, 1); return err }, context.Canceled, "forecast"},
		{"reset under a context that has ended", func() error { return limiter.Reset(ended, secretKey) }, context.Canceled, "reset"},
	} {
		t.Run(row.name, func(t *testing.T) {
			wantFault(t, row.call(), fault{kind: row.want, source: throttlekit.SourceSDK, says: row.says})
		})
	}
	if n := untouched.commands.Load(); n != 0 {
		t.Errorf("%d commands reached the server, want none", n)
	}
}

// nonConsuming calls every operation that spends nothing.
func nonConsuming(ctx context.Context, l *redisdoor.Limiter) map[string]error {
	_, peek := l.Peek(ctx, secretKey)
	_, forecast := l.Forecast(ctx, secretKey, 1)
	return map[string]error{"peek": peek, "forecast": forecast, "reset": l.Reset(ctx, secretKey)}
}

func TestLookingNeverMayHaveConsumed(t *testing.T) {
	answering := func(answer string) func(t *testing.T) *redis.Pool {
		return func(t *testing.T) *redis.Pool {
			return dial(t, startBrokenRedis(t, func(int64) []byte {
				if answer == "" {
					return nil
				}
				return []byte(answer)
			}).url())
		}
	}
	for _, row := range []struct {
		name string
		pool func(t *testing.T) *redis.Pool
		want fault
	}{
		{"nobody listens", func(t *testing.T) *redis.Pool { return dial(t, "redis://127.0.0.1:1") },
			fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport}},
		{"the connection closes after the command", answering(""),
			fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport}},
		{"it closes in the middle of the reply", answering("*3\r\n"),
			fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport}},
		{"an answer that nothing is known of", answering("-ERR no such luck\r\n"),
			fault{source: throttlekit.SourceServer, says: "no such luck"}},
		{"a right that the user lacks", answering("-NOPERM this user has no permissions\r\n"),
			fault{source: throttlekit.SourceServer, says: "NOPERM"}},
		{"Redis is loading its data", answering("-LOADING Redis is loading the dataset in memory\r\n"),
			fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceServer, says: "LOADING"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for op, err := range nonConsuming(t.Context(), newLimiter(t, row.pool(t), fivePerHour)) {
				wantFault(t, err, row.want)
				if e := new(throttlekit.Error); errors.As(err, &e) && e.Op != op {
					t.Errorf("the error of %s says %s", op, e.Op)
				}
			}
		})
	}
}

func TestLookingUntilTheDeadline(t *testing.T) {
	hold := make(chan struct{})
	silent := startBrokenRedis(t, func(int64) []byte {
		<-hold
		return nil
	})
	defer close(hold)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err := newLimiter(t, dial(t, silent.url()), fivePerHour).Peek(ctx, secretKey)
	wantFault(t, err, fault{kind: context.DeadlineExceeded, source: throttlekit.SourceTransport, says: "peek"})
}

func TestLookingThroughAClosedDoor(t *testing.T) {
	door := redisdoor.Open(dial(t, "redis://127.0.0.1:1"))
	limiter, err := door.Limiter(fivePerHour)
	if err != nil {
		t.Fatal(err)
	}
	if err := door.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for op, err := range nonConsuming(t.Context(), limiter) {
		wantFault(t, err, fault{kind: throttlekit.ErrUnavailable, says: op + ": unavailable: the door is closed"})
	}
}

func TestLookingAtAnotherType(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	for _, definition := range strategy.All() {
		t.Run(definition.Name, func(t *testing.T) {
			own := prefix(t)
			limiter := newLimiter(t, pool, ofThree(t, definition), redisdoor.WithPrefix(own))
			command(t, pool, "LPUSH", own+":"+secretKey, "x")
			_, err := limiter.Peek(t.Context(), secretKey)
			wantFault(t, err, fault{source: throttlekit.SourceServer, says: "(server): WRONGTYPE "})
			_, err = limiter.Forecast(t.Context(), secretKey, 1)
			wantFault(t, err, fault{source: throttlekit.SourceServer, says: "(server): WRONGTYPE "})
			if err := limiter.Reset(t.Context(), secretKey); err != nil {
				t.Errorf("a reset, which deletes whatever is there, is %v", err)
			}
			if _, err := limiter.Peek(t.Context(), secretKey); err != nil {
				t.Errorf("peek after the reset is %v", err)
			}
		})
	}
}

// The greatest limit that there can be would admit the greatest cost that there can be.
func TestLookingAtTheGreatestLimit(t *testing.T) {
	limiter, _ := onRedis(t, strategy.FixedWindow{Limit: script.MaxParam, Window: time.Hour})
	now := time.UnixMilli(1_750_000_000_000)
	if d, err := limiter.PeekAt(t.Context(), secretKey, now); err != nil || !d.Allowed || d.Remaining != script.MaxParam {
		t.Errorf("peek is %+v, %v, want all of the limit", d, err)
	}
	if f, err := limiter.ForecastAt(t.Context(), secretKey, 2, now); err != nil || f.SpendableNow != script.MaxParam/2 || !f.FullAt.Equal(now) {
		t.Errorf("forecast of 2 is %+v, %v, want half of the limit, and full now", f, err)
	}
}

// A replica refuses writes. A dry run has none, unless the check drops what has expired.
func TestLookingOnAReplica(t *testing.T) {
	pool := dial(t, redistest.StartProcess(t))
	command(t, pool, "REPLICAOF", "127.0.0.1", "1")
	limiter := newLimiter(t, pool, fivePerHour)
	if d, err := limiter.Peek(t.Context(), secretKey); err != nil || d.Remaining != 5 {
		t.Errorf("peek is %+v, %v, want an untouched key", d, err)
	}
	readOnly := fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceServer, says: "(server): READONLY "}
	_, err := newLimiter(t, pool, strategy.SlidingWindowLog{Limit: 5, Window: time.Hour}).Peek(t.Context(), secretKey)
	wantFault(t, err, readOnly)
	wantFault(t, limiter.Reset(t.Context(), secretKey), readOnly)
}

// probed is a strategy whose dry run is any Lua, for replies that none of luagen's gives.
type probed string

func (lua probed) Plan() (*script.Plan, error) {
	plan, err := scripted{lua: "return {}"}.Plan()
	if err != nil {
		return nil, err
	}
	d := *plan.Definition()
	d.Probe = script.Script{Name: "scripted.probe", Source: string(lua), SHA1: strings.Repeat("2", 40)}
	return d.Plan()
}

func TestRepliesThatNoProbeGives(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	for _, row := range []struct{ name, lua, peek, forecast string }{
		{"nil", `return nil`, "reply is nil, want a list of 3", "reply is nil, want a list of 4"},
		{"a number alone", `return 7`, "reply is an integer", "reply is an integer"},
		{"a status that holds the key", `return redis.status_reply(KEYS[1])`, "reply is a string", "reply is a string"},
		{"no answers", `return {1}`, "a list of 1, want a list of 3", "a list of 1, want a list of 4"},
		{"an answer more than questions", `return {1, 1, 1, 1, 1, 1}`, "a list of 6", "a list of 6"},
		{"an instant that is text", `return {KEYS[1], 1, 1, #ARGV > 3 and 1 or nil}`,
			"reply element 0 (now) is a string", "reply element 0 (now) is a string"},
		{"a decision cut short", `return {1, {0, 5}, {0, 5}, #ARGV > 3 and {0, 5} or nil}`,
			"answer 0: reply has 2 elements, want 5 integers", "answer 0: reply has 2 elements"},
		{"neither admitted nor a decision", `return {1, {0, 5, 0, 9, 1}, 2, #ARGV > 3 and 2 or nil}`,
			"answer 1: reply is an integer", "answer 1: reply is an integer"},
		{"a cost that nothing fits was admitted", `return {1, 1, 1, #ARGV > 3 and 1 or nil}`,
			"a cost that no limit admits was admitted", "a cost that no limit admits was admitted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			limiter := newLimiter(t, pool, probed(row.lua))
			_, err := limiter.Peek(t.Context(), secretKey)
			wantFault(t, err, fault{kind: throttlekit.ErrMalformedReply, source: throttlekit.SourceDecoding, says: row.peek})
			_, err = limiter.Forecast(t.Context(), secretKey, 1)
			wantFault(t, err, fault{kind: throttlekit.ErrMalformedReply, source: throttlekit.SourceDecoding, says: row.forecast})
		})
	}
}

func TestResetForgets(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	for _, definition := range strategy.All() {
		t.Run(definition.Name, func(t *testing.T) {
			own := prefix(t)
			limiter := newLimiter(t, pool, ofThree(t, definition), redisdoor.WithPrefix(own))
			other := newLimiter(t, pool, ofThree(t, definition), redisdoor.WithPrefix(own+"other"))
			now := time.UnixMilli(1_750_000_000_000)
			remaining := func(l *redisdoor.Limiter, key string, want int64) {
				t.Helper()
				d, err := l.PeekAt(t.Context(), key, now)
				if err != nil {
					t.Fatal(err)
				}
				if d.Remaining != want {
					t.Errorf("%d remain, want %d", d.Remaining, want)
				}
			}
			reset := func() {
				t.Helper()
				if err := limiter.Reset(t.Context(), secretKey); err != nil {
					t.Error(err)
				}
			}

			reset() // of a key that does not exist
			for _, spend := range []struct {
				limiter *redisdoor.Limiter
				key     string
			}{{limiter, secretKey}, {limiter, "another"}, {other, secretKey}} {
				if d, err := spend.limiter.CheckAt(t.Context(), spend.key, 3, now); err != nil || !d.Allowed {
					t.Fatalf("spending all of it: %+v, %v", d, err)
				}
			}
			reset()
			remaining(limiter, secretKey, 3)
			remaining(limiter, "another", 0)
			remaining(other, secretKey, 0)
			if there := command(t, pool, "EXISTS", own+":"+secretKey); there != int64(0) {
				t.Errorf("after a reset there are %v keys", there)
			}
		})
	}
}

// Who may go on, and who has to wait, without spending anything to find out.
func ExampleLimiter_Peek() {
	ctx := context.Background()
	server, err := embedded.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	pool, err := redisdoor.Dial(server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	limiter, err := redisdoor.New(pool, strategy.GCRA{Limit: 2, Period: time.Hour})
	if err != nil {
		log.Fatal(err)
	}

	if _, err := limiter.CheckN(ctx, "ann", 2); err != nil {
		log.Fatal(err)
	}
	for _, user := range []string{"ann", "bob", "bob"} {
		d, err := limiter.Peek(ctx, user)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(user, d.Allowed, d.Remaining, d.RetryAfter > 0)
	}
	// Output:
	// ann false 0 true
	// bob true 2 false
	// bob true 2 false
}

// How many downloads of 3 units are left, and when the last unit will be back.
func ExampleLimiter_Forecast() {
	ctx := context.Background()
	server, err := embedded.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	pool, err := redisdoor.Dial(server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	limiter, err := redisdoor.New(pool, strategy.TokenBucket{Capacity: 10, RefillPerSec: 0.001})
	if err != nil {
		log.Fatal(err)
	}

	d, err := limiter.CheckN(ctx, "ann", 3)
	if err != nil {
		log.Fatal(err)
	}
	f, err := limiter.Forecast(ctx, "ann", 3)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.SpendableNow, f.NextReplenishAt.Before(f.FullAt), f.FullAt.Sub(d.ResetAt).Abs() < time.Second)
	// Output: 2 true true
}

func ExampleLimiter_Reset() {
	ctx := context.Background()
	server, err := embedded.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	pool, err := redisdoor.Dial(server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	logins, err := redisdoor.New(pool, strategy.FixedWindow{Limit: 1, Window: 24 * time.Hour})
	if err != nil {
		log.Fatal(err)
	}

	for range 2 {
		d, err := logins.Check(ctx, "ann")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed)
		if err := logins.Reset(ctx, "ann"); err != nil { // she has proved who she is
			log.Fatal(err)
		}
	}
	// Output:
	// true
	// true
}
