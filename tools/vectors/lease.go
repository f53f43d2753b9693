package main

import (
	"errors"
	"fmt"

	"github.com/throttlekit/throttlekit-go/tools/vectors/internal/oracle"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

// lease is one lease suite. All of its replies were worked out by hand, and the oracle
// must agree with them.
type lease struct {
	name    string
	why     string
	spender vectorfile.Spender
	events  []vectorfile.Event
}

func (l lease) suite() (vectorfile.Suite, error) {
	suite := vectorfile.Suite{Primitive: vectorfile.Lease, Name: l.name, Spender: l.spender}
	spender := oracle.NewSpender(l.spender.Limit, l.spender.TTLMs, l.spender.WindowCoupled)
	var faults []error
	for i, e := range l.events {
		suite.Events = append(suite.Events, e)
		if e.Op == vectorfile.Grant {
			spender.Grant(e.Capacity, e.ExpiresAt)
			continue
		}
		reply, spent := spender.Spend(e.Now, e.Cost)
		switch {
		case spent == e.Expect.NeedsRefresh:
			faults = append(faults, fmt.Errorf("%s: event %d: by hand needsRefresh is %t, the oracle says %t",
				l.name, i, e.Expect.NeedsRefresh, !spent))
		case spent && *e.Expect.Decision != vectorfile.Decision(reply):
			faults = append(faults, fmt.Errorf("%s: event %d: worked out by hand %+v, the oracle says %+v",
				l.name, i, *e.Expect.Decision, reply))
		}
	}
	return suite, errors.Join(faults...)
}

func grant(capacity, expiresAt float64) vectorfile.Event {
	return vectorfile.Event{Op: vectorfile.Grant, Capacity: capacity, ExpiresAt: expiresAt}
}

// spend is a spend that is served and leaves remaining of limit.
func spend(now, cost, limit, remaining, resetAt float64) vectorfile.Event {
	return vectorfile.Event{Op: vectorfile.Spend, Now: now, Cost: cost, Expect: vectorfile.Spent{
		Decision: &vectorfile.Decision{Allowed: true, Limit: limit, Remaining: remaining, ResetAt: resetAt},
	}}
}

// short is a spend that the credits do not suffice for.
func short(now, cost float64) vectorfile.Event {
	return vectorfile.Event{Op: vectorfile.Spend, Now: now, Cost: cost, Expect: vectorfile.Spent{NeedsRefresh: true}}
}

func coupled(limit, ttlMs float64) vectorfile.Spender {
	return vectorfile.Spender{Limit: limit, TTLMs: ttlMs, WindowCoupled: true}
}

func uncoupled(limit, ttlMs float64) vectorfile.Spender {
	return vectorfile.Spender{Limit: limit, TTLMs: ttlMs}
}

type events = []vectorfile.Event

var leases = []lease{
	{"lease/spend-down", "a lease is spent to its last credit, then another is needed", coupled(5, 1000), events{
		grant(5, 1000),
		spend(0, 1, 5, 4, 1000),
		spend(10, 3, 5, 1, 1000),
		spend(999, 1, 5, 0, 1000),
		short(999, 1),
	}},
	{"lease/nothing-leased", "without a grant nothing is served and nothing is denied", coupled(5, 1000), events{
		short(100, 1),
		grant(2, 1100),
		spend(100, 2, 5, 0, 1100),
	}},
	{"lease/no-partial-spend", "a cost that does not fit leaves the credits as they are", coupled(10, 1000), events{
		grant(3, 2000),
		short(1000, 4),
		spend(1000, 3, 10, 0, 2000),
	}},
	// At 1000 the lease has expired (the edge belongs to the expiry): 4 credits go.
	{"lease/expiry-drops-credits", "coupled to the window, what is left at the expiry is dropped", coupled(5, 1000), events{
		grant(5, 1000),
		spend(999, 1, 5, 4, 1000),
		short(1000, 1),
		grant(5, 2000),
		spend(1000, 1, 5, 4, 2000),
	}},
	// Grants add up, and the expiry is the last one given, here an earlier one.
	{"lease/grants-add-up", "credits add up while the expiry is replaced, even by an earlier one", coupled(10, 1000), events{
		grant(3, 3000),
		grant(4, 2000),
		spend(1999, 5, 10, 2, 2000),
		short(2000, 1),
	}},
	// Uncoupled, 4 credits outlive their lease, and the reset still names its expiry,
	// until the next grant brings its own.
	{"lease/carry-over-when-not-coupled", "not coupled to the window, credits outlive their lease", uncoupled(5, 1000), events{
		grant(5, 1000),
		spend(999, 1, 5, 4, 1000),
		spend(1000, 1, 5, 3, 1000),
		spend(5000, 1, 5, 2, 1000),
		grant(2, 6000),
		spend(5000, 4, 5, 0, 6000),
		short(5000, 1),
	}},
	{"lease/fractional-cost", "credits are spent in fractions and reported without them", coupled(2, 1000), events{
		grant(2, 1750000001000),
		spend(1750000000000, 0.5, 2, 1, 1750000001000),
		spend(1750000000000, 0.75, 2, 0, 1750000001000),
		short(1750000000000, 1),
		spend(1750000000999, 0.75, 2, 0, 1750000001000),
	}},
}
