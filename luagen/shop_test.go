package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/sdk/embedded"
)

// contract is a contract that a test may change before it generates from it. It is
// made for the tests, so that they pass with whatever contract the repository holds.
type contract struct {
	replyTuple []string
	scripts    []*checkScript
}

type checkScript struct {
	strategy string
	argv     []string
	text     string
}

// shopContract is the contract as it stands before a change.
func shopContract(t *testing.T) *contract {
	return &contract{
		replyTuple: []string{"allowed", "limit", "remaining", "resetAt", "retryAfterMs"},
		scripts: []*checkScript{
			loadCheck(t, "gate", "now", "limit", "windowMs", "cost"),
			loadCheck(t, "drip", "now", "periodMs", "limit", "burst", "cost"),
			loadCheck(t, "purse", "now", "capacity", "refillPerSec", "cost"),
		},
	}
}

func loadCheck(t *testing.T, strategy string, argv ...string) *checkScript {
	t.Helper()
	return &checkScript{strategy, argv, readFile(t, "testdata/shop/"+strategy+".check.lua")}
}

func (c *contract) script(strategy string) *checkScript {
	return c.scripts[slices.IndexFunc(c.scripts, func(s *checkScript) bool { return s.strategy == strategy })]
}

var argvIndex = regexp.MustCompile(`ARGV\[(\d+)\]`)

// permute makes the script take argv in that order, in the manifest and in its text.
func (s *checkScript) permute(argv ...string) {
	before := s.argv
	s.argv = argv
	s.text = argvIndex.ReplaceAllStringFunc(s.text, func(found string) string {
		n, _ := strconv.Atoi(argvIndex.FindStringSubmatch(found)[1])
		return fmt.Sprintf("ARGV[%d]", slices.Index(argv, before[n-1])+1)
	})
}

// replace changes the script's text in one place.
func (s *checkScript) replace(t *testing.T, old, now string) {
	t.Helper()
	if strings.Count(s.text, old) != 1 {
		t.Fatalf("%s does not hold %q once", s.strategy, old)
	}
	s.text = strings.Replace(s.text, old, now, 1)
}

// reorderReply makes every script reply in that order.
func (c *contract) reorderReply(t *testing.T, tuple ...string) {
	t.Helper()
	before, after := strings.Join(c.replyTuple, ", "), strings.Join(tuple, ", ")
	for _, s := range c.scripts {
		if strings.Count(s.text, before) != 1 {
			t.Fatalf("%s does not reply {%s}", s.strategy, before)
		}
		s.text = strings.Replace(s.text, before, after, 1)
	}
	c.replyTuple = tuple
}

func (c *contract) write(t *testing.T, dir string) {
	t.Helper()
	var entries []any
	for _, s := range c.scripts {
		file := s.strategy + ".check.lua"
		entries = append(entries, map[string]any{
			"name": s.strategy + ".check", "strategy": s.strategy, "role": "check", "file": file,
			"keys": []string{"key"}, "argv": s.argv, "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(s.text))),
		})
		writeFile(t, filepath.Join(dir, "scripts", file), s.text)
	}
	manifest, err := json.Marshal(map[string]any{
		"contractVersion": "1", "generatedFrom": "shop@1", "frozen": false, "nowArgv": "the instant",
		"replyTuple": c.replyTuple, "scripts": entries,
	})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, filepath.Join(dir, "manifest.json"), string(manifest))
}

// shop is a user's module in a folder of its own, with the SDK as its dependency.
type shop struct{ dir string }

func newShop(t *testing.T) *shop {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{dir: t.TempDir()}
	for file, from := range map[string]string{
		"main.go": "main", "savings/main.go": "savings", "timeline/timeline.go": "timeline", "local/main.go": "local",
	} {
		writeFile(t, s.path(file), readFile(t, "testdata/shop/"+from+".go.txt"))
	}
	const sdk = "github.com/throttlekit/throttlekit-go"
	writeFile(t, s.path("go.mod"), fmt.Sprintf("module example.test/shop\n\ngo 1.25.0\n\nrequire %s v0.0.0\n\nreplace %s => %q\n", sdk, sdk, root))
	writeFile(t, s.path("go.sum"), readFile(t, filepath.Join(root, "go.sum")))
	return s
}

func (s *shop) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// generate runs luagen on the contract, the way the user's go:generate line does, and
// returns what it said.
func (s *shop) generate(t *testing.T, c *contract) string {
	t.Helper()
	dir := t.TempDir()
	c.write(t, dir)
	var said strings.Builder
	if err := run([]string{"-contract", dir, "-out", s.path("strategy")}, io.Discard, &said); err != nil {
		t.Fatal(err)
	}
	return said.String()
}

// command runs the go command in the module, off line and with the module's own files.
func (s *shop) command(args ...string) (output string, err error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	data, err := cmd.CombinedOutput()
	return string(data), err
}

func (s *shop) mustCommand(t *testing.T, args ...string) {
	t.Helper()
	if output, err := s.command(args...); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// build builds the commands of the given packages; each can then be run.
func (s *shop) build(t *testing.T, packages ...string) {
	t.Helper()
	s.mustCommand(t, append([]string{"build", "-o", s.path("bin") + string(filepath.Separator)}, packages...)...)
}

// run runs a command that was built, on a Redis of its own, and returns its output.
func (s *shop) run(t *testing.T, name string) string {
	t.Helper()
	redis, err := embedded.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer redis.Close()
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	output, err := exec.Command(filepath.Join(s.path("bin"), name), redis.URL()).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
	return string(output)
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
