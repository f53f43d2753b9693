package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fixture is a small contract of the test's own, which no test of ours borrows from the
// repository.
type fixture struct {
	version, from, vectorsFrom string
	nowArgv                    string
	replyTuple                 []string
	scripts                    []fixtureScript
	proto                      string
	suites                     int
}

type fixtureScript struct {
	Name     string   `json:"name"`
	Strategy string   `json:"strategy"`
	Role     string   `json:"role"`
	File     string   `json:"file"`
	Keys     []string `json:"keys"`
	Argv     []string `json:"argv"`
	SHA256   string   `json:"sha256"`
	text     string
}

const fixtureProto = `syntax = "proto3";
package throttlekit.v1;
// Asks.
service Asker {
  rpc Ask(AskRequest) returns (AskResponse);
}
message AskRequest { string key = 1; int64 cost = 2; }
message AskResponse { bool allowed = 1; }
enum Axis { AXIS_UNSPECIFIED = 0; }
`

func newFixture() fixture {
	return fixture{
		version: "1", from: "core@1.0.0", vectorsFrom: "core@1.0.0", proto: fixtureProto, suites: 1,
		nowArgv: "the instant", replyTuple: []string{"allowed", "limit", "remaining", "resetAt", "retryAfterMs"},
		scripts: []fixtureScript{
			script("leaky.check", "leaky", "return {1,1,1,1,0}", "now", "slots", "cost"),
			script("pond.check", "pond", "-- CRLF, no final newline\r\nreturn {0,1,0,1,1}", "now", "depth", "cost"),
			script("brook.check", "brook", "-- not UTF-8: \xff\nreturn {1,1,1,1,0}\n", "now", "width", "cost"),
		},
	}
}

func script(name, strategy, text string, argv ...string) fixtureScript {
	return fixtureScript{
		Name: name, Strategy: strategy, Role: "check", File: name + ".lua",
		Keys: []string{"key"}, Argv: argv, SHA256: hash(text), text: text,
	}
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (f fixture) manifest(t *testing.T) string {
	t.Helper()
	data, err := json.MarshalIndent(map[string]any{
		"contractVersion": f.version, "generatedFrom": f.from, "frozen": false, "nowArgv": f.nowArgv,
		"replyTuple": f.replyTuple, "scripts": f.scripts,
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (f fixture) vectors() string {
	suites := make([]string, f.suites)
	for i := range suites {
		suites[i] = fmt.Sprintf(`{"primitive": "rateLimit", "name": "leaky/%d", "strategy": {"kind": "leaky", "options": {"slots": 1}},
    "key": "k", "ops": [{"now": 1, "cost": 1, "expect": {"allowed": true, "limit": 1, "remaining": 1, "resetAt": 1, "retryAfterMs": 0}}]}`, i)
	}
	return fmt.Sprintf(`{"contractVersion": %q, "generatedFrom": %q, "suites": [%s]}`,
		f.version, f.vectorsFrom, strings.Join(suites, ",\n"))
}

// core returns the fixture's files as a core checkout has them.
func (f fixture) core(t *testing.T) map[string]string {
	files := map[string]string{
		"wire/throttlekit.proto":           f.proto,
		"wire/scripts/manifest.json":       f.manifest(t),
		"wire/vectors/golden-vectors.json": f.vectors(),
	}
	for _, s := range f.scripts {
		files["wire/scripts/"+s.File] = s.text
	}
	return files
}

// vendored returns the fixture's files as a sync writes them, without the lock.
func (f fixture) vendored(t *testing.T) map[string]string {
	files := map[string]string{
		"proto/throttlekit/v1/throttlekit.proto": f.proto,
		"contract/manifest.json":                 f.manifest(t),
		"contract/golden-vectors.json":           f.vectors(),
	}
	for _, s := range f.scripts {
		files["contract/scripts/"+s.File] = s.text
	}
	return files
}

// folderOf writes files into a folder of their own.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		put(t, dir, name, text)
	}
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree returns every file below dir.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	fsys := os.DirFS(dir)
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, name)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// vendoredFolder is a folder that the fixture was synced into.
func vendoredFolder(t *testing.T, f fixture) string {
	t.Helper()
	into := t.TempDir()
	must(t, "--source", folderOf(t, f.core(t)), "--into", into)
	return into
}

// result is what one run of the command said.
type result struct {
	code           int
	stdout, stderr string
}

func contractsync(t *testing.T, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), args, &stdout, &stderr)
	return result{code, stdout.String(), stderr.String()}
}

// must runs a sync that has to succeed, and returns what it printed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	r := contractsync(t, args...)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("contractsync %q: exit code %d\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// wantUntouched fails when dir no longer holds exactly what it held.
func wantUntouched(t *testing.T, dir string, before map[string]string) {
	t.Helper()
	if after := tree(t, dir); !maps.Equal(before, after) {
		t.Errorf("the folder was touched:\nbefore %q\nafter  %q", before, after)
	}
}
