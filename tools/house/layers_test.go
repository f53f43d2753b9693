package house

import (
	"go/ast"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
)

// layers, top first: a package may import only from layers below its own, or what its
// row allows beside it.
var layers = []struct {
	name    string
	rooms   []string // path prefixes from the root
	besides []string // rooms of the same layer that it may import
}{
	{name: "tools", rooms: []string{"tools"}, besides: []string{"tools/vectors/vectorfile", "tools/redistest"}},
	{name: "server", rooms: []string{"sdk/server"}},
	{name: "policy", rooms: []string{"sdk/policy"}},
	{name: "resilient", rooms: []string{"sdk/resilient"}},
	{name: "doors", rooms: []string{"sdk/redisdoor", "sdk/servicedoor", "sdk/localdoor", "sdk/embedded"}},
	{name: "gather", rooms: []string{"sdk/internal/gather", "sdk/internal/keyhash"}},
	{name: "generated", rooms: []string{"gen"}, besides: []string{"gen/proto"}},
	{name: "script", rooms: []string{"sdk/script"}},
	{name: "sdk", rooms: []string{"sdk"}},
}

// layerOf returns the layer of a path from the root, -1 for none. Longer rooms stand
// first, so that sdk/script is not taken for sdk.
func layerOf(path string) int {
	return slices.IndexFunc(layers, func(l struct {
		name    string
		rooms   []string
		besides []string
	}) bool {
		return slices.ContainsFunc(l.rooms, func(room string) bool { return within(path, room) })
	})
}

// room is the folder of a path that a newcomer sees: tools/vectors, sdk/server.
func room(path string) string {
	parts := strings.SplitN(path, "/", 3)
	return strings.Join(parts[:min(2, len(parts))], "/")
}

func within(path, room string) bool { return path == room || strings.HasPrefix(path, room+"/") }

func TestImportsPointDownwards(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.isTest() {
			continue
		}
		dir := f.path[:max(0, strings.LastIndexByte(f.path, '/'))]
		for _, spec := range f.ast.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			if to, ours := strings.CutPrefix(path, modulePath+"/"); ours {
				if reason := mayNotImport(dir, to); reason != "" {
					t.Errorf("%s imports %s: %s", f.path, to, reason)
				}
			} else if strings.Contains(strings.SplitN(path, "/", 2)[0], ".") && slices.Contains([]string{"sdk", "sdk/script", "sdk/localdoor", "gen/strategy"}, dir) {
				t.Errorf("%s imports %s: this layer imports the standard library and its own module alone", f.path, path)
			}
		}
	}
}

func mayNotImport(from, to string) string {
	if within(to, "luagen") && !within(from, "luagen") {
		return "nothing imports luagen"
	}
	if within(from, "luagen") {
		if within(to, "luagen") || within(to, "sdk/script") || to == "sdk" {
			return ""
		}
		return "luagen imports the runtime of what it generates alone"
	}
	a, b := layerOf(from), layerOf(to)
	switch {
	case a < 0 || b < 0:
		return "one of the two is in no layer; add it to the table"
	case b > a:
		return ""
	case b < a:
		return "layer " + layers[b].name + " is above layer " + layers[a].name
	case room(from) == room(to):
		return ""
	case slices.ContainsFunc(layers[a].besides, func(room string) bool { return within(to, room) }):
		return ""
	}
	return "layer " + layers[a].name + " does not import its neighbours"
}

func TestLayerRule(t *testing.T) {
	for _, row := range []struct {
		name, from, to string
		allowed        bool
	}{
		{"a tool may use a door", "tools/throttlekit", "sdk/redisdoor", true},
		{"layers may be skipped", "sdk/server", "sdk", true},
		{"a door may not know the server", "sdk/redisdoor", "sdk/server", false},
		{"doors do not know each other", "sdk/redisdoor", "sdk/servicedoor", false},
		{"generated code may use the runtime", "gen/strategy", "sdk/script", true},
		{"the runtime may not know generated code", "sdk/script", "gen/strategy", false},
		{"a tool may use what is inside it", "tools/vectors", "tools/vectors/internal/oracle", true},
		{"a tool may not use another's inside", "tools/interop", "tools/vectors/internal/oracle", false},
		{"nothing imports luagen", "tools/throttlekit", "luagen/internal/gen", false},
		{"the generator does not know what it generates", "luagen/internal/gen", "gen/strategy", false},
	} {
		if reason := mayNotImport(row.from, row.to); (reason == "") != row.allowed {
			t.Errorf("%s: allowed is %v (%s), want %v", row.name, reason == "", reason, row.allowed)
		}
	}
}

// TestNoStrategyIsNamedByHand: what works from strategy.All keeps working when the
// contract gains or loses a strategy.
func TestNoStrategyIsNamedByHand(t *testing.T) {
	for _, f := range goFiles(t) {
		switch {
		case f.isTest(), ast.IsGenerated(f.ast):
		case within(f.path, "tools/vectors"): // the judge and its timelines, which do not ship
		case f.path == "luagen/internal/gen/names.go": // how Go spells initials
		case f.path == "luagen/internal/gen/hints.go": // whose script it is that has changed
		case f.path == "sdk/policy/quota.go": // a policy's word for two of the strategies
		default:
			for _, d := range strategy.All() {
				if i := namedIn(f, d.Name); i != "" {
					t.Errorf("%s names strategy %s in %s; work from strategy.All", f.path, d.Name, i)
				}
			}
		}
	}
}

// namedIn looks for the strategy's manifest name as a string and for its generated type
// as an identifier; comments and doc examples may name what they like.
func namedIn(f goFile, name string) string {
	goType := regexp.MustCompile(`(?i)^` + regexp.QuoteMeta(name) + `$`)
	found := ""
	ast.Inspect(f.ast, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && s == name {
				found = n.Value
			}
		case *ast.SelectorExpr:
			if goType.MatchString(n.Sel.Name) {
				found = n.Sel.Name
			}
		}
		return found == ""
	})
	return found
}
