package redisdoor_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
)

// A limit by e-mail address, of which Redis learns none.
func ExampleWithKeyHash() {
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
	limiter, err := redisdoor.New(pool, strategy.GCRA{Limit: 3, Period: time.Hour}, redisdoor.WithPrefix("login"),
		redisdoor.WithKeyHash([]byte("in practice 32 random bytes from a file"))) // the same in every service that shares the limit
	if err != nil {
		log.Fatal(err)
	}
	if _, err := limiter.Check(ctx, "alice@example.com"); err != nil {
		log.Fatal(err)
	}

	conn := pool.Get()
	defer conn.Close()
	keys, err := conn.Do("KEYS", "*")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", keys)
	// Output:
	// [login:0c224da3ff79b2fe15cf2ce33b1faebb435ba5b6fb66116a06cb8384a6bdf781]
}
