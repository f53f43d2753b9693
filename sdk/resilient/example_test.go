package resilient_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
)

// noRedis is an address at which nobody listens.
const noRedis = "redis://127.0.0.1:1"

var perMinute = strategy.GCRA{Limit: 120, Period: time.Minute, Burst: 30}

func door() *redisdoor.Limiter {
	pool, err := redisdoor.Dial(noRedis)
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := redisdoor.New(pool, perMinute)
	if err != nil {
		log.Fatal(err)
	}
	return limiter
}

// Without its Redis this limiter admits everybody, and says so.
func Example() {
	limiter, err := resilient.New(door(), resilient.WithFailMode(resilient.FailOpen))
	if err != nil {
		log.Fatal(err)
	}
	d, err := limiter.Check(context.Background(), "user-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Allowed, d.Limit, d.Remaining, d.Source, d.Degraded())
	// Output: true 30 30 open true
}

// Three replicas, each with a third of the limit while Redis is away.
func ExampleWithFailLocal() {
	share, err := resilient.LocalShare(perMinute, 3)
	if err != nil {
		log.Fatal(err)
	}
	defer share.Close()
	limiter, err := resilient.New(door(), resilient.WithFailLocal(share))
	if err != nil {
		log.Fatal(err)
	}
	d, err := limiter.Check(context.Background(), "user-1")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Allowed, d.Limit, d.Remaining, d.Source)
	// Output: true 10 9 local
}

// What one of three replicas admits by itself.
func ExampleLocalShare() {
	share, err := resilient.LocalShare(strategy.FixedWindow{Limit: 100, Window: 24 * time.Hour}, 3)
	if err != nil {
		log.Fatal(err)
	}
	defer share.Close()
	d, err := share.CheckN(context.Background(), "user-1", 34)
	fmt.Println(d.Allowed, d.Limit, err)
	// Output: false 33 <nil>
}

// What a share is made of: the amounts are divided, the period is not.
func ExampleShare() {
	plan, err := resilient.Share(perMinute, 3)
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range plan.Definition().Params {
		value, _ := plan.Value(p.Name)
		fmt.Println(p.Name, value)
	}
	// Output:
	// periodMs 60000
	// limit 40
	// burst 10
}

// The default makes nothing up: the caller decides what a fault means.
func ExampleNew() {
	limiter, err := resilient.New(door(), resilient.WithDeadline(20*time.Millisecond), resilient.WithBreaker(1, time.Minute))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	_, err = limiter.Check(ctx, "user-1")
	fmt.Println(errors.Is(err, throttlekit.ErrUnavailable))
	_, err = limiter.Check(ctx, "user-1")
	fmt.Println(err)
	// Output:
	// true
	// throttlekit: check: unavailable: the breaker is open, since the limiter failed lately
}

// A change of the breaker's state is one line of log and one call.
func ExampleWithStateHook() {
	untimed := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey || a.Key == "error" {
			return slog.Attr{}
		}
		return a
	}
	limiter, err := resilient.New(door(), resilient.WithFailMode(resilient.FailClosed), resilient.WithBreaker(1, time.Minute),
		resilient.WithLogger(slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: untimed}))),
		resilient.WithStateHook(func(c resilient.StateChange) { fmt.Println("told:", c.From, "->", c.To) }))
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		if _, err := limiter.Check(context.Background(), "user-1"); err != nil {
			log.Fatal(err)
		}
	}
	s := limiter.Stats()
	fmt.Println(s.Breaker, s.Closed, s.Unavailable, s.Rejected)
	// Output:
	// level=WARN msg="the limiter fails" from=closed fail=closed
	// told: closed -> open
	// open 3 1 2
}

// The second denial needs no Redis, and no network.
func ExampleWithDenyCache() {
	below, err := localdoor.New(strategy.GCRA{Limit: 1, Period: 24 * time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	defer below.Close()
	limiter, err := resilient.New(below, resilient.WithDenyCache(10_000))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	for range 3 {
		d, err := limiter.Check(ctx, "user-1")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed, d.Source, limiter.Stats().Cached)
	}
	// A reset reaches the memory, too.
	if err := limiter.Reset(ctx, "user-1"); err != nil {
		log.Fatal(err)
	}
	d, err := limiter.Check(ctx, "user-1")
	fmt.Println(d.Allowed, err)
	// Output:
	// true contract 0
	// false contract 0
	// false contract 1
	// true <nil>
}

// A service's policy does not say which strategy it is; whoever knows can.
func ExampleWithStrategy() {
	unknown := struct{ throttlekit.Limiter }{door()}
	limiter, err := resilient.New(unknown, resilient.WithFailMode(resilient.FailOpen), resilient.WithStrategy(perMinute))
	if err != nil {
		log.Fatal(err)
	}
	d, err := limiter.Check(context.Background(), "user-1")
	fmt.Println(d.Limit, err)
	// Output: 30 <nil>
}
