package script

import (
	"errors"
	"math"
)

// Text is a text that a script made of two numbers with something fixed between them,
// such as '7:3', or of one number (B is 0): kept as the numbers alone. The generator
// keeps only such texts this way of which no two different ones hold the same numbers.
type Text struct {
	// A is the first number, or the only one.
	A float64
	// B is the second, or 0.
	B float64
}

// same reports whether two texts are the same bytes; zeros of two signs are not.
func (t Text) same(o Text) bool {
	return math.Float64bits(t.A) == math.Float64bits(o.A) && math.Float64bits(t.B) == math.Float64bits(o.B)
}

// Collection holds the elements of a hash with numbered fields, or of a sorted set. One
// type serves both, so that a state needs one pointer. It belongs to the state that made
// it.
type Collection struct {
	list []element       // of a hash in the order of first writing, of a set by score
	head int             // of a set: where its first element is in list
	at   []int32         // of a hash: by small whole number, the place in list plus one
	rest map[float64]int // of a hash: the places of all other fields
	nan  int             // of a hash: the place of the field nan, plus one
	odd  bool            // of a set: the members are not in one order with the scores
	// Of a set whose members are texts of any kind: numbers that stand for them.
	numbers map[string]float64
	names   map[float64]string
	last    float64
}

type element struct {
	key  float64 // a hash's field, a set's score
	text Text    // the field's value, the set's member
}

func (c *Collection) reset() {
	c.list, c.head, c.nan, c.odd = c.list[:0], 0, 0, false
	clear(c.at)
	clear(c.rest)
	clear(c.numbers)
	clear(c.names)
}

// direct is how many fields, counted from 0, are found by index; others by a map. What
// is spent on an index never exceeds a few bytes for each element by much, since it
// grows as fields are written.
const direct = 1 << 17

func (c *Collection) find(field float64) int {
	if i := int(field); field >= 0 && i < len(c.at) && float64(i) == field {
		return int(c.at[i]) - 1
	}
	if i, ok := c.rest[field]; ok {
		return i
	}
	if field != field {
		return c.nan - 1
	}
	return -1
}

// HGet is Redis's HGET of a field that is a number.
func (s *State) HGet(field float64) (Text, bool) {
	if s.kind != aHash {
		return Text{}, false
	}
	i := s.More.find(field)
	if i < 0 {
		return Text{}, false
	}
	return s.More.list[i].text, true
}

// HSet is Redis's HSET of a field that is a number.
func (s *State) HSet(field float64, v Text) {
	c := s.elements(aHash)
	if i := c.find(field); i >= 0 {
		c.list[i].text = v
		return
	}
	place := len(c.list)
	c.list = append(c.list, element{field, v})
	if field != field {
		c.nan = place + 1
		return
	}
	if i := int(field); field >= 0 && i < direct && float64(i) == field {
		for len(c.at) <= i {
			c.at = append(c.at, 0)
		}
		c.at[i] = int32(place + 1)
		return
	}
	if c.rest == nil {
		c.rest = map[float64]int{}
	}
	c.rest[field] = place
}

// HLen is how many fields the hash has.
func (s *State) HLen() int {
	if s.kind != aHash {
		return 0
	}
	return len(s.More.list)
}

// ErrIndex is Lua's error for a table's element at NaN.
var ErrIndex = errors.New("table index is NaN")

// HNaN reports whether a field is no number, which no table of Lua's has a place for.
func (s *State) HNaN() bool { return s.kind == aHash && s.More.nan > 0 }

func (s *State) elements(k kind) *Collection {
	if s.More == nil {
		s.More = &Collection{}
	}
	s.kind = k
	return s.More
}

// ZCard is Redis's ZCARD.
func (s *State) ZCard() float64 {
	if s.kind != aSortedSet {
		return 0
	}
	return float64(len(s.More.list) - s.More.head)
}

// ZScore is the score of ZRANGE rank rank WITHSCORES: of the element of that rank, by
// rising scores, and from the end when rank is negative.
func (s *State) ZScore(rank float64) (score float64, ok bool, err error) {
	i, whole := wholeText(rank)
	if !whole {
		return 0, false, errNotInteger
	}
	if s.kind != aSortedSet {
		return 0, false, nil
	}
	n := int64(len(s.More.list) - s.More.head)
	if i < 0 {
		i += n
		// Redis lifts a start before the first to the first, but the end with it
		// stays before, so that nothing is between.
	}
	if i < 0 || i >= n {
		return 0, false, nil
	}
	return s.More.list[int64(s.More.head)+i].key, true, nil
}

