package process

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
)

// Redis is a redis-server that only this test uses. It keeps its port and its folder
// when it is killed and started again; what it saves there is up to its arguments, and
// is nothing by default.
type Redis struct {
	process
	Address string // host:port
}

// StartRedis starts a redis-server and ends it with the test.
func StartRedis(tb testing.TB, args ...string) *Redis {
	tb.Helper()
	port := freePort(tb)
	dir, err := os.MkdirTemp("", "chaos-redis")
	if err != nil {
		tb.Fatal(err)
	}
	r := &Redis{Address: net.JoinHostPort(loopback, port)}
	r.process = process{tb: tb, name: "redis-server", make: func() *exec.Cmd {
		return exec.Command("redis-server", append([]string{
			"--bind", loopback, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no",
		}, args...)...)
	}}
	tb.Cleanup(func() {
		r.end()
		if err := os.RemoveAll(dir); err != nil {
			tb.Error(err)
		}
	})
	r.Start()
	return r
}

// Start starts the process anew and returns when it answers.
func (r *Redis) Start() {
	r.tb.Helper()
	r.start()
	r.await(func() error {
		_, err := r.ask("PING")
		return err
	})
}

// URL is the address as redisdoor.Dial and serve take it.
func (r *Redis) URL() string { return "redis://" + r.Address }

// Do runs a command over a connection of its own.
func (r *Redis) Do(command string, args ...any) any {
	r.tb.Helper()
	reply, err := r.ask(command, args...)
	if err != nil {
		r.tb.Fatalf("%s: %v", command, err)
	}
	return reply
}

func (r *Redis) ask(command string, args ...any) (any, error) {
	conn, err := redis.Dial("tcp", r.Address)
	if err != nil {
		return nil, err
	}
	reply, err := conn.Do(command, args...)
	return reply, errors.Join(err, conn.Close())
}

// Clients is how many connections others than this one have to the server.
func (r *Redis) Clients() int {
	r.tb.Helper()
	list, err := redis.String(r.Do("CLIENT", "LIST"), nil)
	if err != nil {
		r.tb.Fatal(err)
	}
	others := 0
	for line := range strings.Lines(list) {
		if !strings.Contains(line, "cmd=client|list") {
			others++
		}
	}
	return others
}
