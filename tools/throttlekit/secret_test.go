package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// Secrets that no output may hold.
const (
	aSecret       = "correct-horse-battery-staple"
	anotherSecret = "hunter2-hunter2-hunter2"
)

func writeSecrets(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretsAreRefused(t *testing.T) {
	config := writePolicies(t, twoPolicies)
	good, blank := writeSecrets(t, aSecret), writeSecrets(t, "\n \r\n")
	for _, row := range []struct {
		name        string
		variable    string // of the environment; unset when empty, unless set
		set         bool
		args        []string
		clientsToo  bool
		says        string
		consequence string
	}{
		{"a file that is not there", "", false, []string{"--secret-file", "nowhere"}, true, "--secret-file: open nowhere: ", ""},
		{"no file's name, as from a variable that is not set", "", false, []string{"--secret-file", ""}, true, "--secret-file: open : ", "it would serve everybody"},
		{"a file of nothing", "", false, []string{"--secret-file", blank}, true, "--secret-file: " + blank + " holds no secret, want one on a line", "it would serve everybody"},
		{"a secret of two words", "", false, []string{"--secret-file", writeSecrets(t, "a\nhunter2 x")}, true, ":2 is no secret, want printable ASCII without spaces", "no header carries it"},
		{"a file without end", "", false, []string{"--secret-file", "/dev/zero"}, true, "--secret-file: /dev/zero is longer than 65536 bytes, want a few secrets, one on a line", "it would be read for ever"},
		{"a directory", "", false, []string{"--secret-file", t.TempDir()}, true, "--secret-file: read ", "there is nothing to read"},
		{"a secret that is not UTF-8", "", false, []string{"--secret-file", writeSecrets(t, "hunter2\xff")}, true, ":1 is no secret, want printable ASCII without spaces", "no header carries it"},
		{"a mark of the byte order before it", "", false, []string{"--secret-file", writeSecrets(t, "\ufeffhunter2")}, true, ":1 is no secret, want printable ASCII without spaces", "it would be another secret"},
		{"an empty variable", "", true, nil, true, "THROTTLEKIT_SECRET is no secret, want printable ASCII without spaces, or no variable for none", "it would serve everybody"},
		{"a variable of two words", "hunter2 x", true, nil, true, "THROTTLEKIT_SECRET is no secret", "no header carries it"},
		{"in the clear to everybody", "", false, []string{"--secret-file", good, "--host", "0.0.0.0"}, false,
			"secrets need --tls-cert and --tls-key with --host 0.0.0.0: in the clear they would be anybody's who listens", "the secret would be seen"},
		{"in the clear to another machine", "", false, []string{"--secret-file", good, "--target", "http://192.0.2.1:50051"}, true,
			"--target: servicedoor: WithSecret needs an https:// address, or one on this machine", "the secret would be seen"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.set {
				t.Setenv(secretVariable, row.variable)
			}
			var commands [][]string
			if !strings.Contains(strings.Join(row.args, " "), "--target") {
				commands = append(commands, []string{"serve", "--config", config, "--port", "0"})
			}
			if row.clientsToo {
				commands = append(commands, []string{"check", "api", aKey}, []string{"conform", "--target", "http://127.0.0.1:1"})
			}
			for _, command := range commands {
				stdout, stderr, code := throttlekitCommand(t, append(command, row.args...)...)
				if code == exitOK || stdout != "" || !strings.Contains(stderr, row.says) {
					t.Errorf("%s: exit code %d, %q, %q; want %q, for %s", command[0], code, stdout, stderr, row.says, row.consequence)
				}
				if strings.Contains(stderr, "hunter2") || strings.Contains(stderr, aSecret) {
					t.Errorf("%s: the secret is in %q", command[0], stderr)
				}
			}
		})
	}
}

