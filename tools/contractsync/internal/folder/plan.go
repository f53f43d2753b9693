// Package folder compares a folder with the files that a sync vendors into it, and
// makes it so, all of it or nothing.
package folder

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/throttlekit/throttlekit-go/tools/contractsync/internal/contract"
)

// Change is one file that is not as it should be.
type Change struct {
	Path string // with slashes, below the folder
	Kind Kind
	Data []byte // what the file should hold; nil for an orphan
}

// Kind says in what way a file is not as it should be.
type Kind string

// The kinds of change.
const (
	Missing Kind = "missing"
	Differs Kind = "differs"
	Orphan  Kind = "orphan"
)

// String names the file and what is wrong with it.
func (c Change) String() string { return string(c.Kind) + ": " + c.Path }

// Compare lists what has to change for fsys to hold exactly files, sorted by path.
func Compare(fsys fs.FS, files map[string][]byte) ([]Change, error) {
	var changes []Change
	for name, data := range files {
		have, err := fs.ReadFile(fsys, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			changes = append(changes, Change{name, Missing, data})
		case err != nil:
			return nil, fmt.Errorf("%s cannot be compared: %w", name, err)
		case !bytes.Equal(have, data):
			changes = append(changes, Change{name, Differs, data})
		}
	}
	orphans, err := orphans(fsys, files)
	if err != nil {
		return nil, err
	}
	for _, name := range orphans {
		changes = append(changes, Change{name, Orphan, nil})
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	return changes, nil
}

// orphans lists the scripts that files no longer holds: Lua files, and whatever else the
// lock says was vendored beside them. Anything else there is somebody's own.
func orphans(fsys fs.FS, files map[string][]byte) ([]string, error) {
	lock, err := contract.ReadLock(fsys)
	if lock == nil || err != nil { // a lock that cannot be read is about to be replaced
		lock = &contract.Lock{}
	}
	entries, err := fs.ReadDir(fsys, contract.ScriptsDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []string
	for _, e := range entries {
		name := path.Join(contract.ScriptsDir, e.Name())
		_, wanted := files[name]
		_, locked := lock.Files[name]
		if !e.IsDir() && !wanted && (locked || path.Ext(name) == ".lua") {
			found = append(found, name)
		}
	}
	return found, nil
}
