package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
)

// Lock pins a vendored contract. In contract.lock it is JSON with sorted keys:
//
//	{
//	  "contractVersion": "1",
//	  "generatedFrom": {"manifest": "<producer>@<version>", "vectors": "<producer>@<version>"},
//	  "files": {"<path below the folder>": "<SHA-256 of its bytes, in hex>", ...}
//	}
type Lock struct {
	// ContractVersion is the manifest's.
	ContractVersion string `json:"contractVersion"`
	// GeneratedFrom says who made the manifest and who made the vectors.
	GeneratedFrom Producers `json:"generatedFrom"`
	// Files are the SHA-256 sums of every vendored file but the lock, by path.
	Files map[string]string `json:"files"`
}

// Producers are the two generatedFrom values of a contract.
type Producers struct {
	Manifest string `json:"manifest"`
	Vectors  string `json:"vectors"`
}

// Lock returns the lock that pins c.
func (c *Contract) Lock() Lock {
	lock := Lock{
		ContractVersion: c.Manifest.ContractVersion,
		GeneratedFrom:   Producers{Manifest: c.Manifest.GeneratedFrom, Vectors: c.VectorsFrom},
		Files:           map[string]string{},
	}
	for name, data := range c.Files {
		lock.Files[name] = sum(data)
	}
	return lock
}

// Encode returns the bytes of the lock file.
func (l Lock) Encode() []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(l); err != nil {
		panic(err) // strings and a map of strings always encode
	}
	return b.Bytes()
}

// ReadLock reads the lock in fsys. Without one it returns nil.
func ReadLock(fsys fs.FS) (*Lock, error) {
	data, err := fs.ReadFile(fsys, LockPath)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var lock Lock
	if err == nil {
		err = json.Unmarshal(data, &lock)
	}
	if err == nil && lock.ContractVersion == "" {
		err = errNoVersion
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", LockPath, err)
	}
	return &lock, nil
}

// Differences lists how a contract that has the lock now differs from the one that had
// the lock l.
func (l Lock) Differences(now Lock) []string {
	var lines []string
	value := func(name, was, is string) {
		if was != is {
			lines = append(lines, fmt.Sprintf("%s: %s (was %s)", name, is, was))
		}
	}
	value("contractVersion", l.ContractVersion, now.ContractVersion)
	value("generatedFrom of the manifest", l.GeneratedFrom.Manifest, now.GeneratedFrom.Manifest)
	value("generatedFrom of the vectors", l.GeneratedFrom.Vectors, now.GeneratedFrom.Vectors)
	names := maps.Clone(l.Files)
	if names == nil {
		names = map[string]string{}
	}
	maps.Copy(names, now.Files)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		was, had := l.Files[name]
		is, has := now.Files[name]
		switch {
		case !had:
			lines = append(lines, "added: "+name)
		case !has:
			lines = append(lines, "removed: "+name)
		case was != is:
			lines = append(lines, "altered: "+name)
		}
	}
	return lines
}
