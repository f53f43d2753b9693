package script

import (
	"fmt"
	"math"
	"strconv"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// Plan is a strategy with its parameters filled in, checked and formatted: all that a
// door needs to run it. It is immutable and safe for concurrent use.
type Plan struct {
	def    *Definition
	values []float64
	argv   []any // every element formatted, but for now and cost
	now    int
	cost   int
	work   []float64 // by the power of the cost that it goes with
}

var _ Strategy = (*Plan)(nil)

func newPlan(d *Definition, values []float64) *Plan {
	p := &Plan{def: d, values: values, argv: make([]any, len(d.Argv))}
	for i, name := range d.Argv {
		switch name {
		case "now":
			p.now = i
		case "cost":
			p.cost = i
		default:
			p.argv[i] = Number(values[d.index(name)])
		}
	}
	for _, t := range d.Work {
		p.addWork(t)
	}
	return p
}

// addWork multiplies out the parameters of a term, which leaves a power of the cost.
func (p *Plan) addWork(t Term) {
	steps, power := float64(t.Steps), 0
	for _, name := range t.Per {
		if name == "cost" {
			power++
		} else if v, ok := p.Value(name); ok {
			steps *= v
		}
	}
	for len(p.work) <= power {
		p.work = append(p.work, 0)
	}
	p.work[power] += steps
}

// Plan returns p, so that a plan is a [Strategy] itself.
func (p *Plan) Plan() (*Plan, error) { return p, nil }

// Definition returns what the contract says about the strategy. It must not be
// modified.
func (p *Plan) Definition() *Definition { return p.def }

// Value returns the value of the parameter of that ARGV name, with defaults applied.
func (p *Plan) Value(name string) (float64, bool) {
	if i := p.def.index(name); i >= 0 {
		return p.values[i], true
	}
	return 0, false
}

// AppendArgv appends the check script's ARGV to dst. The parameters were formatted
// when the plan was made; now and cost are appended as they come, and a Redis client
// must write them as plain decimal numbers. A now of 0 means Redis's own clock.
func (p *Plan) AppendArgv(dst []any, now, cost any) []any {
	at := len(dst)
	dst = append(dst, p.argv...)
	dst[at+p.now] = now
	dst[at+p.cost] = cost
	return dst
}

// Work estimates how many steps a check of that cost is for Redis: one for each
// command that the script calls and for each turn of its loops. It saturates.
func (p *Plan) Work(cost int64) int64 {
	total := 0.0
	for power := len(p.work) - 1; power >= 0; power-- {
		total = float64(total*float64(cost)) + p.work[power]
	}
	if total >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(total)
}

// Decode turns a check's reply, as a Redis client hands it over, into a decision. It
// accepts a list of exactly as many integers as the contract says and nothing else;
// it never panics.
func (p *Plan) Decode(reply any) (throttlekit.Decision, error) {
	list, ok := reply.([]any)
	if !ok {
		return throttlekit.Decision{}, fmt.Errorf("reply is %s, want %d integers", describe(reply), len(p.def.Reply))
	}
	if len(list) != len(p.def.Reply) {
		return throttlekit.Decision{}, fmt.Errorf("reply has %d elements, want %d integers", len(list), len(p.def.Reply))
	}
	var ints Reply
	for i, element := range list {
		n, ok := element.(int64)
		if !ok {
			return throttlekit.Decision{}, fmt.Errorf("reply element %d (%s) is %s, want an integer",
				i, p.def.Reply[i], describe(element))
		}
		ints[i] = n
	}
	return p.def.Decode(ints), nil
}

// describe names a reply's type without quoting its content, which may hold a key.
func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case int64:
		return "an integer"
	case []byte, string:
		return "a string"
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case error:
		return "an error"
	}
	return fmt.Sprintf("a %T", v)
}

// Number formats a number as the wire wants it: plain decimal, no exponent, no more
// digits than tell it apart from its neighbours. Redis refuses 1e+06 as an expiry.
func Number(v float64) string {
	return strconv.FormatFloat(v, 'f', -1, 64)
}
