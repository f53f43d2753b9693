package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

const (
	crowdLimit  = 2000
	crowdOurs   = 4   // goroutines of ours
	crowdTheirs = 600 // checks by the Python client
)

// shareAtOnce lets both clients work on one key at the same time, with nothing between
// them and Redis. Nothing comes back meanwhile, so exactly the limit is admitted and
// each remaining number is handed out once.
func (s *session) shareAtOnce(ctx context.Context, definition *script.Definition) (counts string, err error) {
	now, err := s.serverTime(ctx)
	if err != nil {
		return "", err
	}
	params, plan, err := roomy(definition, crowdLimit, now)
	if err != nil {
		return "", err
	}
	limiter, err := redisdoor.New(s.pool, plan)
	if err != nil {
		return "", err
	}
	other := theirClient{session: s, strategy: definition.Name, params: params}
	if _, err := other.check(ctx, s.key(), 1, 0); err != nil { // so that it does not have to connect first
		return "", err
	}
	key := s.key()
	mine, said, err := crowd(
		func() (decision, error) {
			d, err := limiter.Check(ctx, key)
			return onWire(d), err
		},
		func() ([]decision, error) { return other.checks(ctx, key, 1, crowdTheirs) })
	if err != nil {
		return "", err
	}
	var left [2][]int64
	for by, replies := range [2][]decision{ours: mine, theirs: said} {
		for _, d := range replies {
			s.check(d.limit == crowdLimit && (d.retryAfterMs == 0) == d.allowed && (d.allowed || d.remaining == 0), "%s: %v", clientNames[by], d)
			if d.allowed {
				left[by] = append(left[by], d.remaining)
			}
		}
	}
	all := slices.Concat(left[ours], left[theirs])
	slices.Sort(all)
	s.check(slices.Equal(all, upTo(crowdLimit)), "%d of %d checks are admitted, with these left after them: %v", len(all), len(mine)+len(said), all)
	_, err = s.do(ctx, "DEL", key)
	return fmt.Sprintf("of %d, %d admitted by ours and %d by theirs", crowdLimit, len(left[ours]), len(left[theirs])), err
}

// crowd runs check in goroutines, until other has returned and nothing is admitted any
// more.
func crowd(check func() (decision, error), other func() ([]decision, error)) (mine, said []decision, err error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var faults []error
	var otherIsDone atomic.Bool
	for range crowdOurs {
		wg.Go(func() {
			for {
				last := otherIsDone.Load()
				d, err := check()
				mu.Lock()
				mine, faults = append(mine, d), append(faults, err)
				mu.Unlock()
				if err != nil || last && !d.allowed {
					return
				}
			}
		})
	}
	said, err = other()
	otherIsDone.Store(true)
	wg.Wait()
	return mine, said, errors.Join(append(faults, err)...)
}

// upTo lists the numbers from 0 to below n.
func upTo(n int64) []int64 {
	all := make([]int64, n)
	for i := range all {
		all[i] = int64(i)
	}
	return all
}
