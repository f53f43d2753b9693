package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Lint returns what a reader of the file can know of its traps, in the file's order. What
// only a run tells, [Rehearse] finds.
func Lint(f *File) []Finding {
	list := lintFile(f)
	for i := range f.Policies {
		p := &f.Policies[i]
		found := &findings{file: f, policy: p}
		for _, notice := range p.Notices {
			found.add(Note, nil, "%s", notice)
		}
		if p.Unserved != "" {
			found.add(Note, nil, "%s", p.Unserved)
		}
		found.lintPrefix()
		found.lintTimes()
		if plan, err := planOf(p); err == nil && plan != nil {
			found.lintLimit(plan)
			found.lintBurst(plan)
			found.lintMemory(plan)
		}
		list = append(list, found.list...)
	}
	SortFindings(list)
	return list
}

// planOf is what a policy runs; nil when it is not served.
func planOf(p *Policy) (*script.Plan, error) {
	if p.Strategy == nil {
		return nil, nil
	}
	return p.Strategy.Plan()
}

func lintFile(f *File) []Finding {
	var list []Finding
	add := func(at position, s Severity, message string) {
		list = append(list, Finding{File: f.Name, Line: at.line, Column: at.column, Severity: s, Message: message})
	}
	for i, notice := range f.Notices {
		add(f.foreign[i], Note, notice)
	}
	if len(f.Policies) == 0 {
		add(position{1, 1}, Warning, "there are no policies, so every check is answered that its policy is unknown")
	}
	if f.defaultPrefix != nil {
		add(*f.defaultPrefix, Note, "defaults.prefix stands in place of the policies' names in their keys, not before them; to set services apart on one Redis, use --redis-prefix")
	}
	return append(list, f.collisions()...)
}

func (f *findings) lintPrefix() {
	open := strings.IndexByte(f.policy.Prefix, '{')
	if open >= 0 && strings.IndexByte(f.policy.Prefix[open:], '}') > 1 {
		f.add(Warning, []string{"prefix"}, "the prefix %s holds braces, which Redis Cluster takes for a hash tag: all keys of the policy lie on one node", clip(f.policy.Prefix))
	}
}

// lintTimes looks at how times are written.
func (f *findings) lintTimes() {
	given, ok := f.policy.fields[period]
	if !ok {
		return
	}
	if numeral.MatchString(given.text) && numberOf(given.text) < 1000 {
		f.add(Warning, []string{period}, "period %s has no unit and is %s milliseconds; if that is meant, write %sms, and %ss for seconds", given.text, given.text, given.text, given.text)
	}
	for _, other := range []string{"periodMs", "windowMs"} {
		if _, both := f.policy.fields[other]; both {
			f.add(Warning, []string{other}, "%s is not heeded, since there is a period", other)
		}
	}
}

// lintLimit looks at the number that decisions report as the limit.
func (f *findings) lintLimit(plan *script.Plan) {
	name := plan.Definition().ReportedLimit
	limit, ok := plan.Value(name)
	switch {
	case !ok:
	case limit < 1:
		f.add(Warning, []string{name}, "a %s of %s is below the cost of any check, so that all are denied", name, script.Number(limit))
	case limit != math.Trunc(limit):
		f.add(Note, []string{name, "limit"}, "a %s of %s is reported to clients as %s", name, script.Number(limit), script.Number(math.Trunc(limit)))
	}
}

// lintBurst looks for a burst that makes the limit another one.
func (f *findings) lintBurst(plan *script.Plan) {
	burst, hasBurst := plan.Value("burst")
	limit, hasLimit := plan.Value("limit")
	if hasBurst && hasLimit && burst > limit {
		f.add(Note, []string{"burst"}, "a burst of %s exceeds the limit of %s: after a pause, up to %s are admitted within one period",
			script.Number(burst), script.Number(limit), script.Number(burst+limit))
	}
}

// BytesPerUnit is what Redis holds for each unit, where a strategy remembers units one by
// one: a member of a sorted set. It was measured with MEMORY USAGE on Redis 7.0 (see the
// package's tests), and is an estimate for others.
const BytesPerUnit = 130

// largeKey is how much memory one key may take before it is worth a warning.
const largeKey = 1 << 20

// lintMemory looks for strategies that do more work for a larger cost: they remember each
// unit.
func (f *findings) lintMemory(plan *script.Plan) {
	d := plan.Definition()
	perUnit := slices.ContainsFunc(d.Work, func(t script.Term) bool { return slices.Contains(t.Per, "cost") })
	limit, ok := plan.Value(d.ReportedLimit)
	if bytes := limit * BytesPerUnit; perUnit && ok && bytes > largeKey {
		f.add(Warning, []string{d.ReportedLimit}, "%s remembers each unit: a key at its limit of %s takes some %s of Redis's memory",
			d.Name, script.Number(limit), mebibytes(bytes))
	}
}

func mebibytes(bytes float64) string { return fmt.Sprintf("%.0f MiB", math.Ceil(bytes/(1<<20))) }
