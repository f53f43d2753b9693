package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// three admits three checks and denies the rest: a stand-in for a limiter of
// sdk/redisdoor, so that the example needs no Redis.
type three struct {
	throttlekit.Limiter
	spent atomic.Int64
}

func (l *three) CheckN(_ context.Context, _ string, cost int64) (throttlekit.Decision, error) {
	spent := l.spent.Add(cost)
	return throttlekit.Decision{Allowed: spent <= 3, Limit: 3, Remaining: max(0, 3-spent)}, nil
}

func Example() {
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: &three{}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	stopped := make(chan error)
	go func() { stopped <- srv.Serve(ctx, listener) }()

	// Any HTTP client can ask. Go programs use sdk/servicedoor.
	res, err := http.Post(
		"http://"+listener.Addr().String()+"/throttlekit.v1.RateLimiter/Check",
		"application/json",
		strings.NewReader(`{"policy": "api", "key": "alice", "cost": 2}`),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	fmt.Println(strings.ReplaceAll(string(body), " ", ""))

	stop()
	fmt.Println("stopped:", <-stopped)
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// {"decision":{"allowed":true,"limit":"3","remaining":"1"}}
	// stopped: <nil>
}
