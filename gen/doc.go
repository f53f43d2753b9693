// Package gen is the parent of the generated code; it is the one file here that is
// written by hand.
//
//   - gen/proto/throttlekit/v1 holds the service contract's messages and, in a package
//     below, its Connect clients and handlers: buf, from proto/ (see buf.gen.yaml).
//   - gen/strategy holds the Redis contract's strategies, their scripts and what those
//     are in Go: luagen, from contract/.
//
// After a change of either contract, run
//
//	go generate ./...
//
// The two lines do not depend on each other. buf comes from a module file of its own,
// so that its hundred dependencies are none of an SDK user's; its first build takes a
// minute or two.
package gen

//go:generate go -C .. tool -modfile=tools/buf/go.mod buf generate
//go:generate go -C .. run ./luagen
