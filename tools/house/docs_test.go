package house

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestExportedNamesAreDocumented covers what an SDK user meets.
func TestExportedNamesAreDocumented(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() || !strings.HasPrefix(f.path, "sdk/") {
			continue
		}
		for _, decl := range f.ast.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc.Text() == "" {
					t.Errorf("%s: func %s has no doc comment", f.path, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					undocumented(d, spec, func(name string) {
						t.Errorf("%s: %s has no doc comment", f.path, name)
					})
				}
			}
		}
	}
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	receiver := d.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	name, ok := receiver.(*ast.Ident)
	return ok && name.IsExported()
}

func undocumented(d *ast.GenDecl, spec ast.Spec, report func(name string)) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && d.Doc.Text() == "" && s.Doc.Text() == "" {
			report("type " + s.Name.Name)
		}
		if fields, ok := s.Type.(*ast.StructType); ok && s.Name.IsExported() {
			reportFields(s.Name.Name, fields, report)
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && d.Doc.Text() == "" && s.Doc.Text() == "" && s.Comment.Text() == "" {
				report(d.Tok.String() + " " + name.Name)
			}
		}
	}
}

func reportFields(owner string, fields *ast.StructType, report func(name string)) {
	for _, field := range fields.Fields.List {
		for _, name := range field.Names {
			if name.IsExported() && field.Doc.Text() == "" && field.Comment.Text() == "" {
				report("field " + owner + "." + name.Name)
			}
		}
	}
}

// TestPackagesHaveExamples: every package that a user opens shows how.
func TestPackagesHaveExamples(t *testing.T) {
	examples := map[string]bool{}
	for _, f := range goFiles(t) {
		for _, decl := range f.ast.Decls {
			if d, ok := decl.(*ast.FuncDecl); ok && f.isTest() && strings.HasPrefix(d.Name.Name, "Example") {
				examples[filepath.ToSlash(filepath.Dir(f.path))] = true
			}
		}
	}
	for _, room := range []string{"sdk", "sdk/embedded", "sdk/localdoor", "sdk/policy", "sdk/redisdoor", "sdk/server", "sdk/servicedoor"} {
		if !examples[room] {
			t.Errorf("%s has no Example", room)
		}
	}
}

var (
	fenced  = regexp.MustCompile("(?ms)^```go\n(.*?)^```")
	indents = regexp.MustCompile(`(?m)^[\t ]+`)
)

// TestREADMECodeCompiles finds each Go block of the README, but for indentation, in the
// example file beside this test, which is compiled and run.
func TestREADMECodeCompiles(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples, err := os.ReadFile("readme_example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	flat := func(text []byte) string { return string(indents.ReplaceAll(text, nil)) }
	blocks := fenced.FindAllSubmatch(readme, -1)
	if len(blocks) < 3 {
		t.Fatalf("the README has %d blocks of Go, want one for each door at least", len(blocks))
	}
	for _, block := range blocks {
		if !strings.Contains(flat(examples), flat(block[1])) {
			t.Errorf("readme_example_test.go does not hold this block of the README:\n%s", block[1])
		}
	}
	for _, command := range []string{"go run ./tools/throttlekit demo", "go test ./..."} {
		if !slices.Contains(strings.Split(string(readme), "\n"), command) {
			t.Errorf("the README has no line %q", command)
		}
	}
}
