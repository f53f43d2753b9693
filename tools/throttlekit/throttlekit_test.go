package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
	"go.uber.org/goleak"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const vendored = "../../contract/golden-vectors.json"

// throttlekitCommand runs the command and returns what it printed and its exit code.
func throttlekitCommand(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), append([]string{"throttlekit"}, args...), &out, &err)
	return out.String(), err.String(), code
}

func TestConformOnTheVendoredVectors(t *testing.T) {
	url := redistest.Start(t)
	for name, args := range map[string][]string{
		"embedded": {"conform", "--vectors", vendored},
		"redis":    {"conform", "--vectors", vendored, "--redis", url},
		"local":    {"conform", "--vectors", vendored, "--local"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := throttlekitCommand(t, args...)
			if code != exitOK || stderr != "" {
				t.Errorf("exit code %d, want 0\n%s%s", code, stdout, stderr)
			}
			if !regexp.MustCompile(`(?m)\A(ok    \S.*\n)+(left out: .*\n)?[1-9]\d* suites, [1-9]\d* ops, 0 mismatches\n\z`).MatchString(stdout) {
				t.Errorf("printed\n%s", stdout)
			}
		})
	}
	pool, err := redisdoor.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn := pool.Get()
	defer conn.Close()
	if keys, err := redis.Strings(conn.Do("KEYS", "throttlekit-conform-*")); err != nil || len(keys) > 0 {
		t.Errorf("it left %v behind (%v)", keys, err)
	}
}

