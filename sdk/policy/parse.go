package policy

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads a policy file; name is what messages call it. Text whose first character
// is { or [ is JSON, any other is YAML.
//
// The error joins every problem found, each an [*Error], in the file's order.
func Parse(name string, data []byte) (*File, error) {
	r := &reader{file: &File{Name: name}, reported: map[*yaml.Node]bool{}}
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	var root *yaml.Node
	if first := bytes.TrimSpace(data); len(first) > 0 && (first[0] == '{' || first[0] == '[') {
		root = r.parseJSON(data)
	} else {
		root = r.parseYAML(data)
	}
	if root != nil {
		r.checkStructure(root, "", 0)
		r.readFile(root)
	}
	if len(r.problems) > 0 {
		return nil, r.joined()
	}
	return r.file, nil
}

// reader collects what a file says and what is wrong with it.
type reader struct {
	file     *File
	json     bool
	problems []*Error
	reported map[*yaml.Node]bool // nodes that are a problem already
}

func (r *reader) problem(at position, path, problem string) {
	r.problems = append(r.problems, &Error{File: r.file.Name, Line: at.line, Column: at.column, Field: path, Problem: problem})
}

func (r *reader) joined() error {
	slices.SortStableFunc(r.problems, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	errs := make([]error, len(r.problems))
	for i, p := range r.problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

const wantLimiters = "want a map with limiters, such as limiters: {api: {strategy: ..., limit: 100, period: 1m}}"

// parseYAML returns the one document's root, or nil with the problem noted.
func (r *reader) parseYAML(data []byte) *yaml.Node {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		r.problem(position{1, 1}, "", "is empty, "+wantLimiters)
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		r.problem(at(&second), "", "holds a second document, want one: a server reads one file")
	case !errors.Is(err, io.EOF):
		r.syntax(err)
		return nil
	}
	return document.Content[0]
}

var yamlSyntax = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax notes what the library says, which knows lines alone.
func (r *reader) syntax(err error) {
	text := err.Error()
	line := 1
	if m := yamlSyntax.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	r.problem(position{line: line}, "", "is not YAML: "+strings.ReplaceAll(text, "\n", " "))
}

func at(n *yaml.Node) position { return position{n.Line, n.Column} }
