package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/throttlekit/throttlekit-go/tools/contractsync/internal/breaking"
	"github.com/throttlekit/throttlekit-go/tools/contractsync/internal/contract"
	"github.com/throttlekit/throttlekit-go/tools/contractsync/internal/diff"
	"github.com/throttlekit/throttlekit-go/tools/contractsync/internal/folder"
	"github.com/throttlekit/throttlekit-go/tools/contractsync/internal/protoscan"
)

// command is how this program is run from any module that requires it, this one too.
const command = "go run github.com/throttlekit/throttlekit-go/tools/contractsync"

func sync(ctx context.Context, o options, out io.Writer) error {
	source, renewing, err := readSource(o)
	if err != nil {
		return fmt.Errorf("--source %s: %w", o.source, err)
	}
	into := os.DirFS(o.into)
	changes, err := folder.Compare(into, source.Vendored())
	if err != nil {
		return fmt.Errorf("--into %s: %w", o.into, err)
	}
	if len(changes) == 0 {
		fmt.Fprintf(out, "nothing changed: %s\n", diff.Size(source))
		return nil
	}

	compare := takeover
	if renewing {
		compare = renewal
	}
	lines, err := compare(ctx, o, source, changes)
	if err != nil {
		return err
	}
	if o.check {
		printLines(out, lines)
		for _, c := range changes {
			fmt.Fprintln(out, c)
		}
		return fmt.Errorf("%s is not what a sync from %s would make it; run: %s --source %s --into %s",
			o.into, o.source, command, shellWord(o.source), shellWord(o.into))
	}
	if err := folder.Apply(o.into, changes); err != nil {
		return fmt.Errorf("--into %s: %w", o.into, err)
	}
	printLines(out, lines)
	printLines(out, []string{tally(changes)})
	return nil
}

// readSource reads and verifies the source, and reports whether it is the very contract
// that --into holds.
func readSource(o options) (c *contract.Contract, renewing bool, err error) {
	root, err := os.OpenRoot(o.source) // follows no link that leads out of the folder
	if err != nil {
		return nil, false, err
	}
	defer root.Close()
	c, layout, err := contract.Read(root.FS())
	if err != nil {
		return nil, false, err
	}
	same := sameFolder(o.source, o.into)
	switch {
	case same && layout.Vendored:
		return c, true, nil
	case same:
		return nil, false, errors.New("is a core checkout and --into is the same folder: name the folder to vendor into")
	case !layout.Vendored:
		return c, false, nil
	}
	lock, err := contract.ReadLock(root.FS())
	if err != nil || lock == nil {
		return c, false, err
	}
	if differences := lock.Differences(c.Lock()); len(differences) > 0 {
		return nil, false, fmt.Errorf("%s disagrees with the files beside it:\n  %s\nput the files back, or renew the lock with %s --source . --into . there",
			contract.LockPath, strings.Join(differences, "\n  "), command)
	}
	return c, false, nil
}

func sameFolder(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// takeover says what the source changes in the contract that --into holds. The error is
// a refusal.
func takeover(ctx context.Context, o options, source *contract.Contract, _ []folder.Change) ([]string, error) {
	was, err := contract.ReadVendored(os.DirFS(o.into))
	if o.check || o.allowBreaking {
		return diff.Lines(was, source), nil
	}
	switch {
	case err != nil:
		err = fmt.Errorf("the vendored contract does not say its contractVersion: %w", err)
	case was != nil:
		err = otherVersion(was.Manifest.ContractVersion, source)
	}
	if err = errors.Join(err, breaksProto(ctx, o, source)); err != nil {
		return nil, refusal(err)
	}
	return diff.Lines(was, source), nil
}

// renewal says what was edited since the lock was written. The error is a refusal.
func renewal(_ context.Context, o options, source *contract.Contract, changes []folder.Change) ([]string, error) {
	for _, c := range changes {
		// Perhaps a script just written, and nobody's to remove.
		if c.Kind == folder.Orphan {
			return nil, fmt.Errorf("%s is in no entry of %s: name it there, or remove the file", c.Path, contract.ManifestPath)
		}
	}
	lock, err := contract.ReadLock(os.DirFS(o.into))
	switch {
	case err == nil && lock == nil:
		return []string{"first lock: " + diff.Size(source)}, nil
	case err == nil:
		now := source.Lock()
		lines := lock.Differences(now)
		if lock.Files[contract.ProtoPath] != now.Files[contract.ProtoPath] {
			lines = append(lines, "the proto is not held against its former text, which a lock does not know; buf breaking --against '.git#branch=main' does that")
		}
		err = otherVersion(lock.ContractVersion, source)
		if err == nil || o.check || o.allowBreaking {
			return lines, nil
		}
	case o.check || o.allowBreaking:
		return []string{err.Error()}, nil
	}
	return nil, refusal(err)
}

func otherVersion(vendored string, source *contract.Contract) error {
	if version := source.Manifest.ContractVersion; version != vendored {
		return fmt.Errorf("the source's contractVersion is %q and the vendored one is %q", version, vendored)
	}
	return nil
}

// breaksProto holds the source's proto against the vendored one, if there is one and
// they declare different things.
func breaksProto(ctx context.Context, o options, source *contract.Contract) error {
	vendored, err := os.ReadFile(filepath.Join(o.into, filepath.FromSlash(contract.ProtoPath)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if was, err := protoscan.Scan(vendored); err == nil && was.Text == source.Proto.Text {
		return nil
	}
	return breaking.Check(ctx, o.into, vendored, source.Files[contract.ProtoPath])
}

func refusal(err error) error {
	return fmt.Errorf("refused, nothing was written:\n%w\n--allow-breaking takes it over all the same", err)
}

func tally(changes []folder.Change) string {
	removed := 0
	for _, c := range changes {
		if c.Kind == folder.Orphan {
			removed++
		}
	}
	return fmt.Sprintf("files: %d written, %d removed", len(changes)-removed, removed)
}

func printLines(out io.Writer, lines []string) {
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
}

// shellWord quotes a path for a command that somebody may paste.
func shellWord(path string) string {
	if strings.ContainsAny(path, " \t\"'\\$`&|;<>()*?[]#~!{}") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
