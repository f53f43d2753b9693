package redisdoor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func TestCheckAtDecidesAtTheGivenInstant(t *testing.T) {
	limiter, _ := onRedis(t, strategy.GCRA{Limit: 10, Period: time.Second, Burst: 5})
	now := time.UnixMilli(1_750_000_000_000)
	at := func(ms int64) time.Time { return time.UnixMilli(1_750_000_000_000 + ms).UTC() }

	got, err := limiter.CheckAt(t.Context(), secretKey, 4, now.Add(999*time.Microsecond))
	if err != nil {
		t.Fatal(err)
	}
	want := throttlekit.Decision{Allowed: true, Limit: 5, Remaining: 1, ResetAt: at(400)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("four of a burst of five (-want +got):\n%s", diff)
	}
	got, err = limiter.CheckAt(t.Context(), secretKey, 2, now)
	if err != nil {
		t.Fatal(err)
	}
	want = throttlekit.Decision{Allowed: false, Limit: 5, Remaining: 1, ResetAt: at(400), RetryAfter: 100 * time.Millisecond}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("two more, of which one is left (-want +got):\n%s", diff)
	}
}

func TestCheckTakesTheServersTime(t *testing.T) {
	limiter, pool := onRedis(t, fivePerHour)
	serverTime := func() time.Time {
		parts, err := redis.Int64s(command(t, pool, "TIME"), nil)
		if err != nil {
			t.Fatal(err)
		}
		return time.UnixMilli(parts[0]*1000 + parts[1]/1000)
	}
	before := serverTime()
	d, err := limiter.Check(t.Context(), secretKey)
	if err != nil {
		t.Fatal(err)
	}
	const interval = time.Hour / 5
	if checkedAt := d.ResetAt.Add(-interval); checkedAt.Before(before) || checkedAt.After(serverTime()) {
		t.Errorf("one unit resets at %v, that is %v after %v, and the server's time was between %v and now",
			d.ResetAt, interval, checkedAt, before)
	}
}

func TestEveryStrategyOfTheContract(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	for _, definition := range strategy.All() {
		t.Run(definition.Name, func(t *testing.T) {
			s := ofThree(t, definition)
			limiter := newLimiter(t, pool, s, redisdoor.WithPrefix(prefix(t)))
			now := time.UnixMilli(1_750_000_000_000)
			for i, want := range []bool{true, true, true, false} {
				d, err := limiter.CheckAt(t.Context(), secretKey, 1, now)
				if err != nil {
					t.Fatal(err)
				}
				if d.Allowed != want || d.Limit != 3 || d.Remaining != max(0, int64(2-i)) || (d.RetryAfter > 0) == want {
					t.Errorf("check %d of a limit of 3 is %+v, want allowed %v", i+1, d, want)
				}
			}
		})
	}
}

