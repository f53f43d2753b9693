// Package account keeps the books of what was spent while things broke.
//
// A limit holds for one state of Redis: whoever loses what Redis held, by a restart with
// nothing saved, a flush, or a failover that lost writes, begins a new one with whole
// limits. A check is booked with the states that may have decided it: more than one when
// the state changed while the check was under way. What the books are held to is then
// exact: within any run of n states, a key was admitted at most n times its limit, by
// checks that began and ended in them.
package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// Budget is one limited key of one limiter.
type Budget struct{ Limiter, Key string }

// Account is the books of one scenario. All its budgets have the same limit, of which
// nothing comes back while the scenario lasts.
type Account struct {
	limit   int64
	budgets []Budget
	states  map[Budget]*states // of each; the map stays as it is

	mu      sync.Mutex
	spent   map[entry]units
	denied  map[entry]bool // a check of cost 1 was
	totals  Totals
	unknown error    // the first of an unknown outcome, for whoever wonders
	strange []string // outcomes that the SDK must not have
}

// states are those of Redis that may decide a check of a budget now, from oldest to
// newest. What Redis holds may be left from any state since kept.
type states struct{ kept, oldest, newest atomic.Int64 }

// entry is a budget in the states from which to which its checks may have been decided.
type entry struct {
	budget   Budget
	from, to int64
}

type units struct{ admitted, unknown, madeUp int64 }

// Totals is all checks that reached the door, by their outcome. Refused are those that
// failed and were certainly not consumed; Unknown failed, too, and may have been. MadeUp
// are those that a service answered by its fail mode, which does not say what became of
// the check.
type Totals struct{ Admitted, Denied, Refused, Unknown, MadeUp int64 }

// Checks is how many there were.
func (t Totals) Checks() int64 { return t.Admitted + t.Denied + t.Refused + t.Unknown + t.MadeUp }

// New opens the books for budgets of which each allows limit units.
func New(limit int64, budgets []Budget) *Account {
	a := &Account{limit: limit, budgets: budgets, states: map[Budget]*states{}, spent: map[entry]units{}, denied: map[entry]bool{}}
	for _, b := range budgets {
		a.states[b] = &states{}
	}
	return a
}

// Reset opens new books for the same budgets, whose limits are whole again. Nobody may be
// checking meanwhile.
func (a *Account) Reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.states {
		s.kept.Store(0)
		s.oldest.Store(0)
		s.newest.Store(0)
	}
	a.spent, a.denied, a.totals, a.unknown, a.strange = map[entry]units{}, map[entry]bool{}, Totals{}, nil, nil
}

// Replace runs what replaces the state of Redis by one that holds nothing. Checks that are
// under way meanwhile may be decided by either.
func (a *Account) Replace(change func()) {
	a.Rollback(change)
	for _, s := range a.states {
		s.kept.Store(s.newest.Load())
	}
}

// Rollback runs what replaces the state of Redis by an earlier one, which holds some of
// what was admitted; for these budgets alone, if any are named.
func (a *Account) Rollback(change func(), budgets ...Budget) {
	if len(budgets) == 0 {
		budgets = a.budgets
	}
	for _, b := range budgets {
		a.states[b].newest.Add(1)
	}
	change()
	for _, b := range budgets {
		a.states[b].oldest.Store(a.states[b].newest.Load())
	}
}

// Watch returns limiter with every check through it booked under name.
func (a *Account) Watch(name string, limiter throttlekit.Limiter) throttlekit.Limiter {
	return &watched{Limiter: limiter, name: name, books: a}
}

type watched struct {
	throttlekit.Limiter
	name  string
	books *Account
}

// Node is for a breaker to know where a key is.
func (w *watched) Node(key string) string {
	if door, ok := w.Limiter.(interface{ Node(key string) string }); ok {
		return door.Node(key)
	}
	return ""
}

// Check implements [throttlekit.Limiter].
func (w *watched) Check(ctx context.Context, key string) (throttlekit.Decision, error) {
	return w.CheckN(ctx, key, 1)
}

// CheckN implements [throttlekit.Limiter].
func (w *watched) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	b := Budget{w.name, key}
	from := w.books.states[b].oldest.Load()
	d, err := w.Limiter.CheckN(ctx, key, cost)
	w.books.end(entry{budget: b, from: from, to: w.books.states[b].newest.Load()}, cost, d, err)
	return d, err
}

func (a *Account) end(e entry, cost int64, d throttlekit.Decision, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var fault *throttlekit.Error
	switch {
	case err == nil && d.Degraded():
		a.totals.MadeUp++
		a.book(e, units{madeUp: cost})
	case err == nil && d.Allowed:
		a.totals.Admitted++
		a.book(e, units{admitted: cost})
	case err == nil:
		a.totals.Denied++
		if cost == 1 {
			a.denied[e] = true
		}
	case !errors.As(err, &fault):
		a.unsure(e, cost, err)
		if len(a.strange) < notes {
			a.strange = append(a.strange, fmt.Sprintf("an error that is not the SDK's: %v", err))
		}
	case fault.MayHaveConsumed:
		a.unsure(e, cost, err)
	default:
		a.totals.Refused++
	}
}

const notes = 5

func (a *Account) unsure(e entry, cost int64, err error) {
	a.totals.Unknown++
	a.book(e, units{unknown: cost})
	if a.unknown == nil {
		a.unknown = err
	}
}

func (a *Account) book(e entry, more units) {
	sum := a.spent[e]
	a.spent[e] = units{sum.admitted + more.admitted, sum.unknown + more.unknown, sum.madeUp + more.madeUp}
}

// Totals returns what was counted so far.
func (a *Account) Totals() Totals {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.totals
}

// Unknown is an error of a check whose outcome is unknown, if there was one.
func (a *Account) Unknown() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.unknown
}

// Spent is how many units may have been consumed so far in the newest state of each budget.
func (a *Account) Spent() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := int64(0)
	for e, u := range a.spent {
		if e.from == a.states[e.budget].newest.Load() {
			sum += u.admitted + u.unknown
		}
	}
	return sum
}

// Exhausted reports whether every budget was seen to be denied in its newest state.
func (a *Account) Exhausted() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range a.budgets {
		newest := a.states[b].newest.Load()
		if !a.denied[entry{b, newest, newest}] {
			return false
		}
	}
	return true
}

// Allowed is how many units could be admitted in all states together.
func (a *Account) Allowed() int64 {
	sum := int64(0)
	for _, b := range a.budgets {
		sum += a.limit * (a.states[b].newest.Load() + 1)
	}
	return sum
}

// Units is what was admitted in all states together.
func (a *Account) Units() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	sum := int64(0)
	for _, u := range a.spent {
		sum += u.admitted
	}
	return sum
}
