package account

import "fmt"

// Judge returns what is wrong with the books, given what Redis itself counts as consumed
// of a budget in its last state, and how many units may have been consumed without anybody
// having been told that they were admitted.
func (a *Account) Judge(consumed func(Budget) int64, untold int64) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	wrong, more := append([]string(nil), a.strange...), int64(0)
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for _, b := range a.budgets {
		last := a.states[b].newest.Load()
		for from := int64(0); from <= last; from++ {
			for to := from; to <= last; to++ {
				admitted, allowed := a.within(b, from, to), a.limit*(to-from+1)
				if admitted > allowed {
					complain("%v: %d units admitted in states %d to %d of Redis, want at most %d", b, admitted, from, to, allowed)
				}
			}
		}
		held, sure, told := consumed(b), a.within(b, last, last), a.left(b)
		most := told.admitted + told.unknown + told.madeUp
		more += max(0, held-told.admitted)
		switch {
		case held > a.limit:
			complain("%v: Redis holds %d units as consumed, above the limit of %d", b, held, a.limit)
		case held < sure:
			complain("%v: Redis holds %d units as consumed, and %d were admitted", b, held, sure)
		case held > most:
			complain("%v: Redis holds %d units as consumed, more than the %d that were admitted or are unknown: something was sent twice", b, held, most)
		}
	}
	if more > untold {
		complain("Redis holds %d units as consumed that nobody was told of, want at most %d", more, untold)
	}
	return wrong
}

// within is what was surely admitted in the states from which to which.
func (a *Account) within(b Budget, from, to int64) int64 {
	sum := int64(0)
	for e, u := range a.spent {
		if e.budget == b && from <= e.from && e.to <= to {
			sum += u.admitted
		}
	}
	return sum
}

// left is the most that Redis may hold at the end. A check that was given up may still be
// on its way to Redis, and be run there in a later state than its own.
func (a *Account) left(b Budget) units {
	var sum units
	for e, u := range a.spent {
		if e.budget == b {
			sum.unknown += u.unknown
			sum.madeUp += u.madeUp
			if e.to >= a.states[b].kept.Load() {
				sum.admitted += u.admitted
			}
		}
	}
	return sum
}