// TestServeSecrets has a process ask for one of two secrets, by a file and by the
// environment, and calls it in every protocol.
func TestServeSecrets(t *testing.T) {
	for _, row := range []struct {
		name   string
		args   []string
		good   []string
		inLine string
	}{
		{"of a file, one of them twice, while one takes the other's place",
			[]string{"--secret-file", writeSecrets(t, "\r\n"+aSecret+"\r\n"+anotherSecret+"\n"+aSecret)}, []string{aSecret, anotherSecret}, "[memory, insecure, secret, fail=open]"},
		{"of the environment", nil, []string{aSecret}, "[memory, insecure, secret, fail=open]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.args == nil {
				t.Setenv(secretVariable, aSecret)
			}
			served := launch(t, writePolicies(t, twoPolicies), row.args...)
			if !strings.Contains(served.line, row.inLine) {
				t.Errorf("the start line is %q", served.line)
			}
			for _, protocol := range [][]servicedoor.Option{nil, {servicedoor.WithConnect()}, {servicedoor.WithGRPCWeb()}} {
				for _, secret := range row.good {
					if _, err := dialed(t, served.address, append(protocol, servicedoor.WithSecret(secret))...).Peek(t.Context(), "api", aKey); err != nil {
						t.Error(err)
					}
				}
				for name, options := range map[string][]servicedoor.Option{
					"none": protocol, "a wrong one": append(protocol[:len(protocol):len(protocol)], servicedoor.WithSecret("guess")),
				} {
					d, err := dialed(t, served.address, options...).Check(t.Context(), "api", aKey)
					if connect.CodeOf(err) != connect.CodeUnauthenticated {
						t.Errorf("%s: %+v, %v; want UNAUTHENTICATED", name, d, err)
					}
				}
			}
			code, text := post(t, curl, "http://"+served.address+"/throttlekit.v1.RateLimiter/Check", `{"policy":"api","key":"k"}`)
			if code != http.StatusUnauthorized || !strings.HasPrefix(text, `{"code":"unauthenticated",`) {
				t.Errorf("JSON: %d %s", code, text)
			}
			if health := healthOf(t, served.address, ""); health != "SERVING" {
				t.Errorf("health is %s to those without a secret", health)
			}
			if log := served.log.String(); strings.Contains(log, "guess") || strings.Contains(log, aSecret) || !strings.Contains(log, "a caller was refused") {
				t.Errorf("logged\n%s", log)
			}
		})
	}
}

func TestServeWarnsOfAShortSecret(t *testing.T) {
	_, log := serveOnce(t, "--config", writePolicies(t, twoPolicies), "--secret-file", writeSecrets(t, "hunter2"))
	if !strings.Contains(log, "shorter than 16 bytes") || strings.Contains(log, "hunter2") {
		t.Errorf("logged\n%s", log)
	}
}

// TestClientCommandsShowTheSecret which they have from the file or from the environment.
func TestClientCommandsShowTheSecret(t *testing.T) {
	target := listenTo(t, []server.Policy{{Name: "api", Limiter: threeAnHour(t)}}, server.WithSecrets(aSecret))
	for _, row := range []struct {
		name, variable string
		args           []string
		code           int
	}{
		{"a file, whose first line is shown", "", []string{"--secret-file", writeSecrets(t, aSecret+"\n"+anotherSecret+"\n")}, exitOK},
		{"the environment", aSecret + "\n", nil, exitOK},
		{"a file before the environment", anotherSecret, []string{"--secret-file", writeSecrets(t, aSecret)}, exitOK},
		{"a wrong one", anotherSecret, nil, exitFault},
		{"none", "", nil, exitFault},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.variable != "" {
				t.Setenv(secretVariable, row.variable)
			}
			for _, command := range [][]string{{"peek", "api", aKey}, {"forecast", "api", aKey}, {"many", "api", row.name}, {"check", "api", row.name}} {
				stdout, stderr, code := throttlekitCommand(t, append(append(command, "--target", target), row.args...)...)
				if code != row.code {
					t.Errorf("%s: exit code %d, want %d: %s%s", command[0], code, row.code, stdout, stderr)
				}
				if row.code == exitFault && !strings.Contains(stderr, "unauthenticated: ") || strings.Contains(stderr, "hunter2") {
					t.Errorf("%s: stderr is %q", command[0], stderr)
				}
			}
		})
	}
}
