package localdoor

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Limiter is one strategy in the memory of this process, for any number of keys. It is
// safe for concurrent use.
type Limiter struct {
	plan    *script.Plan
	maxWork int64
	maxCost int64 // what maxWork allows
	store   *store
}

var _ throttlekit.Limiter = (*Limiter)(nil)

// New returns a limiter that runs s in this process. The error is the strategy's, which
// names the field, what was got and what is allowed; or [throttlekit.ErrNotSupported] for
// a strategy whose check script has no Go form.
func New(s script.Strategy, opts ...Option) (*Limiter, error) {
	if s == nil {
		return nil, errors.New("localdoor: the strategy is nil")
	}
	plan, err := s.Plan()
	if err != nil {
		return nil, err
	}
	set := defaults()
	for _, o := range opts {
		o.apply(&set)
	}
	return newLimiter(plan, set.maxWork, newStore(set))
}

func newLimiter(plan *script.Plan, maxWork int64, store *store) (*Limiter, error) {
	if d := plan.Definition(); d.Local == nil {
		return nil, &throttlekit.Error{Op: "new", Kind: throttlekit.ErrNotSupported,
			Err: fmt.Errorf("strategy %s has no form in Go (%s); embedded.Start runs its script in this process", d.Name, d.NotLocal)}
	}
	return &Limiter{plan: plan, maxWork: maxWork, maxCost: maxCost(plan, maxWork), store: store}, nil
}

// With returns a limiter with the parameters of s that goes on with l's keys and what they
// have spent, as it is in a Redis when somebody changes a limit. It shares everything with
// l: the bound on keys, the clock, the counts, and Close. s is the same strategy as l's.
func (l *Limiter) With(s script.Strategy) (*Limiter, error) {
	if s == nil {
		return nil, errors.New("localdoor: the strategy is nil")
	}
	plan, err := s.Plan()
	if err != nil {
		return nil, err
	}
	if is, want := plan.Definition(), l.plan.Definition(); is != want {
		return nil, fmt.Errorf("localdoor: strategy %s cannot read what %s has written", is.Name, want.Name)
	}
	return newLimiter(plan, l.maxWork, l.store)
}

// maxCost is the highest cost of no more work than that.
func maxCost(plan *script.Plan, work int64) int64 {
	least, most := int64(0), int64(throttlekit.MaxCost)
	for least < most {
		if cost := least + (most-least+1)/2; plan.Work(cost) > work {
			most = cost - 1
		} else {
			least = cost
		}
	}
	return least
}

// Check implements [throttlekit.Limiter] at the clock's time.
func (l *Limiter) Check(ctx context.Context, key string) (d throttlekit.Decision, err error) {
	err = l.checkNow(ctx, &d, key, 1)
	return d, err
}

// CheckN implements [throttlekit.Limiter] at the clock's time.
func (l *Limiter) CheckN(ctx context.Context, key string, cost int64) (d throttlekit.Decision, err error) {
	err = l.checkNow(ctx, &d, key, cost)
	return d, err
}

// checkNow and what it calls write the decision where the caller wants it: it is seven
// words, and each copy of them costs more than a look into the index.
func (l *Limiter) checkNow(ctx context.Context, d *throttlekit.Decision, key string, cost int64) error {
	if err := l.validate(ctx, opCheck, cost); err != nil {
		return err
	}
	return l.check(d, opCheck, key, cost, l.moment())
}

// CheckAt is CheckN at an instant of the caller's choosing, cut to the millisecond, for
// replay and tests. What it leaves expires by the clock all the same. The epoch itself is
// [throttlekit.ErrInvalidArgument]: on the wire it stands for the server's time.
func (l *Limiter) CheckAt(ctx context.Context, key string, cost int64, now time.Time) (d throttlekit.Decision, err error) {
	at, err := l.momentAt(opCheck, now)
	if err != nil {
		return d, err
	}
	if err := l.validate(ctx, opCheck, cost); err != nil {
		return d, err
	}
	err = l.check(&d, opCheck, key, cost, at)
	return d, err
}

