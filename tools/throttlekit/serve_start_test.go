package main

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

const twoPolicies = "limiters:\n" +
	"  api: {strategy: gcra, limit: 10, period: 1h}\n" +
	"  login: {strategy: fixedWindow, limit: 3, period: 1h}\n"

func TestServeRefuses(t *testing.T) {
	good := writePolicies(t, twoPolicies)
	bad := writePolicies(t, "limiters:\n  api: {strategy: gcra, limit: 0, period: 1h}\n")
	shared := writePolicies(t, "defaults: {prefix: acme}\n"+twoPolicies)
	pair := writePair(t)
	text := writePolicies(t, "not PEM")
	for _, row := range []struct {
		name string
		args []string
		says string
	}{
		{"no policy file", nil, "--config is missing"},
		{"a policy file that is not there", []string{"-c", "nowhere.yaml"}, "--config: open nowhere.yaml: "},
		{"a policy that is wrong", []string{"-c", bad}, bad + ":2:32: limiters[api].limit: "},
		{"policies that share keys on a shared Redis", []string{"-c", shared, "--redis", "redis://localhost"}, "limiters[login]: its keys can be those of limiters[api]"},
		{"an argument", []string{"-c", good, "now"}, `serve takes no arguments, got "now"`},
		{"a flag that nobody knows", []string{"-c", good, "--prot", "1"}, "flag provided but not defined: -prot"},
		{"a flag without its value", []string{"-c", good, "--port"}, "flag needs an argument: --port"},
		{"a port that is no number", []string{"-c", good, "-p", "http"}, `--port is "http", want a whole number from 0 to 65535`},
		{"a port below 0", []string{"-c", good, "--port=-1"}, `--port is "-1", want`},
		{"a port above 65535", []string{"-c", good, "-p", "65536"}, `--port is "65536", want`},
		{"a port for metrics that is none", []string{"-c", good, "--metrics-port", "x"}, `--metrics-port is "x", want`},
		{"a host that is not this machine", []string{"-c", good, "-p", "0", "--host", "192.0.2.1"}, "--host and --port: listen tcp 192.0.2.1:0: "},
		{"the same for metrics", []string{"-c", good, "-p", "0", "--metrics-host", "192.0.2.1", "--metrics-port", "0"}, "--metrics-host and --metrics-port: listen tcp 192.0.2.1:0: "},
		{"a host that a variable left empty", []string{"-c", good, "-p", "0", "--host", ""}, "--host or --metrics-host is empty"},
		{"a fail mode that is none", []string{"-c", good, "--fail", "maybe"}, `--fail is "maybe", want open or closed`},
		{"a log that is none", []string{"-c", good, "--log", "xml"}, `--log is "xml", want text or json`},
		{"no time to drain", []string{"-c", good, "--drain", "0s"}, "--drain is 0s, want more than 0"},
		{"a Redis that is no URL", []string{"-c", good, "--redis", "user:secret@localhost:6379"}, "--redis: redisdoor: redis address: "},
		{"an empty Redis", []string{"-c", good, "--redis", ""}, "--redis or THROTTLEKIT_REDIS is empty"},
		{"an authority without a certificate", []string{"-c", good, "--tls-ca", pair + ".crt"}, "--tls-ca needs --tls-cert and --tls-key"},
		{"a certificate without its key", []string{"-c", good, "--tls-cert", pair + ".crt"}, "--tls-cert needs --tls-key"},
		{"a key without its certificate", []string{"-c", good, "--tls-key", pair + ".key"}, "--tls-key needs --tls-cert"},
		{"both, but empty, as from a variable that is not set", []string{"-c", good, "--tls-cert", "", "--tls-key", ""}, "--tls-cert, --tls-key or --tls-ca is empty, want the name of a file"},
		{"an authority that is empty", []string{"-c", good, "--tls-cert", pair + ".crt", "--tls-key", pair + ".key", "--tls-ca", ""}, "--tls-cert, --tls-key or --tls-ca is empty"},
		{"a certificate that is none", []string{"-c", good, "--tls-cert", text, "--tls-key", pair + ".key"}, "--tls-cert and --tls-key: tls: failed to find any PEM data"},
		{"an authority that is none", []string{"-c", good, "--tls-cert", pair + ".crt", "--tls-key", pair + ".key", "--tls-ca", text}, "holds no certificate in PEM"},
	} {
		t.Run(row.name, func(t *testing.T) {
			stdout, stderr, code := throttlekitCommand(t, append([]string{"serve"}, row.args...)...)
			if code != exitNo || stdout != "" {
				t.Errorf("exit code %d and %q on stdout, want 1 and nothing", code, stdout)
			}
			if !strings.HasPrefix(stderr, "throttlekit: ") || !strings.Contains(stderr, row.says) || strings.Contains(stderr, "secret") {
				t.Errorf("said %q, want %q", stderr, row.says)
			}
		})
	}
}

