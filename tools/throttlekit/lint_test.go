package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/sdk/policy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func policyFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "limits.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLint(t *testing.T) {
	url := redistest.Start(t)
	for _, row := range []struct {
		name, text string
		code       int
		want       string // FILE stands for the path
	}{
		{"nothing to say is silence and 0", "limiters:\n  api: {strategy: gcra, limit: 10, period: 1s}\n", exitOK, ""},
		{"notes are no reason to fail", "limiters:\n  api: {strategy: fixedWindow, limit: 10, period: 1h}\n", exitOK,
			"FILE:2:51: note: limiters[api]: around the edge of a window up to twice the limit, 20, is admitted at once\n"},
		{"warnings are, and stand in the file's order", "limiters:\n" +
			"  api: {strategy: gcra, limit: 6, period: 1s, burst: 12}\n  web: {strategy: gcra, limit: 10, period: 30}\n", exitNo,
			"FILE:2:54: note: limiters[api]: a burst of 12 exceeds the limit of 6: after a pause, up to 18 are admitted within one period\n" +
				"FILE:2:54: warning: limiters[api]: of burst 12 arriving within one millisecond, 11 are admitted, and the rest moments later: 1000/6 ms between units is no exact binary fraction; exact nearby: limit 5, limit 8, period 999ms, period 1002ms\n" +
				"FILE:3:44: warning: limiters[web]: period 30 has no unit and is 30 milliseconds; if that is meant, write 30ms, and 30s for seconds\n"},
	} {
		path := policyFile(t, row.text)
		want := strings.ReplaceAll(row.want, "FILE", path)
		for name, args := range map[string][]string{"local": {"lint", path}, "redis": {"lint", "--redis", url, path}} {
			t.Run(row.name+"/"+name, func(t *testing.T) {
				stdout, stderr, code := throttlekitCommand(t, args...)
				if diff := cmp.Diff(want, stdout); diff != "" || code != row.code || stderr != "" {
					t.Errorf("exit code %d, want %d; stderr %q; stdout (-want +got)\n%s", code, row.code, stderr, diff)
				}
			})
		}
	}
	pool, err := redisdoor.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn := pool.Get()
	defer conn.Close()
	if keys, err := redis.Strings(conn.Do("KEYS", "throttlekit-lint-*")); err != nil || len(keys) > 0 {
		t.Errorf("it left %v behind (%v)", keys, err)
	}
}

func TestLintRunsWhatHasNoFormInGo(t *testing.T) {
	withoutGo(t, "fixedWindow")
	path := policyFile(t, "limiters:\n  api: {strategy: fixedWindow, limit: 10, period: 1h}\n")
	stdout, stderr, code := throttlekitCommand(t, "lint", path)
	if code != exitOK || !strings.Contains(stdout, "up to twice the limit, 20, is admitted at once") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

func TestLintInJSON(t *testing.T) {
	path := policyFile(t, "limiters:\n  api: {strategy: gcra, limit: 10, period: 30}\n")
	stdout, _, code := throttlekitCommand(t, "lint", "--json", path)
	var got []policy.Finding
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != exitNo {
		t.Fatalf("exit code %d and %v in\n%s", code, err, stdout)
	}
	want := []policy.Finding{{File: path, Line: 2, Column: 44, Policy: "api", Severity: policy.Warning,
		Message: "period 30 has no unit and is 30 milliseconds; if that is meant, write 30ms, and 30s for seconds"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got)\n%s", diff)
	}
	clean := policyFile(t, "limiters:\n  api: {strategy: gcra, limit: 10, period: 1s}\n")
	if stdout, _, code := throttlekitCommand(t, "lint", "--json", clean); stdout != "[]\n" || code != exitOK {
		t.Errorf("no findings are %q with exit code %d, want an empty array and 0", stdout, code)
	}
}

func TestLintFaults(t *testing.T) {
	invalid := policyFile(t, "limiters:\n  api: {strategy: gcra, limit: ten, period: 1w}\n")
	valid := policyFile(t, "limiters: {}\n")
	for _, row := range []struct {
		name string
		args []string
		says []string
	}{
		{"no file", []string{"lint"}, []string{"lint takes one argument, the policy file, got 0"}},
		{"two files", []string{"lint", valid, valid}, []string{"got 2"}},
		{"a file that is not there", []string{"lint", "nowhere.yaml"}, []string{"cannot read the policy file", "nowhere.yaml"}},
		{"a file that is not valid, every problem", []string{"lint", "--json", invalid},
			[]string{invalid + `:2:32: limiters[api].limit: is "ten"`, invalid + `:2:45: limiters[api].period: is "1w"`}},
		{"no Redis", []string{"lint", "--redis", "redis://127.0.0.1:1", valid}, []string{"connection refused"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			stdout, stderr, code := throttlekitCommand(t, row.args...)
			for _, want := range row.says {
				if !strings.Contains(stderr, want) {
					t.Errorf("stderr is %q, want it to say %q", stderr, want)
				}
			}
			if code != exitFault || stdout != "" {
				t.Errorf("exit code %d and %q on stdout, want 2 and nothing", code, stdout)
			}
		})
	}
}
