// Package process runs the servers that a scenario breaks, each as a process of its own.
// What goes wrong with a server other than by the scenario's doing fails the test.
package process

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a server may take to start or to stop on a busy machine.
const patience = 20 * time.Second

// process is a command that may be started and ended many times.
type process struct {
	tb   testing.TB
	name string
	make func() *exec.Cmd

	cmd    *exec.Cmd
	exited chan struct{} // of cmd; closed when it has
	said   tail          // by all of them
}

// start starts the command anew. It does not wait until it serves.
func (p *process) start() {
	p.tb.Helper()
	cmd := p.make()
	if cmd.Stdout == nil {
		cmd.Stdout = &p.said
	}
	cmd.Stderr = &p.said
	if err := cmd.Start(); err != nil {
		p.tb.Fatalf("%s: %v", p.name, err)
	}
	p.cmd, p.exited = cmd, make(chan struct{})
	go func(exited chan struct{}) {
		defer close(exited)
		_ = cmd.Wait() // the exit code is read where it matters
	}(p.exited)
}

func (p *process) running() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Kill ends the process with SIGKILL and returns when it is gone.
func (p *process) Kill() {
	p.tb.Helper()
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// Freeze stops the process where it is: connections to it stay, and nothing answers.
func (p *process) Freeze() { p.tb.Helper(); p.signal(syscall.SIGSTOP) }

// Thaw has a frozen process go on.
func (p *process) Thaw() { p.tb.Helper(); p.signal(syscall.SIGCONT) }

func (p *process) signal(s syscall.Signal) {
	p.tb.Helper()
	if !p.running() {
		p.tb.Fatalf("%s is to get %v and has ended; it said:\n%s", p.name, s, &p.said)
	}
	if err := p.cmd.Process.Signal(s); err != nil {
		p.tb.Fatalf("%s: %v", p.name, err)
	}
}

// end is for a cleanup: whatever state the process is in, it is gone afterwards.
func (p *process) end() {
	if p.running() {
		_ = p.cmd.Process.Kill() // works on a frozen process as well
		<-p.exited
	}
}

// await asks until ready reports that the process serves.
func (p *process) await(ready func() error) {
	p.tb.Helper()
	deadline := time.After(patience)
	for {
		err := ready()
		if err == nil {
			return
		}
		select {
		case <-p.exited:
			p.tb.Fatalf("%s ended instead of serving; it said:\n%s", p.name, &p.said)
		case <-deadline:
			p.tb.Fatalf("%s does not serve: %v; it said:\n%s", p.name, err, &p.said)
		case <-time.After(time.Millisecond):
		}
	}
}

// freePort returns a port that was free a moment ago and stays the caller's across its
// restarts: it lies outside the range from which the system gives ports to whoever
// dials, which could even connect a port to itself.
func freePort(tb testing.TB) string {
	tb.Helper()
	for range 100 {
		port := strconv.Itoa(10_000 + rand.IntN(22_000))
		if l, err := net.Listen("tcp", net.JoinHostPort(loopback, port)); err == nil {
			_ = l.Close()
			return port
		}
	}
	tb.Fatal("found no free port")
	return ""
}

const loopback = "127.0.0.1"

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const tailBytes = 64 << 10

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
