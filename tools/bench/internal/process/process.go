// Package process runs the servers that a benchmark talks to, each as a process of its
// own: what a server does must not be charged to its client.
package process

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// patience is how long a server may take to start or to stop.
const patience = 20 * time.Second

// process is a running command. What it says is kept for when it fails.
type process struct {
	cmd    *exec.Cmd
	said   tail
	exited chan struct{}
	err    error // of Wait, once exited is closed
}

func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, exited: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.said
	}
	cmd.Stderr = &p.said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.exited)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// Close asks the process to end, and kills it if it does not.
func (p *process) Close() error {
	select {
	case <-p.exited:
		return p.failed("it ended by itself")
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may be ending just now
	select {
	case <-p.exited:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return p.failed(fmt.Sprintf("it did not end within %v", patience))
	}
	if p.err != nil {
		return p.failed("it ended badly")
	}
	return nil
}

// failed describes a process that has exited.
func (p *process) failed(how string) error {
	return errors.Join(fmt.Errorf("%s: %s; it said:\n%s", p.cmd.Args[0], how, &p.said), p.err)
}

// listening is the line by which a server says where it listens.
var listening = regexp.MustCompile(`listening on (\S+:\d+)`)

// Server is a process that listens at Address.
type Server struct {
	*process
	Address string // host:port
}

// Serve starts a command that prints "listening on host:port" when it is ready.
func Serve(ctx context.Context, cmd *exec.Cmd) (*Server, error) {
	out, in := io.Pipe()
	cmd.Stdout = in
	p, err := start(cmd)
	if err != nil {
		return nil, err
	}
	go func() {
		<-p.exited
		_ = in.Close()
	}()
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if match := listening.FindStringSubmatch(lines.Text()); match != nil {
				found <- match[1]
				break
			}
		}
		_, _ = io.Copy(io.Discard, out) // or the process would wait for a reader
	}()
	select {
	case address := <-found:
		return &Server{process: p, Address: address}, nil
	case <-p.exited:
		return nil, p.failed("it ended before it listened")
	case <-ctx.Done():
	case <-time.After(patience):
	}
	return nil, errors.Join(fmt.Errorf("%s did not start to listen", cmd.Args[0]), ctx.Err(), p.Close())
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b...)
	if excess := len(t.kept) - tailBytes; excess > 0 {
		t.kept = append(t.kept[:0], t.kept[excess:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.kept))
}
