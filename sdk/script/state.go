package script

import (
	"errors"
	"math"
)

// State is what Redis would hold under one key: nothing, a string, a hash or a sorted
// set. Its zero value holds nothing. It is not safe for concurrent use, and belongs to
// the plans of one strategy.
//
// A state is kept as numbers where Redis keeps text, which is provably the same value:
// Redis writes a script's number with 17 significant digits (%.17g), those tell every
// double from its neighbours, and reading them back gives the same double, the sign of
// zero and the infinities included. The generator keeps a value this way only where the
// script does nothing with the text but turn it into a number again. A number that went
// through Lua's own 14 digits is another one: it is rounded first ([Digits14]).
//
// The layout serves the strategies with one or two numbers, which are most: a cell is all
// that they have. Whoever keeps many states may keep the two parts apart.
type State struct {
	Cell
	// More is what a cell has no place for; nil of a state that never needed it.
	More *Collection
}

// Cell is the part of a state that is numbers. It holds no pointer, so that memory full
// of cells is nothing that a garbage collector looks into.
type Cell struct {
	numbers [MaxFields]float64 // of a string, or of a hash with fields of a script's own
	expiry  int64
	fields  uint8 // of a hash: which of its fields are there, by bit
	kind    kind
}

type kind uint8

const (
	nothing kind = iota
	aString
	aRecord // a hash with fields known when the code was generated
	aHash   // a hash with numbers for fields
	aSortedSet
)

// MaxFields is how many fields a hash may have that are written out in a script.
const MaxFields = 2

// Empty reports whether the state holds nothing.
func (c *Cell) Empty() bool { return c.kind == nothing }

// Expiry is the instant, in milliseconds of the owner's clock, from which on the state
// holds nothing; 0 when it is empty or has no expiry. Redis keeps a key through the
// millisecond that its expiry names, so this is the one after it.
func (c *Cell) Expiry() int64 { return c.expiry }

// Clear forgets everything, and the memory that held it.
func (s *State) Clear() { *s = State{} }

// expire forgets what has expired. Memory is kept, since a check that is admitted needs
// it again.
func (s *State) expire(clock int64) {
	if s.expiry != 0 && clock >= s.expiry {
		s.delete()
	}
}

func (s *State) delete() {
	s.kind, s.expiry, s.fields = nothing, 0, 0
	if s.More != nil {
		s.More.reset()
	}
}

// Persist takes the expiry back, as Redis's PERSIST does.
func (s *State) Persist() { s.expiry = 0 }

// ErrKind is the error of a state that holds another type than the script expects; the
// state was made by another strategy.
var ErrKind = errors.New("WRONGTYPE the state holds another kind of value than the strategy's: it belongs to another strategy")

// Get is Redis's GET of a string that is a number.
func (s *State) Get() (v float64, ok bool) { return s.numbers[0], s.kind == aString }

// Set is Redis's SET: the value replaces all that was there, the expiry too.
func (s *State) Set(v float64) {
	s.delete()
	s.kind, s.numbers[0] = aString, v
}

// SetPX is Redis's SET with PX, an expiry ttl milliseconds from clock.
func (s *State) SetPX(clock int64, v, ttl float64) error {
	ms, ok := wholeText(ttl)
	if !ok {
		return errNotInteger
	}
	if ms <= 0 || ms > math.MaxInt64-clock {
		return errExpiry
	}
	s.Set(v)
	s.expiry = clock + ms + 1
	return nil
}

// Field is Redis's HGET of a field that the script names, by the number that the
// generator gave it.
func (s *State) Field(field int) (v float64, ok bool) {
	return s.numbers[field], s.kind == aRecord && s.fields&(1<<field) != 0
}

// SetField is Redis's HSET of one field.
func (s *State) SetField(field int, v float64) {
	s.kind = aRecord
	s.fields |= 1 << field
	s.numbers[field] = v
}

// PExpire is Redis's PEXPIRE: what the state holds expires ttl milliseconds from clock,
// and at once when that is not in the future.
func (s *State) PExpire(clock int64, ttl float64) error {
	ms, ok := wholeText(ttl)
	if !ok {
		return errNotInteger
	}
	if ms > math.MaxInt64-clock {
		return errExpiry
	}
	switch {
	case s.kind == nothing:
	case ms <= 0:
		s.delete()
	default:
		s.expiry = clock + ms + 1
	}
	return nil
}

// What Redis says of an argument, in its own words.
var (
	errNotInteger = errors.New("ERR value is not an integer or out of range")
	errExpiry     = errors.New("ERR invalid expire time")
	errNotFloat   = errors.New("ERR value is not a valid float")
	errRange      = errors.New("ERR min or max is not a float")
)

// IsString reports whether the state holds a string, or nothing.
func (s *State) IsString() bool { return s.kind == nothing || s.kind == aString }

// IsRecord reports whether the state holds a hash with named fields, or nothing.
func (s *State) IsRecord() bool { return s.kind == nothing || s.kind == aRecord }

// IsHash reports whether the state holds a hash with numbers for fields, or nothing.
func (s *State) IsHash() bool { return s.kind == nothing || s.kind == aHash }

// IsSortedSet reports whether the state holds a sorted set, or nothing.
func (s *State) IsSortedSet() bool { return s.kind == nothing || s.kind == aSortedSet }
