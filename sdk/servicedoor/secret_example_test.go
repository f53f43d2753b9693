package servicedoor_test

import (
	"context"
	"fmt"

	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// The service is told a hash of each key, and a secret that it may ask for.
func ExampleWithKeyHash() {
	address, stop := startService()
	defer stop()
	client, err := servicedoor.New(address, // on this machine; elsewhere a secret needs https://
		servicedoor.WithSecret("in-practice-32-random-bytes-in-hexadecimal"),
		servicedoor.WithKeyHash([]byte("and 32 others, the same for all who share the limits")))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	decision, err := client.Check(context.Background(), "api", "alice@example.com")
	fmt.Println(decision.Allowed, err)
	// Output:
	// true <nil>
}
