package gen

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

const manifestFile = "manifest.json"

// knownVersion is the contract version that this generator was written for. Another
// one is read by the same rules, and said aloud.
const knownVersion = "1"

// decisionFields are the reply elements that a Decision is made of.
var decisionFields = []string{"allowed", "limit", "remaining", "resetAt", "retryAfterMs"}

type manifest struct {
	ContractVersion string
	GeneratedFrom   string
	ReplyTuple      []string
	Scripts         []scriptEntry
}

type scriptEntry struct {
	Name     string
	Strategy string
	Role     string
	File     string
	Keys     []string
	Argv     []string
	SHA256   string
}

// where names the entry in a message, also when it has no name yet.
func (e scriptEntry) where(i int, field string) string {
	if e.Name == "" {
		return fmt.Sprintf("%s: scripts[%d]: %s", manifestFile, i, field)
	}
	return fmt.Sprintf("%s: script %s: %s", manifestFile, e.Name, field)
}

// readManifest decodes manifest.json. It returns an error only when nothing more can
// be said about the contract; all else goes to p.
func readManifest(fsys fs.FS, p *problems) (*manifest, error) {
	data, err := fs.ReadFile(fsys, manifestFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: does not exist, want the contract's manifest", manifestFile)
	} else if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", manifestFile, err)
	}
	if err := checkSyntax(data); err != nil {
		return nil, fmt.Errorf("%s%w", manifestFile, err)
	}
	var m manifest
	var frozen bool
	var nowArgv string
	var entries []json.RawMessage
	decodeObject(data, p, manifestFile, func(field string) string { return manifestFile + ": " + field },
		map[string]any{
			"contractVersion": &m.ContractVersion,
			"generatedFrom":   &m.GeneratedFrom,
			"frozen":          &frozen,
			"replyTuple":      &m.ReplyTuple,
			"nowArgv":         &nowArgv,
			"scripts":         &entries,
		})
	for i, raw := range entries {
		var e scriptEntry
		// The name first: it is how the other messages call the entry.
		var named struct{ Name any }
		if json.Unmarshal(raw, &named) == nil {
			e.Name, _ = named.Name.(string)
		}
		decodeObject(raw, p, fmt.Sprintf("%s: scripts[%d]", manifestFile, i),
			func(field string) string { return e.where(i, field) },
			map[string]any{
				"name": &e.Name, "strategy": &e.Strategy, "role": &e.Role, "file": &e.File,
				"keys": &e.Keys, "argv": &e.Argv, "sha256": &e.SHA256,
			})
		m.Scripts = append(m.Scripts, e)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	m.check(p)
	return &m, nil
}

// check looks at the fields that are not a script's.
func (m *manifest) check(p *problems) {
	if m.ContractVersion != knownVersion {
		p.noticef(manifestFile, "contractVersion is %q; this luagen was written for %q and reads it by the same rules",
			m.ContractVersion, knownVersion)
	}
	where := manifestFile + ": replyTuple"
	if len(m.ReplyTuple) > script.MaxReply {
		p.errorf(where, "has %d elements, want at most %d", len(m.ReplyTuple), script.MaxReply)
	}
	for i, field := range m.ReplyTuple {
		switch {
		case slices.Contains(m.ReplyTuple[:i], field):
			p.errorf(where, "names %q twice, want it once", field)
		case !slices.Contains(decisionFields, field):
			p.noticef(where, "element %q is new to this luagen; replies must carry it, decisions leave it out", field)
		}
	}
	for _, field := range decisionFields {
		if !slices.Contains(m.ReplyTuple, field) {
			p.errorf(where, "lacks %q; a decision is made of %s", field, strings.Join(decisionFields, ", "))
		}
	}
}

// checkSyntax turns a syntax error into ":line:column: what".
func checkSyntax(data []byte) error {
	var v any
	err := json.Unmarshal(data, &v)
	if err == nil {
		if _, ok := v.(map[string]any); !ok {
			return fmt.Errorf(": is %s, want an object", kindOf(data))
		}
		return nil
	}
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return fmt.Errorf(": not JSON: %w", err)
	}
	before := data[:max(0, min(int(syntax.Offset)-1, len(data)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Errorf(":%d:%d: not JSON: %w", line, column, err)
}

// decodeObject decodes each known field of an object into its target, and names those
// it does not know in a notice: a newer core may say more, and that is no reason to
// stop. A known field that is missing or of another type is an error.
func decodeObject(data []byte, p *problems, object string, where func(field string) string, known map[string]any) {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(data, &fields) != nil || fields == nil {
		p.errorf(object, "is %s, want an object", kindOf(data))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		raw, ok := fields[name]
		if !ok || string(raw) == "null" {
			p.errorf(where(name), "is missing, want %s", wanted(known[name]))
			continue
		}
		if err := json.Unmarshal(raw, known[name]); err != nil {
			p.errorf(where(name), "is %s, want %s", kindOf(raw), wanted(known[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if _, ok := known[name]; !ok {
			p.noticef(where(name), "is new to this luagen and left out")
		}
	}
}

// kindOf says what kind of value a JSON text is, which parsed as JSON before.
func kindOf(text []byte) string {
	var v any
	_ = json.Unmarshal(text, &v)
	list, ok := v.([]any)
	if !ok {
		return kindOfValue(v)
	}
	for _, element := range list {
		if _, ok := element.(string); !ok {
			return "a list that holds " + kindOfValue(element)
		}
	}
	return "a list of strings"
}

func kindOfValue(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	}
	return "an object"
}

func wanted(target any) string {
	switch target.(type) {
	case *string:
		return "a string"
	case *bool:
		return "true or false"
	case *[]string:
		return "a list of strings"
	}
	return "a list of objects"
}
