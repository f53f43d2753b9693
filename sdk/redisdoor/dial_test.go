package redisdoor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func TestDialRefusesAddresses(t *testing.T) {
	for _, row := range []struct{ name, address, says string }{
		{"no scheme", "localhost:6379", "has another scheme, want redis://"},
		{"empty", "", "has another scheme"},
		{"http", "http://:hunter2@localhost", "has another scheme"},
		{"no host", "redis://", "names no host"},
		{"a password and no host", "redis://:hunter2@", "names no host"},
		{"a port that is none, where url.Parse would quote all", "redis://:hunter2@host:port", "does not parse as a URL"},
		{"a database that is none", "redis://:hunter2@host/hunter2", "names a database that is not a number"},
		{"a negative database", "redis://host/-1", "names a database that is not a number"},
		{"a socket without a path", "unix://", "names no absolute path"},
		{"a relative socket", "unix://run/redis.sock", "names no absolute path"},
		{"a socket's database that is none", "unix:///run/redis.sock?db=one", "names a database that is not a number"},
		{"sentinels without a master's name", "redis+sentinel://:hunter2@a:1,b:2", "names no master"},
		{"a master's database that is none", "redis+sentinel://:hunter2@a:1,b:2/mymaster/one", "names a database that is not a number"},
		{"one sentinel too few", "redis+sentinel://:hunter2@a:1,/mymaster", "names no host"},
		{"a sentinel's port that is none", "redis+sentinel://:hunter2@a:1,b:port/mymaster", "does not parse as a URL"},
		{"a cluster without a node", "redis+cluster://:hunter2@", "names no host"},
		{"a cluster's database", "redis+cluster://:hunter2@a:1,b:2/1", "a cluster has none but 0"},
		{"an addition that is none", "redis+replica://a:1", "has another scheme"},
		{"sentinels of a socket", "unix+sentinel:///s", "has another scheme"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := redisdoor.DialAny(row.address)
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error is %v, want one that says %q", err, row.says)
			} else if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q holds the password", err)
			}
		})
	}
	for name, dial := range map[string]func(string) error{
		"redis+cluster://a:1":             func(address string) error { _, err := redisdoor.Dial(address); return err },
		"redis+sentinel://:hunter2@a:1/m": func(address string) error { _, err := redisdoor.DialCluster(address); return err },
	} {
		if err := dial(name); err == nil || !strings.Contains(err.Error(), "Dial") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error is %v, want one that names what takes the address, and no password", name, err)
		}
	}
	if _, err := redisdoor.Dial("redis://localhost", redisdoor.WithTLSConfig(&tls.Config{})); err == nil || !strings.Contains(err.Error(), "rediss://") {
		t.Errorf("a TLS configuration for a plain address is %v, want an error that names rediss://", err)
	}
}

func TestDialDoesNotConnect(t *testing.T) {
	server := startBrokenRedis(t, func(int64) []byte { return nil })
	pool := dial(t, server.url())
	newLimiter(t, pool, fivePerHour)
	if n := pool.ActiveCount(); n != 0 {
		t.Errorf("%d connections before the first call, want 0", n)
	}
}

