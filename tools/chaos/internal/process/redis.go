package process

import (
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// Redis is a redis-server that only this test uses. It keeps its port and its folder when
// it is killed and started again; what it saves there is up to its arguments, and is
// nothing by default.
type Redis struct {
	*redistest.Server
	tb testing.TB
}

// StartRedis starts a redis-server and ends it with the test.
func StartRedis(tb testing.TB, args ...string) Redis {
	tb.Helper()
	return Redis{redistest.StartServer(tb, args...), tb}
}

// Watched returns server as one whose verbs fail the test.
func Watched(tb testing.TB, server *redistest.Server) Redis { return Redis{server, tb} }

// Kill ends the process with SIGKILL and returns when it is gone.
func (r Redis) Kill() { r.tb.Helper(); r.must(r.Server.Kill()) }

// Start starts the process anew and returns when it answers: one that loads what it saved
// takes connections before it does.
func (r Redis) Start() {
	r.tb.Helper()
	r.must(r.Restart())
	for _, err := r.Server.Do("PING"); err != nil; _, err = r.Server.Do("PING") {
		if !strings.HasPrefix(err.Error(), "LOADING") {
			r.tb.Fatal(err)
		}
	}
}

// Freeze stops the process where it is: connections to it stay, and nothing answers.
func (r Redis) Freeze() { r.tb.Helper(); r.must(r.Server.Freeze()) }

// Thaw has a frozen process go on.
func (r Redis) Thaw() { r.tb.Helper(); r.must(r.Server.Thaw()) }

// Do runs a command over a connection of its own.
func (r Redis) Do(command string, args ...any) any {
	r.tb.Helper()
	reply, err := r.Server.Do(command, args...)
	r.must(err)
	return reply
}

// Clients is how many connections others than this one have to the server, but for its
// replicas and its master.
func (r Redis) Clients() int {
	r.tb.Helper()
	list, err := redis.String(r.Do("CLIENT", "LIST"), nil)
	r.must(err)
	others := 0
	for line := range strings.Lines(list) {
		if !strings.Contains(line, "cmd=client|list") && !strings.Contains(line, " flags=S") && !strings.Contains(line, " flags=M") {
			others++
		}
	}
	return others
}

func (r Redis) must(err error) {
	r.tb.Helper()
	if err != nil {
		r.tb.Fatal(err)
	}
}
