package script

import (
	"fmt"
	"math"
	"slices"
	"strings"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// Strategy is what a door runs: a generated configuration such as strategy.GCRA, or a
// [*Plan] made from raw numbers.
type Strategy interface {
	// Plan validates the configuration and returns it ready to run. The error names
	// the strategy and the field, says what was got, and what is allowed.
	Plan() (*Plan, error)
}

// Script is one Lua script of the contract.
type Script struct {
	// Name is the script's name in the manifest, such as "gcra.check".
	Name string
	// Source is the script's text, byte for byte what the contract holds.
	Source string
	// SHA1 is what Redis caches the script by, in hex. It was computed when the code
	// was generated: a program in FIPS-only mode cannot compute it.
	SHA1 string
	// SHA256 is the manifest's checksum of Source, in hex; empty for a derived script.
	SHA256 string
}

// Unit says what a parameter's number counts.
type Unit uint8

// The units, by the suffix of the parameter's name.
const (
	Count        Unit = iota // a plain number
	Milliseconds             // ...Ms: milliseconds
	PerSecond                // ...PerSec: units a second
)

// MaxParam is the greatest value of any parameter, 2^53-1: above it doubles skip
// integers, and Redis refuses an expiry.
const MaxParam = 1<<53 - 1

// Param is one parameter of a strategy.
type Param struct {
	// Name is the parameter's name among the manifest's ARGV names.
	Name string
	// Field is its name in the generated configuration.
	Field string
	// Unit says what its number counts.
	Unit Unit
	// Min is the least value allowed; 0 stands for any value above zero.
	Min float64
	// Max is the greatest value allowed.
	Max float64
	// Integer reports whether a fraction is refused.
	Integer bool
	// Amount reports whether it counts units, at once or a second: what processes that
	// limit apart from each other have to share out. Times and ways of counting are none.
	Amount bool
	// Default is the value used for 0, or 0 when there is none.
	Default float64
	// DefaultFrom names the parameter whose value is used for 0, or is empty.
	DefaultFrom string
}

// Hint says what the RetryAfter of a strategy's denials promises, as long as nobody else
// spends from the key or resets it.
type Hint uint8

const (
	// HintLoose promises nothing: the check may be admitted sooner or be denied again.
	HintLoose Hint = iota
	// HintWithinMillisecond is exact but for rounding: the check may be admitted a
	// millisecond sooner or later.
	HintWithinMillisecond
	// HintExact is exact: after that many milliseconds the check is admitted, and after
	// fewer it is not.
	HintExact
)

// Derived bounds a quotient of parameters: Over's product divided by Under's.
type Derived struct {
	// Over and Under name the parameters multiplied and divided by.
	Over, Under []string
	// Scale multiplies the quotient, as for a change of unit.
	Scale float64
	// Min is the least value allowed; 0 stands for any value above zero. The greatest
	// is MaxParam.
	Min float64
	// Meaning says in an error what the quotient is.
	Meaning string
}

// Term is one part of the work that a check is for Redis: Steps times the values of
// Per.
type Term struct {
	// Steps counts commands and turns of loops.
	Steps int64
	// Per names parameters; "cost" stands for the cost of the check.
	Per []string
}

// MaxReply is how many elements a check's reply may have.
const MaxReply = 8

// Reply holds the integers of one check's reply; a strategy uses the first
// len(Definition.Reply) of them.
type Reply [MaxReply]int64

// Definition is what the contract says about one strategy. Values are made by
// generated code.
type Definition struct {
	// Name is the strategy's name in the manifest.
	Name string
	// Params are its parameters, in ARGV order.
	Params []Param
	// Derived are the bounds on combinations of parameters.
	Derived []Derived
	// Argv is the check script's ARGV order, now and cost included.
	Argv []string
	// ReportedLimit names the parameter that Decision.Limit reports, or is empty when
	// the generator does not know.
	ReportedLimit string
	// Work is what one check costs Redis.
	Work []Term
	// Check decides and consumes.
	Check Script
	// Read returns the raw state; its Source is empty when the contract has none.
	Read Script
	// Many runs Check for many keys at one instant, and Probe runs it dry; both hold
	// Check's bytes unchanged. The Source of one that the check does not allow is empty.
	Many, Probe Script
	// Reply names the elements of a check's reply, in order; at most [MaxReply].
	Reply []string
	// Decode turns a reply's integers into a decision.
	Decode func(reply Reply) throttlekit.Decision
	// RetryHint says what a denial's RetryAfter promises, as it was found for these very
	// bytes of Check.
	RetryHint Hint
	// Local is Check as Go, or nil when the script uses more of Lua or of Redis than
	// luagen translates.
	Local Local
	// NotLocal says what keeps the script from being translated, and where; empty when
	// there is Local.
	NotLocal string
}

// New makes a plan from raw parameters by ARGV name. Unlike a typed configuration it
// keeps numbers that the wire allows and Go's types don't, such as a fractional limit
// or a third of a millisecond. A parameter left out, or 0, takes its default.
func (d *Definition) New(params map[string]float64) (*Plan, error) {
	for name := range params {
		if !slices.ContainsFunc(d.Params, func(p Param) bool { return p.Name == name }) {
			return nil, d.errorf(name, "is not a parameter; it has %s", strings.Join(d.paramNames(), ", "))
		}
	}
	values := make([]float64, len(d.Params))
	for i, p := range d.Params {
		values[i] = params[p.Name]
	}
	return d.Plan(values...)
}

// Plan makes a plan from one value per parameter, in the order of d.Params.
func (d *Definition) Plan(values ...float64) (*Plan, error) {
	if len(values) != len(d.Params) {
		return nil, fmt.Errorf("strategy %s: got %d values for %d parameters", d.Name, len(values), len(d.Params))
	}
	values = slices.Clone(values)
	for i, p := range d.Params {
		if values[i] == 0 {
			values[i] = p.Default
			if p.DefaultFrom != "" {
				values[i] = values[d.index(p.DefaultFrom)]
			}
		}
	}
	for i, p := range d.Params {
		if problem := p.problem(values[i]); problem != "" {
			return nil, d.errorf(p.label(), "%s", problem)
		}
	}
	for _, rule := range d.Derived {
		if err := d.checkDerived(rule, values); err != nil {
			return nil, err
		}
	}
	return newPlan(d, values), nil
}

func (p Param) problem(v float64) string {
	allowed := "above 0"
	if p.Min > 0 {
		allowed = "at least " + Number(p.Min)
	}
	if p.Max < MaxParam {
		allowed += " and at most " + Number(p.Max)
	} else {
		allowed += " and at most 2^53-1"
	}
	if p.Integer {
		allowed = "a whole number, " + allowed
	}
	switch {
	case math.IsNaN(v), math.IsInf(v, 0):
		return fmt.Sprintf("is %v, want a finite number, %s", v, allowed)
	case p.Integer && v != math.Trunc(v), v <= 0, v < p.Min, v > p.Max:
		return fmt.Sprintf("is %s, want %s", Number(v), allowed)
	}
	return ""
}

// label names the parameter for both kinds of reader: one who filled in a Go field and
// one who wrote the contract's own name.
func (p Param) label() string {
	if strings.EqualFold(p.Name, p.Field) {
		return p.Name
	}
	return p.Name + " (" + p.Field + ")"
}

func (d *Definition) checkDerived(rule Derived, values []float64) error {
	q := rule.Scale
	for _, name := range rule.Over {
		q *= values[d.index(name)]
	}
	for _, name := range rule.Under {
		q /= values[d.index(name)]
	}
	if q > 0 && q >= rule.Min && q <= MaxParam {
		return nil
	}
	allowed := "above 0"
	if rule.Min > 0 {
		allowed = "at least " + Number(rule.Min)
	}
	allowed += " and at most 2^53-1"
	names := append(slices.Clone(rule.Over), rule.Under...)
	return d.errorf(strings.Join(names, " and "), "make %s %v, want %s", rule.Meaning, q, allowed)
}

func (d *Definition) index(name string) int {
	return slices.IndexFunc(d.Params, func(p Param) bool { return p.Name == name })
}

func (d *Definition) paramNames() []string {
	names := make([]string, len(d.Params))
	for i, p := range d.Params {
		names[i] = p.Name
	}
	return names
}

func (d *Definition) errorf(field, format string, args ...any) error {
	return fmt.Errorf("strategy %s: %s %s", d.Name, field, fmt.Sprintf(format, args...))
}
