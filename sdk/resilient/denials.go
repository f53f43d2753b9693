package resilient

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

const (
	// A shard for each so many keys, up to a number, keeps callers of different keys out of
	// each other's way.
	keysPerShard = 64
	mostShards   = 32

	// maxDenialKey is the longest key whose denial is remembered, so that the memory is
	// bounded by the number of keys.
	maxDenialKey = 1024

	// denialTries is how many others a new denial looks at for one to replace.
	denialTries = 8
)

// denials remembers who was denied, and for how long.
type denials struct {
	seed  maphash.Seed
	slack time.Duration
	base  time.Time // whose monotonic clock counts
	now   func() time.Duration

	shards []denialShard
}

type denialShard struct {
	mu     sync.Mutex
	most   int
	keys   map[string]denial
	resets uint64 // so that a denial of before one is not remembered after it
}

// denial is one that the contract gave. Nobody knows when exactly it did, only between
// which instants.
type denial struct {
	sent, got time.Duration
	cost      int64
	decision  throttlekit.Decision
}

// visit is a check on its way to the limiter.
type visit struct {
	shard  *denialShard
	resets uint64
	sent   time.Duration
}

func newDenials(maxKeys int, plan *script.Plan) (*denials, error) {
	if plan == nil {
		return nil, errors.New("WithDenyCache: the limiter does not say which strategy it runs; WithStrategy can")
	}
	// The contract counts in whole milliseconds, so a millisecond begins up to one before
	// the instant that was asked at.
	slack := time.Millisecond
	switch d := plan.Definition(); d.RetryHint {
	case script.HintExact:
	case script.HintWithinMillisecond:
		slack += time.Millisecond
	default:
		return nil, fmt.Errorf("WithDenyCache: the RetryAfter of strategy %s is a hint and no promise: a check may be admitted sooner", d.Name)
	}
	d := &denials{seed: maphash.MakeSeed(), slack: slack, base: time.Now()}
	d.now = func() time.Duration { return time.Since(d.base) }
	n := min(max(maxKeys/keysPerShard, 1), mostShards)
	d.shards = make([]denialShard, n)
	for i := range d.shards {
		d.shards[i] = denialShard{most: maxKeys / n, keys: map[string]denial{}}
	}
	return d, nil
}

func (d *denials) shard(key string) *denialShard {
	return &d.shards[maphash.String(d.seed, key)%uint64(len(d.shards))]
}

// find returns the denial that holds for a check, counted down to now; or, when there is
// none, the visit to learn from.
func (d *denials) find(key string, cost int64) (v visit, denied throttlekit.Decision, found bool) {
	now := d.now()
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	v = visit{shard: s, resets: s.resets, sent: now}
	was, ok := s.keys[key]
	switch {
	case !ok:
		return v, denied, false
	case d.over(was, now):
		delete(s.keys, key)
		return v, denied, false
	case cost < was.cost:
		return v, denied, false
	}
	denied = was.decision
	denied.RetryAfter = left(was, now)
	return v, denied, true
}

// over reports whether the check may be admitted again: counted from the earliest instant
// at which it can have been denied.
func (d *denials) over(was denial, now time.Duration) bool {
	return now-was.sent >= was.decision.RetryAfter-d.slack
}

// left is how long to wait: counted from the latest instant at which the check can have
// been denied, in whole milliseconds and rounded up, so that whoever waits is admitted.
func left(was denial, now time.Duration) time.Duration {
	wait := was.decision.RetryAfter - (now - was.got)
	if part := wait % time.Millisecond; part > 0 {
		wait += time.Millisecond - part
	}
	return max(wait, time.Millisecond)
}

// learn remembers a denial that the limiter gave.
func (d *denials) learn(v visit, key string, cost int64, decision throttlekit.Decision) {
	if decision.Allowed || decision.Degraded() || len(key) > maxDenialKey {
		return
	}
	now := d.now()
	is := denial{sent: v.sent, got: now, cost: cost, decision: decision}
	if d.over(is, now) {
		return
	}
	s := v.shard
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resets != v.resets {
		return
	}
	if _, known := s.keys[key]; !known && len(s.keys) >= s.most {
		d.makeRoom(s, now)
	}
	s.keys[key] = is
}

// makeRoom forgets one of a few denials that are drawn at random: one that is over, else
// the one that is over soonest.
func (d *denials) makeRoom(s *denialShard, now time.Duration) {
	var soonest string
	var first time.Duration
	tries := 0
	for key, was := range s.keys {
		ends := was.decision.RetryAfter - (now - was.sent)
		if tries == 0 || ends < first {
			soonest, first = key, ends
		}
		if tries++; tries == denialTries || d.over(was, now) {
			break
		}
	}
	delete(s.keys, soonest)
}

// forget drops what is remembered of key, and what checks under way would remember.
func (d *denials) forget(key string) {
	s := d.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, key)
	s.resets++
}