// CheckMany implements [throttlekit.Limiter]. All keys are checked at one instant, in
// order; other checks may come between two of them.
func (l *Limiter) CheckMany(ctx context.Context, keys []string, cost int64) ([]throttlekit.Decision, error) {
	if err := l.validate(ctx, opCheckMany, cost); err != nil {
		return nil, err
	}
	at := l.moment()
	decisions := make([]throttlekit.Decision, len(keys))
	var errs []error // of all keys, once one has failed
	for i, key := range keys {
		if err := l.check(&decisions[i], opCheckMany, key, cost, at); err != nil {
			if errs == nil {
				errs = make([]error, len(keys))
			}
			errs[i] = err
		}
	}
	if errs != nil {
		return decisions, &throttlekit.ManyError{Errors: errs}
	}
	return decisions, nil
}

// Reset forgets everything that was spent from key.
func (l *Limiter) Reset(ctx context.Context, key string) error {
	return l.forget(ctx, opReset, key)
}

func (l *Limiter) forget(ctx context.Context, op, key string) error {
	if err := enter(ctx, op); err != nil {
		return err
	}
	hash := maphash.String(l.store.seed, key)
	sh := l.store.shard(hash)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return closed(op)
	}
	if slot, n := sh.table.find(hash, key); n >= 0 {
		l.store.remove(sh, slot)
	}
	return nil
}

// Close forgets all keys and gives their memory back. Calls after it are
// [throttlekit.ErrUnavailable]. It waits for nothing but the checks under way, and may be
// called twice; a limiter that is no longer referred to need not be closed.
func (l *Limiter) Close() error {
	l.store.close()
	return nil
}

// Stats is what a limiter says of its memory.
type Stats struct {
	// Keys is how many keys the limiter remembers. Those that have expired are among
	// them until they are found.
	Keys int64
	// Evictions counts the keys that were forgotten, since the limiter was full, though
	// they had spent something that had not come back: what each of them had spent could
	// be spent again.
	Evictions int64
}

// Stats returns the limiter's counts.
func (l *Limiter) Stats() Stats {
	return Stats{Keys: l.store.keys.Load(), Evictions: l.store.evictions.Load()}
}

// check makes one check.
func (l *Limiter) check(d *throttlekit.Decision, op, key string, cost int64, at moment) error {
	if len(key) > MaxKeyBytes {
		return tooLong(op, key)
	}
	hash := maphash.String(l.store.seed, key)
	sh := l.store.shard(hash)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return closed(op)
	}
	slot, n := sh.table.find(hash, key)
	if n < 0 {
		return l.checkNew(d, op, sh, hash, key, cost, at)
	}
	sh.table.load(n, &sh.state)
	err := l.plan.DecideLocal(d, &sh.state, at.clock, at.now, float64(cost))
	sh.table.save(n, &sh.state)
	empty := sh.state.Empty()
	sh.state.Clear()
	if err != nil {
		return failed(op, true, err)
	}
	if empty {
		l.store.remove(sh, slot)
	}
	return nil
}

// checkNew makes the first check of a key, in a shard whose lock is held.
func (l *Limiter) checkNew(d *throttlekit.Decision, op string, sh *shard, hash uint64, key string, cost int64, at moment) error {
	err := l.plan.DecideLocal(d, &sh.state, at.clock, at.now, float64(cost))
	done := err == nil && (sh.state.Empty() || l.admit(sh, hash, key, &sh.state, at))
	sh.state.Clear()
	switch {
	case err != nil:
		return failed(op, true, err)
	case done:
		return nil
	}
	*d = throttlekit.Decision{}
	return &throttlekit.Error{Op: op, Kind: throttlekit.ErrUnavailable,
		Err: fmt.Errorf("the limiter is full: %d keys have spent something, and none may be forgotten", l.store.maxKeys)}
}
