package localdoor

import (
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// TestTableAgainstMap does to a table what it does to a map, at all sizes up to some
// chunks and down to nothing again, and wants the same to be there.
func TestTableAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 2))
	seed := maphash.MakeSeed()
	var table table
	want := map[string]float64{}
	check := func(key string) {
		t.Helper()
		_, n := table.find(maphash.String(seed, key), key)
		v, there := want[key]
		if (n >= 0) != there {
			t.Fatalf("with %d keys: %q found is %t, want %t", len(want), key, n >= 0, there)
		}
		if n >= 0 {
			var state script.State
			table.load(n, &state)
			got, ok := state.Get()
			if !ok {
				text, _ := state.HGet(7)
				got = text.A
			}
			if got != v {
				t.Fatalf("with %d keys: %q has %v, want %v", len(want), key, got, v)
			}
		}
	}
	for _, phase := range []struct{ steps, insertsIn100 int }{{4000, 70}, {4000, 50}, {6000, 20}, {2000, 60}, {4000, 0}} {
		for range phase.steps {
			// Some keys are long, so that compaction has something to do, and one is empty.
			n := random.IntN(3000)
			key := strings.Repeat("key", n%40) + strconv.Itoa(n/40)
			if n == 0 {
				key = ""
			}
			hash := maphash.String(seed, key)
			slot, at := table.find(hash, key)
			insert := random.IntN(100) < phase.insertsIn100
			switch {
			case insert && at < 0:
				// A cell holds some states, and others have more.
				var s script.State
				if want[key] = random.Float64(); n%3 > 0 {
					s.Set(want[key])
				} else {
					s.HSet(7, script.Text{A: want[key]})
				}
				table.insert(hash, key, &s)
			case !insert && at >= 0:
				table.remove(seed, slot)
				delete(want, key)
			case !insert && len(want) > 0: // any other
				c, e := table.at(random.IntN(table.count))
				key = string(c.key(e))
				slot, _ = table.find(maphash.String(seed, key), key)
				table.remove(seed, slot)
				delete(want, key)
			}
			if table.count != len(want) {
				t.Fatalf("the table has %d entries, want %d", table.count, len(want))
			}
			check(key)
		}
		for key := range want {
			check(key)
		}
		sound(t, &table)
	}
	if len(want) > 0 || table.slots != nil || table.chunks != nil {
		t.Errorf("%d keys are left, and an empty table still has memory", len(want))
	}
}

// sound checks what the table's comments promise.
func sound(t *testing.T, table *table) {
	t.Helper()
	used := 0
	for _, slot := range table.slots {
		if slot != 0 {
			used++
		}
	}
	if used != table.count {
		t.Errorf("%d slots are in use for %d entries", used, table.count)
	}
	if table.count*4 > len(table.slots)*3 || len(table.slots) > minSlots && table.count*16 < len(table.slots) {
		t.Errorf("%d slots for %d entries: too few, or far too many", len(table.slots), table.count)
	}
	for i, c := range table.chunks {
		full := len(c.entries) == chunkSize
		if last := i == len(table.chunks)-1; !last && !full || len(c.entries) == 0 {
			t.Errorf("chunk %d of %d has %d entries", i, len(table.chunks), len(c.entries))
		}
		live := 0
		for _, e := range c.entries {
			live += int(e.size)
		}
		for _, gone := range c.more[:cap(c.more)][len(c.more):] {
			if gone != nil {
				t.Errorf("chunk %d still refers to what belonged to an entry that is gone", i)
			}
		}
		if len(c.more) > len(c.entries) {
			t.Errorf("chunk %d: more of %d states, and %d entries", i, len(c.more), len(c.entries))
		}
		if live+c.unused != len(c.keys) || c.unused > len(c.keys)/2 {
			t.Errorf("chunk %d: %d bytes of keys in use and %d unused, of %d", i, live, c.unused, len(c.keys))
		}
	}
}
