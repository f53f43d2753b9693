package redistest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Server is a redis-server process on a TCP port of this machine, with a folder of its
// own, that can be killed, frozen and started again: for tests of what happens then. It
// keeps nothing on disk unless its arguments say so.
type Server struct {
	port int
	dir  string
	args []string

	mu      sync.Mutex
	process *os.Process
	exited  chan struct{}
}

// Launch starts a server. Extra arguments are redis-server's.
func Launch(args ...string) (*Server, error) {
	return launch(func(s *Server) error {
		s.args = append([]string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
			"--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"}, args...)
		return nil
	})
}

// launch starts a server whose arguments prepare sets.
func launch(prepare func(*Server) error) (*Server, error) {
	dir, err := os.MkdirTemp("", "redis")
	if err != nil {
		return nil, err
	}
	for range 3 { // somebody may take a port between its choice and its use
		var port int
		if port, err = freePort(); err != nil {
			break
		}
		s := &Server{port: port, dir: dir}
		if err = prepare(s); err == nil {
			err = s.start()
		}
		if err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

// StartServer is [Launch] for a test, which ends the server. Where there is no
// redis-server the test is skipped as by [StartProcess].
func StartServer(tb testing.TB, args ...string) *Server {
	tb.Helper()
	RequireServer(tb)
	s, err := Launch(args...)
	if err != nil {
		tb.Fatal(err)
	}
	closeAfter(tb, s)
	return s
}

// RequireServer skips a test where there is no redis-server, or fails it as [StartProcess]
// does.
func RequireServer(tb testing.TB) {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv(RequireVariable) == "1" {
			tb.Fatalf("%s=1, and there is no redis-server: %v", RequireVariable, err)
		}
		tb.Skip("needs redis-server processes, and there is no redis-server on this machine")
	}
}

func closeAfter(tb testing.TB, servers ...*Server) {
	tb.Cleanup(func() {
		for _, s := range servers {
			if err := s.Close(); err != nil {
				tb.Error(err)
			}
		}
	})
}

// Address is where the server listens, as a host and a port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL is the server's address as a URL.
func (s *Server) URL() string { return "redis://" + s.Address() }

// Dir is the server's folder.
func (s *Server) Dir() string { return s.dir }

// Pid is the process's id.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.Pid
}

// Running reports whether the process has not ended; a frozen one has not.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// Signal sends the process a signal, such as SIGSTOP to freeze it.
func (s *Server) Signal(signal os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.Signal(signal)
}

// Kill ends the process by SIGKILL and returns when it has ended.
func (s *Server) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.exited
	return nil
}

// Restart kills the process if it runs, and starts it again on the same port and folder.
func (s *Server) Restart() error {
	if err := s.Kill(); err != nil {
		return err
	}
	return s.start()
}

// Close kills the process and removes its folder.
func (s *Server) Close() error { return errors.Join(s.Kill(), os.RemoveAll(s.dir)) }

func (s *Server) start() error {
	logs, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer logs.Close()
	cmd := exec.Command("redis-server", s.args...)
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // it was killed, or its log says why it ended
	}()
	s.mu.Lock()
	s.process, s.exited = cmd.Process, exited
	s.mu.Unlock()
	if err := s.awaitPort(exited); err != nil {
		return errors.Join(fmt.Errorf("redis-server did not start: %w", err), s.Kill(), s.lastWords())
	}
	return nil
}

func (s *Server) awaitPort(exited <-chan struct{}) error {
	deadline := time.After(10 * time.Second)
	for {
		conn, err := net.Dial("tcp", s.Address())
		if err == nil {
			return conn.Close()
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

// lastWords is what the server logged, as an error.
func (s *Server) lastWords() error {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	return errors.New(string(text[max(0, len(text)-2000):]))
}

// Do runs one command over a connection of its own.
func (s *Server) Do(command string, args ...any) (any, error) {
	conn, err := s.dial()
	if err != nil {
		return nil, err
	}
	reply, err := conn.Do(command, args...)
	return reply, errors.Join(err, conn.Close())
}

func (s *Server) dial() (redis.Conn, error) {
	return redis.Dial("tcp", s.Address(), redis.DialConnectTimeout(time.Second),
		redis.DialReadTimeout(10*time.Second), redis.DialWriteTimeout(time.Second))
}

// Setting returns what the server is set to.
func (s *Server) Setting(name string) (string, error) {
	pair, err := redis.Strings(s.Do("CONFIG", "GET", name))
	if err != nil || len(pair) != 2 {
		return "", errors.Join(fmt.Errorf("no setting %s", name), err)
	}
	return pair[1], nil
}

// AwaitReplica returns when a replica has all that the server has written so far.
func (s *Server) AwaitReplica() error {
	conn, err := s.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	// WAIT waits for what was written before the last command of its own connection.
	if _, err := conn.Do("PING"); err != nil {
		return err
	}
	n, err := redis.Int(conn.Do("WAIT", 1, 5000))
	if err == nil && n == 0 {
		err = errors.New("no replica has all that was written, 5 s later")
	}
	return err
}

// freePort returns a port that nobody listens on, of those that no system gives to an
// outgoing connection: a server that is killed wants its port again. Nobody listens on the
// one 10000 above either, by which the nodes of a cluster talk to each other.
func freePort() (int, error) {
	err := errors.New("this process has had every port that it tried")
	for range 100 {
		port := 10_000 + rand.IntN(10_000)
		if _, given := given.LoadOrStore(port, true); given {
			continue // to a server that may not listen yet
		}
		if err = errors.Join(tryPort(port), tryPort(port+10_000)); err == nil {
			return port, nil
		}
	}
	return 0, err
}

// given are the ports that this process was given.
var given sync.Map

func tryPort(port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
}

// await asks until done says so; how long that takes decides nothing.
func await(what string, done func() (bool, error)) error {
	deadline := time.Now().Add(20 * time.Second)
	for {
		ok, err := done()
		if err == nil && ok {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("in 20 s not seen: %s", what), err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
