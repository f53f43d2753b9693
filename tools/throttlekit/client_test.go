package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// aKey is a limited key, which no error may name.
const aKey = "somebody@example.org"

// threeAnHour is a limit that nothing comes back to while a test lasts.
func threeAnHour(t *testing.T) throttlekit.Limiter {
	t.Helper()
	return anHour(t, 3)
}

func anHour(t *testing.T, limit int64) throttlekit.Limiter {
	t.Helper()
	limiter, err := localdoor.New(strategy.GCRA{Limit: limit, Period: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return limiter
}

// listenTo serves policies in the clear until the test ends, and returns the address.
func listenTo(t *testing.T, policies []server.Policy, options ...server.Option) string {
	t.Helper()
	host := httptest.NewUnstartedServer(newServer(t, policies, options...))
	host.Config.Protocols = new(http.Protocols)
	host.Config.Protocols.SetHTTP1(true)
	host.Config.Protocols.SetUnencryptedHTTP2(true)
	host.Start()
	t.Cleanup(host.Close)
	return host.URL
}

func newServer(t *testing.T, policies []server.Policy, options ...server.Option) *server.Server {
	t.Helper()
	srv, err := server.New(policies, options...)
	if err != nil {
		t.Fatal(err)
	}
	return srv
}

// Each row is asked on keys of its own, in the order of its steps.
func TestClientCommands(t *testing.T) {
	type step struct {
		args   []string
		code   int
		stdout string // a pattern for all of it
	}
	const instant = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
	for _, row := range []struct {
		name  string
		stdin string
		steps []step
	}{
		{"check spends, until it is denied", "", []step{
			{[]string{"check", "api", "k"}, exitOK, `allowed; 2 of 3 left; reset at ` + instant},
			{[]string{"check", "api", "k", "--cost", "2"}, exitOK, `allowed; 0 of 3 left; reset at ` + instant},
			{[]string{"check", "api", "k"}, exitNo, `denied; 0 of 3 left; retry after (20m0s|19m\S+s); reset at ` + instant},
		}},
		{"a cost above the limit is an answer", "", []step{
			{[]string{"check", "--cost", "4", "api", "k"}, exitNo, `denied; 3 of 3 left; retry after 20m0s; reset at ` + instant},
		}},
		{"peek spends nothing and says what a check would", "", []step{
			{[]string{"peek", "api", "k"}, exitOK, `allowed; 3 of 3 left; reset at ` + instant},
			{[]string{"peek", "api", "k"}, exitOK, `allowed; 3 of 3 left; reset at ` + instant},
			{[]string{"check", "api", "k", "--cost=3"}, exitOK, `allowed; 0 of 3 left; .*`},
			{[]string{"peek", "api", "k"}, exitNo, `denied; 0 of 3 left; retry after .*`},
		}},
		{"forecast counts checks of the cost, and none is a no", "", []step{
			{[]string{"forecast", "api", "k"}, exitOK, `3 spendable now; next unit at ` + instant + `; full at ` + instant},
			{[]string{"check", "api", "k"}, exitOK, `allowed.*`},
			{[]string{"forecast", "api", "k", "--cost", "2"}, exitOK, `1 spendable now; .*`},
			{[]string{"forecast", "api", "k", "--cost", "3"}, exitNo, `0 spendable now; .*`},
		}},
		{"many numbers the answers, in the order of the keys", "", []step{
			{[]string{"many", "api", "k", "l", "--cost", "2"}, exitOK, `  1  allowed; 1 of 3 left; .*\n  2  allowed; 1 of 3 left; .*`},
			{[]string{"many", "api", "m", "k", "m"}, exitOK, `  1  allowed; 2 .*\n  2  allowed; 0 .*\n  3  allowed; 1 .*`},
			{[]string{"many", "api", "n", "k", "n"}, exitNo, `  1  allowed; 2 .*\n  2  denied; 0 .*\n  3  allowed; 1 .*`},
		}},
		{"keys come from the standard input, where nobody sees them", "k\nl\r\nk", []step{
			{[]string{"many", "api", "-"}, exitOK, `  1  allowed; 2 .*\n  2  allowed; 2 .*\n  3  allowed; 1 .*`},
		}},
		{"so does one, beside others for many", "k\n", []step{
			{[]string{"check", "api", "-"}, exitOK, `allowed; 2 .*`},
			{[]string{"many", "api", "k", "-"}, exitOK, `  1  allowed; 1 .*\n  2  allowed; 0 .*`},
		}},
		{"an empty line is the empty key, as good as any", "\n", []step{
			{[]string{"check", "api", "-"}, exitOK, `allowed; 2 .*`},
			{[]string{"check", "api", ""}, exitOK, `allowed; 1 .*`},
		}},
		{"names that look like commands and flags", "", []step{
			{[]string{"check", "help", "help"}, exitOK, `allowed; 2 .*`},
			{[]string{"check", "--", "help", "--json"}, exitOK, `allowed; 2 .*`},
		}},
		{"JSON has the contract's fields in milliseconds", "", []step{
			{[]string{"check", "api", "k", "--json"}, exitOK, `{"allowed":true,"limit":3,"remaining":2,"resetAt":1\d{12},"retryAfterMs":0}`},
			{[]string{"check", "api", "k", "--json", "--cost", "9"}, exitNo, `{"allowed":false,"limit":3,"remaining":2,"resetAt":1\d{12},"retryAfterMs":(8400000|8399\d{3})}`},
			{[]string{"peek", "api", "k", "--json"}, exitOK, `{"allowed":true,"limit":3,"remaining":2,"resetAt":1\d{12},"retryAfterMs":0}`},
			{[]string{"forecast", "api", "k", "--json"}, exitOK, `{"spendableNow":2,"nextReplenishAt":1\d{12},"fullAt":1\d{12}}`},
			{[]string{"many", "api", "k", "l", "--json"}, exitOK, `{"allowed":true,"limit":3,"remaining":1,.*}\n{"allowed":true,"limit":3,"remaining":2,.*}`},
		}},
		{"every protocol", "", []step{
			{[]string{"check", "api", "k", "--protocol", "grpc"}, exitOK, `allowed; 2 .*`},
			{[]string{"check", "api", "k", "--protocol", "connect"}, exitOK, `allowed; 1 .*`},
			{[]string{"check", "api", "k", "--protocol", "grpc-web"}, exitOK, `allowed; 0 .*`},
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			limiter := threeAnHour(t)
			target := listenTo(t, []server.Policy{{Name: "api", Limiter: limiter}, {Name: "help", Limiter: limiter}})
			for i, s := range row.steps {
				stdinOf(t, row.stdin)
				// Before the arguments, so that a -- among them ends no flag too early.
				args := append([]string{s.args[0], "--target", target}, s.args[1:]...)
				stdout, stderr, code := throttlekitCommand(t, args...)
				if code != s.code || stderr != "" {
					t.Errorf("step %d: exit code %d, want %d (%s)", i, code, s.code, stderr)
				}
				if !regexp.MustCompile(`\A` + s.stdout + `\n\z`).MatchString(stdout) {
					t.Errorf("step %d printed\n%swant\n%s", i, stdout, s.stdout)
				}
				if strings.HasPrefix(s.stdout, "{") {
					for line := range strings.Lines(stdout) {
						if !json.Valid([]byte(line)) {
							t.Errorf("step %d: %q is no JSON", i, line)
						}
					}
				}
			}
		})
	}
}

// stdinOf gives the process text to read until the test ends.
func stdinOf(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stdin")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stdin
	os.Stdin = file
	t.Cleanup(func() {
		os.Stdin = was
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestClientCommandsFault(t *testing.T) {
	target := listenTo(t, []server.Policy{{Name: "api", Limiter: threeAnHour(t), NoPeek: "it keeps no count"}})
	nothing := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(nothing, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		args []string
		says string
	}{
		{"no arguments", []string{"check"}, "check needs a policy and a key: check POLICY KEY"},
		{"a policy alone", []string{"many", "api"}, "many needs a key: many POLICY KEY..."},
		{"two keys for one", []string{"check", "api", aKey, aKey}, "check takes one key, got 2; many takes several"},
		{"no key on the standard input", []string{"check", "api", "-"}, "check needs a key"},
		{"a cost of nothing", []string{"check", "api", aKey, "--cost", "0"}, "cost is 0, want 1 to 2^53-1"},
		{"a cost that is no number", []string{"check", "api", aKey, "--cost", "some"}, `invalid value "some" for flag -cost`},
		{"an unknown policy: the service's list", []string{"check", "apj", aKey}, `unknown policy "apj"; the server has "api"`},
		{"an operation that the policy lacks", []string{"peek", "api", aKey}, "operation not supported"},
		{"nobody there", []string{"check", "api", aKey, "--target", "127.0.0.1:1"}, "unavailable (transport)"},
		{"no address", []string{"check", "api", aKey, "--target", "nowhere"}, "--target: servicedoor: the address is neither a URL nor host:port"},
		{"no protocol", []string{"check", "api", aKey, "--protocol", "smtp"}, `--protocol is "smtp", want grpc, connect or grpc-web`},
		{"no time", []string{"check", "api", aKey, "--timeout", "0s"}, "--timeout is 0s, want more than 0"},
		{"TLS for an address without", []string{"check", "api", aKey, "--tls-ca", nothing}, "need a --target that begins with https://"},
		{"a CA file that is not there", []string{"check", "api", aKey, "--target", "https://127.0.0.1:1", "--tls-ca", "nowhere.pem"}, "--tls-ca: open nowhere.pem"},
		{"a CA file without a certificate", []string{"check", "api", aKey, "--target", "https://127.0.0.1:1", "--tls-ca", nothing}, "empty.pem holds no certificate in PEM"},
		{"half a pair", []string{"check", "api", aKey, "--target", "https://127.0.0.1:1", "--tls-key", nothing}, "--tls-cert and --tls-key belong together"},
		{"a pair that is none", []string{"check", "api", aKey, "--target", "https://127.0.0.1:1", "--tls-cert", nothing, "--tls-key", nothing}, "--tls-cert and --tls-key: tls: failed to find any PEM data"},
	} {
		t.Run(row.name, func(t *testing.T) {
			stdinOf(t, "")
			args := row.args
			if !slices.Contains(args, "--target") {
				args = append(args, "--target", target)
			}
			_, stderr, code := throttlekitCommand(t, args...)
			if code != exitFault || !strings.Contains(stderr, row.says) {
				t.Errorf("exit code %d and %q, want 2 and %q", code, stderr, row.says)
			}
			if strings.Contains(stderr, aKey) || strings.Contains(stderr, "throttlekit: throttlekit:") {
				t.Errorf("stderr is %q", stderr)
			}
		})
	}
}

// TestClientCommandsTimeOut asks a service that never answers.
func TestClientCommandsTimeOut(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		// The server sees the caller leave only once it has read all that was sent.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer silent.Close()
	_, stderr, code := throttlekitCommand(t, "check", "api", aKey, "--target", silent.URL, "--protocol", "connect", "--timeout", "20ms")
	if code != exitFault || !strings.Contains(stderr, "deadline exceeded; the check may have been consumed") {
		t.Errorf("exit code %d and %q", code, stderr)
	}
}

func TestClientCommandsSpeakTLS(t *testing.T) {
	certificate := writePair(t)
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(readFile(t, certificate+".crt"))
	host := httptest.NewUnstartedServer(newServer(t, []server.Policy{{Name: "api", Limiter: threeAnHour(t)}}))
	host.EnableHTTP2 = true
	host.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	host.Config.ErrorLog = log.New(io.Discard, "", 0) // it is about the rows that fail
	host.StartTLS()
	defer host.Close()
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: host.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		args []string
		code int
	}{
		{"both know each other", []string{"--tls-ca", ca, "--tls-cert", certificate + ".crt", "--tls-key", certificate + ".key"}, exitOK},
		{"a CA that did not vouch for the service", []string{"--tls-ca", certificate + ".crt", "--tls-cert", certificate + ".crt", "--tls-key", certificate + ".key"}, exitFault},
		{"the service wants a certificate", []string{"--tls-ca", ca}, exitFault},
		{"the system's roots do not know the service", []string{"--tls-cert", certificate + ".crt", "--tls-key", certificate + ".key"}, exitFault},
	} {
		t.Run(row.name, func(t *testing.T) {
			stdout, stderr, code := throttlekitCommand(t, append([]string{"check", "api", aKey, "--target", host.URL}, row.args...)...)
			if code != row.code || code == exitOK && !strings.HasPrefix(stdout, "allowed; 2 of 3 left") {
				t.Errorf("exit code %d, want %d: %s%s", code, row.code, stdout, stderr)
			}
		})
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
