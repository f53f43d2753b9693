package servicedoor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

func Example() {
	address, stop := startService()
	defer stop()

	client, err := servicedoor.New(address, servicedoor.WithTimeout(time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	for range 2 {
		decision, err := client.CheckN(context.Background(), "api", "alice", 6)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("allowed:", decision.Allowed, "remaining:", decision.Remaining, "retry after:", decision.RetryAfter)
	}
	// Output:
	// allowed: true remaining: 4 retry after: 0s
	// allowed: false remaining: 4 retry after: 1.5s
}

func ExampleClient_Limiter() {
	address, stop := startService()
	defer stop()
	client, err := servicedoor.New(address)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	var limiter throttlekit.Limiter = client.Limiter("apo")
	_, err = limiter.Check(context.Background(), "alice")

	var fault *throttlekit.Error
	if errors.As(err, &fault) {
		fmt.Println("no such policy:", errors.Is(err, throttlekit.ErrPolicyNotFound))
		fmt.Println("said by the", fault.Source)
		fmt.Println("safe to try again:", !fault.MayHaveConsumed)
	}
	// Output:
	// no such policy: true
	// said by the server
	// safe to try again: true
}

func ExampleWithGathering() {
	address, stop := startService()
	defer stop()
	client, err := servicedoor.New(address, servicedoor.WithGathering())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	// A hundred callers, and far fewer requests.
	var allowed atomic.Int64
	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() {
			decision, err := client.Check(context.Background(), "api", "alice")
			if err != nil {
				fmt.Println(err)
			} else if decision.Allowed {
				allowed.Add(1)
			}
		})
	}
	callers.Wait()
	fmt.Println("allowed:", allowed.Load())
	// Output:
	// allowed: 10
}

// startService stands for a throttlekit service that is running somewhere already. It
// has one policy, named api.
func startService() (address string, stop func()) {
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: &bucket{spent: map[string]int64{}}}})
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(ctx, listener); err != nil {
			panic(err)
		}
	}()
	return listener.Addr().String(), func() {
		cancel()
		<-done
	}
}