// ofThree fills in any strategy for a limit of 3 an hour or so.
func ofThree(t *testing.T, d *script.Definition) script.Strategy {
	t.Helper()
	params := map[string]float64{}
	for _, p := range d.Params {
		switch {
		case p.Default != 0 || p.DefaultFrom != "":
		case p.Unit == script.Milliseconds:
			params[p.Name] = 3_600_000
		case p.Unit == script.PerSecond:
			params[p.Name] = 0.001
		default:
			params[p.Name] = 3
		}
	}
	s, err := strategy.New(d.Name, params)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScriptIsSentOnceAndAgainAfterAFlush(t *testing.T) {
	pool := dial(t, redistest.StartProcess(t))
	limiter := newLimiter(t, pool, fivePerHour)
	check := func(want int64) {
		t.Helper()
		d, err := limiter.Check(t.Context(), secretKey)
		if err != nil {
			t.Fatal(err)
		}
		if d.Remaining != want {
			t.Errorf("remaining is %d, want %d: each check counts once, however it was sent", d.Remaining, want)
		}
	}
	check(4)
	check(3)
	if evals, shas := calls(t, pool, "eval"), calls(t, pool, "evalsha"); evals != 1 || shas != 2 {
		t.Errorf("two checks made %d EVAL and %d EVALSHA, want 1 and 2", evals, shas)
	}
	command(t, pool, "SCRIPT", "FLUSH")
	check(2)
	if evals, shas := calls(t, pool, "eval"), calls(t, pool, "evalsha"); evals != 2 || shas != 3 {
		t.Errorf("after a flush there were %d EVAL and %d EVALSHA in all, want 2 and 3", evals, shas)
	}
}

func TestKeyIsPrefixColonKey(t *testing.T) {
	pool := dial(t, redistest.StartProcess(t))
	for _, row := range []struct{ name, prefix, key, want string }{
		{"a prefix is joined by a colon", "prod:api", "u1", "prod:api:u1"},
		{"no prefix leaves the key as it is", "", "u2", "u2"},
		{"an empty key still has its colon", "api", "", "api:"},
		{"nothing is escaped", "a:b", "c:d\x00\xff é", "a:b:c:d\x00\xff é"},
	} {
		t.Run(row.name, func(t *testing.T) {
			limiter := newLimiter(t, pool, fivePerHour, redisdoor.WithPrefix(row.prefix))
			if _, err := limiter.Check(t.Context(), row.key); err != nil {
				t.Fatal(err)
			}
			if n, err := redis.Int(command(t, pool, "EXISTS", row.want), nil); n != 1 || err != nil {
				t.Errorf("EXISTS %q is %d (%v), want 1", row.want, n, err)
			}
		})
	}
}

func TestOptionsOfTheDoorHoldForItsLimiters(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	p := prefix(t)
	door := redisdoor.Open(pool, redisdoor.WithPrefix(p))
	shared, err := door.Limiter(fivePerHour)
	if err != nil {
		t.Fatal(err)
	}
	own, err := door.Limiter(fivePerHour, redisdoor.WithPrefix(p+"own"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		limiter *redisdoor.Limiter
		want    int64
	}{
		{"the first spends one", shared, 4},
		{"the same prefix is the same key", newLimiter(t, pool, fivePerHour, redisdoor.WithPrefix(p)), 3},
		{"the limiter's own option wins", own, 4},
	} {
		d, err := row.limiter.Check(t.Context(), secretKey)
		if err != nil || d.Remaining != row.want {
			t.Errorf("%s: remaining is %d (%v), want %d", row.name, d.Remaining, err, row.want)
		}
	}
}

func TestNothingIsSentThatMustNotBe(t *testing.T) {
	untouched := startBrokenRedis(t, func(int64) []byte { return nil })
	pool := dial(t, untouched.url())
	gcra := newLimiter(t, pool, fivePerHour)
	everyUnit := scripted{lua: "return {}", work: []script.Term{{Steps: 5}, {Steps: 2, Per: []string{"cost"}}}}
	laborious := newLimiter(t, pool, everyUnit)
	strict := newLimiter(t, pool, everyUnit, redisdoor.WithMaxWork(20))
	ended, cancel := context.WithCancel(t.Context())
	cancel()

	type call = func() error
	checkN := func(ctx context.Context, l *redisdoor.Limiter, cost int64) call {
		return func() error { _, err := l.CheckN(ctx, secretKey, cost); return err }
	}
	for _, row := range []struct {
		name string
		call call
		want error
		says string
	}{
		{"a cost of 0 would decide nothing", checkN(t.Context(), gcra, 0), throttlekit.ErrInvalidArgument, "cost is 0, want 1 to 2^53-1"},
		{"a negative cost would give a spent limit back", checkN(t.Context(), gcra, -1), throttlekit.ErrInvalidArgument, "cost is -1"},
		{"2^53 is not exact in a double", checkN(t.Context(), gcra, 1<<53), throttlekit.ErrInvalidArgument, "cost is 9007199254740992"},
		{"a million units, each of them work, would hold Redis", checkN(t.Context(), laborious, 1_000_000), throttlekit.ErrInvalidArgument, "WithMaxWork"},
		{"WithMaxWork lowers the bound too", checkN(t.Context(), strict, 10), throttlekit.ErrInvalidArgument, "want at most 20"},
		{"the epoch means the server's clock", func() error {
			_, err := gcra.CheckAt(t.Context(), secretKey, 1, time.UnixMicro(999))
			return err
		}, throttlekit.ErrInvalidArgument, "stands for the server's clock"},
		{"an instant beyond 2^53 ms is not exact", func() error {
			_, err := gcra.CheckAt(t.Context(), secretKey, 1, time.UnixMilli(1<<53))
			return err
		}, throttlekit.ErrInvalidArgument, "within 2^53-1"},
		{"many of cost 0", func() error {
			_, err := gcra.CheckMany(t.Context(), []string{secretKey}, 0)
			return err
		}, throttlekit.ErrInvalidArgument, "checkMany"},
		{"a replay at the epoch", func() error {
			_, err := gcra.Replay(t.Context(), secretKey, []redisdoor.Moment{{Now: 0, Cost: 1}})
			return err
		}, throttlekit.ErrInvalidArgument, "moment 0 has now 0"},
		{"a replay of cost 0", func() error {
			_, err := gcra.Replay(t.Context(), secretKey, []redisdoor.Moment{{Now: 1, Cost: 1}, {Now: 1}})
			return err
		}, throttlekit.ErrInvalidArgument, "moment 1 has now 1 and cost 0"},
		{"a context that has ended", checkN(ended, gcra, 1), context.Canceled, "canceled"},
		{"many under a context that has ended", func() error {
			_, err := gcra.CheckMany(ended, []string{secretKey}, 1)
			return err
		}, context.Canceled, "canceled"},
	} {
		t.Run(row.name, func(t *testing.T) {
			wantFault(t, row.call(), fault{kind: row.want, source: throttlekit.SourceSDK, says: row.says})
		})
	}
	if n := untouched.commands.Load(); n != 0 {
		t.Errorf("%d commands reached the server, want none", n)
	}
}

func TestStrategyIsValidatedWhenTheLimiterIsMade(t *testing.T) {
	pool := dial(t, "redis://127.0.0.1:1")
	for _, row := range []struct {
		name     string
		strategy script.Strategy
		says     string
	}{
		{"nil", nil, "strategy is nil"},
		{"a field left out", strategy.GCRA{Limit: 1}, "strategy gcra: periodMs (Period) is 0, want above 0"},
		{"a negative one", strategy.GCRA{Limit: -1, Period: 1}, "strategy gcra: limit is -1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := redisdoor.New(pool, row.strategy); err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error is %v, want one that says %q", err, row.says)
			}
		})
	}
}

