package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"

	"github.com/gomodule/redigo/redis"
)

// startTimeout bounds the wait for a process's sign of life.
const startTimeout = 20 * time.Second

// process is a server that runs beside us.
type process struct {
	name   string
	cmd    *exec.Cmd
	said   *tail
	exited chan struct{}
	err    error // how it ended, once exited is closed
}

// start runs a command whose output goes to p.said and, line by line, to each, which may
// be nil. It ends with ctx, or with stop.
func start(ctx context.Context, name string, each func(line string), command string, args ...string) (*process, error) {
	p := &process{name: name, said: &tail{}, exited: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, command, args...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = exitTimeout
	reader, writer := io.Pipe()
	p.cmd.Stdout = io.MultiWriter(p.said, writer)
	p.cmd.Stderr = p.said
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	scanned := make(chan struct{})
	go func() {
		defer close(scanned)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			if each != nil {
				each(lines.Text())
			}
		}
		_, _ = io.Copy(io.Discard, reader) // after a line beyond the scanner's size
	}()
	go func() {
		p.err = p.cmd.Wait()
		_ = writer.Close() // it never fails
		<-scanned
		close(p.exited)
	}()
	return p, nil
}

// stop asks the process to end, and makes it when it doesn't. The error says how it
// ended, nil for exit code 0.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.exited:
	case <-time.After(exitTimeout):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("%s did not end within %v of SIGTERM%s", p.name, exitTimeout, p.said)
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w%s", p.name, p.err, p.said)
	}
	return nil
}

// startRedis starts a redis-server of our own, whose data is dir's alone and which
// listens on a socket there.
func startRedis(ctx context.Context, dir string) (p *process, url string, err error) {
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, "", fmt.Errorf("this proof needs a real Redis (on Debian: apt-get install redis-server): %w", err)
	}
	socket := filepath.Join(dir, "redis.sock")
	p, err = start(ctx, "redis-server", nil, binary,
		"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no")
	if err != nil {
		return nil, "", err
	}
	timeout := time.After(startTimeout)
	for {
		conn, err := redis.Dial("unix", socket)
		if err == nil {
			_, err = conn.Do("PING")
			err = errors.Join(err, conn.Close())
		}
		if err == nil {
			return p, "unix://" + socket, nil
		}
		select {
		case <-p.exited:
			return nil, "", fmt.Errorf("redis-server ended at once: %w%s", p.err, p.said)
		case <-timeout:
			return nil, "", errors.Join(fmt.Errorf("redis-server does not answer: %w", err), p.stop())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// listening finds the address in the line that every ThrottleKit service prints first.
var listening = regexp.MustCompile(`\blistening on (\S+:\d+)`)

// startService starts `throttlekit serve` on a free port of the loopback.
func startService(ctx context.Context, binary, config string, args ...string) (p *process, address string, err error) {
	found := make(chan string, 1)
	p, err = start(ctx, "throttlekit serve", func(line string) {
		if match := listening.FindStringSubmatch(line); match != nil {
			select {
			case found <- match[1]:
			default: // said before
			}
		}
	}, binary, append([]string{"serve", "--config", config, "--host", "127.0.0.1", "--port", "0"}, args...)...)
	if err != nil {
		return nil, "", err
	}
	select {
	case address = <-found:
		return p, address, nil
	case <-p.exited:
		return nil, "", fmt.Errorf("throttlekit serve ended before it listened: %w%s", p.err, p.said)
	case <-time.After(startTimeout):
		return nil, "", errors.Join(fmt.Errorf("throttlekit serve does not say that it listens%s", p.said), p.stop())
	}
}

// buildCommand builds the command throttlekit of the module in the working directory.
func buildCommand(ctx context.Context, dir string) (string, error) {
	binary := filepath.Join(dir, "throttlekit")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./tools/throttlekit")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("cannot build ./tools/throttlekit: %w", err)
	}
	return binary, nil
}

// tail keeps the end of what a process says, for the error that it may explain.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 2000

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(p), nil
}

// String is the text on lines of its own, or nothing.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.text) == 0 {
		return ""
	}
	return "; it said:\n" + string(t.text)
}
