package policy

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// version is the version of the file format that this package reads.
const version = 1

// others are the top-level blocks that belong to other servers' features.
var others = []string{"capture", "replay"}

func (r *reader) readFile(root *yaml.Node) {
	b := r.block("", at(root), root, wantLimiters[len("want "):])
	if b == nil {
		return
	}
	b.only("a policy file", append([]string{"version", "defaults", "limiters"}, others...))
	b.number("version", fmt.Sprintf("%d, or none at all", version), func(v float64) bool { return v == version })
	for _, name := range others {
		if b.has(name) {
			r.file.foreign = append(r.file.foreign, at(b.keys[name]))
			r.file.Notices = append(r.file.Notices, name+" belongs to another server and is not used by this one")
		}
	}
	prefix := b.defaultPrefix()
	const wantPolicies = "a map of policies, such as {api: {strategy: ..., limit: 100, period: 1m}}"
	switch limiters := b.values["limiters"]; {
	case limiters == nil:
		b.missing("limiters", wantPolicies)
	default:
		if policies := r.block("limiters", at(b.keys["limiters"]), limiters, wantPolicies); policies != nil {
			for _, name := range policies.names {
				r.readPolicy(name, policies.keys[name], policies.values[name], prefix)
			}
		}
	}
}

// defaultPrefix reads defaults.prefix; nil when it is not given.
func (b *block) defaultPrefix() *string {
	n := b.value("defaults")
	if n == nil {
		return nil
	}
	defaults := b.r.block("defaults", at(b.keys["defaults"]), n, "a map with prefix")
	if defaults == nil {
		return nil
	}
	defaults.only("defaults", []string{"prefix"})
	prefix := defaults.prefix()
	if prefix != nil {
		where := at(defaults.values["prefix"])
		b.r.file.defaultPrefix = &where
	}
	return prefix
}

func (b *block) prefix() *string {
	if prefix, outcome := b.text("prefix", "text (a number only in quotes)"); outcome == sound {
		return &prefix
	}
	return nil
}

func (r *reader) readPolicy(name string, key, value *yaml.Node, defaultPrefix *string) {
	path := limitersPath(name)
	if name == "" {
		r.problem(at(key), path, "has no name, want one that clients can call")
	}
	b := r.block(path, at(key), value, "a map of fields (with a space after each colon)")
	if b == nil {
		return
	}
	p := Policy{Name: name, Prefix: name, Line: key.Line, Column: key.Column, fields: b.fields()}
	if defaultPrefix != nil {
		p.Prefix = *defaultPrefix
	}
	if own := b.prefix(); own != nil {
		p.Prefix = *own
	}
	kind, isKind := b.kind()
	b.strategy(&p, kind)
	if isKind {
		kind.read(b, &p)
	}
	if p.Unserved != "" {
		p.Strategy = nil
	}
	r.file.Policies = append(r.file.Policies, p)
}

// strategy reads the fields of a strategy into p. Policies of most kinds have none.
func (b *block) strategy(p *Policy, kind kind) {
	fields := []string{"strategy", "prefix"}
	names := strategyNames()
	name, outcome := b.text("strategy", "", names...)
	switch {
	case outcome == absent && kind.name != "" && !kind.needsStrategy:
		b.only("a "+kind.name+" policy with no strategy", fields, kindNames()...)
		return
	case outcome != sound:
		if outcome == absent {
			b.missing("strategy", oneOf(names))
		}
		for _, name := range names {
			fields = append(fields, shapeOf(name).fields...)
		}
		slices.Sort(fields)
		b.only("any policy", slices.Compact(fields), kindNames()...)
		return
	}
	shape := shapeOf(name)
	b.only("a "+name+" policy", append(fields, shape.fields...), kindNames()...)
	p.StrategyName = name
	plan, unserved := shape.read(b)
	if p.Unserved = unserved; plan != nil {
		p.Strategy = plan
	}
}
