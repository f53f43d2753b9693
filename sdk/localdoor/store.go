package localdoor

import (
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// store holds the states of all keys, in shards with a lock each.
type store struct {
	clock    clock
	seed     maphash.Seed
	shards   []shard // as many as a power of two
	maxKeys  int64
	evicting bool // a full store makes room by forgetting what may still count

	keys      atomic.Int64
	evictions atomic.Int64
	janitor   janitor
}

// shard has a lock of its own, and cache lines of its own as far as it matters.
type shard struct {
	mu     sync.Mutex
	closed bool
	table  table
	cursor int          // the entry that the next insert looks at
	state  script.State // where a check works on the state of its key; else empty
	other  script.State // the same for those that makeRoom compares

	_ [64]byte
}

// The number of shards follows from the bound on keys: so many that goroutines rarely
// meet and that no index is large, but with keys enough in each to choose from when one
// must go.
const (
	usualShards  = 256
	leastInShard = 16
	mostInShard  = 8192
)

func newStore(set settings) *store {
	shards := int64(usualShards)
	for shards > 1 && shards*leastInShard > set.maxKeys {
		shards /= 2
	}
	for shards*mostInShard < set.maxKeys && shards < 1<<20 {
		shards *= 2
	}
	s := &store{seed: maphash.MakeSeed(), shards: make([]shard, shards), maxKeys: set.maxKeys, evicting: set.evicting}
	s.clock.now = set.now
	s.clock.system.start()
	return s
}

// shard returns the shard of a key with that hash. It goes by the lower bits, and an index
// by the upper ones.
func (s *store) shard(hash uint64) *shard { return &s.shards[hash&uint64(len(s.shards)-1)] }

// close forgets everything.
func (s *store) close() {
	s.janitor.close()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		if !sh.closed {
			s.keys.Add(-int64(sh.table.count))
			sh.closed, sh.table = true, table{}
		}
		sh.mu.Unlock()
	}
}

// expired reports whether nothing is lost with a state.
func expired(cell *script.Cell, clock int64) bool {
	expiry := cell.Expiry()
	return expiry != 0 && expiry <= clock || cell.Empty()
}

// look looks at so many entries of a shard whose lock is held, from entry number from on,
// and removes those that have expired. It returns where to go on, or 0 after the last.
func (s *store) look(sh *shard, from, looks int, clock int64) int {
	t := &sh.table
	for ; looks > 0 && from < t.count; looks-- {
		if _, e := t.at(from); !expired(&e.cell, clock) {
			from++
			continue
		}
		s.remove(sh, t.slotOf(s.seed, from)) // the entry after it is now here
	}
	if from >= t.count {
		return 0
	}
	return from
}

func (s *store) remove(sh *shard, slot uint64) {
	sh.table.remove(s.seed, slot)
	s.keys.Add(-1)
}
