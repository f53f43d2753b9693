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

	// The states of Redis that may decide a check now: from oldest to newest.
	oldest, newest atomic.Int64

	mu      sync.Mutex
	spent   map[entry]units
	denied  map[entry]bool // a check of cost 1 was
	totals  Totals
	strange []string // outcomes that the SDK must not have
}

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
	return &Account{limit: limit, budgets: budgets, spent: map[entry]units{}, denied: map[entry]bool{}}
}

// Replace runs what replaces the state of Redis by another with whole limits. Checks that
// are under way meanwhile may be decided by either.
func (a *Account) Replace(change func()) {
	a.newest.Add(1)
	change()
	a.oldest.Store(a.newest.Load())
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

// Check implements [throttlekit.Limiter].
func (w *watched) Check(ctx context.Context, key string) (throttlekit.Decision, error) {
	return w.CheckN(ctx, key, 1)
}

// CheckN implements [throttlekit.Limiter].
func (w *watched) CheckN(ctx context.Context, key string, cost int64) (throttlekit.Decision, error) {
	from := w.books.begin()
	d, err := w.Limiter.CheckN(ctx, key, cost)
	w.books.end(from, Budget{w.name, key}, cost, d, err)
	return d, err
}

// CheckMany implements [throttlekit.Limiter].
func (w *watched) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	from := w.books.begin()
	ds, err := w.Limiter.CheckMany(ctx, keys, cost)
	var many *throttlekit.ManyError
	for i, key := range keys {
		var d throttlekit.Decision
		one := err
		if errors.As(err, &many) {
			one = many.Errors[i]
		}
		if one == nil {
			d = ds[i]
		}
		w.books.end(from, Budget{w.name, key}, cost, d, one)
	}
	return ds, err
}

func (a *Account) begin() (from int64) { return a.oldest.Load() }

func (a *Account) end(from int64, b Budget, cost int64, d throttlekit.Decision, err error) {
	e := entry{budget: b, from: from, to: a.newest.Load()}
	a.mu.Lock()
	defer a.mu.Unlock()
	var fault *throttlekit.Error
	switch {
	case err == nil && d.ResetAt.IsZero():
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
		a.totals.Unknown++
		a.book(e, units{unknown: cost})
		a.note("an error that is not the SDK's: %v", err)
	case fault.MayHaveConsumed:
		a.totals.Unknown++
		a.book(e, units{unknown: cost})
	default:
		a.totals.Refused++
	}
}

func (a *Account) book(e entry, more units) {
	sum := a.spent[e]
	a.spent[e] = units{sum.admitted + more.admitted, sum.unknown + more.unknown, sum.madeUp + more.madeUp}
}

const notes = 5

func (a *Account) note(format string, args ...any) {
	if len(a.strange) < notes {
		a.strange = append(a.strange, fmt.Sprintf(format, args...))
	}
}

// Totals returns what was counted so far.
func (a *Account) Totals() Totals {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.totals
}

// Spent is how many units were admitted in the newest state so far.
func (a *Account) Spent() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	newest, sum := a.newest.Load(), int64(0)
	for e, u := range a.spent {
		if e.from == newest {
			sum += u.admitted
		}
	}
	return sum
}

// Exhausted reports whether the newest state was seen to deny every budget.
func (a *Account) Exhausted() bool {
	newest := a.newest.Load()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, b := range a.budgets {
		if !a.denied[entry{b, newest, newest}] {
			return false
		}
	}
	return true
}

// Allowed is how many units could be admitted in all states together.
func (a *Account) Allowed() int64 {
	return a.limit * int64(len(a.budgets)) * (a.newest.Load() + 1)
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
