package process

import (
	"slices"
	"strings"
	"testing"
	"time"

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

// AwaitMaster returns when a replica has become a master by itself.
func (r Redis) AwaitMaster() {
	r.tb.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		master, err := r.IsMaster()
		r.must(err)
		if master {
			return
		}
		if time.Now().After(deadline) {
			r.tb.Fatalf("the replica is no master after %v", patience)
		}
	}
}

// Clients are the connections to the server that neither this package nor another server
// made: one line of CLIENT LIST for each.
func (r Redis) Clients() []string {
	r.tb.Helper()
	list, err := redis.String(r.Do("CLIENT", "LIST"), nil)
	r.must(err)
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(list), "\n"), func(line string) bool {
		return slices.ContainsFunc(servers, func(mark string) bool { return strings.Contains(line, mark) })
	})
}

// servers is how a line of CLIENT LIST tells that it is none of a caller's.
var servers = []string{
	" cmd=client|list ",    // this very question
	" flags=S", " flags=M", // a replica, a master
	" name=sentinel-",
	" cmd=restore", // a slot on its way; kept for the next one for ten seconds
}

func (r Redis) must(err error) {
	r.tb.Helper()
	if err != nil {
		r.tb.Fatal(err)
	}
}
