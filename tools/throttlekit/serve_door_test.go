package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestServeHasOneDoor counts the connections that checks of many policies wait for: each
// door would want some of its own, and so none would gather much.
func TestServeHasOneDoor(t *testing.T) {
	const policies = 16
	var config strings.Builder
	config.WriteString("limiters:\n")
	for i := range policies {
		fmt.Fprintf(&config, "  p%d: {strategy: gcra, limit: %d, period: 1h}\n", i, i+1)
	}
	s, err := openService(t.Context(), &serveOptions{
		config: writePolicies(t, config.String()), redis: redistest.Start(t), redisPrefix: ownPrefix("door"),
		fail: server.FailClosed, drain: defaultDrain,
	}, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	var dials atomic.Int32
	asked, open := make(chan struct{}, policies), make(chan struct{})
	pool := s.store.Connections.(*redis.Pool)
	dial := pool.DialContext
	pool.DialContext = func(ctx context.Context) (redis.Conn, error) {
		dials.Add(1)
		<-open
		return dial(ctx)
	}
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		s.server.ServeHTTP(w, r)
	}))
	var callers sync.WaitGroup
	for i := range policies {
		callers.Go(func() {
			code, text := post(t, host.Client(), host.URL+"/throttlekit.v1.RateLimiter/Check", fmt.Sprintf(`{"policy":"p%d","key":"k"}`, i))
			if code != http.StatusOK {
				t.Errorf("p%d: %d %s", i, code, text)
			}
		})
	}
	for range policies {
		<-asked
	}
	close(open)
	callers.Wait()
	host.Close()
	if err := s.close(); err != nil {
		t.Error(err)
	}
	// One whose check is over may be on its way back when the next is asked for.
	if n := dials.Load(); n < 1 || n > policies/2 {
		t.Errorf("checks of %d policies took %d connections, want about %d", policies, n, redisdoor.DefaultWorkers)
	}
}
