package gen

import (
	"crypto/sha1" // what EVALSHA addresses scripts by, not a safeguard
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"path"
	"regexp"
	"slices"
)

const scriptsDir = "scripts"

// plainFile matches a file name that stays in its folder and in one line of a comment.
var plainFile = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*$`)

// luaScript is one script of the contract, verified.
//
// Every form that a script takes in Go starts here: its text as it stands, and what is
// derived from that text.
type luaScript struct {
	Name   string
	File   string
	Source string
	SHA1   string
	SHA256 string
}

// strategy is one strategy of the contract: what its file is rendered from.
type strategy struct {
	Name          string // in the manifest
	Where         string // the name stands in the manifest, for messages
	GoName        string // of the configuration struct
	Argv          []string
	Params        []param
	Derived       []derived
	ReportedLimit string
	Work          []term
	Check         luaScript
	Read          *luaScript
	Derivation    derivation
	Local         local
	RetryHint     string // a constant of package script, or empty for none that promises anything
}

// loadStrategies verifies every script of the manifest and groups them by strategy,
// in the manifest's order.
func loadStrategies(fsys fs.FS, m *manifest, p *problems) []*strategy {
	wrappers := newWrappers(m.ReplyTuple)
	var strategies []*strategy
	byName := map[string]*strategy{}
	seen := map[string]int{}
	for i, e := range m.Scripts {
		if first, ok := seen[e.Name]; ok {
			p.errorf(e.where(i, "name"), "scripts[%d] and scripts[%d] both have it, want a name of its own for each", first, i)
		} else if e.Name == "" {
			p.errorf(e.where(i, "name"), "is empty, want a name of its own for each script")
		}
		seen[e.Name] = i
		text, ok := loadScript(fsys, i, e, p)
		if e.Role != "check" && e.Role != "read" {
			p.noticef(e.where(i, "role"), "%q is new to this luagen; the script is left out", e.Role)
			continue
		}
		s := byName[e.Strategy]
		if s == nil {
			s = &strategy{Name: e.Strategy, Where: e.where(i, "strategy"), GoName: goName(e.Strategy)}
			byName[e.Strategy] = s
			strategies = append(strategies, s)
		}
		if len(e.Keys) != 1 {
			p.errorf(e.where(i, "keys"), "has %d names, want exactly one: a cluster runs a script where its key lives", len(e.Keys))
		}
		switch e.Role {
		case "check":
			if s.Check.File != "" {
				p.errorf(e.where(i, "role"), "strategy %s has a check script already, %s, want one", s.Name, s.Check.Name)
				continue
			}
			s.Check = text
			s.loadArgv(i, e, p)
			if ok {
				chunk := parseScript(text, p)
				s.Work = measureWork(chunk, e.Argv)
				s.derive(chunk, wrappers, p)
				s.translate(chunk, m.ReplyTuple, p)
				s.promise(p)
			}
		case "read":
			if s.Read != nil {
				p.errorf(e.where(i, "role"), "strategy %s has a read script already, %s, want at most one", s.Name, s.Read.Name)
			}
			if len(e.Argv) > 0 {
				p.errorf(e.where(i, "argv"), "has %d names, want none: a read script takes its key alone", len(e.Argv))
			}
			s.Read = &text
		}
	}
	if len(strategies) == 0 {
		p.errorf(manifestFile+": scripts", "lists no script of role check or read, want at least one check script")
	}
	for _, s := range strategies {
		if s.Check.File == "" {
			p.errorf(s.Where, "%q has no script of role check, want one", s.Name)
		}
	}
	return strategies
}

// loadScript reads a script and holds its bytes against the manifest's checksum.
func loadScript(fsys fs.FS, i int, e scriptEntry, p *problems) (luaScript, bool) {
	s := luaScript{Name: e.Name, File: path.Join(scriptsDir, e.File)}
	if !plainFile.MatchString(e.File) {
		p.errorf(e.where(i, "file"), "is %q, want the plain name of a file in %s/", e.File, scriptsDir)
		return s, false
	}
	data, err := fs.ReadFile(fsys, s.File)
	if errors.Is(err, fs.ErrNotExist) {
		p.errorf(e.where(i, "file"), "%s does not exist", s.File)
		return s, false
	} else if err != nil {
		p.errorf(e.where(i, "file"), "%s cannot be read: %v", s.File, err)
		return s, false
	}
	sum1, sum256 := sha1.Sum(data), sha256.Sum256(data)
	s.Source = string(data)
	s.SHA1, s.SHA256 = hex.EncodeToString(sum1[:]), hex.EncodeToString(sum256[:])
	if s.SHA256 != e.SHA256 {
		p.errorf(e.where(i, "sha256"), "is %q, but %s hashes to %s; one of the two was changed alone: sync the contract again",
			e.SHA256, s.File, s.SHA256)
		return s, false
	}
	return s, true
}

// loadArgv turns a check script's ARGV names into parameters.
func (s *strategy) loadArgv(i int, e scriptEntry, p *problems) {
	where := e.where(i, "argv")
	s.Argv = e.Argv
	if len(e.Argv) == 0 {
		p.errorf(where, "is empty, want \"now\" first: ARGV[1] of a check is the instant")
	} else if e.Argv[0] != "now" {
		p.errorf(where, "starts with %q, want \"now\" first: ARGV[1] of a check is the instant", e.Argv[0])
	}
	if !slices.Contains(e.Argv, "cost") {
		p.errorf(where, "lacks \"cost\": a check has to be told what it costs")
	}
	for k, name := range e.Argv {
		if slices.Contains(e.Argv[:k], name) {
			p.errorf(where, "names %q twice, want it once", name)
			continue
		}
		if name == "now" || name == "cost" {
			continue
		}
		param, known := paramOf(name)
		if !known {
			p.noticef(where, "parameter %q is new to this luagen; field %s %s must be positive, and nothing else is known of it",
				name, param.Field, param.GoType())
		}
		s.Params = append(s.Params, param)
	}
	s.Params = withDefaultsPresent(s.Params)
	s.Derived = derivedFor(e.Argv)
	s.ReportedLimit = reportedLimit(e.Argv)
}
