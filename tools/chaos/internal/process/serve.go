package process

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Serve is a `throttlekit serve` process. It keeps its port when it is started again.
type Serve struct {
	process
	Address string // host:port
}

// Build builds the throttlekit command into dir and returns its path. The working
// directory has to be the chaos module's.
func Build(dir string) (string, error) {
	binary := filepath.Join(dir, "throttlekit")
	cmd := exec.Command("go", "build", "-o", binary, "./tools/throttlekit")
	cmd.Dir = filepath.Join("..", "..") // its module, not this one
	cmd.Stderr = os.Stderr
	return binary, cmd.Run()
}

// StartServe runs binary as a service of the policies over the Redis at url, and ends it
// with the test.
func StartServe(tb testing.TB, binary, url, policies string, args ...string) *Serve {
	tb.Helper()
	port := freePort(tb)
	file := filepath.Join(tb.TempDir(), "policies.yaml")
	if err := os.WriteFile(file, []byte(policies), 0o600); err != nil {
		tb.Fatal(err)
	}
	s := &Serve{Address: net.JoinHostPort(loopback, port)}
	s.process = process{tb: tb, name: "throttlekit serve", make: func() *exec.Cmd {
		return exec.Command(binary, append([]string{
			"serve", "--config", file, "--port", port, "--redis", url,
		}, args...)...)
	}}
	tb.Cleanup(s.end)
	s.Start()
	return s
}

// Start starts the process anew and returns when it accepts connections.
func (s *Serve) Start() {
	s.tb.Helper()
	s.start()
	s.await(func() error {
		conn, err := net.Dial("tcp", s.Address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Terminate asks the process to end by SIGTERM, and returns when it has: within its
// drain, and with exit code 0.
func (s *Serve) Terminate() {
	s.tb.Helper()
	s.signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(patience):
		s.tb.Fatalf("serve has not ended %v after SIGTERM; it said:\n%s", patience, &s.said)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.tb.Errorf("serve ended with %d after SIGTERM; it said:\n%s", code, &s.said)
	}
}

// Complaints is what the service wrote to its log that no service should.
func (s *Serve) Complaints() string {
	for line := range strings.Lines(s.said.String()) {
		if strings.Contains(line, "panic") || strings.Contains(line, "DATA RACE") {
			return s.said.String()
		}
	}
	return ""
}
