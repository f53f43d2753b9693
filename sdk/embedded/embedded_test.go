package embedded_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, ctx context.Context) (*embedded.Redis, redis.Conn) {
	t.Helper()
	server, err := embedded.Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	conn, err := redis.DialURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the server may have hung up first
	return server, conn
}

func TestTimePassesAndMemoryIsGivenBack(t *testing.T) {
	_, conn := start(t, t.Context())
	const keys = 500
	for i := range keys {
		if _, err := conn.Do("SET", i, "x", "PX", 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Do("SET", "kept", "x", "PX", 3_600_000); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		n, err := redis.Int(conn.Do("DBSIZE"))
		if err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d keys are left long after all but one of them expired", n, keys+1)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestItsClockIsTheMachines(t *testing.T) {
	_, conn := start(t, t.Context())
	before := time.Now().Truncate(time.Microsecond)
	parts, err := redis.Int64s(conn.Do("TIME"))
	if err != nil {
		t.Fatal(err)
	}
	if got := time.Unix(parts[0], parts[1]*1000); got.Before(before) || got.After(time.Now()) {
		t.Errorf("TIME is %v, want between %v and now", got, before)
	}
}

func TestItStopsWhenItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server, conn := start(t, ctx)
	cancel()
	if err := server.Close(); err != nil { // waits for what the context began
		t.Fatal(err)
	}
	if _, err := conn.Do("PING"); err == nil {
		t.Error("it still answers after its context ended")
	}
	if _, err := embedded.Start(ctx); err == nil {
		t.Error("it starts under a context that has ended")
	}
}

func TestTwoDoNotShareAnything(t *testing.T) {
	a, conn := start(t, t.Context())
	b, other := start(t, t.Context())
	if a.URL() == b.URL() {
		t.Fatalf("both are at %s", a.URL())
	}
	if _, err := conn.Do("SET", "k", "v"); err != nil {
		t.Fatal(err)
	}
	if v, err := other.Do("GET", "k"); v != nil || err != nil {
		t.Errorf("the other has %v (%v) under the key, want nothing", v, err)
	}
}

// TestStartRefusesFIPSOnly shows both sides of it: CI runs it in a FIPS-only program,
// too.
func TestStartRefusesFIPSOnly(t *testing.T) {
	server, err := embedded.Start(t.Context())
	if strings.Contains(os.Getenv("GODEBUG"), "fips140=only") {
		if err == nil || !strings.Contains(err.Error(), "FIPS-only") {
			t.Fatalf("in FIPS-only mode Start is %v, want an error that names it", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
}

func ExampleStart() {
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
	limiter, err := redisdoor.New(pool, strategy.GCRA{Limit: 1, Period: time.Hour})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		d, err := limiter.Check(ctx, "user-1")
		fmt.Println(d.Allowed, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}
