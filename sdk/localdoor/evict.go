package localdoor

import (
	"math"
	"math/rand/v2"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// looksPerInsert is how many entries each new key looks at for one that has expired. At
// four, what has expired is at most a third of the keys while new ones come in as fast as
// others expire; the janitor takes the rest.
const looksPerInsert = 4

// sampled is how many entries a new key chooses from when the store is full. More choose
// better and take longer.
const sampled = 8

// admit adds a key and its state to a shard whose lock is held. It reports false, and adds
// nothing, when the store is full and nothing may go. The states that it may have to
// compare are looked at as of the instant of the check.
func (l *Limiter) admit(sh *shard, hash uint64, key string, state *script.State, at moment) bool {
	s := l.store
	sh.cursor = s.look(sh, sh.cursor, looksPerInsert, at.clock)
	if s.keys.Add(1) > s.maxKeys && !l.makeRoom(sh, at) {
		s.keys.Add(-1)
		return false
	}
	sh.table.insert(hash, key, state)
	s.wakeJanitor()
	return true
}

// makeRoom removes an entry of the shard: of a sample one that has expired; else the one
// whose loss gives back least. That is the one with the fewest units spent, as the
// contract's own check tells when it is run dry, and of several the one that expires
// soonest. With nothing spent, nothing is lost.
func (l *Limiter) makeRoom(sh *shard, at moment) bool {
	t, s := &sh.table, l.store
	if t.count == 0 {
		return s.evicting // one key too many, until the next
	}
	victim, least, soonest := -1, int64(math.MaxInt64), int64(math.MaxInt64)
	for range sampled {
		n := rand.IntN(t.count)
		_, e := t.at(n)
		if expired(&e.cell, at.clock) {
			s.remove(sh, t.slotOf(s.seed, n))
			return true
		}
		t.load(n, &sh.other)
		spent, expiry := l.spent(&sh.other, at), sh.other.Expiry()
		sh.other.Clear()
		if expiry == 0 {
			expiry = math.MaxInt64
		}
		if victim < 0 || spent < least || spent == least && expiry < soonest {
			victim, least, soonest = n, spent, expiry
		}
	}
	if least > 0 {
		if !s.evicting {
			return false
		}
		s.evictions.Add(1)
	}
	s.remove(sh, t.slotOf(s.seed, victim))
	return true
}

// spent is how many units a key has spent and not yet got back. Of a strategy that does
// not run dry it is not known.
func (l *Limiter) spent(state *script.State, at moment) int64 {
	d, err := l.plan.PeekLocal(state, at.clock, at.now)
	if err != nil {
		return math.MaxInt64
	}
	return max(0, d.Limit-d.Remaining)
}
