package resilient

import (
	"errors"
	"fmt"
	"slices"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// lot is those of the open keys that one breaker is about.
type lot struct {
	breaker *breaker
	at      []int // in batch.open
}

// lots splits the open keys by their breakers.
func (b *batch) lots() []lot {
	var lots []lot
	for k, i := range b.open {
		of := b.limiter.breakers.of(b.keys[i])
		at := slices.IndexFunc(lots, func(l lot) bool { return l.breaker == of })
		if at < 0 {
			at, lots = len(lots), append(lots, lot{breaker: of})
		}
		lots[at].at = append(lots[at].at, k)
	}
	return lots
}

// ask asks the limiter for the open keys, as far as their breakers let it, and leaves those
// open that a stand-in is to answer. Its error is that of the whole call.
func (b *batch) ask() error {
	l := b.limiter
	b.tries = repeated(attempt{fault: rejected}, len(b.open))
	b.found = make([]throttlekit.Decision, len(b.open))
	call := b.pass(b.lots(), nil)
	l.breakers.changes.announce()
	if n := len(b.open) - b.asked; n > 0 {
		l.counts.rejected.Add(uint64(n))
	}
	if b.whole && (call.fault == refused || call.fault == ended) {
		return l.told(b.ctx, opCheckMany, call)
	}
	b.whole = b.asked == 0 || b.whole && b.asked == len(b.open)
	b.sort()
	return nil
}

// pass takes the keys of one lot after the other past their breaker, and then asks for all
// that got there, so that each breaker sees how that ended for its own. It returns what the
// call said about the limiter as a whole.
func (b *batch) pass(lots []lot, at []int) (call attempt) {
	if len(lots) == 0 {
		return b.call(at)
	}
	first, passed := lots[0], false
	first.breaker.pass(func() error {
		passed = true
		call = b.pass(lots[1:], append(at, first.at...))
		return b.worst(first.at).verdict()
	})
	if !passed {
		call = b.pass(lots[1:], at)
	}
	return call
}

// call asks the limiter for the keys at those positions of the open ones.
func (b *batch) call(at []int) attempt {
	l := b.limiter
	if b.asked = len(at); b.asked == 0 {
		return attempt{fault: rejected}
	}
	slices.Sort(at) // keys are checked in the order that they were given in
	positions := b.open
	if len(at) < len(b.open) {
		positions = make([]int, len(at))
		for n, k := range at {
			positions[n] = b.open[k]
		}
	}
	keys := b.keysAt(positions)
	bounded, ours, cancel := l.bound(b.ctx, len(keys))
	defer cancel()
	found, err := l.limiter.CheckMany(bounded, keys, b.cost)
	errs, whole := eachError(err, len(found), len(keys))
	for n, k := range at {
		if errs != nil && errs[n] != nil {
			b.tries[k] = l.judge(b.ctx, ours, errs[n])
		} else {
			b.tries[k], b.found[k] = attempt{}, found[n]
		}
	}
	b.whole = whole
	return b.worst(at)
}

// eachError spreads the error of a CheckMany over its keys, nil when none failed. Whole
// reports whether they failed as one, and no key was decided.
func eachError(err error, decisions, keys int) (errs []error, whole bool) {
	var many *throttlekit.ManyError
	switch {
	case err == nil && decisions == keys:
		return nil, false
	case err == nil:
		err = &throttlekit.Error{Op: opCheckMany, Source: throttlekit.SourceDecoding, Kind: throttlekit.ErrMalformedReply, MayHaveConsumed: true,
			Err: fmt.Errorf("the limiter gave %d decisions for %d keys", decisions, keys)}
	case errors.As(err, &many) && len(many.Errors) == keys && decisions == keys:
		return many.Errors, false
	}
	return repeated(err, keys), true
}

// worst is what a call says about who was to decide on those of the open keys: nothing bad
// where any was decided.
func (b *batch) worst(at []int) (w attempt) {
	for n, k := range at {
		try := b.tries[k]
		if try.fault == none {
			return try
		}
		if n == 0 || try.fault > w.fault {
			w = try
		}
	}
	return w
}

func repeated[T any](one T, n int) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = one
	}
	return all
}
