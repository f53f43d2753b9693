package policy

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Check is one check of a rehearsal.
type Check struct {
	// Now is its instant, in milliseconds since 1970.
	Now float64
	// Cost is how many units it asks for.
	Cost int64
}

// Runner runs checks of a strategy, each at its own instant, on a key that nobody else
// uses and that is empty before the first, and says of each whether it was admitted.
type Runner func(ctx context.Context, s script.Strategy, checks []Check) (admitted []bool, err error)

// Rehearse runs each policy's strategy for what only its script can tell, at instants
// around now, and returns the findings in the file's order:
//
//   - limits that admit less than they say of what arrives within one millisecond, with
//     the nearest limits and periods that do not,
//   - windows at whose edge the limit is admitted twice, and those that begin on days
//     that nobody chose.
//
// An error is run's.
func Rehearse(ctx context.Context, f *File, now time.Time, run Runner) ([]Finding, error) {
	var list []Finding
	for i := range f.Policies {
		plan, err := planOf(&f.Policies[i])
		if err != nil {
			return nil, err
		}
		if plan == nil {
			continue
		}
		r := rehearsal{findings: findings{file: f, policy: &f.Policies[i]}, ctx: ctx, now: float64(now.UnixMilli()), run: run}
		if err := r.burst(plan); err != nil {
			return nil, fmt.Errorf("%s: %w", limitersPath(r.policy.Name), err)
		}
		if err := r.edge(plan); err != nil {
			return nil, fmt.Errorf("%s: %w", limitersPath(r.policy.Name), err)
		}
		list = append(list, r.list...)
	}
	SortFindings(list)
	return list, nil
}

// rehearsal is of one policy.
type rehearsal struct {
	findings
	ctx context.Context
	now float64
	run Runner
}

// What one run may ask of Redis, in checks and in steps of [script.Plan.Work]: a tenth
// of a second on the embedded one. The last 200 units show the shortfall of a larger
// limit in nearly all cases; a note that is missing once is better than a lint that waits.
const (
	maxChecks = 200
	maxWork   = 2000
)

// shortfall is by how many units an untouched key stays below its limit when that much
// arrives at one instant, unit by unit. Of a large limit all but the last units are spent
// at once. ok is false where that would be too much work, or there is no limit to spend.
func (r *rehearsal) shortfall(plan *script.Plan) (short int64, ok bool, err error) {
	limit := plan.Limit()
	units := min(limit, maxChecks, maxWork/max(1, plan.Work(1)))
	if units < 1 || limit > units && plan.Work(limit-units) > maxWork {
		return 0, false, nil
	}
	var checks []Check
	if limit > units {
		checks = append(checks, Check{r.now, limit - units})
	}
	checks = append(checks, slices.Repeat([]Check{{r.now, 1}}, int(units))...)
	admitted, err := r.run(r.ctx, plan, checks)
	if err != nil {
		return 0, false, err
	}
	for i, yes := range admitted {
		if !yes {
			short += checks[i].Cost
		}
	}
	return short, true, nil
}

func (r *rehearsal) burst(plan *script.Plan) error {
	short, ok, err := r.shortfall(plan)
	if err != nil || !ok || short == 0 {
		return err
	}
	exact, err := r.alternatives(plan)
	if err != nil {
		return err
	}
	reported := plan.Definition().ReportedLimit
	r.add(Warning, []string{reported, "limit"}, "of %s %d arriving within one millisecond, %d are admitted, and the rest moments later%s",
		reported, plan.Limit(), plan.Limit()-short, exact)
	return nil
}

// edge looks for windows that begin at fixed instants: the limit is admitted just before
// such an edge and again just after it, and not so in the window's middle.
func (r *rehearsal) edge(plan *script.Plan) error {
	window, ok := windowOf(plan)
	limit := plan.Limit()
	if !ok || window < 4 || limit < 1 || plan.Work(limit) > maxWork {
		return nil
	}
	edge := math.Ceil((math.Floor(r.now/window) + 1) * window)
	middle := math.Floor(edge + window/2)
	twice := func(at float64) (bool, error) {
		admitted, err := r.run(r.ctx, plan, []Check{{at - 1, limit}, {at, limit}})
		return err == nil && admitted[0] && admitted[1], err
	}
	atEdge, err := twice(edge)
	if err != nil || !atEdge {
		return err
	}
	if inMiddle, err := twice(middle); err != nil || inMiddle {
		return err
	}
	times := []string{period, "periodMs", "windowMs"}
	r.add(Note, times, "around the edge of a window up to twice the limit, %d, is admitted at once", 2*limit)
	if day := units["d"]; window > day {
		r.add(Warning, times, "windows are counted from 1970-01-01 00:00 UTC and not from a day of the week or month: the present one ends at %s",
			time.UnixMilli(int64(edge)).UTC().Format("Monday, 2006-01-02 15:04 UTC"))
	}
	return nil
}

// windowOf is the strategy's one time, in milliseconds.
func windowOf(plan *script.Plan) (ms float64, ok bool) {
	for _, p := range plan.Definition().Params {
		if p.Unit != script.Milliseconds {
			continue
		}
		if ok {
			return 0, false
		}
		ms, ok = plan.Value(p.Name)
	}
	return ms, ok
}
