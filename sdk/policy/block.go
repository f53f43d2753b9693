package policy

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// block is a map of the file, its fields read by name. A null field counts as not given.
type block struct {
	r      *reader
	path   string   // empty for the file itself
	at     position // where to say that something is missing
	names  []string
	keys   map[string]*yaml.Node
	values map[string]*yaml.Node
}

// block reads n as a map; key is where its name stands. It returns nil, with the problem
// noted, when n is something else.
func (r *reader) block(path string, key position, n *yaml.Node, want string) *block {
	b := &block{r: r, path: path, at: key, keys: map[string]*yaml.Node{}, values: map[string]*yaml.Node{}}
	if n.Kind != yaml.MappingNode {
		if !r.reported[n] {
			r.problem(at(n), path, "is "+describe(n)+", want "+want)
		}
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if r.reported[key] {
			continue
		}
		b.names = append(b.names, key.Value)
		b.keys[key.Value], b.values[key.Value] = key, value
	}
	return b
}

func (b *block) field(name string) string { return fieldPath(b.path, name) }

// show is a name as a path holds it, on one line.
func show(name string) string {
	if len(name) > longest || strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }) {
		return clip(name)
	}
	return name
}

// value is a field's value, nil when it is not given.
func (b *block) value(name string) *yaml.Node {
	n := b.values[name]
	if n == nil || n.Kind == yaml.ScalarNode && typeOf(n) == null && !b.r.reported[n] {
		return nil
	}
	return n
}

// has reports whether the field stands in the file, even as null.
func (b *block) has(name string) bool { return b.values[name] != nil }

// wrong notes that a field is not what is wanted. Values that are a problem already are
// left at that.
func (b *block) wrong(name, want string) {
	if n := b.values[name]; !b.r.reported[n] {
		b.r.reported[n] = true
		b.r.problem(at(n), b.field(name), "is "+describe(n)+", want "+want)
	}
}

func (b *block) missing(name, want string) {
	b.r.problem(b.at, b.field(name), "is missing, want "+want)
}

// only refuses fields of other names, which a server would not heed. Those in besides
// are known too, but too many to list.
func (b *block) only(owner string, known []string, besides ...string) {
	all := slices.Concat(known, besides)
	for _, name := range b.names {
		if slices.Contains(all, name) {
			continue
		}
		advice := ", want " + oneOf(known)
		if meant := nearest(name, all); meant != "" {
			advice = "; did you mean " + meant + "?"
		}
		b.r.problem(at(b.keys[name]), b.field(name), "is not a field of "+owner+advice)
	}
}

// The outcomes of reading a field.
type outcome int

const (
	absent outcome = iota
	broken         // given and wrong; the problem is noted
	sound
)

// number reads a field that ok must accept.
func (b *block) number(name, want string, ok func(float64) bool) (float64, outcome) {
	n := b.value(name)
	switch {
	case n == nil:
		return 0, absent
	case n.Kind == yaml.ScalarNode && typeOf(n) == number && !b.r.reported[n]:
		if v := numberOf(n.Value); ok(v) {
			return v, sound
		}
	}
	b.wrong(name, want)
	return 0, broken
}

// text reads a field of text; with choices it must be one of them.
func (b *block) text(name, want string, choices ...string) (string, outcome) {
	n := b.value(name)
	switch {
	case n == nil:
		return "", absent
	case n.Kind == yaml.ScalarNode && typeOf(n) == text && !b.r.reported[n] && (len(choices) == 0 || slices.Contains(choices, n.Value)):
		return n.Value, sound
	}
	if len(choices) > 0 {
		want = oneOf(choices)
		if meant := nearest(n.Value, choices); meant != "" {
			want += "; did you mean " + meant + "?"
		}
	}
	b.wrong(name, want)
	return "", broken
}

// bool reads a field that is true or false.
func (b *block) bool(name string) {
	if n := b.value(name); n != nil && (n.Kind != yaml.ScalarNode || typeOf(n) != boolean) {
		b.wrong(name, "true or false")
	}
}

// fields are the positions and texts of all that was given.
func (b *block) fields() map[string]field {
	fields := map[string]field{}
	for name, n := range b.values {
		fields[name] = field{position: at(n), text: n.Value}
	}
	return fields
}

func whole(v float64) bool { return v == math.Trunc(v) }

func limitersPath(name string) string {
	if name == "" {
		return "limiters[" + strconv.Quote(name) + "]"
	}
	return "limiters[" + show(name) + "]"
}
