package house

import (
	"context"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// The README's code, run. Its blocks stand here word for word; what differs is only
// where the addresses come from.

func Example_redisDoor() {
	ctx := context.Background()
	userID := "user-1"
	redis, err := embedded.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer redis.Close()
	redisURL := redis.URL()

	pool, err := redisdoor.Dial(redisURL) // such as redis://localhost:6379
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	limiter, err := redisdoor.New(pool, strategy.GCRA{Limit: 100, Period: time.Minute, Burst: 20}, redisdoor.WithPrefix("api"))
	if err != nil {
		log.Fatal(err)
	}
	decision, err := limiter.Check(ctx, userID)
	switch {
	case err != nil:
		log.Print(err) // a fault: errors.As a *throttlekit.Error says whether it may have been consumed
	case !decision.Allowed:
		fmt.Println("try again in", decision.RetryAfter)
	default:
		fmt.Println("welcome,", decision.Remaining, "left")
	}
	// Output: welcome, 19 left
}

func Example_whenRedisIsGone() {
	ctx := context.Background()
	userID := "user-1"
	pool, err := redisdoor.Dial("redis://127.0.0.1:1") // nobody listens there
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	perMinute := strategy.GCRA{Limit: 120, Period: time.Minute, Burst: 30}
	limiter, err := redisdoor.New(pool, perMinute, redisdoor.WithPrefix("api"))
	if err != nil {
		log.Fatal(err)
	}
	share, err := resilient.LocalShare(perMinute, 3) // three replicas run: a third of it each
	if err != nil {
		log.Fatal(err)
	}
	safe, err := resilient.New(limiter, resilient.WithFailLocal(share))
	if err != nil {
		log.Fatal(err)
	}
	decision, err := safe.Check(ctx, userID)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(decision.Allowed, decision.Remaining, decision.Source) // Source tells who decided: contract or local
	// Output: true 9 local
}

func Example_inTheProcess() {
	ctx := context.Background()
	userID := "user-1"

	searches, err := localdoor.New(strategy.TokenBucket{Capacity: 10, RefillPerSec: 0.5})
	if err != nil {
		log.Fatal(err)
	}
	decision, err := searches.CheckN(ctx, userID, 3)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(decision.Allowed, decision.Remaining)
	// Output: true 7
}

func Example_serviceDoor() {
	ctx := context.Background()
	userID := "user-1"
	serviceURL, stop := serve(ctx)
	defer stop()

	client, err := servicedoor.New(serviceURL) // such as http://localhost:50051; gRPC unless an option says otherwise
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	decision, err := client.Check(ctx, "api", userID) // the policy's name, and the key to limit by
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(decision.Allowed, decision.Remaining)

	api := client.Limiter("api") // the same throttlekit.Limiter as the Redis door's
	decisions, err := api.CheckMany(ctx, []string{"user-2", "user-3"}, 5)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(decisions), decisions[1].Remaining)
	// Output:
	// true 19
	// 2 15
}

// serve runs a service with one policy, api.
func serve(ctx context.Context) (url string, stop func()) {
	redis, err := embedded.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	pool, err := redisdoor.Dial(redis.URL())
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := redisdoor.New(pool, strategy.GCRA{Limit: 100, Period: time.Minute, Burst: 20}, redisdoor.WithPrefix("api"))
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}

	srv, err := server.New([]server.Policy{{Name: "api", Limiter: limiter}})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ctx, listener) }() // gRPC, Connect, gRPC-Web and JSON, until ctx ends
	return "http://" + listener.Addr().String(), func() {
		cancel()
		if err := <-served; err != nil {
			log.Print(err)
		}
		pool.Close()
		redis.Close()
	}
}
