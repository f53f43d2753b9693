package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parseJSON returns the JSON's tree in the form of YAML's, so that one reader serves
// both, or nil with the problem noted. It is not left to the YAML library: YAML knows no
// surrogate pairs, no long or far-off keys, and much that JSON does not.
func (r *reader) parseJSON(data []byte) *yaml.Node {
	r.json = true
	text := jsonText{data: data}
	if i := invalidUTF8(data); i >= 0 {
		r.problem(text.position(i), "", "is not JSON: a byte that is not UTF-8")
		return nil
	}
	var any json.RawMessage
	if err := json.Unmarshal(data, &any); err != nil {
		offset := len(data)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			offset = max(0, int(syntax.Offset)-1)
		}
		r.problem(text.position(offset), "", "is not JSON: "+err.Error())
		return nil
	}
	text.decoder = json.NewDecoder(bytes.NewReader(data))
	text.decoder.UseNumber()
	return text.node()
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		c, size := utf8.DecodeRune(data[i:])
		if c == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// jsonText walks JSON that is known to be valid.
type jsonText struct {
	data    []byte
	decoder *json.Decoder
	// The last position asked for, from which the next is counted.
	offset int
	last   position // from 0
}

func (t *jsonText) position(offset int) position {
	for ; t.offset < offset && t.offset < len(t.data); t.offset++ {
		switch c := t.data[t.offset]; {
		case c == '\n':
			t.last = position{line: t.last.line + 1}
		case utf8.RuneStart(c):
			t.last.column++
		}
	}
	return position{t.last.line + 1, t.last.column + 1}
}

// node reads the next value. Its recursion is as deep as encoding/json allows.
func (t *jsonText) node() *yaml.Node {
	start := int(t.decoder.InputOffset())
	for bytes.IndexByte([]byte(" \t\r\n,:"), t.data[start]) >= 0 {
		start++
	}
	at := t.position(start)
	n := &yaml.Node{Kind: yaml.ScalarNode, Line: at.line, Column: at.column}
	token, err := t.decoder.Token()
	if err != nil {
		panic("encoding/json found valid what it now does not: " + err.Error())
	}
	switch token := token.(type) {
	case json.Delim:
		n.Kind = yaml.SequenceNode
		if token == '{' {
			n.Kind = yaml.MappingNode
		}
		for t.decoder.More() {
			n.Content = append(n.Content, t.node())
		}
		_, _ = t.decoder.Token() // the closing one: it was found to be there
	case string:
		n.Style, n.Value = yaml.DoubleQuotedStyle, token
	case json.Number:
		n.Value = strings.ToLower(token.String())
	case bool:
		n.Value = map[bool]string{true: "true", false: "false"}[token]
	case nil:
		n.Value = "null"
	}
	return n
}
