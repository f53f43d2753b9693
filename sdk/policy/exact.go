package policy

import (
	"fmt"
	"math"
	"strings"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// alternatives ends a finding about a limit that rounding makes short: the nearest values
// of the two parameters whose quotient is the time between units, for which that time is
// exact. Arithmetic proposes, the script decides: each was rehearsed.
func (r *rehearsal) alternatives(plan *script.Plan) (string, error) {
	d := plan.Definition()
	for _, rule := range d.Derived {
		if len(rule.Over) != 1 || len(rule.Under) != 1 {
			continue
		}
		over, _ := plan.Value(rule.Over[0])
		under, _ := plan.Value(rule.Under[0])
		if exact(over, under) {
			continue
		}
		var found []string
		for _, name := range []string{rule.Under[0], rule.Over[0]} {
			for _, step := range []float64{-1, 1} {
				v, ok, err := r.nearest(plan, rule, name, step)
				if err != nil {
					return "", err
				}
				if ok {
					found = append(found, r.written(name, v))
				}
			}
		}
		why := fmt.Sprintf(": %s/%s ms between units is no exact binary fraction", script.Number(over), script.Number(under))
		if len(found) > 0 {
			why += "; exact nearby: " + strings.Join(found, ", ")
		}
		return why, nil
	}
	return "", nil
}

// maxSteps bounds the search for another value.
const maxSteps = 100_000

// nearest is the value nearest to name's, in whole steps, for which rule's quotient is
// exact and the rehearsal has no shortfall; at most twice or half of what it is now.
func (r *rehearsal) nearest(plan *script.Plan, rule script.Derived, name string, step float64) (float64, bool, error) {
	d := plan.Definition()
	over, _ := plan.Value(rule.Over[0])
	under, _ := plan.Value(rule.Under[0])
	old, _ := plan.Value(name)
	v := math.Trunc(old)
	for range maxSteps {
		if v += step; v < max(1, old/2) || v > old*2 {
			break
		}
		if name == rule.Over[0] && !exact(v, under) || name == rule.Under[0] && !exact(over, v) {
			continue
		}
		changed, err := d.New(r.values(plan, name, v))
		if err != nil {
			continue
		}
		if short, ok, err := r.shortfall(changed); err != nil || ok && short == 0 {
			return v, err == nil, err
		}
	}
	return 0, false, nil
}

// values are the plan's, but for name's. One that was left to default to another follows
// it.
func (r *rehearsal) values(plan *script.Plan, name string, v float64) map[string]float64 {
	values := map[string]float64{}
	for _, p := range plan.Definition().Params {
		if _, given := r.policy.fields[p.Name]; p.DefaultFrom == "" || given {
			values[p.Name], _ = plan.Value(p.Name)
		}
	}
	values[name] = v
	return values
}

// resolution is how many instants a double tells apart in one millisecond of these
// decades: sums of times that are multiples of 1/4096 ms lose nothing until the year 2039.
const resolution = 4096

func exact(over, under float64) bool { return math.Mod(over*resolution, under) == 0 }

// written is a parameter as the file has it.
func (r *rehearsal) written(name string, v float64) string {
	if _, ok := r.policy.fields[period]; ok && strings.HasSuffix(name, "Ms") {
		return period + " " + duration(v)
	}
	return name + " " + script.Number(v)
}

// duration writes whole milliseconds in the largest unit that holds them.
func duration(ms float64) string {
	for _, unit := range []string{"d", "h", "m", "s"} {
		if math.Mod(ms, units[unit]) == 0 {
			return script.Number(ms/units[unit]) + unit
		}
	}
	return script.Number(ms) + "ms"
}
