package resilient

import (
	"context"
	"errors"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// keyTime is what each further key adds to the deadline of a CheckMany: what the slowest of
// them take, those of a window of a thousand buckets.
const keyTime = time.Millisecond

// CheckMany implements [throttlekit.Limiter]. The fail mode answers for each key that
// could not be decided; keys that were refused, and in [FailError] all that failed, are in
// a [*throttlekit.ManyError]. The deadline is a millisecond later for each key but the
// first. A call counts as a failure when none of its keys was decided; in a cluster each
// node's keys count apart, and those of a node whose breaker is open are not asked for.
func (l *Limiter) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	if err := l.enter(ctx, opCheckMany, cost); err != nil {
		return nil, err
	}
	b := &batch{limiter: l, ctx: ctx, keys: keys, cost: cost, decisions: make([]throttlekit.Decision, len(keys))}
	b.recall()
	if len(b.open) == 0 {
		return b.decisions, nil
	}
	if err := b.ask(); err != nil {
		return nil, err
	}
	if err := b.standIn(); err != nil {
		return nil, err
	}
	return b.result()
}

// batch is a CheckMany on its way.
type batch struct {
	limiter   *Limiter
	ctx       context.Context
	keys      []string
	cost      int64
	decisions []throttlekit.Decision
	errs      []error // of all keys, once one has failed

	open   []int   // the positions of keys that are not decided yet
	visits []visit // of the same, as all below
	tries  []attempt
	found  []throttlekit.Decision
	asked  int  // so many of them reached the limiter
	whole  bool // all of them failed as one
}

// recall decides the keys that are known to be denied.
func (b *batch) recall() {
	l := b.limiter
	b.open = make([]int, 0, len(b.keys))
	for i, key := range b.keys {
		if l.denials != nil {
			v, denied, found := l.denials.find(key, b.cost)
			if found {
				b.decisions[i] = denied
				l.counts.cached.Add(1)
				l.counts.decided(denied.Source, 1)
				continue
			}
			b.visits = append(b.visits, v)
		}
		b.open = append(b.open, i)
	}
}

// keysAt are the keys at those positions.
func (b *batch) keysAt(at []int) []string {
	if len(at) == len(b.keys) {
		return b.keys
	}
	keys := make([]string, len(at))
	for k, i := range at {
		keys[k] = b.keys[i]
	}
	return keys
}

// sort takes what was decided, and what is not for a stand-in.
func (b *batch) sort() {
	l, open := b.limiter, b.open[:0]
	tries := b.tries[:0]
	for k, i := range b.open {
		switch try := b.tries[k]; try.fault {
		case none:
			b.decisions[i] = b.found[k]
			l.counts.decided(b.found[k].Source, 1)
			if l.denials != nil {
				l.denials.learn(b.visits[k], b.keys[i], b.cost, b.found[k])
			}
		case refused, ended:
			b.fail(i, l.told(b.ctx, opCheckMany, try))
		default:
			open, tries = append(open, i), append(tries, try)
		}
	}
	b.open, b.tries = open, tries
}

// standIn answers by the fail mode for the keys that are left open. Its error is that of
// the whole call.
func (b *batch) standIn() error {
	l := b.limiter
	if len(b.open) == 0 {
		return nil
	}
	if d, made := l.mode.Decision(l.limit); made {
		for _, i := range b.open {
			b.decisions[i] = d
		}
		l.counts.decided(d.Source, len(b.open))
		return nil
	}
	if l.mode == FailLocal {
		return b.askLocal()
	}
	if b.whole && len(b.open) == len(b.keys) {
		return l.told(b.ctx, opCheckMany, b.tries[0])
	}
	for k, i := range b.open {
		b.fail(i, l.told(b.ctx, opCheckMany, b.tries[k]))
	}
	return nil
}

// askLocal asks the local limiter for the keys that are left open.
func (b *batch) askLocal() error {
	l := b.limiter
	found, err := l.local.CheckMany(b.ctx, b.keysAt(b.open), b.cost)
	errs, _ := eachError(err, len(found), len(b.open))
	for k, i := range b.open {
		if errs != nil && errs[k] != nil {
			b.fail(i, errors.Join(l.told(b.ctx, opCheckMany, b.tries[k]), errs[k]))
			continue
		}
		b.decisions[i] = asLocal(found[k])
		l.counts.decided(b.decisions[i].Source, 1)
	}
	return nil
}

func (b *batch) fail(i int, err error) {
	if b.errs == nil {
		b.errs = make([]error, len(b.keys))
	}
	b.errs[i] = err
}

func (b *batch) result() ([]throttlekit.Decision, error) {
	if b.errs != nil {
		return b.decisions, &throttlekit.ManyError{Errors: b.errs}
	}
	return b.decisions, nil
}
