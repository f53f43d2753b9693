package policy

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// maxDepth is how deep maps and lists may nest, as in the core.
const maxDepth = 64

// checkStructure notes, all over the tree, what other readers of the same file would
// read otherwise: YAML's anchors, tags and merge keys, quoted keys, keys given twice.
func (r *reader) checkStructure(n *yaml.Node, path string, depth int) {
	switch {
	case depth > maxDepth:
		r.refuse(n, "", fmt.Sprintf("nests deeper than %d levels", maxDepth))
		return
	case n.Kind == yaml.AliasNode:
		r.refuse(n, path, "is a YAML alias (*"+n.Value+"), want the value itself")
		return
	case n.Anchor != "":
		r.refuse(n, path, "has a YAML anchor (&"+n.Anchor+"), want the value alone")
	case n.Style&yaml.TaggedStyle != 0:
		r.refuse(n, path, "has a YAML tag ("+n.Tag+"), want the value alone")
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		r.refuse(n, path, "is a YAML block text, want a value on one line")
	}
	if n.Kind == yaml.MappingNode {
		r.checkFields(n, path, depth)
		return
	}
	for i, child := range n.Content {
		r.checkStructure(child, fmt.Sprintf("%s[%d]", path, i), depth+1)
	}
}

func (r *reader) checkFields(mapping *yaml.Node, path string, depth int) {
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, value := mapping.Content[i], mapping.Content[i+1]
		if !r.checkKey(key, path, depth) {
			continue
		}
		within := fieldPath(path, key.Value)
		if before, ok := first[key.Value]; ok {
			r.refuse(key, within, fmt.Sprintf("stands here a second time, after line %d; want it once", before.Line))
			continue
		}
		first[key.Value] = key
		r.checkStructure(value, within, depth+1)
	}
}

// checkKey reports whether the key is a name.
func (r *reader) checkKey(key *yaml.Node, path string, depth int) bool {
	switch {
	case key.Kind == yaml.MappingNode, key.Kind == yaml.SequenceNode:
		r.refuse(key, path, "has "+describe(key)+" for a key, want a name")
	case r.json:
	case quoted(key):
		r.refuse(key, path, fmt.Sprintf("has the key %s in quotes, which ThrottleKit's core takes for a part of the name; want it without, or the file in JSON", clip(key.Value)))
	case key.Kind == yaml.ScalarNode && key.Value == "<<":
		r.refuse(key, path, "has a YAML merge key (<<), want the fields themselves")
	default:
		r.checkStructure(key, path, depth+1)
	}
	return !r.reported[key]
}

func (r *reader) refuse(n *yaml.Node, path, problem string) {
	r.reported[n] = true
	r.problem(at(n), path, problem)
}

// fieldPath is the path of a field of what is at path; that of the file is empty.
func fieldPath(path, name string) string {
	switch path {
	case "":
		return show(name)
	case "limiters":
		return limitersPath(name)
	}
	return path + "." + show(name)
}

func quoted(n *yaml.Node) bool {
	return n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0
}
