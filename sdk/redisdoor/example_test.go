package redisdoor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
)

// Two limits in one Redis, here the embedded one.
func Example() {
	ctx := context.Background()
	server, err := embedded.Start(ctx) // in production: the address of your Redis
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	pool, err := redisdoor.Dial(server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	door := redisdoor.Open(pool, redisdoor.WithPrefix("shop"))
	defer door.Close(ctx)

	searches, err := door.Limiter(strategy.GCRA{Limit: 2, Period: time.Hour}, redisdoor.WithPrefix("shop:search"))
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		d, err := searches.Check(ctx, "user-1")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed, d.Remaining, d.RetryAfter > 0)
	}
	// Output:
	// true 1 false
	// true 0 false
	// false 0 true
}

func ExampleNew() {
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

	uploads, err := redisdoor.New(pool, strategy.TokenBucket{Capacity: 100, RefillPerSec: 0.5})
	if err != nil {
		log.Fatal(err)
	}
	d, err := uploads.CheckN(ctx, "user-1", 30) // a large one
	fmt.Println(d.Allowed, d.Remaining, err)
	// Output: true 70 <nil>
}

func ExampleLimiter_CheckMany() {
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
	limiter, err := redisdoor.New(pool, strategy.FixedWindow{Limit: 2, Window: 24 * time.Hour})
	if err != nil {
		log.Fatal(err)
	}

	decisions, err := limiter.CheckMany(ctx, []string{"ann", "bob", "ann", "ann"}, 1)
	if some := new(throttlekit.ManyError); errors.As(err, &some) {
		log.Print(some) // decisions of the others are good all the same
	} else if err != nil {
		log.Fatal(err)
	}
	for _, d := range decisions {
		fmt.Println(d.Allowed)
	}
	// Output:
	// true
	// true
	// true
	// false
}

// At an instant of the caller's choosing, for tests and for replaying the past.
func ExampleLimiter_CheckAt() {
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
	limiter, err := redisdoor.New(pool, strategy.SlidingWindowLog{Limit: 1, Window: time.Minute})
	if err != nil {
		log.Fatal(err)
	}

	noon := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, at := range []time.Duration{0, 59 * time.Second, time.Minute} {
		d, err := limiter.CheckAt(ctx, "user-1", 1, noon.Add(at))
		fmt.Println(d.Allowed, d.RetryAfter, err)
	}
	// Output:
	// true 0s <nil>
	// false 1s <nil>
	// true 0s <nil>
}

// A cluster is given to a door as a pool is. Nothing is connected to yet.
func ExampleDialCluster() {
	nodes, err := redisdoor.DialCluster("redis+cluster://user:password@redis-0:6379,redis-1:6379")
	if err != nil {
		log.Fatal(err)
	}
	defer nodes.Close()
	limiter, err := redisdoor.New(nodes, strategy.GCRA{Limit: 100, Period: time.Minute}, redisdoor.WithPrefix("api"))
	fmt.Println(limiter != nil, err)
	// Output: true <nil>
}

// The master that three sentinels know as mymaster, database 2.
func ExampleDial_sentinel() {
	pool, err := redisdoor.Dial("redis+sentinel://user:password@sentinel-0,sentinel-1,sentinel-2/mymaster/2")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	limiter, err := redisdoor.New(pool, strategy.GCRA{Limit: 100, Period: time.Minute}, redisdoor.WithPrefix("api"))
	fmt.Println(limiter != nil, err)
	// Output: true <nil>
}

// For a program that is told the address, whatever kind of Redis it is of.
func ExampleDialAny() {
	ctx := context.Background()
	server, err := embedded.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	connections, err := redisdoor.DialAny(server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer connections.Close()
	limiter, err := redisdoor.New(connections, strategy.GCRA{Limit: 100, Period: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	d, err := limiter.Check(ctx, "user-1")
	fmt.Println(d.Allowed, d.Remaining, err)
	// Output: true 99 <nil>
}
