package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// shape is how the policies of one strategy are written.
type shape struct {
	fields []string // besides those of every policy
	// read returns what a door runs, or why this server does not serve the policy, or
	// neither when there is a problem, which it notes.
	read func(*block) (plan *script.Plan, unserved string)
}

// spellings says which fields may fill a parameter, where it is not just the field of
// its own name; the first one given wins. All but period are plain numbers.
type spellings map[string][]string

// common are the spellings of a strategy's time. A strategy with two times takes each by
// its own name alone.
var common = spellings{
	"periodMs": {"period", "periodMs", "windowMs"},
	"windowMs": {"period", "windowMs"},
}

func (s spellings) of(d *script.Definition, p script.Param) []string {
	times := 0
	for _, other := range d.Params {
		if s[other.Name] != nil {
			times++
		}
	}
	if s[p.Name] == nil || times > 1 {
		return []string{p.Name}
	}
	return s[p.Name]
}

// strategyNames lists what the strategy field may say: the contract's strategies, and
// quota unless the contract has one of that name by now.
func strategyNames() []string {
	var names []string
	for _, d := range strategy.All() {
		names = append(names, d.Name)
	}
	if !slices.Contains(names, quotaName) {
		names = append(names, quotaName)
	}
	return names
}

// shapeOf returns the shape of a strategy in strategyNames.
func shapeOf(name string) shape {
	d := definition(name)
	if d == nil {
		return quotaShape
	}
	return shape{
		fields: fieldsOf(d, common),
		read:   func(b *block) (*script.Plan, string) { return b.plan(d, common), "" },
	}
}

// definition returns the contract's strategy of that name, or nil.
func definition(name string) *script.Definition {
	for _, d := range strategy.All() {
		if d.Name == name {
			return d
		}
	}
	return nil
}

func fieldsOf(d *script.Definition, s spellings) []string {
	var fields []string
	for _, p := range d.Params {
		fields = append(fields, s.of(d, p)...)
	}
	return fields
}

// plan reads the parameters of d; nil when there is a problem, which it notes.
func (b *block) plan(d *script.Definition, s spellings) *script.Plan {
	values := make([]float64, len(d.Params))
	outcomes := map[string]outcome{}
	spelled := map[string]string{} // the field that filled a parameter
	for i, p := range d.Params {
		values[i], spelled[p.Name], outcomes[p.Name] = b.param(p, s.of(d, p))
	}
	for i, p := range d.Params {
		if outcomes[p.Name] != absent || p.DefaultFrom == "" || outcomes[p.DefaultFrom] != sound {
			continue
		}
		values[i] = values[slices.IndexFunc(d.Params, func(o script.Param) bool { return o.Name == p.DefaultFrom })]
		if !allows(p, values[i]) {
			from := spelled[p.DefaultFrom]
			b.r.problem(at(b.values[from]), b.field(p.Name), fmt.Sprintf("is missing, and the value of %s, %s, cannot stand for it: want %s",
				from, script.Number(values[i]), wanted(p, values[i])))
			outcomes[p.Name] = broken
		}
	}
	if slices.Contains(slices.Collect(maps.Values(outcomes)), broken) {
		return nil
	}
	if !b.derived(d, values, spelled) {
		return nil
	}
	plan, err := d.Plan(values...)
	if err != nil { // a rule that a newer script package has and the above does not
		b.r.problem(b.at, b.path, err.Error())
		return nil
	}
	return plan
}

// param reads one parameter by the first of its spellings that is given.
func (b *block) param(p script.Param, fields []string) (v float64, spelled string, o outcome) {
	for _, name := range fields {
		n := b.value(name)
		if n == nil {
			continue
		}
		if name != period {
			v, o = b.number(name, wanted(p, 0), func(float64) bool { return true })
		} else if v, o = 0, broken; !b.r.reported[n] {
			if ms, ok := durationOf(n); ok {
				v, o = ms, sound
			} else {
				b.wrong(name, wantDuration)
			}
		}
		if o == sound && !allows(p, v) {
			b.wrong(name, wanted(p, v))
			o = broken
		}
		return v, name, o
	}
	if p.Default > 0 || p.DefaultFrom != "" {
		return 0, "", absent
	}
	want := wanted(p, 0)
	if fields[0] == period {
		want = wantDuration + "; or " + strings.Join(fields[1:], " or ") + ", in milliseconds"
	}
	b.missing(fields[0], want)
	return 0, "", broken
}

// period is the field that holds a duration.
const period = "period"

// allows asks the script package, which knows the bounds, about one parameter.
func allows(p script.Param, v float64) bool {
	p.Default, p.DefaultFrom = 0, ""
	_, err := (&script.Definition{Params: []script.Param{p}}).Plan(v)
	return err == nil
}

// wanted says what a parameter may be, as far as v offends it.
func wanted(p script.Param, v float64) string {
	want := "a number"
	if p.Integer {
		want = "a whole number"
	}
	if p.Unit == script.Milliseconds {
		want += " of milliseconds"
	}
	if p.Min > 0 {
		want += ", at least " + script.Number(p.Min)
	} else {
		want += " above 0"
	}
	switch {
	case p.Max < script.MaxParam:
		want += " and at most " + script.Number(p.Max)
	case v > p.Max:
		want += " and at most 2^53-1"
	}
	return want
}

// derived asks the script package about each of the rules on several parameters.
func (b *block) derived(d *script.Definition, values []float64, spelled map[string]string) bool {
	obeyed := true
	for _, rule := range d.Derived {
		_, err := (&script.Definition{Name: d.Name, Params: d.Params, Derived: []script.Derived{rule}}).Plan(values...)
		if err == nil {
			continue
		}
		obeyed = false
		where := b.at
		for _, name := range slices.Concat(rule.Over, rule.Under) {
			if n := b.value(spelled[name]); n != nil {
				where = at(n)
				break
			}
		}
		b.r.problem(where, b.path, strings.TrimPrefix(err.Error(), "strategy "+d.Name+": ")+
			": beyond that Redis rounds the numbers that it keeps, and the limit would not hold")
	}
	return obeyed
}
