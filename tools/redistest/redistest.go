// Package redistest gives a test a Redis of its own.
package redistest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/embedded"
)

// The environment that tells tests which Redis to use.
const (
	// URLVariable names a Redis that runs already. Tests share it, each with keys of
	// its own, and empty it of nothing.
	URLVariable = "THROTTLEKIT_TEST_REDIS"

	// RequireVariable, when 1, makes a test fail that finds no real Redis.
	RequireVariable = "THROTTLEKIT_REQUIRE_REDIS"
)

// Start returns the address of a Redis for tb: the one that THROTTLEKIT_TEST_REDIS
// names, else a redis-server process of the test's own on a socket in its own folder,
// stopped when the test ends, else the embedded one, which it says.
func Start(tb testing.TB) string {
	tb.Helper()
	if url := os.Getenv(URLVariable); url != "" {
		return url
	}
	if url, ok := start(tb); ok {
		return url
	}
	tb.Log("no redis-server on this machine: running on the embedded Redis")
	r, err := embedded.Start(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r.URL()
}

// StartProcess returns the address of a redis-server process of the test's own, for a
// test that needs to own it. Extra arguments are the server's. Where there is no
// redis-server the test is skipped, unless THROTTLEKIT_REQUIRE_REDIS is 1.
func StartProcess(tb testing.TB, args ...string) string {
	tb.Helper()
	url, ok := start(tb, args...)
	if !ok {
		tb.Skip("needs a redis-server process, and there is no redis-server on this machine")
	}
	return url
}

func start(tb testing.TB, args ...string) (url string, ok bool) {
	tb.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv(RequireVariable) == "1" {
			tb.Fatalf("%s=1, and there is no redis-server: %v", RequireVariable, err)
		}
		return "", false
	}
	// Not tb.TempDir, whose path holds the test's name: a socket's path is short.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	socket := filepath.Join(dir, "s")
	cmd := exec.Command(binary, append([]string{
		"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no",
	}, args...)...)
	cmd.Stdout, cmd.Stderr = tb.Output(), tb.Output()
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // killed below, or its log says why it ended
	}()
	tb.Cleanup(func() {
		_ = cmd.Process.Kill() // it holds nothing worth saving
		<-exited
	})
	if err := awaitPing(socket, exited); err != nil {
		tb.Fatalf("redis-server did not start: %v", err)
	}
	return "unix://" + socket, true
}

// awaitPing asks until the server answers or has exited; how long that takes decides
// nothing.
func awaitPing(socket string, exited <-chan struct{}) error {
	deadline := time.After(10 * time.Second)
	for {
		conn, err := redis.Dial("unix", socket)
		if err == nil {
			_, err = conn.Do("PING")
			err = errors.Join(err, conn.Close())
		}
		// A server that wants a password is up, too.
		var answered redis.Error
		if err == nil || errors.As(err, &answered) {
			return nil
		}
		select {
		case <-exited:
			return errors.New("it exited")
		case <-deadline:
			return err
		case <-time.After(2 * time.Millisecond):
		}
	}
}
