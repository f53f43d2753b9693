package policy

import (
	"math"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// kind is a block that makes a policy more, or other, than a plain strategy.
type kind struct {
	name          string
	needsStrategy bool
	fields        []string // nil where the facts that we have don't list them
	check         func(*block)
}

// kinds are all that a policy file may hold.
var kinds = []kind{
	{name: "tokenBudget", fields: []string{"budget", "windowMs", "maxKeys"}, check: checkBudget},
	{name: "fleetBudget", fields: []string{"budget", "windowMs", "maxKeys", "prefix"}, check: checkBudget},
	{name: concurrency, fields: []string{"minLimit", "maxLimit", "initialLimit", "algorithm", "rttWindow", "smoothing", "tolerance", "backoffRatio"}, check: checkConcurrency},
	{name: "distributedConcurrency"},
	{name: twoTier, needsStrategy: true, fields: []string{"mode", "batch", "lowWater", "windowCoupled", "returnIdleAfterMs"}, check: checkTwoTier},
	{name: "fairEscrow"},
	{name: "federatedFairEscrow"},
	{name: "federated", needsStrategy: true, fields: []string{"region", "batch", "prefix"}, check: checkFederated},
}

// The kinds that are more than their name.
const (
	concurrency = "concurrency" // may stand beside a strategy
	twoTier     = "twoTier"     // is served by its plain strategy
)

func kindNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// kind returns the policy's kind block. It counts even when it is null.
func (b *block) kind() (found kind, ok bool) {
	for _, k := range kinds {
		if !b.has(k.name) {
			continue
		}
		if ok {
			b.r.problem(at(b.keys[k.name]), b.field(k.name), "stands beside "+found.name+", want at most "+oneOf(kindNames()))
			continue
		}
		found, ok = k, true
	}
	return found, ok
}

// read checks the block and says in p what of it this server serves.
func (k kind) read(b *block, p *Policy) {
	p.Kind = k.name
	if b.value(k.name) != nil {
		inner := b.r.block(b.field(k.name), at(b.keys[k.name]), b.values[k.name], "a map of fields")
		if inner != nil && k.fields != nil {
			inner.only(k.name, k.fields)
			k.check(inner)
		}
	} else if k.check != nil {
		k.check(&block{r: b.r, path: b.field(k.name), at: at(b.keys[k.name])})
	}
	switch {
	case k.name == twoTier:
		p.NoPeek = "a twoTier policy does not offer Peek and Forecast: what others hold on lease cannot be seen"
		p.Notices = append(p.Notices, "twoTier: Check and CheckMany run the plain strategy, each check on Redis, since this server holds no leases yet")
	case k.name == concurrency && p.StrategyName != "":
		p.Unserved = "this server does not serve a strategy together with concurrency yet"
	default:
		p.Unserved = "this server does not serve " + k.name + " policies yet"
	}
}

func checkBudget(b *block) {
	// A budget is cut to a whole number, so that one below 1 would deny everything.
	b.atLeast("budget", 1, true)
	b.above0("windowMs", true)
	b.wholeAtLeast("maxKeys", 1)
	b.prefix()
}

func checkConcurrency(b *block) {
	// What the service takes for those that are not given.
	least, most := 4.0, 512.0
	if v, o := b.atLeast("minLimit", 1, false); o == sound {
		least = v
	}
	if v, o := b.atLeast("maxLimit", least, false); o == sound {
		most = v
	}
	b.number("initialLimit", "a number from minLimit ("+script.Number(least)+") to maxLimit ("+script.Number(most)+")",
		func(v float64) bool { return v >= least && v <= most })
	b.text("algorithm", "", "gradient2", "aimd")
	b.above0("rttWindow", false)
	b.number("smoothing", "a number above 0 and at most 1", func(v float64) bool { return v > 0 && v <= 1 })
	b.atLeast("tolerance", 1, false)
	b.number("backoffRatio", "a number from 0.5 to below 1", func(v float64) bool { return v >= 0.5 && v < 1 })
}

func checkTwoTier(b *block) {
	b.text("mode", "text")
	b.wholeAtLeast("batch", 1)
	b.atLeast("lowWater", 0, false)
	b.bool("windowCoupled")
	b.atLeast("returnIdleAfterMs", 0, false)
}

func checkFederated(b *block) {
	b.text("region", "text")
	b.wholeAtLeast("batch", 1)
	b.prefix()
}

func (b *block) above0(name string, required bool) {
	const want = "a number above 0"
	_, o := b.number(name, want, func(v float64) bool { return v > 0 && !math.IsInf(v, 0) })
	if o == absent && required {
		b.missing(name, want)
	}
}

func (b *block) atLeast(name string, least float64, required bool) (float64, outcome) {
	want := "a number, at least " + script.Number(least)
	v, o := b.number(name, want, func(v float64) bool { return v >= least && !math.IsInf(v, 0) })
	if o == absent && required {
		b.missing(name, want)
	}
	return v, o
}

func (b *block) wholeAtLeast(name string, least float64) {
	b.number(name, "a whole number, at least "+script.Number(least), func(v float64) bool { return v >= least && v <= script.MaxParam && whole(v) })
}