// TestServeRefusesWhatTheCoreHas holds the flags of the core's service to one of two:
// served, or refused by name.
func TestServeRefusesWhatTheCoreHas(t *testing.T) {
	good := writePolicies(t, twoPolicies)
	served := []string{"config", "host", "port", "fail", "redis", "redis-prefix", "tls-cert", "tls-key", "tls-ca", "metrics-port", "metrics-host"}
	foreign := []string{"store", "postgres-url", "postgres-table", "postgres-prefix", "dynamodb-table", "dynamodb-region", "dynamodb-endpoint",
		"dynamodb-prefix", "dynamodb-create-table", "region", "node-id", "monitor", "monitor-secret", "fleet-secret", "tui", "plan-candidate"}
	help, _, code := throttlekitCommand(t, "serve", "-h")
	if code != exitOK {
		t.Fatalf("-h: exit code %d", code)
	}
	for _, name := range served {
		if !strings.Contains(help, "--"+name+" ") {
			t.Errorf("the help does not have --%s\n%s", name, help)
		}
	}
	for _, name := range foreign {
		args := []string{"serve", "-c", good, "--" + name}
		if !slices.Contains([]string{"tui", "dynamodb-create-table"}, name) {
			args = append(args, "s3cret")
		}
		stdout, stderr, code := throttlekitCommand(t, args...)
		if code != exitNo || stdout != "" || !strings.HasPrefix(stderr, "throttlekit: --"+name+" is not served: ") || strings.Contains(stderr, "s3cret") {
			t.Errorf("--%s: exit code %d, %q, %q", name, code, stdout, stderr)
		}
	}
}

