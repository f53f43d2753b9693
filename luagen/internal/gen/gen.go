// Package gen turns the Redis wire contract, a manifest and its Lua scripts, into Go.
//
// Why this code is generated: the five scripts take the same few numbers in five
// different orders, some of them swapped on purpose, and a client that gets one order
// wrong does not fail, it limits wrongly. Written by hand, the orders, the bounds, the
// SHA constants and the reply's layout would stand in two places and drift apart; here
// the manifest is the only place, and a contract that changes changes the code.
//
// The package is a pure function from files to files. It reads an fs.FS and returns
// the generated files in memory; writing and comparing are its caller's.
//
//	manifest.json --decode--> manifest --load, verify--> contract --model--> files
//	scripts/*.lua ------------------------^
package gen

import (
	"errors"
	"fmt"
	"go/token"
	"io/fs"
)

// Options says what to generate.
type Options struct {
	// Package is the name of the generated package; "strategy" when empty.
	Package string
}

// File is one generated file.
type File struct {
	Name string
	Data []byte
}

// Output is all that one run generates.
type Output struct {
	// Files are the generated files, the index first, then one per strategy in the
	// manifest's order.
	Files []File
	// Notices are things that a reader should know and that stop nothing.
	Notices []string
}

// Generate reads the contract in fsys, a folder with manifest.json and scripts/, and
// returns the Go package for it. An error lists everything that is wrong, a line each,
// and names file, script and field.
func Generate(fsys fs.FS, opts Options) (*Output, error) {
	if opts.Package == "" {
		opts.Package = "strategy"
	}
	if !token.IsIdentifier(opts.Package) || opts.Package == "_" {
		return nil, fmt.Errorf("package name %q is not a Go identifier", opts.Package)
	}
	if opts.Package == "main" {
		return nil, errors.New("package name main is not one that can be imported")
	}
	var p problems
	m, err := readManifest(fsys, &p)
	if err != nil {
		return nil, err
	}
	strategies := loadStrategies(fsys, m, &p)
	checkNames(strategies, &p)
	if err := p.err(); err != nil {
		return nil, err
	}
	files, err := render(opts.Package, m, strategies)
	if err != nil {
		return nil, err
	}
	return &Output{Files: files, Notices: p.notices}, nil
}
