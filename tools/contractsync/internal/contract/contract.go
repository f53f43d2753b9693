// Package contract reads a whole contract into memory, proves that it is what its
// manifest says, and writes it down in a lock.
package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"

	"github.com/throttlekit/throttlekit-go/tools/contractsync/internal/protoscan"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

// Where a contract is vendored, with slashes, below the folder that holds it.
const (
	ProtoPath    = "proto/throttlekit/v1/throttlekit.proto"
	ManifestPath = "contract/manifest.json"
	VectorsPath  = "contract/golden-vectors.json"
	ScriptsDir   = "contract/scripts"
	LockPath     = "contract/contract.lock"
)

// Contract is a contract in memory.
type Contract struct {
	// Files are the bytes of every file but the lock, by the path that each is vendored
	// under.
	Files map[string][]byte
	// Manifest is the parsed manifest.
	Manifest Manifest
	// Proto is the scanned proto.
	Proto protoscan.File
	// VectorsFrom is the generatedFrom of the vectors, and Suites how many they are.
	VectorsFrom string
	Suites      int
}

// Read reads the contract in fsys, whichever layout it has, and verifies all of it. The
// error lists everything that is wrong, each under the path that it has in fsys.
func Read(fsys fs.FS) (*Contract, Layout, error) {
	layout, err := find(fsys)
	if err != nil {
		return nil, layout, err
	}
	c := &Contract{Files: map[string][]byte{}}
	var problems []error
	note := func(name string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
	}

	manifest, err := readFile(fsys, layout.manifest)
	if err != nil {
		return nil, layout, err
	}
	if c.Manifest, err = parseManifest(manifest); err != nil {
		return nil, layout, fmt.Errorf("%s: %w", layout.manifest, err)
	}
	c.Files[ManifestPath] = manifest
	note(layout.manifest, c.Manifest.verify())

	for _, s := range c.Manifest.Scripts {
		if !plainFile.MatchString(s.File) {
			continue // said by the manifest's own check
		}
		name := path.Join(layout.scripts, s.File)
		data, err := readFile(fsys, name)
		if err == nil {
			err = s.verifySum(name, data)
		}
		note(layout.manifest+": script "+s.Name, err)
		c.Files[path.Join(ScriptsDir, s.File)] = data
	}

	proto, err := readFile(fsys, layout.proto)
	if err == nil {
		c.Files[ProtoPath] = proto
		c.Proto, err = scanService(proto)
		note(layout.proto, err)
	} else {
		problems = append(problems, err)
	}

	vectors, err := readFile(fsys, layout.vectors)
	if err == nil {
		c.Files[VectorsPath] = vectors
		note(layout.vectors, c.readVectors(vectors))
	} else {
		problems = append(problems, err)
	}
	if len(problems) > 0 {
		return nil, layout, errors.Join(problems...)
	}
	return c, layout, nil
}

// ReadVendored reads what an earlier sync left in fsys, for comparison: nothing is
// verified, and a part that is missing or damaged counts as absent. Without a manifest
// it returns nil; the error is a manifest that says nothing.
func ReadVendored(fsys fs.FS) (*Contract, error) {
	c := &Contract{Files: map[string][]byte{}}
	read := func(name string) []byte {
		data, err := fs.ReadFile(fsys, name)
		if err == nil {
			c.Files[name] = data
		}
		return data
	}
	manifest := read(ManifestPath)
	if manifest == nil {
		return nil, nil
	}
	var err error
	if c.Manifest, err = parseManifest(manifest); err == nil && c.Manifest.ContractVersion == "" {
		err = errNoVersion
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ManifestPath, err)
	}
	for _, s := range c.Manifest.Scripts {
		if plainFile.MatchString(s.File) {
			read(path.Join(ScriptsDir, s.File))
		}
	}
	c.Proto, _ = protoscan.Scan(read(ProtoPath))
	var head struct {
		GeneratedFrom string            `json:"generatedFrom"`
		Suites        []json.RawMessage `json:"suites"`
	}
	if json.Unmarshal(read(VectorsPath), &head) == nil {
		c.VectorsFrom, c.Suites = head.GeneratedFrom, len(head.Suites)
	}
	return c, nil
}

// Vendored returns every file that a sync writes, the lock included.
func (c *Contract) Vendored() map[string][]byte {
	files := maps.Clone(c.Files)
	files[LockPath] = c.Lock().Encode()
	return files
}

func (c *Contract) readVectors(data []byte) error {
	vectors, err := vectorfile.Parse(data)
	if err != nil {
		return err
	}
	if vectors.GeneratedFrom == "" {
		return errors.New("generatedFrom is missing: want the producer, as name@version")
	}
	// Vectors of one version prove nothing about scripts of another.
	if vectors.ContractVersion != c.Manifest.ContractVersion {
		return fmt.Errorf("contractVersion is %q, and the manifest's is %q: the two are not of one release",
			vectors.ContractVersion, c.Manifest.ContractVersion)
	}
	c.VectorsFrom, c.Suites = vectors.GeneratedFrom, len(vectors.Suites)
	return nil
}

// scanService refuses what is no service contract at all, such as a saved error page.
func scanService(proto []byte) (protoscan.File, error) {
	file, err := protoscan.Scan(proto)
	if err == nil && len(file.RPCs) == 0 {
		err = errors.New("declares no rpc: this is no service contract")
	}
	return file, err
}

func readFile(fsys fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(fsys, name)
	var pathErr *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s does not exist", name)
	case errors.As(err, &pathErr):
		return nil, fmt.Errorf("%s cannot be read: %w", name, pathErr.Err)
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	return data, nil
}
