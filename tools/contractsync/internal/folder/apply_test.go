package folder

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestApplyIsAllOrNothing(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "contract"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "contract", "a"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "proto")); err != nil {
		t.Skipf("this system makes no links: %v", err)
	}
	err := Apply(dir, []Change{
		{"contract/a", Differs, []byte("new")},
		{"contract/b", Missing, []byte("new")},
		{"proto/z", Missing, []byte("new")},
	})
	if err == nil || !strings.HasPrefix(err.Error(), "proto/z cannot be written: ") {
		t.Errorf("got %v, want an error that names proto/z", err)
	}
	if diff := cmp.Diff(map[string]string{"contract/a": "old"}, files(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if left := files(t, outside); len(left) > 0 {
		t.Errorf("written through a link: %q", left)
	}
}

func TestApply(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	first := []Change{{"contract/contract.lock", Missing, []byte("1")}, {"contract/scripts/a.lua", Missing, []byte{}}, {"x", Missing, []byte("x\r\n")}}
	if err := Apply(dir, first); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"contract/contract.lock": "1", "contract/scripts/a.lua": "", "x": "x\r\n"}, files(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	second := []Change{{"contract/contract.lock", Differs, []byte("2")}, {"contract/scripts/a.lua", Orphan, nil}}
	if err := Apply(dir, second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"contract/contract.lock": "2", "x": "x\r\n"}, files(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestCompare(t *testing.T) {
	dir := t.TempDir()
	if err := Apply(dir, []Change{
		{"same", Missing, []byte("same")}, {"differs", Missing, []byte("old\n")},
		{"contract/scripts/orphan.lua", Missing, []byte("1")}, {"contract/scripts/locked.txt", Missing, []byte("1")}, {"contract/scripts/own.txt", Missing, []byte("1")},
		{"contract/contract.lock", Missing, []byte(`{"contractVersion": "1", "files": {"contract/scripts/locked.txt": "", "same": ""}}`)},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := Compare(os.DirFS(dir), map[string][]byte{"same": []byte("same"), "differs": []byte("old"), "missing": nil})
	if err != nil {
		t.Fatal(err)
	}
	want := []Change{
		{"contract/scripts/locked.txt", Orphan, nil}, {"contract/scripts/orphan.lua", Orphan, nil},
		{"differs", Differs, []byte("old")}, {"missing", Missing, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := Compare(os.DirFS(dir), map[string][]byte{"contract": nil}); err == nil || !strings.HasPrefix(err.Error(), "contract cannot be compared: ") {
		t.Errorf("a folder in the place of a file: got %v", err)
	}
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		found[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
