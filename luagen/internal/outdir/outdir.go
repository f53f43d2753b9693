// Package outdir compares a folder with the files that should be in it, and makes it
// so. The folder belongs to the generator: what else is generated in it is removed, and
// what is not generated is never touched.
package outdir

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/throttlekit/throttlekit-go/luagen/internal/gen"
)

// Change is one way in which the folder differs.
type Change struct {
	Name string
	Kind string // "missing", "differs" or "orphan"
	Data []byte // what the file should hold; nil for an orphan
}

// String names the file and what is wrong with it.
func (c Change) String() string { return c.Kind + ": " + c.Name }

// Compare lists what would have to change for dir to hold exactly files. A Go file
// that stands in the way and is not generated is an error: nobody's work is removed.
func Compare(dir string, files []gen.File) ([]Change, error) {
	var changes []Change
	wanted := map[string]bool{}
	for _, f := range files {
		wanted[f.Name] = true
		have, err := os.ReadFile(filepath.Join(dir, f.Name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			changes = append(changes, Change{Name: f.Name, Kind: "missing", Data: f.Data})
		case err != nil:
			return nil, err
		case !bytes.Equal(have, f.Data):
			if err := mustBeGenerated(dir, f.Name); err != nil {
				return nil, err
			}
			changes = append(changes, Change{Name: f.Name, Kind: "differs", Data: f.Data})
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if e.IsDir() || wanted[e.Name()] || !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		if err := mustBeGenerated(dir, e.Name()); err != nil {
			return nil, err
		}
		changes = append(changes, Change{Name: e.Name(), Kind: "orphan"})
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Name, b.Name) })
	return changes, nil
}

// Apply makes the changes. A file is replaced as a whole or not at all.
func Apply(dir string, changes []Change) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, c := range changes {
		path := filepath.Join(dir, c.Name)
		if c.Data == nil {
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		if err := replace(path, c.Data); err != nil {
			return err
		}
	}
	return nil
}

func replace(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// mustBeGenerated refuses a file that somebody may have written.
func mustBeGenerated(dir, name string) error {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		return fmt.Errorf("%s stands where luagen generates and does not parse as Go: move or remove it: %w", name, err)
	}
	if !ast.IsGenerated(file) {
		return fmt.Errorf("%s is written by hand, and %s is luagen's alone: move it", name, dir)
	}
	return nil
}
