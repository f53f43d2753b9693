package gen

import (
	"slices"
	"strings"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// param is one parameter of a strategy: an ARGV name that is neither now nor cost.
type param struct {
	Name        string // in the manifest
	Field       string // in the configuration struct
	Doc         string // what Field is, to follow its name; one sentence, no full stop
	Unit        string // a constant of package script
	Min, Max    float64
	Integer     bool
	Amount      bool // counts units, all at once or a second
	Default     float64
	DefaultFrom string
}

// known is the closed table of the names that this generator knows: what their field
// says of itself, what it defaults to, and what is allowed. The bounds are those of
// the core's own validation, except that no number may exceed 2^53-1, above which
// Lua's doubles skip integers and Redis refuses an expiry.
var known = []param{
	{Name: "limit", Doc: "is how many units are admitted in each period or window", Amount: true},
	{Name: "periodMs", Doc: "is the time in which the whole limit comes back"},
	{Name: "burst", Doc: "is how many units can be spent at once", Min: 1, Amount: true, DefaultFrom: "limit"},
	{Name: "capacity", Doc: "is how many tokens the full bucket holds, and so the most that can be spent at once", Amount: true},
	{Name: "refillPerSec", Doc: "is how many tokens come back in a second", Amount: true},
	// Shorter than a microsecond, and window numbers at today's epoch leave the range
	// in which doubles count by ones.
	{Name: "windowMs", Doc: "is the length of the window", Min: 0.001},
	{Name: "buckets", Doc: "is how many buckets the window is counted in; more are more exact and cost more",
		Min: 1, Max: 100_000, Integer: true, Default: 10},
}

// paramOf returns the parameter of an ARGV name. The field's name and type follow from
// the name alone, known or not: a field that changed its type with its value would
// break callers for a change that is none.
func paramOf(name string) (p param, isKnown bool) {
	// Of a name that it does not know the generator holds that it is an amount unless it
	// is a time: one that is shared out by mistake limits too much rather than too little.
	p = param{Name: name, Doc: "is the contract's parameter " + name, Amount: true}
	if i := slices.IndexFunc(known, func(k param) bool { return k.Name == name }); i >= 0 {
		p, isKnown = known[i], true
	}
	if p.Max == 0 {
		p.Max = script.MaxParam
	}
	stem, isMillis := strings.CutSuffix(name, "Ms")
	switch {
	case isMillis && stem != "":
		p.Field, p.Unit, p.Amount = goName(stem), "Milliseconds", false
	case strings.HasSuffix(name, "PerSec"):
		p.Field, p.Unit = goName(name), "PerSecond"
	default:
		p.Field, p.Unit = goName(name), "Count"
	}
	return p, isKnown
}

// GoType is the type of the parameter's field.
func (p param) GoType() string {
	switch p.Unit {
	case "Milliseconds":
		return "time.Duration"
	case "PerSecond":
		return "float64"
	}
	return "int64"
}

// Value is the expression that turns the field of configuration s into the wire's
// number.
func (p param) Value() string {
	switch p.Unit {
	case "Milliseconds":
		return "script.Millis(s." + p.Field + ")"
	case "PerSecond":
		return "s." + p.Field
	}
	return "float64(s." + p.Field + ")"
}

// withDefaultsPresent drops a default that is taken from a parameter which the
// strategy does not have.
func withDefaultsPresent(params []param) []param {
	for i, p := range params {
		from := p.DefaultFrom
		if !slices.ContainsFunc(params, func(o param) bool { return o.Name == from }) {
			params[i].DefaultFrom = ""
		}
	}
	return params
}

// derived bounds a quotient of parameters.
type derived struct {
	Over, Under []string
	Scale       float64
	Min         float64
	Meaning     string
}

// derivedRules apply to every strategy that takes all the names of a rule.
var derivedRules = []derived{
	{Over: []string{"periodMs"}, Under: []string{"limit"}, Scale: 1,
		Meaning: "the interval between units, in ms,"},
	{Over: []string{"periodMs", "burst"}, Under: []string{"limit"}, Scale: 1,
		Meaning: "the time in which a burst comes back, in ms,"},
	{Over: []string{"capacity"}, Under: []string{"refillPerSec"}, Scale: 1000,
		Meaning: "the time to refill, in ms,"},
	// A bucket's number must fit the 14 digits that are stored of it, or the bucket is
	// never found again and nothing is counted: 0.05 ms keeps it there until the year
	// 2128.
	{Over: []string{"windowMs"}, Under: []string{"buckets"}, Scale: 1, Min: 0.05,
		Meaning: "the width of a bucket, in ms,"},
}

func derivedFor(argv []string) []derived {
	var rules []derived
	for _, r := range derivedRules {
		missing := func(name string) bool { return !slices.Contains(argv, name) }
		if !slices.ContainsFunc(r.Over, missing) && !slices.ContainsFunc(r.Under, missing) {
			rules = append(rules, r)
		}
	}
	return rules
}

// reportedLimit returns the parameter that a reply's limit repeats, or "".
func reportedLimit(argv []string) string {
	for _, name := range []string{"burst", "capacity", "limit"} {
		if slices.Contains(argv, name) {
			return name
		}
	}
	return ""
}
