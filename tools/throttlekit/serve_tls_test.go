package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// writePair makes a certificate that vouches for itself, for 127.0.0.1 and for
// clients, and returns the path of its files without their endings.
func writePair(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, Subject: pkix.Name{CommonName: rand.Text()},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "pair")
	for ending, block := range map[string]*pem.Block{
		".crt": {Type: "CERTIFICATE", Bytes: certificate},
		".key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path+ending, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// trusting is a client's configuration that trusts one pair and shows another.
func trusting(t *testing.T, trust, show string) *tls.Config {
	t.Helper()
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
	text, err := os.ReadFile(trust + ".crt")
	if err != nil {
		t.Fatal(err)
	}
	config.RootCAs.AppendCertsFromPEM(text)
	if show != "" {
		pair, err := tls.LoadX509KeyPair(show+".crt", show+".key")
		if err != nil {
			t.Fatal(err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config
}

// TestServeEveryWayIn takes one limit through every protocol of every transport.
func TestServeEveryWayIn(t *testing.T) {
	host, guest, stranger := writePair(t), writePair(t), writePair(t)
	secure := []string{"--tls-cert", host + ".crt", "--tls-key", host + ".key"}
	for _, row := range []struct {
		name   string
		args   []string
		scheme string
		config *tls.Config
	}{
		{"in the clear", nil, "http://", nil},
		{"TLS", secure, "https://", trusting(t, host, "")},
		{"mTLS", append([]string{"--tls-ca", guest + ".crt"}, secure...), "https://", trusting(t, host, guest)},
	} {
		t.Run(row.name, func(t *testing.T) {
			served := launch(t, writePolicies(t, twoPolicies), row.args...)
			url := row.scheme + served.address
			var base []servicedoor.Option
			if row.config != nil {
				base = []servicedoor.Option{servicedoor.WithTLSConfig(row.config)}
			}
			for i, protocol := range [][]servicedoor.Option{nil, {servicedoor.WithConnect()}, {servicedoor.WithGRPCWeb()}} {
				client := dialed(t, url, append(protocol, base...)...)
				d, err := client.CheckN(t.Context(), "api", "ann", 2)
				if err != nil || d.Limit != 10 || d.Remaining != int64(8-2*i) {
					t.Errorf("protocol %d: %+v, %v; want 2 of the limit spent each time", i, d, err)
				}
			}
			http1 := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: row.config}}
			code, text := post(t, http1, url+"/throttlekit.v1.RateLimiter/Peek", `{"policy":"api","key":"ann"}`)
			if code != http.StatusOK || !strings.HasPrefix(text, `{"decision":{"allowed":true,"limit":"10","remaining":"4"`) {
				t.Errorf("JSON: %d %s", code, text)
			}
		})
	}
	t.Run("mTLS turns strangers away", func(t *testing.T) {
		served := launch(t, writePolicies(t, twoPolicies), append([]string{"--tls-ca", guest + ".crt"}, secure...)...)
		for name, config := range map[string]*tls.Config{
			"without a certificate": trusting(t, host, ""),
			"with another's":        trusting(t, host, stranger),
		} {
			client := dialed(t, "https://"+served.address, servicedoor.WithTLSConfig(config))
			if d, err := client.Check(t.Context(), "api", "eve"); err == nil {
				t.Errorf("%s: %+v, want to be turned away", name, d)
			}
			http1 := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}
			if res, err := http1.Post("https://"+served.address+"/grpc.health.v1.Health/Check", "application/json", strings.NewReader("{}")); err == nil {
				t.Errorf("%s: health answered %s, want to be turned away", name, res.Status)
				_ = res.Body.Close()
			}
		}
		if _, err := dialed(t, "http://"+served.address).Check(t.Context(), "api", "eve"); err == nil {
			t.Error("in the clear: want to be turned away")
		}
	})
}
