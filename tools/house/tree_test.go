package house

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	root       = "../.."
	modulePath = "github.com/throttlekit/throttlekit-go"
)

// goFile is one Go file of the root module, parsed.
type goFile struct {
	path string // from the root, with slashes
	ast  *ast.File
	text []byte
}

func (f goFile) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// goFiles parses every Go file of the root module; nested modules and testdata are not
// part of it.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != root && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") || exists(filepath.Join(path, "go.mod"))) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ParseComments)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		files = append(files, goFile{path: filepath.ToSlash(relative), ast: parsed, text: text})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("found %d Go files, so this test looks in the wrong place", len(files))
	}
	return files
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestEverythingUnderGenIsGenerated(t *testing.T) {
	for _, f := range goFiles(t) {
		if strings.HasPrefix(f.path, "gen/") && f.path != "gen/doc.go" && !ast.IsGenerated(f.ast) {
			t.Errorf("%s is not marked as generated; only gen/doc.go is written by hand there", f.path)
		}
		if !strings.HasPrefix(f.path, "gen/") && ast.IsGenerated(f.ast) {
			t.Errorf("%s is marked as generated; what is generated lives under gen/", f.path)
		}
	}
}

func TestHandWrittenFilesAreShort(t *testing.T) {
	for _, f := range goFiles(t) {
		if lines := bytes.Count(f.text, []byte("\n")); lines > 700 && !ast.IsGenerated(f.ast) {
			t.Errorf("%s has %d lines, want at most 700: more than one idea lives there", f.path, lines)
		}
	}
}

// TestTopLevel keeps the promise of the card: the top level is what a
// newcomer was told.
func TestTopLevel(t *testing.T) {
	allowed := map[string]bool{
		"buf.yaml": true, "buf.gen.yaml": true, "proto": true, "gen": true, "sdk": true, "luagen": true, "tools": true,
		"contract": true, "go.mod": true, "go.sum": true, "Taskfile.yml": true,
		"README.md": true, "CHANGELOG.md": true, "CONTRIBUTING.md": true, "SECURITY.md": true, "LICENSE": true,
	}
	for _, path := range trackedFiles(t) {
		top, _, _ := strings.Cut(path, "/")
		if !allowed[top] && !strings.HasPrefix(top, ".") && top != "staticcheck.conf" {
			t.Errorf("%s stands at the top level, where only the agreed names do", top)
		}
	}
}

// trackedFiles asks git, and where the source came without it, walks.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	if out, err := exec.Command("git", "-C", root, "ls-files", "-z").Output(); err == nil {
		return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 })
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
