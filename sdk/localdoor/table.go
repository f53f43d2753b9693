package localdoor

import (
	"hash/maphash"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// table holds the states of one shard's keys, in memory that the garbage collector has
// next to nothing to do with: it meets a chunk rather than each key.
//
// The entries stand without gaps, in chunks, in no order. An index of open addressing
// finds them: a slot holds half of a key's hash, which decides where the slot is, and the
// entry's number. So the index grows and shrinks without looking at a key, and nothing
// else ever moves but the one entry that fills a gap.
type table struct {
	slots  []uint64 // 0 for a free one; else 32 bits of hash, then the entry's number + 1
	shift  uint8    // a hash shifted right by it is the number of its slot
	chunks []chunk
	count  int // of entries
}

// chunk holds the entries of chunkSize numbers, all but the last chunk's of a table, and
// the bytes of their keys.
type chunk struct {
	entries []entry
	more    []*script.Collection // of the entries' states, up to the last that has one
	keys    []byte
	unused  int // of the bytes in keys
}

// chunkSize bounds what is copied when a chunk grows, or when its keys are compacted.
const chunkSize = 256

// entry is a key and what of its state is numbers. It holds no pointer, nor is the key's
// place a string, which has one: the garbage collector would go through all entries.
type entry struct {
	at, size uint32 // of the key in its chunk's keys
	cell     script.Cell
}

// MaxKeyBytes is how long a key may be. A longer one is [throttlekit.ErrInvalidArgument].
const MaxKeyBytes = 1 << 20

// The keys of a chunk, those that are unused included, must fit in 32 bits.
const _ = uint32(3 * chunkSize * MaxKeyBytes)

const (
	minSlots  = 8
	hashMask  = ^uint64(1<<32 - 1)
	hashWidth = 64
)

func number(slot uint64) int { return int(uint32(slot)) - 1 }

// home is where a hash's search begins.
func (t *table) home(hash uint64) uint64 { return hash >> t.shift }

// at returns entry n and the chunk it is in.
func (t *table) at(n int) (*chunk, *entry) {
	c := &t.chunks[n/chunkSize]
	return c, &c.entries[n%chunkSize]
}

func (c *chunk) key(e *entry) []byte { return c.keys[e.at : e.at+e.size] }

// load copies the state of entry n to where a check can work on it.
func (t *table) load(n int, s *script.State) {
	c, e := t.at(n)
	s.Cell, s.More = e.cell, nil
	if i := n % chunkSize; i < len(c.more) {
		s.More = c.more[i]
	}
}

// save copies it back.
func (t *table) save(n int, s *script.State) {
	c, e := t.at(n)
	e.cell = s.Cell
	i := n % chunkSize
	if s.More == nil && i >= len(c.more) {
		return
	}
	for i >= len(c.more) {
		c.more = append(c.more, nil)
	}
	c.more[i] = s.More
}

// find returns the number of a key's entry, or -1, and its slot.
func (t *table) find(hash uint64, key string) (slot uint64, n int) {
	if t.count == 0 {
		return 0, -1
	}
	mask := uint64(len(t.slots) - 1)
	for i := t.home(hash); t.slots[i] != 0; i = (i + 1) & mask {
		if (t.slots[i]^hash)&hashMask != 0 {
			continue
		}
		n := number(t.slots[i])
		if c, e := t.at(n); string(c.key(e)) == key {
			return i, n
		}
	}
	return 0, -1
}

// slotOf returns the slot of entry n.
func (t *table) slotOf(seed maphash.Seed, n int) uint64 {
	c, e := t.at(n)
	hash := maphash.Bytes(seed, c.key(e))
	mask := uint64(len(t.slots) - 1)
	i := t.home(hash)
	for number(t.slots[i]) != n {
		i = (i + 1) & mask
	}
	return i
}

// insert adds a key that is not there. It copies the key, so that whatever the key was cut
// from can be collected.
func (t *table) insert(hash uint64, key string, state *script.State) {
	if (t.count+1)*4 > len(t.slots)*3 {
		t.resize(max(minSlots, 2*len(t.slots)))
	}
	n := t.count
	if n == len(t.chunks)*chunkSize {
		t.chunks = append(t.chunks, chunk{})
	}
	c := &t.chunks[n/chunkSize]
	e := entry{at: uint32(len(c.keys)), size: uint32(len(key))}
	c.keys = append(c.keys, key...)
	c.entries = append(c.entries, e)
	t.save(n, state)
	t.count++
	t.fill(hash&hashMask | uint64(n+1))
}

// fill puts what a slot holds into the first free one.
func (t *table) fill(slot uint64) {
	mask := uint64(len(t.slots) - 1)
	i := t.home(slot)
	for t.slots[i] != 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = slot
}

func (t *table) resize(size int) {
	old := t.slots
	t.slots, t.shift = make([]uint64, size), hashWidth
	for ; size > 1; size /= 2 {
		t.shift--
	}
	for _, slot := range old {
		if slot != 0 {
			t.fill(slot)
		}
	}
}

// remove forgets the key whose slot it is given. The last entry takes its entry's place.
func (t *table) remove(seed maphash.Seed, slot uint64) {
	n, last := number(t.slots[slot]), t.count-1
	t.free(slot)
	to, gap := t.at(n)
	to.unused += int(gap.size)
	from, moved := t.at(last)
	if n != last {
		i := t.slotOf(seed, last)
		t.slots[i] = t.slots[i]&hashMask | uint64(n+1)
		key := from.key(moved)
		from.unused += len(key)
		*gap = entry{at: uint32(len(to.keys)), size: moved.size}
		to.keys = append(to.keys, key...)
		var state script.State
		t.load(last, &state)
		t.save(n, &state)
	}
	from.entries = from.entries[:last%chunkSize]
	if len(from.more) > len(from.entries) {
		from.more[len(from.entries)] = nil
		from.more = from.more[:len(from.entries)]
	}
	t.count--
	to.compact()
	from.compact()
	if len(from.entries) == 0 {
		*from = chunk{}
		t.chunks = t.chunks[:len(t.chunks)-1]
	}
	t.shrink()
}

// free frees a slot. What follows and would no longer be found moves up.
func (t *table) free(slot uint64) {
	mask := uint64(len(t.slots) - 1)
	for i := (slot + 1) & mask; t.slots[i] != 0; i = (i + 1) & mask {
		if away := (i - t.home(t.slots[i])) & mask; away >= (i-slot)&mask {
			t.slots[slot] = t.slots[i]
			slot = i
		}
	}
	t.slots[slot] = 0
}

// compact drops the bytes of keys that are gone, once they are more than half.
func (c *chunk) compact() {
	if c.unused <= len(c.keys)/2 {
		return
	}
	keys := make([]byte, 0, len(c.keys)-c.unused)
	for i := range c.entries {
		e := &c.entries[i]
		key := c.key(e)
		e.at = uint32(len(keys))
		keys = append(keys, key...)
	}
	c.keys, c.unused = keys, 0
}

// shrink gives memory back when most of it is unused.
func (t *table) shrink() {
	if t.count == 0 {
		*t = table{}
	} else if len(t.slots) > minSlots && t.count*8 < len(t.slots) {
		t.resize(len(t.slots) / 2)
	}
}
