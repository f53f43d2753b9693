package main

import (
	"errors"

	"github.com/throttlekit/throttlekit-go/tools/vectors/internal/oracle"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

// budget is one tokenBudget suite without its replies; its ops are debits.
type budget struct {
	name  string
	why   string
	meter vectorfile.Meter
	ops   []op
}

func (b budget) suite() (vectorfile.Suite, error) {
	suite := vectorfile.Suite{Primitive: vectorfile.TokenBudget, Name: b.name, Meter: b.meter}
	meter := oracle.NewMeter(b.meter.Budget, b.meter.WindowMs)
	var faults []error
	for i, o := range b.ops {
		reply := meter.Debit(o.now, o.cost)
		faults = append(faults, o.compare(b.name, i, reply))
		suite.Debits = append(suite.Debits, vectorfile.Debit{Now: o.now, Tokens: o.cost, Expect: vectorfile.Decision(reply)})
	}
	return suite, errors.Join(faults...)
}

func tokenBudget(name, why string, tokens, windowMs float64, ops ...op) budget {
	return budget{name, why, vectorfile.Meter{Budget: tokens, WindowMs: windowMs}, ops}
}

// A meter never goes through Redis, so now 0 is an instant like any other here.
var tokenBudgets = []budget{
	// 80, then 30 more are served whole although 20 are left. After that nothing is
	// until the window 0-60000 has ended.
	tokenBudget("tokenBudget/crossing-debit-is-served", "the debit that crosses the budget passes whole, the next does not", 100, 60000,
		at(0, 80).allow(100, 20, 60000),
		at(1000, 30).allow(100, 0, 60000),
		at(1000, 1).deny(100, 0, 60000, 59000),
		at(59999, 1).deny(100, 0, 60000, 1),
		at(60000, 100).allow(100, 0, 120000),
		at(60000, 1).deny(100, 0, 120000, 60000),
	),
	tokenBudget("tokenBudget/spent-exactly", "a budget spent to the last token denies", 10, 1000,
		at(1500, 4).allow(10, 6, 2000),
		at(1500, 6).allow(10, 0, 2000),
		at(1999, 1).deny(10, 0, 2000, 1),
		at(2000, 1).allow(10, 9, 3000),
	),
	// A tenth of a token is no token: 10.9 serves like 10, and 0.5 serves nothing.
	tokenBudget("tokenBudget/fractional-budget", "a budget is cut to whole tokens", 10.9, 1000,
		at(1000, 10).allow(10, 0, 2000),
		at(1000, 1).deny(10, 0, 2000, 1000),
	),
	tokenBudget("tokenBudget/budget-below-one", "less than a token is none", 0.5, 1000,
		at(1000, 1).deny(0, 0, 2000, 1000),
		at(2500, 1).deny(0, 0, 3000, 500),
	),
	// Windows 999.9-1333.2 and 1333.2-1666.5: ends rounded up, 1334 and 1667.
	tokenBudget("tokenBudget/fractional-window", "a window that ends between two milliseconds", 5, 333.3,
		at(1000, 5).allow(5, 0, 1334),
		at(1333, 1).deny(5, 0, 1334, 1),
		at(1334, 2).allow(5, 3, 1667),
	),
	// The window rolls forward only. Seen from 1500 the window 2000-3000 still runs.
	tokenBudget("tokenBudget/clock-steps-back", "an earlier clock stays in the later window", 10, 1000,
		at(2500, 10).allow(10, 0, 3000),
		at(1500, 1).deny(10, 0, 3000, 1500),
		at(3000, 1).allow(10, 9, 4000),
	),
	tokenBudget("tokenBudget/large-epoch", "a present-day minute", 1000000, 60000,
		at(1750000000000, 999999).allow(1000000, 1, 1750000020000),
		at(1750000000000, 500).allow(1000000, 0, 1750000020000),
		at(1750000019999, 1).deny(1000000, 0, 1750000020000, 1),
		at(1750000020000, 1).allow(1000000, 999999, 1750000080000),
	),
}
