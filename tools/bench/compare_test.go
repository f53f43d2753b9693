package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCompare compares two revisions of a module of its own, of which the later one's
// benchmark does three times as much.
func TestCompare(t *testing.T) {
	source := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(source, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		cmd.Dir = source
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	const benchmark = `package m

import "testing"

var kept []byte

func BenchmarkMake(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		kept = make([]byte, SIZE)
	}
}
`
	write("go.mod", "module example.com/m\n\ngo 1.25\n")
	write("m_test.go", strings.Replace(benchmark, "SIZE", "1024", 1))
	git("init", "--quiet")
	git("add", ".")
	git("commit", "--quiet", "-m", "before")
	write("m_test.go", strings.Replace(benchmark, "SIZE", "3072", 1))

	var out bytes.Buffer
	c := comparison{source: source, base: "HEAD", count: 6, bench: ".", time: "100x", packages: []string{"."}, out: &out, log: t.Output()}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "+200.00% (p=0.002 n=6)") {
		t.Errorf("benchstat does not say that three times as many bytes are 200 %% more:\n%s", &out)
	}
	if trees := git("worktree", "list"); strings.Count(trees, "\n") != 1 {
		t.Errorf("a worktree stayed:\n%s", trees)
	}
}