func TestConnectionsAreReused(t *testing.T) {
	pool := dial(t, redistest.StartProcess(t))
	limiter := newLimiter(t, pool, fivePerHour)
	const callers, rounds = 32, 20
	ctx, cancel := context.WithCancel(t.Context()) // a context to watch must not cost the connection
	defer cancel()
	for range rounds {
		var all sync.WaitGroup
		for range callers {
			all.Go(func() {
				if _, err := limiter.Check(ctx, secretKey); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	if n := pool.Stats().ActiveCount; n > callers {
		t.Errorf("%d connections are open, want at most one per caller, %d", n, callers)
	}
	info, err := redis.String(command(t, pool, "INFO", "stats"), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(info, "total_connections_received:")
	made, err := strconv.Atoi(strings.TrimSpace(after[:strings.IndexByte(after, '\n')]))
	if err != nil {
		t.Fatal(err)
	}
	if made > callers+1 { // and the one that asked whether the server was up
		t.Errorf("%d rounds of %d callers made %d connections, want at most %d", rounds, callers, made, callers+1)
	}
}

func TestDialAuthenticatesAndSelects(t *testing.T) {
	socket := redistest.StartProcess(t, "--requirepass", "hunter2",
		"--user", "limiter", "on", ">p@ss/word", "~*", "+@all")
	at := func(user *url.Userinfo, query string) string {
		u, err := url.Parse(socket)
		if err != nil {
			t.Fatal(err)
		}
		u.User, u.RawQuery = user, query
		return u.String()
	}
	for _, row := range []struct {
		name string
		user *url.Userinfo
	}{
		{"the default user's password", url.UserPassword("", "hunter2")},
		{"an ACL user, whose password needs escaping", url.UserPassword("limiter", "p@ss/word")},
	} {
		t.Run(row.name, func(t *testing.T) {
			pool := dial(t, at(row.user, "db=3"))
			if _, err := newLimiter(t, pool, fivePerHour).Check(t.Context(), row.name); err != nil {
				t.Fatal(err)
			}
			info, err := redis.String(command(t, pool, "INFO", "keyspace"), nil)
			if err != nil || !strings.Contains(info, "db3:") {
				t.Errorf("the keyspace is %q (%v), want keys in database 3", info, err)
			}
		})
	}
	pool := dial(t, at(url.UserPassword("", "correct-horse"), ""))
	_, err := newLimiter(t, pool, fivePerHour).Check(t.Context(), secretKey)
	if err == nil || !strings.Contains(err.Error(), "WRONGPASS") || strings.Contains(err.Error(), "correct-horse") {
		t.Errorf("a wrong password is %v, want Redis's WRONGPASS", err)
	}
}

func TestDialSpeaksTLS(t *testing.T) {
	dir := t.TempDir()
	roots := writeCertificate(t, dir)
	port := freePort(t)
	redistest.StartProcess(t, "--tls-port", port, "--tls-auth-clients", "no",
		"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"),
		"--tls-ca-cert-file", filepath.Join(dir, "cert.pem"))

	trusted := dial(t, "rediss://localhost:"+port, redisdoor.WithTLSConfig(&tls.Config{RootCAs: roots}))
	d, err := newLimiter(t, trusted, fivePerHour).Check(t.Context(), secretKey)
	if err != nil || !d.Allowed {
		t.Errorf("over TLS: %+v, %v, want an allowed check", d, err)
	}
	_, err = newLimiter(t, dial(t, "rediss://localhost:"+port), fivePerHour).Check(t.Context(), secretKey)
	if err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of an unknown authority is %v, want it refused", err)
	}
}

// TestTLSWithAClientCertificate is on a server, on a cluster, and behind a sentinel, all of
// which want one.
func TestTLSWithAClientCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	roots := writeCertificate(t, dir)
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{"--tls-port", redistest.AnyPort, "--tls-auth-clients", "yes",
		"--tls-cert-file", filepath.Join(dir, "cert.pem"), "--tls-key-file", filepath.Join(dir, "key.pem"),
		"--tls-ca-cert-file", filepath.Join(dir, "cert.pem")}
	c := redistest.StartCluster(t, 2, 0, append(arguments, "--tls-cluster", "yes")...)
	var nodes []string
	for _, n := range c.Nodes {
		port, err := n.Setting("tls-port")
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, "localhost:"+port)
	}
	port := freePort(t)
	redistest.StartProcess(t, append([]string{"--tls-port", port}, arguments[2:]...)...)
	sentinel := startFakeRedis(t, func(fakeCommand) []byte {
		return fmt.Appendf(nil, "*2\r\n$9\r\nlocalhost\r\n$%d\r\n%s\r\n", len(port), port)
	}, func(l net.Listener) net.Listener {
		return tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: roots})
	})

	for name, address := range map[string]string{
		"server":   "rediss://localhost:" + port,
		"cluster":  "rediss+cluster://" + strings.Join(nodes, ","),
		"sentinel": "rediss+sentinel://" + sentinel.listener.Addr().String() + "/mymaster",
	} {
		t.Run(name, func(t *testing.T) {
			check := func(config *tls.Config) error {
				way, err := redisdoor.DialAny(address, redisdoor.WithTLSConfig(config))
				if err != nil {
					t.Fatal(err)
				}
				defer way.Close()
				// Keys of both nodes.
				_, err = newLimiter(t, way, fivePerHour, redisdoor.WithPrefix(name)).CheckMany(t.Context(), numbered(10), 1)
				return err
			}
			if err := check(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}}); err != nil {
				t.Errorf("with the certificate: %v", err)
			}
			if err := check(&tls.Config{RootCAs: roots}); err == nil {
				t.Error("without a certificate the check was served, want it refused")
			}
			if err := check(&tls.Config{Certificates: []tls.Certificate{certificate}}); err == nil || !strings.Contains(err.Error(), "certificate") {
				t.Errorf("a certificate of an unknown authority is %v, want it refused", err)
			}
		})
	}
}

// writeCertificate writes a self-signed certificate for localhost and its key.
func writeCertificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(certificate)
	return roots
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