// vectorsOf writes a file with one suite of any strategy, whose expected replies are
// the given ones.
func vectorsOf(t *testing.T, kind string, options map[string]float64, ops ...map[string]any) string {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"contractVersion": "1", "generatedFrom": "test", "frozen": false,
		"decisionFields": []string{"allowed", "limit", "remaining", "resetAt", "retryAfterMs"},
		"suites": []any{map[string]any{"primitive": "rateLimit", "name": "suite", "key": "k",
			"strategy": map[string]any{"kind": kind, "options": options}, "ops": ops}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "vectors.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func op(now float64, allowed bool, limit, remaining, resetAt, retryAfter float64) map[string]any {
	return map[string]any{"now": now, "cost": 1, "expect": map[string]any{"allowed": allowed, "limit": limit,
		"remaining": remaining, "resetAt": resetAt, "retryAfterMs": retryAfter}}
}

func TestConformReports(t *testing.T) {
	window := map[string]float64{"limit": 1, "windowMs": 1000}
	for _, row := range []struct {
		name string
		path string
		code int
		says []string
	}{
		{"a file of an older core has ops at 0, which are moved by 1000 ms", vectorsOf(t, "fixedWindow", window,
			op(0, true, 1, 0, 1000, 0), op(999, false, 1, 0, 1000, 1)), exitOK,
			[]string{"ok    suite (2 ops)", "1 suites, 2 ops, 0 mismatches"}},
		{"a wrong expectation is shown with op, wanted and got", vectorsOf(t, "fixedWindow", window,
			op(1000, true, 1, 0, 2000, 0), op(1001, true, 1, 0, 2000, 0)), exitNo,
			[]string{"FAIL  suite (2 ops)", "op 1 (now 1001, cost 1): want {Allowed:true", "got {Allowed:false", "RetryAfterMs:999}", "1 suites, 2 ops, 1 mismatches"}},
		{"a strategy that the contract lacks cannot conform", vectorsOf(t, "nobodysStrategy", window, op(1, true, 1, 0, 1, 0)), exitNo,
			[]string{`the contract has no strategy "nobodysStrategy"`, "1 suites, 1 ops, 1 mismatches"}},
		{"nor can options that it refuses", vectorsOf(t, "fixedWindow", map[string]float64{"limit": 1}, op(1, true, 1, 0, 1, 0)), exitNo,
			[]string{"windowMs (Window) is 0", "1 mismatches"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, door := range [][]string{nil, {"--local"}} {
				stdout, stderr, code := throttlekitCommand(t, append([]string{"conform", "--vectors", row.path}, door...)...)
				if code != row.code {
					t.Errorf("%v: exit code %d, want %d (%s)", door, code, row.code, stderr)
				}
				for _, want := range row.says {
					if !strings.Contains(stdout, want) {
						t.Errorf("%v printed\n%swant it to say %q", door, stdout, want)
					}
				}
			}
		})
	}
}

func TestFaultsExitWithTwo(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		says string
	}{
		{"an unknown command", []string{"conforn"}, `unknown command "conforn"`},
		{"an unknown flag", []string{"demo", "--nope"}, "nope"},
		{"an argument too many", []string{"demo", "now"}, `demo takes no arguments, got "now"`},
		{"no such file", []string{"conform", "--vectors", "nowhere.json"}, "nowhere.json"},
		{"a file that holds no vectors", []string{"conform", "--vectors", "main.go"}, "main.go"},
		{"an address that is none", []string{"demo", "--redis", "localhost:6379"}, "want redis://"},
		{"no Redis there", []string{"conform", "--vectors", vendored, "--redis", "redis://127.0.0.1:1"}, "connection refused"},
		{"two places to replay in", []string{"conform", "--vectors", vendored, "--local", "--redis", "redis://127.0.0.1:1"}, "--local replays without any Redis"},
		{"a service has no vectors to replay", []string{"conform", "--local", "--target", "localhost:1"}, "--local is about a door"},
		{"an unknown strategy", []string{"demo", "--strategy", "nobodys"}, `the contract has no strategy "nobodys"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, stderr, code := throttlekitCommand(t, row.args...)
			if code != exitFault || !strings.Contains(stderr, row.says) {
				t.Errorf("exit code %d and %q, want 2 and %q", code, stderr, row.says)
			}
		})
	}
}

func TestHelpNamesTheCommands(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}} {
		stdout, _, code := throttlekitCommand(t, args...)
		if code != exitOK || !strings.Contains(stdout, "demo") || !strings.Contains(stdout, "conform") {
			t.Errorf("%v: exit code %d and\n%s", args, code, stdout)
		}
	}
}

var tableLine = regexp.MustCompile(`(?m)^ +(\d)  (Redis|service|process) +(yes|no)  +(\d+)  +(\S+)  \d\d:\d\d:\d\d\.\d{3}$`)

func TestDemoShowsEveryStrategyOnEveryDoor(t *testing.T) {
	redisURL := redistest.Start(t)
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			stdout, stderr, code := throttlekitCommand(t, "demo", "--strategy", d.Name, "--redis", redisURL)
			if code != exitOK {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			rows := tableLine.FindAllStringSubmatch(stdout, -1)
			if len(rows) != 4*demoTries {
				t.Fatalf("printed %d lines of the table, want %d\n%s", len(rows), 4*demoTries, stdout)
			}
			for part, doors := range [][]string{{"Redis"}, {"service"}, {"Redis", "service"}, {"process"}} {
				admitted := 0
				for i, row := range rows[part*demoTries : (part+1)*demoTries] {
					if row[2] != doors[i%len(doors)] {
						t.Errorf("part %d, try %s went through %s, want %s", part, row[1], row[2], doors[i%len(doors)])
					}
					if row[3] == "yes" {
						admitted++
					}
				}
				// An edge of a window may fall into the burst; then more fit.
				if admitted < demoLimit || admitted == demoTries && !strings.Contains(strings.ToLower(d.Name), "window") {
					t.Errorf("part %d admitted %d of %d, want the limit of %d\n%s", part, admitted, demoTries, demoLimit, stdout)
				}
			}
			if strings.Contains(stdout, "\x1b") {
				t.Error("there is colour, and no terminal")
			}
			if !strings.Contains(stdout, "curl -H 'Content-Type: application/json' -d ") || !strings.Contains(stdout, `{"decision":{`) {
				t.Errorf("no curl line, or no answer to it\n%s", stdout)
			}
		})
	}
	pool, err := redisdoor.Dial(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn := pool.Get()
	defer conn.Close()
	if keys, err := redis.Strings(conn.Do("KEYS", "throttlekit-demo-*")); err != nil || len(keys) > 0 {
		t.Errorf("it left %v behind (%v)", keys, err)
	}
}

func TestDemoKeepsTheServerUntilToldToStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &stopper{cancel: cancel}
	var stderr bytes.Buffer
	if code := run(ctx, []string{"throttlekit", "demo", "--keep", "1h"}, out, &stderr); code != exitOK {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
	address := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(out.String())
	if u, err := url.Parse(address); err != nil || u.Port() == "0" {
		t.Errorf("the server's address is %q", address)
	}
}

// stopper is a reader of the output who presses Ctrl-C when told how.
type stopper struct {
	bytes.Buffer
	cancel context.CancelFunc
}

func (s *stopper) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("Ctrl-C")) {
		s.cancel()
	}
	return s.Buffer.Write(p)
}

func TestTableRowIsColouredOutsideThePadding(t *testing.T) {
	d := throttlekit.Decision{Allowed: true, Remaining: 3}
	plain, coloured := tableRow(1, "Redis", d, false), tableRow(1, "Redis", d, true)
	if want := strings.Replace(plain, "yes    ", "\x1b[32myes    \x1b[0m", 1); coloured != want {
		t.Errorf("coloured row is %q, want %q", coloured, want)
	}
}
