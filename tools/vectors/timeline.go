package main

import (
	"errors"
	"fmt"

	"github.com/throttlekit/throttlekit-go/tools/vectors/internal/oracle"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

// options are a strategy's parameters under the names of its check script's ARGV.
type options map[string]float64

// timeline is one rateLimit suite without its replies, and what it is there to show.
type timeline struct {
	name    string
	why     string
	kind    string
	options options
	ops     []op
}

// op is one check of a timeline, or one debit of a token budget. Its reply comes from
// the oracle; where it was also worked out by hand, from the contract's formulas and
// before the oracle was asked, hand holds it and the two must agree.
type op struct {
	now, cost float64
	hand      *oracle.Reply
}

// at is a check of cost units at the instant now, in epoch milliseconds.
func at(now, cost float64) op { return op{now: now, cost: cost} }

// allow says that by hand the check is admitted with these numbers.
func (o op) allow(limit, remaining, resetAt float64) op {
	o.hand = &oracle.Reply{Allowed: true, Limit: limit, Remaining: remaining, ResetAt: resetAt}
	return o
}

// deny says that by hand the check is denied with these numbers.
func (o op) deny(limit, remaining, resetAt, retryAfterMs float64) op {
	o.hand = &oracle.Reply{Limit: limit, Remaining: remaining, ResetAt: resetAt, RetryAfterMs: retryAfterMs}
	return o
}

// handWorked reports whether every reply of the timeline was worked out by hand.
func (t timeline) handWorked() bool {
	for _, o := range t.ops {
		if o.hand == nil {
			return false
		}
	}
	return len(t.ops) > 0
}

// suite fills in the replies. Its error joins every reply that the hand and the oracle
// see differently.
func (t timeline) suite() (vectorfile.Suite, error) {
	judge, err := oracle.New(t.kind, t.options)
	if err != nil {
		return vectorfile.Suite{}, fmt.Errorf("%s: %w", t.name, err)
	}
	suite := vectorfile.Suite{
		Primitive: vectorfile.RateLimit,
		Name:      t.name,
		Strategy:  vectorfile.Strategy{Kind: t.kind, Options: t.options},
		Key:       "k",
	}
	var faults []error
	for i, o := range t.ops {
		reply := judge.Check(o.now, o.cost)
		faults = append(faults, o.compare(t.name, i, reply))
		suite.Ops = append(suite.Ops, vectorfile.Op{Now: o.now, Cost: o.cost, Expect: vectorfile.Decision(reply)})
	}
	return suite, errors.Join(faults...)
}

// compare returns an error if the op was worked out by hand and the oracle disagrees.
func (o op) compare(suite string, index int, got oracle.Reply) error {
	if o.hand == nil || *o.hand == got {
		return nil
	}
	return fmt.Errorf("%s: op %d (now %.17g, cost %.17g): worked out by hand %+v, the oracle says %+v",
		suite, index, o.now, o.cost, *o.hand, got)
}
