package contract

import (
	"errors"
	"fmt"
	"io/fs"
)

// Layout says where a source keeps its contract.
type Layout struct {
	// Vendored reports whether this is the layout that a sync writes, lock and all.
	Vendored bool

	proto, manifest, vectors, scripts string
}

var (
	core = Layout{
		proto:    "wire/throttlekit.proto",
		manifest: "wire/scripts/manifest.json",
		vectors:  "wire/vectors/golden-vectors.json",
		scripts:  "wire/scripts",
	}
	vendored = Layout{
		Vendored: true,
		proto:    ProtoPath,
		manifest: ManifestPath,
		vectors:  VectorsPath,
		scripts:  ScriptsDir,
	}
)

// find tells the two layouts apart by their manifest, which everything else hangs on.
func find(fsys fs.FS) (Layout, error) {
	hasCore, hasVendored := exists(fsys, core.manifest), exists(fsys, vendored.manifest)
	switch {
	case hasCore && hasVendored:
		return Layout{}, fmt.Errorf("holds two contracts, %s of a core checkout and a vendored %s: want one of them",
			core.manifest, vendored.manifest)
	case hasCore:
		return core, nil
	case hasVendored:
		return vendored, nil
	}
	return Layout{}, fmt.Errorf("holds no contract: looked for %s (a core checkout) and %s (a vendored contract)",
		core.manifest, vendored.manifest)
}

// exists counts what cannot be looked at as there, so that reading it says why.
func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return !errors.Is(err, fs.ErrNotExist)
}
