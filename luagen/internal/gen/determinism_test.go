package gen

import (
	"encoding/json"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestDeterminism generates from one contract in every way that must not matter. The
// drift check compares bytes, so that any of these would be drift that nobody caused.
func TestDeterminism(t *testing.T) {
	const contract = "testdata/golden/plain/contract"
	want := generate(t, os.DirFS(contract))

	t.Run("again and again", func(t *testing.T) {
		// Go walks maps in another order each time: fifty runs meet most of them.
		for range 50 {
			if diff := cmp.Diff(want, generate(t, os.DirFS(contract))); diff != "" {
				t.Fatalf("another run, other files (-first +later):\n%s", diff)
			}
		}
	})
	t.Run("from a file system that lists backwards", func(t *testing.T) {
		if diff := cmp.Diff(want, generate(t, backwards{os.DirFS(contract)})); diff != "" {
			t.Errorf("another order of files, other files (-forwards +backwards):\n%s", diff)
		}
	})
	t.Run("among files that the manifest does not list", func(t *testing.T) {
		crowded := memory(t, contract)
		crowded["scripts/other.check.lua"] = &fstest.MapFile{Data: []byte("return 1")}
		crowded["golden-vectors.json"] = &fstest.MapFile{Data: []byte("{}")}
		if diff := cmp.Diff(want, generate(t, crowded)); diff != "" {
			t.Errorf("unlisted files changed what is generated (-without +with):\n%s", diff)
		}
	})
	t.Run("from a manifest that is written otherwise", func(t *testing.T) {
		files := memory(t, contract)
		var manifest any
		if err := json.Unmarshal(files[manifestFile].Data, &manifest); err != nil {
			t.Fatal(err)
		}
		// Marshal sorts the fields of each object, and leaves no white space.
		data, err := json.Marshal(manifest)
		if err != nil {
			t.Fatal(err)
		}
		if string(data) == string(files[manifestFile].Data) {
			t.Fatal("the manifest is in that form already")
		}
		files[manifestFile].Data = data
		if diff := cmp.Diff(want, generate(t, files)); diff != "" {
			t.Errorf("the same manifest, other files (-as it is +otherwise):\n%s", diff)
		}
	})
}

// TestOrderIsTheManifests holds that strategies come in the manifest's order, the list
// of all first: a core that adds one at the end adds lines at the end.
func TestOrderIsTheManifests(t *testing.T) {
	var names []string
	for _, f := range generate(t, os.DirFS("testdata/golden/quoting/contract")) {
		names = append(names, strings.TrimSuffix(f.Name, ".lua.go"))
	}
	want := []string{"strategies", "tick", "crlf", "latin", "bom", "nul", "plain"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func generate(t *testing.T, contract fs.FS) []File {
	t.Helper()
	out, err := Generate(contract, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return out.Files
}

// memory copies a folder into memory, where a test may change it.
func memory(t *testing.T, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, path)
		files[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// backwards lists every folder in reverse.
type backwards struct{ fs.FS }

func (b backwards) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(b.FS, name)
	slices.Reverse(entries)
	return entries, err
}