// ZRemUpTo is Redis's ZREMRANGEBYSCORE from -inf up to and with most.
func (s *State) ZRemUpTo(most float64) error {
	if math.IsNaN(most) {
		return errRange
	}
	if s.kind != aSortedSet {
		return nil
	}
	c := s.More
	for c.head < len(c.list) && c.list[c.head].key <= most {
		if c.names != nil {
			c.forget(c.list[c.head].text)
		}
		c.head++
	}
	if c.head == len(c.list) {
		s.delete() // Redis keeps no empty set
	}
	return nil
}

// Scored is a member of a sorted set with its score. A member of which nothing is known
// but that it is a text has its Name, one that is made of numbers those; a set has
// members of one of the two kinds.
type Scored struct {
	// Score is what the set is ordered by.
	Score float64
	// Member is a member that is made of numbers.
	Member Text
	// Name is any other member.
	Name string
}

// ZAdd is Redis's ZADD of some members.
func (s *State) ZAdd(members ...Scored) error {
	for _, m := range members {
		if math.IsNaN(m.Score) {
			return errNotFloat // Redis looks at all scores first
		}
	}
	if len(members) == 0 {
		return errArguments
	}
	c := s.elements(aSortedSet)
	for _, m := range members {
		if m.Name != "" {
			m.Member = c.named(m.Name)
		}
		c.add(element{m.Score, m.Member})
	}
	return nil
}

// named returns the number that stands for a text. A new one is greater than all before,
// as the members of a log are.
func (c *Collection) named(name string) Text {
	n, ok := c.numbers[name]
	if !ok {
		if c.numbers == nil {
			c.numbers, c.names = map[string]float64{}, map[float64]string{}
		}
		c.last++
		n = c.last
		c.numbers[name], c.names[n] = n, name
	}
	return Text{A: n}
}

func (c *Collection) forget(t Text) {
	delete(c.numbers, c.names[t.A])
	delete(c.names, t.A)
}

// add puts an element at its place. In a log whose clock only ever goes on, members and
// scores grow together, and the place is the end.
func (c *Collection) add(e element) {
	live := c.list[c.head:]
	if n := len(live); n == 0 || !c.odd && before(live[n-1].text, e.text) {
		if n == 0 || live[n-1].key <= e.key {
			c.append(e)
			return
		}
	} else if i := c.member(e.text); i >= 0 {
		if live[i].key == e.key {
			return
		}
		// The member is there with another score, which changes.
		copy(live[i:], live[i+1:])
		c.list = c.list[:len(c.list)-1]
		live = c.list[c.head:]
	}
	place := len(live)
	for place > 0 && live[place-1].key > e.key {
		place--
	}
	c.append(e)
	live = c.list[c.head:]
	copy(live[place+1:], live[place:])
	live[place] = e
	// From here on the members' order says nothing about the scores'.
	if place > 0 && !before(live[place-1].text, e.text) || place+1 < len(live) && !before(e.text, live[place+1].text) {
		c.odd = true
	}
}

// append moves the live elements to the front instead of growing, when at least half of
// the memory is free.
func (c *Collection) append(e element) {
	if len(c.list) == cap(c.list) && c.head > len(c.list)/2 {
		c.list = c.list[:copy(c.list, c.list[c.head:])]
		c.head = 0
	}
	c.list = append(c.list, e)
}

// before orders members by their numbers. It need not be Redis's order, which scripts
// cannot see: it only tells quickly that a member is new.
func before(a, b Text) bool { return a.A < b.A || a.A == b.A && a.B < b.B }

// member returns where a member is among the live elements, or -1.
func (c *Collection) member(t Text) int {
	live := c.list[c.head:]
	if c.odd {
		for i := range live {
			if live[i].text.same(t) {
				return i
			}
		}
		return -1
	}
	low, high := 0, len(live)
	for low < high {
		if mid := int(uint(low+high) >> 1); before(live[mid].text, t) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	if low < len(live) && live[low].text.same(t) {
		return low
	}
	return -1
}