func TestScriptsThatCannotBeDerived(t *testing.T) {
	limiter := newLimiter(t, dial(t, "redis://127.0.0.1:1"), underived{})
	_, err := limiter.Peek(t.Context(), secretKey)
	wantFault(t, err, fault{kind: throttlekit.ErrNotSupported, says: "peek"})
	_, err = limiter.Forecast(t.Context(), secretKey, 1)
	wantFault(t, err, fault{kind: throttlekit.ErrNotSupported, says: "forecast"})
	_, err = limiter.CheckMany(t.Context(), []string{secretKey}, 1)
	wantFault(t, err, fault{kind: throttlekit.ErrNotSupported, says: "checkMany"})
	_, _, err = limiter.ProbeReplay(t.Context(), secretKey, []redisdoor.Moment{{Now: 1, Cost: 1}})
	wantFault(t, err, fault{kind: throttlekit.ErrNotSupported, says: "replay"})
}

// underived is a strategy of whose check nothing could be derived.
type underived struct{}

func (underived) Plan() (*script.Plan, error) {
	d := script.Definition{Name: "underived", Argv: []string{"now", "cost"}}
	return d.Plan()
}

func TestCloseWaitsForCallsAndRefusesNewOnes(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := startBrokenRedis(t, func(int64) []byte {
		close(asked)
		<-answer
		return []byte("*5\r\n:1\r\n:5\r\n:4\r\n:1000\r\n:0\r\n")
	})
	door := redisdoor.Open(dial(t, slow.url()))
	limiter, err := door.Limiter(fivePerHour)
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error)
	go func() {
		_, err := limiter.Check(context.Background(), secretKey)
		result <- err
	}()
	<-asked
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if err := door.Close(short); !errors.Is(err, context.Canceled) {
		t.Errorf("Close with a call under way and an ended context is %v, want context.Canceled", err)
	}
	_, err = limiter.Check(t.Context(), secretKey)
	wantFault(t, err, fault{kind: throttlekit.ErrUnavailable, says: "the door is closed"})
	close(answer)
	if err := <-result; err != nil {
		t.Errorf("the call under way ended with %v, want its decision", err)
	}
	for range 2 {
		if err := door.Close(t.Context()); err != nil {
			t.Errorf("Close is %v, want nil, as often as it is called", err)
		}
	}
}
