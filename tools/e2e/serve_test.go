package e2e

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// binary is the command, built once for all tests.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(dir, "throttlekit")
	build := exec.Command("go", "build", "-o", binary, "./tools/throttlekit")
	build.Dir = "../.." // its module, not this one
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	code := 1
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// policies has one limit of 5 that no test outlives, and one of each other kind of
// answer.
const policies = `version: 1
limiters:
  api:
    strategy: gcra
    limit: 5
    period: 1h
  uploads:
    strategy: tokenBucket
    capacity: 100
    refillPerSec: 0.001
  later:
    tokenBudget:
      budget: 100
      windowMs: 60000
`

var listening = regexp.MustCompile(`listening on (\S+:\d+)`)

// serve starts the service and returns its host and port. It is drained when the test
// ends, and has to exit with 0.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "limits.yaml")
	if err := os.WriteFile(file, []byte(policies), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, append([]string{"serve", "--config", file, "--port", "0"}, args...)...)
	cmd.Stderr = t.Output()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		select {
		case err := <-exited:
			if err != nil {
				t.Errorf("serve ended with %v", err)
			}
		case <-time.After(30 * time.Second):
			_ = cmd.Process.Kill()
			t.Error("serve did not drain in 30 seconds")
		}
	})
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		exited <- cmd.Wait()
	}()
	if err != nil {
		t.Fatalf("serve said nothing: %v", err)
	}
	match := listening.FindStringSubmatch(line)
	if match == nil {
		t.Fatalf("serve said %q, want where it listens", line)
	}
	return match[1]
}

// authority makes certificates, and files of them.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir(), pool: x509.NewCertPool()}
	a.key = newKey(t)
	a.cert = a.sign(t, "ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, a.key)
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes a certificate for localhost and returns it with its key.
func (a *authority) issue(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	cert := a.sign(t, name, &x509.Certificate{
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, key)
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// sign writes NAME.pem and NAME-key.pem.
func (a *authority) sign(t *testing.T, name string, template *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent := a.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem":     {Type: "CERTIFICATE", Bytes: der},
		name + "-key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// channel is a way to the service: in the clear, or under TLS of either kind.
type channel struct {
	name   string
	scheme string
	args   []string    // of serve
	tls    *tls.Config // of its clients
	curl   []string
}

func channels(t *testing.T) []channel {
	t.Helper()
	a := newAuthority(t)
	a.issue(t, "server")
	client := a.issue(t, "client")
	withTLS := []string{"--tls-cert", a.file("server.pem"), "--tls-key", a.file("server-key.pem")}
	return []channel{
		{name: "h2c", scheme: "http"},
		{name: "TLS", scheme: "https", args: withTLS,
			tls:  &tls.Config{RootCAs: a.pool},
			curl: []string{"--cacert", a.file("ca.pem")}},
		{name: "mTLS", scheme: "https", args: append(withTLS[:len(withTLS):len(withTLS)], "--tls-ca", a.file("ca.pem")),
			tls:  &tls.Config{RootCAs: a.pool, Certificates: []tls.Certificate{client}},
			curl: []string{"--cacert", a.file("ca.pem"), "--cert", a.file("client.pem"), "--key", a.file("client-key.pem")}},
	}
}

func timeout(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func contains(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Errorf("got %q, want it to say %q", got, want)
	}
}
