package folder

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/throttlekit/throttlekit-go/tools/contractsync/internal/contract"
)

// Apply makes the changes in dir, which it makes if need be. Every new file is written
// beside its place first and put there only when all of them are on disk, the lock last:
// a sync that is cut short shows as drift. Nothing is written through a link that leads
// out of dir.
func Apply(dir string, changes []Change) (err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	staged := map[string]string{} // path of the file -> path of its new content
	defer func() {
		for _, temp := range staged {
			err = errors.Join(err, root.Remove(temp))
		}
		err = errors.Join(err, root.Close())
	}()
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b Change) int { return rank(a) - rank(b) })
	for _, c := range changes {
		if c.Kind == Orphan {
			continue
		}
		temp := path.Join(path.Dir(c.Path), "."+path.Base(c.Path)+"."+rand.Text()+".tmp")
		if err := stage(root, temp, c.Data); err != nil {
			return fmt.Errorf("%s cannot be written: %w", c.Path, err)
		}
		staged[c.Path] = temp
	}
	for _, c := range changes {
		if c.Kind == Orphan {
			err = root.Remove(c.Path)
		} else if err = root.Rename(staged[c.Path], c.Path); err == nil {
			delete(staged, c.Path)
		}
		if err != nil {
			return fmt.Errorf("%s cannot be replaced: %w", c.Path, err)
		}
	}
	return nil
}

// rank puts the lock last.
func rank(c Change) int {
	if c.Path == contract.LockPath {
		return 1
	}
	return 0
}

// stage writes a file and leaves nothing behind when it cannot.
func stage(root *os.Root, name string, data []byte) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, root.Remove(name))
	}
	return nil
}
