package server_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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

// gone is a limiter whose store cannot be reached.
type gone struct{ throttlekit.Limiter }

func (gone) CheckN(context.Context, string, int64) (throttlekit.Decision, error) {
	return throttlekit.Decision{}, &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable}
}

func ExampleWithFailMode() {
	srv, err := server.New(
		[]server.Policy{{Name: "api", Limiter: gone{}, Limit: 100}},
		server.WithFailMode(server.FailOpen),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ask(srv, "api"))
	// Output: {"decision":{"allowed":true,"limit":"100","remaining":"100"}}
}

func ExampleServer_SetPolicies() {
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: &three{}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := srv.SetPolicies([]server.Policy{{Name: "web", Limiter: &three{}}, {Name: "spend", Unserved: "not yet"}}); err != nil {
		fmt.Println(err)
		return
	}
	for _, policy := range []string{"api", "web", "spend"} {
		fmt.Println(ask(srv, policy))
	}
	// Output:
	// {"code":"not_found","message":"unknownpolicy\"api\";theserverhas\"web\",\"spend\""}
	// {"decision":{"allowed":true,"limit":"3","remaining":"2"}}
	// {"code":"unimplemented","message":"policy\"spend\"doesnotsupportcheck:notyet"}
}

// ask checks one key of a policy with JSON.
func ask(h http.Handler, policy string) string {
	req := httptest.NewRequest(http.MethodPost, "/throttlekit.v1.RateLimiter/Check", strings.NewReader(`{"policy": "`+policy+`", "key": "alice"}`))
	req.Header.Set("Content-Type", "application/json")
	res := httptest.NewRecorder()
	h.ServeHTTP(res, req)
	return strings.ReplaceAll(res.Body.String(), " ", "") // JSON's spaces vary on purpose
}
