package localdoor_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
)

func Example() {
	ctx := context.Background()
	searches, err := localdoor.New(strategy.GCRA{Limit: 2, Period: time.Hour})
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

// What a limiter says and does when it is full.
func ExampleWithoutEviction() {
	ctx := context.Background()
	uploads, err := localdoor.New(strategy.TokenBucket{Capacity: 3, RefillPerSec: 0.01},
		localdoor.WithMaxKeys(2), localdoor.WithoutEviction())
	if err != nil {
		log.Fatal(err)
	}
	for _, user := range []string{"ann", "bob", "eve"} {
		_, err := uploads.Check(ctx, user)
		fmt.Println(user, err)
	}
	fmt.Println(uploads.Stats().Keys)
	// Output:
	// ann <nil>
	// bob <nil>
	// eve throttlekit: check: unavailable: the limiter is full: 2 keys have spent something, and none may be forgotten
	// 2
}

// A test that lets time pass as it likes.
func ExampleWithClock() {
	ctx := context.Background()
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	limiter, err := localdoor.New(strategy.SlidingWindowLog{Limit: 1, Window: time.Minute},
		localdoor.WithClock(func() time.Time { return now }))
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		d, err := limiter.Check(ctx, "user-1")
		fmt.Println(now.Format(time.TimeOnly), d.Allowed, d.RetryAfter, err)
		now = now.Add(30 * time.Second)
	}
	// Output:
	// 12:00:00 true 0s <nil>
	// 12:00:30 false 30s <nil>
	// 12:01:00 true 0s <nil>
}