// serveOnce runs serve in this process until it has printed its start line.
func serveOnce(t *testing.T, args ...string) (line, log string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out := &lineReader{cancel: cancel}
	var stderr bytes.Buffer
	if code := run(ctx, append([]string{"throttlekit", "serve", "--port", "0"}, args...), out, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	return out.String(), stderr.String()
}

// lineReader is a reader of the output who has seen enough after one line.
type lineReader struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (r *lineReader) Write(p []byte) (int, error) {
	defer r.cancel()
	return r.Buffer.Write(p)
}

func TestServeSaysHowItServes(t *testing.T) {
	two := writePolicies(t, twoPolicies)
	kinds := writePolicies(t, twoPolicies+
		"  spend: {tokenBudget: {budget: 10, windowMs: 1000}}\n"+
		"  tiers: {strategy: gcra, limit: 10, period: 1h, twoTier: {mode: leased}}\n")
	shared := writePolicies(t, "defaults: {prefix: acme}\n"+twoPolicies)
	pair := writePair(t)
	const insecure = "listening beyond this machine without TLS"
	for _, row := range []struct {
		name string
		args []string
		line string
		logs []string
		not  string
	}{
		{"as it is", []string{"-c", two}, `127\.0\.0\.1:[1-9]\d* \[memory, insecure, fail=open\] \(2 policies: api, login\)`, nil, insecure},
		{"on a Redis that is not there, closed", []string{"-c", two, "--redis", "redis://127.0.0.1:1", "--fail", "closed"},
			`127\.0\.0\.1:[1-9]\d* \[redis, insecure, fail=closed\] \(2 policies: api, login\)`, nil, "api"},
		{"with metrics", []string{"-c", two, "--metrics-port", "0"},
			`127\.0\.0\.1:[1-9]\d* \[memory, insecure, fail=open, metrics:[1-9]\d*\] \(2 policies: api, login\)`, nil, "metrics can be read"},
		{"with TLS, everywhere", []string{"-c", two, "--host", "0.0.0.0", "--tls-cert", pair + ".crt", "--tls-key", pair + ".key"},
			`0\.0\.0\.0:[1-9]\d* \[memory, TLS, fail=open\] \(2 policies: api, login\)`, nil, insecure},
		{"with mTLS", []string{"-c", two, "--tls-cert", pair + ".crt", "--tls-key", pair + ".key", "--tls-ca", pair + ".crt"},
			`127\.0\.0\.1:[1-9]\d* \[memory, mTLS, fail=open\] \(2 policies: api, login\)`, nil, insecure},
		{"in the clear, everywhere", []string{"-c", two, "--host", "0.0.0.0", "--metrics-port", "0", "--metrics-host", "0.0.0.0"},
			`0\.0\.0\.0:[1-9]\d* \[.*\] \(2 policies: api, login\)`, []string{insecure, "metrics can be read from beyond this machine"}, ""},
		{"by name", []string{"-c", two, "--host", "localhost"}, `localhost:[1-9]\d* \[.*\] \(2 policies: api, login\)`, nil, insecure},
		{"what it does not serve", []string{"-c", kinds, "--log", "json"}, `127\.0\.0\.1:[1-9]\d* \[.*\] \(4 policies: api, login, spend, tiers\)`,
			[]string{`"policy":"spend","reason":"this server does not serve tokenBudget policies yet"`, `"policy":"tiers","notice":"`}, "level="},
		{"a prefix for all", []string{"-c", shared}, `127\.0\.0\.1:[1-9]\d* \[.*\] \(2 policies: api, login\)`,
			[]string{"policies kept apart here, which --redis would refuse"}, ""},
		{"no policies", []string{"-c", writePolicies(t, "limiters: {}\n")}, `127\.0\.0\.1:[1-9]\d* \[.*\] \(0 policies\)`, nil, "WARN"},
	} {
		t.Run(row.name, func(t *testing.T) {
			line, log := serveOnce(t, row.args...)
			if !regexp.MustCompile(`\Athrottlekit listening on ` + row.line + `\n\z`).MatchString(line) {
				t.Errorf("printed %q, want %s", line, row.line)
			}
			for _, want := range row.logs {
				if !strings.Contains(log, want) {
					t.Errorf("logged\n%swant %s", log, want)
				}
			}
			if row.not != "" && strings.Contains(log, row.not) {
				t.Errorf("logged\n%swant nothing of %s", log, row.not)
			}
		})
	}
}

// TestServeWritesTheKeysOfEveryOtherClient is the table of the contract's documentation:
// what a policy file and --redis-prefix make of key u1 under policy api.
func TestServeWritesTheKeysOfEveryOtherClient(t *testing.T) {
	own := ownPrefix("keys")
	url := redistest.Start(t)
	pool, err := redisdoor.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	const policy = "limiters: {api: {strategy: gcra, limit: 10, period: 1h%s}}\n"
	for _, row := range []struct {
		name, config, prefix string
		key                  string
	}{
		{"nothing", fmt.Sprintf(policy, ""), "", "api:u1"},
		{"a store's prefix", fmt.Sprintf(policy, ""), "prod", "prod:api:u1"},
		{"a default prefix, which replaces the name", "defaults: {prefix: acme}\n" + fmt.Sprintf(policy, ""), "", "acme:u1"},
		{"both", "defaults: {prefix: acme}\n" + fmt.Sprintf(policy, ""), "prod", "prod:acme:u1"},
		{"a policy's prefix", fmt.Sprintf(policy, ", prefix: x"), "prod", "prod:x:u1"},
		{"a policy's prefix over a default", "defaults: {prefix: acme}\n" + fmt.Sprintf(policy, ", prefix: x"), "prod", "prod:x:u1"},
		{"a policy's empty prefix", fmt.Sprintf(policy, `, prefix: ""`), "", "u1"},
		{"a policy's empty prefix under a store's", fmt.Sprintf(policy, `, prefix: ""`), "prod", "prod:u1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			// The Redis may be shared: u1 is a name of this test's own.
			u1 := own + "-" + strings.ReplaceAll(row.name, " ", "-")
			args := []string{"--redis", url}
			if row.prefix != "" {
				args = append(args, "--redis-prefix", row.prefix)
			}
			client := dialed(t, startServe(t, row.config, args...))
			if d, err := client.Check(t.Context(), "api", u1); err != nil || d.Remaining != 9 || d.ResetAt.IsZero() {
				t.Fatalf("Check: %+v, %v", d, err)
			}
			c := pool.Get()
			defer c.Close()
			want := strings.TrimSuffix(row.key, "u1") + u1
			if keys, err := redis.Strings(c.Do("KEYS", "*"+u1)); err != nil || !slices.Equal(keys, []string{want}) {
				t.Errorf("Redis has %q (%v), want %q", keys, err, want)
			}
			if _, err := c.Do("DEL", want); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestServeKeepsPoliciesApartInMemory(t *testing.T) {
	client := dialed(t, startServe(t, "defaults: {prefix: acme}\n"+twoPolicies+"  api:x: {strategy: gcra, limit: 10, period: 1h}\n"))
	for _, policy := range []string{"api", "login", "api:x"} {
		for _, key := range []string{"x:u1", "u1"} {
			d, err := client.Check(t.Context(), policy, key)
			if err != nil || d.ResetAt.IsZero() || d.Remaining != d.Limit-1 {
				t.Errorf("policy %s, key %s: %+v, %v; want a limit of its own", policy, key, d, err)
			}
		}
	}
}
