package gen

import (
	"flag"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected files under testdata")

// Generated Go is kept under this suffix, so that no tool takes it for ours.
const goldenSuffix = ".golden"

// TestGolden generates from each folder of testdata/golden and compares byte for byte:
//
//	reason.txt    why the case is there, in a line
//	package.txt   the package to generate; "strategy" without it
//	contract/     what goes in
//	want/         what comes out; notices.txt holds what is said aloud
func TestGolden(t *testing.T) {
	reasons := reasonBook{}
	for _, dir := range glob(t, "testdata/golden/*") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			reasons.add(t, read(t, filepath.Join(dir, "reason.txt")))
			var opts Options
			if pkg, err := os.ReadFile(filepath.Join(dir, "package.txt")); err == nil {
				opts.Package = strings.TrimSpace(string(pkg))
			}
			out, err := Generate(os.DirFS(filepath.Join(dir, "contract")), opts)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for _, f := range out.Files {
				checkGo(t, f)
				got[f.Name+goldenSuffix] = string(f.Data)
			}
			if len(out.Notices) > 0 {
				got["notices.txt"] = strings.Join(out.Notices, "\n") + "\n"
			}
			want := filepath.Join(dir, "want")
			if *update {
				writeFolder(t, want, got)
			}
			if diff := cmp.Diff(readFolder(t, want), got); diff != "" {
				t.Errorf("not what %s holds (-want +got); go test -update rewrites it:\n%s", want, diff)
			}
		})
	}
}

// checkGo holds what is true of every generated file: it parses, it is marked as
// generated the way tools look for, and gofmt has nothing to change.
func checkGo(t *testing.T, f File) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), f.Name, f.Data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatalf("%s does not parse: %v", f.Name, err)
	}
	if !ast.IsGenerated(file) {
		t.Errorf("%s is not marked as generated", f.Name)
	}
	formatted, err := format.Source(f.Data)
	if err != nil {
		t.Fatalf("%s: %v", f.Name, err)
	}
	if diff := cmp.Diff(string(f.Data), string(formatted)); diff != "" {
		t.Errorf("gofmt would change %s (-is +would be):\n%s", f.Name, diff)
	}
}

// reasonBook insists that every case says why it is there, and says it once.
type reasonBook map[string]string

func (b reasonBook) add(t *testing.T, reason string) {
	t.Helper()
	reason = strings.TrimSpace(reason)
	if reason == "" || strings.Contains(reason, "\n") {
		t.Errorf("the case must give its reason in one line, got %q", reason)
	}
	if other, ok := b[reason]; ok {
		t.Errorf("the case gives the reason of %s: one of the two is too many", other)
	}
	b[reason] = t.Name()
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("nothing matches %s: %v", pattern, err)
	}
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func readFolder(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, path := range glob(t, filepath.Join(dir, "*")) {
		files[filepath.Base(path)] = read(t, path)
	}
	return files
}

func writeFolder(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
