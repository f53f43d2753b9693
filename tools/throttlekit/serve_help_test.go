package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// childVariable makes the test's binary the command itself, for tests that need a process
// to send signals to.
const childVariable = "THROTTLEKIT_TEST_CHILD"

func init() {
	if os.Getenv(childVariable) == "1" {
		main()
	}
}

// child is serve in a process of its own.
type child struct {
	cmd     *exec.Cmd
	line    string // the start line
	address string // host:port
	metrics string // host:port, if asked for
	log     *record
	exited  chan struct{}
}

// record is a log that a test can read while it is written.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

func writePolicies(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "policies.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var listening = regexp.MustCompile(`\Athrottlekit listening on (\S+:\d+) \[(?:[^\]]*metrics:(\d+))?[^\]]*\] \(\d+ policies.*\)\n\z`)

// launch starts serve on any port and returns when it listens. It is killed when the test
// ends, if it still runs.
func launch(t *testing.T, config string, args ...string) *child {
	t.Helper()
	c := &child{log: &record{}, exited: make(chan struct{})}
	c.cmd = exec.Command(os.Args[0], append([]string{"serve", "--config", config, "--port", "0"}, args...)...)
	c.cmd.Env = append(os.Environ(), childVariable+"=1")
	c.cmd.Stderr = io.MultiWriter(c.log, t.Output())
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.line, err = bufio.NewReader(stdout).ReadString('\n')
	go func() {
		defer close(c.exited)
		_ = c.cmd.Wait() // the test asks for its state
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.exited
	})
	match := listening.FindStringSubmatch(c.line)
	if err != nil || match == nil {
		t.Fatalf("serve printed %q (%v)\n%s", c.line, err, c.log)
	}
	c.address, c.metrics = match[1], "127.0.0.1:"+match[2]
	return c
}

func (c *child) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// code waits for the end and returns the exit code, -1 when a signal ended it.
func (c *child) code(t *testing.T) int {
	t.Helper()
	select {
	case <-c.exited:
	case <-time.After(time.Minute):
		t.Fatal("serve did not end")
	}
	return c.cmd.ProcessState.ExitCode()
}

func (c *child) client(t *testing.T, options ...servicedoor.Option) *servicedoor.Client {
	t.Helper()
	return dialed(t, c.address, options...)
}

func dialed(t *testing.T, address string, options ...servicedoor.Option) *servicedoor.Client {
	t.Helper()
	client, err := servicedoor.New(address, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// post asks with JSON over HTTP/1.1, as curl does, and returns the status and the answer
// without its spaces, which protojson varies.
func post(t *testing.T, client *http.Client, url, body string) (int, string) {
	t.Helper()
	response, err := client.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, strings.ReplaceAll(string(text), " ", "")
}

var curl = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// get returns the status and the body, for pages that a browser could read.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := curl.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// healthOf is what grpc.health.v1 says of a service, such as SERVING.
func healthOf(t *testing.T, address, service string) string {
	t.Helper()
	code, text := post(t, curl, "http://"+address+"/grpc.health.v1.Health/Check", `{"service":"`+service+`"}`)
	var reply struct{ Status string }
	if err := json.Unmarshal([]byte(text), &reply); err != nil || code != http.StatusOK {
		t.Fatalf("health of %q: status %d: %s", service, code, text)
	}
	return strings.TrimPrefix(reply.Status, "SERVING_STATUS_")
}

// eventually waits until is says so; how long that takes decides nothing.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// redisProcess is a redis-server that a test may stop and start again at the same address.
// It keeps nothing over a restart.
type redisProcess struct {
	binary, dir string
	cmd         *exec.Cmd
}

func newRedisProcess(t *testing.T) *redisProcess {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv(redistest.RequireVariable) == "1" {
			t.Fatalf("%s=1, and there is no redis-server: %v", redistest.RequireVariable, err)
		}
		t.Skip("needs a redis-server process, and there is no redis-server on this machine")
	}
	// Not t.TempDir, whose path holds the test's name: a socket's path is short.
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		t.Fatal(err)
	}
	r := &redisProcess{binary: binary, dir: dir}
	t.Cleanup(func() {
		r.kill()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *redisProcess) socket() string { return filepath.Join(r.dir, "s") }
func (r *redisProcess) url() string    { return "unix://" + r.socket() }

// start returns when Redis answers.
func (r *redisProcess) start() error {
	r.cmd = exec.Command(r.binary, "--port", "0", "--unixsocket", r.socket(), "--dir", r.dir, "--save", "", "--appendonly", "no")
	if err := r.cmd.Start(); err != nil {
		return err
	}
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		var conn redis.Conn
		if conn, err = redis.Dial("unix", r.socket()); err == nil {
			_, err = conn.Do("PING")
			if err = errors.Join(err, conn.Close()); err == nil {
				return nil
			}
		}
	}
	return fmt.Errorf("redis-server did not start: %w", err)
}

// kill ends Redis without warning, as a crash would.
func (r *redisProcess) kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	_ = r.cmd.Wait()
	r.cmd = nil
}
