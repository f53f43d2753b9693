package golua

import "slices"

// kind says what a value is. The first are Go values at run time; the others exist in
// the translator alone.
type kind uint8

const (
	unknown  kind = iota // not yet learnt
	none                 // nil
	boolean              // bool
	number               // float64
	text                 // parts, of which the numbers are float64
	numeric              // a number or the text of one: what tonumber makes of it is known
	bytes                // string: any text
	literal              // a string written out
	keys                 // KEYS
	argv                 // ARGV
	key                  // KEYS[1]
	library              // redis, math, string, or a function of theirs or of the base library
	list                 // a reply of known length
	flat                 // a reply to HGETALL
	table                // a table made by {}
	words                // a table of texts, written out
	closure              // a local function
	position             // where a separator is in a text
)

var kindNames = map[kind]string{
	unknown: "a value of no known type", none: "nil", boolean: "a boolean", number: "a number", text: "a text", numeric: "a number or its text",
	bytes: "a text", literal: "a text", keys: "KEYS", argv: "ARGV", key: "the key", library: "a function of a library",
	list: "a reply", flat: "a reply", table: "a table", words: "a table of texts", closure: "a function", position: "a position in a text",
}

func (k kind) String() string { return kindNames[k] }

// runtime reports whether variables of the kind exist in Go.
func (k kind) runtime() bool {
	return k == boolean || k == number || k == text || k == numeric || k == bytes
}

// typ is the type of a value.
type typ struct {
	kind  kind
	parts []part // of text
	// opt says that there may be no value: nil or, as a reply of Redis's, false. Which
	// of them is told by isNil and isFalse, both of which may be.
	opt, isNil, isFalse bool
}

// part is a fixed piece of a text, or a number in it with its format.
type part struct {
	fixed  string
	format string
}

const (
	digits17 = "%.17g" // every digit: the same double when read back
	digits14 = "%.14g"
	plain    = "plain" // script.Number: every digit, too
	mixed    = "mixed" // sometimes of one format, sometimes of another
)

func numberText(format string) typ { return typ{kind: text, parts: []part{{format: format}}} }

// one reports whether a text is that of one number and nothing else.
func (t typ) one() bool { return t.kind == text && len(t.parts) == 1 && t.parts[0].format != "" }

// numbers is how many numbers the type is made of at run time.
func (t typ) numbers() int {
	switch t.kind {
	case number, numeric:
		return 1
	case text:
		n := 0
		for _, p := range t.parts {
			if p.format != "" {
				n++
			}
		}
		return n
	}
	return 0
}

// goTypes are the Go types of a variable of the type, without that which tells whether
// there is a value.
func (t typ) goTypes() []string {
	switch t.kind {
	case boolean:
		return []string{"bool"}
	case bytes:
		return []string{"string"}
	}
	return slices.Repeat([]string{"float64"}, t.numbers())
}

func (t typ) present() typ {
	t.opt, t.isNil, t.isFalse = false, false, false
	return t
}

func (t typ) maybe(o typ) typ {
	t.opt, t.isNil, t.isFalse = t.opt || o.opt, t.isNil || o.isNil, t.isFalse || o.isFalse
	return t
}

func (t typ) equal(o typ) bool {
	return t.kind == o.kind && t.opt == o.opt && t.isNil == o.isNil && t.isFalse == o.isFalse && slices.Equal(t.parts, o.parts)
}

// join is the type of what is sometimes one and sometimes the other; false when no Go
// type is.
func join(a, b typ) (typ, bool) {
	switch {
	case a.kind == unknown:
		return b.maybe(a), true
	case b.kind == unknown:
		return a.maybe(b), true
	case a.kind == none:
		return b.maybe(a), true
	case b.kind == none:
		return a.maybe(b), true
	}
	a, b = a.maybe(b), b.maybe(a)
	isNumeric := func(t typ) bool { return t.kind == number || t.kind == numeric || t.one() }
	switch {
	case a.equal(b):
		return a, true
	case a.kind == text && b.kind == text && sameShape(a, b):
		a.parts = slices.Clone(a.parts)
		for i := range a.parts {
			if a.parts[i] != b.parts[i] {
				a.parts[i].format = mixed
			}
		}
		return a, true
	case isNumeric(a) && isNumeric(b):
		a.kind, a.parts = numeric, nil
		return a, true
	case a.isText() && b.isText():
		a.kind, a.parts = bytes, nil
		return a, true
	}
	return typ{}, false
}

func (t typ) isText() bool { return t.kind == text || t.kind == bytes || t.kind == literal }

// sameShape reports whether two texts have the same fixed parts in the same places.
func sameShape(a, b typ) bool {
	return slices.EqualFunc(a.parts, b.parts, func(x, y part) bool {
		return x.fixed == y.fixed && (x.format == "") == (y.format == "")
	})
}

// value is an expression in Go.
type value struct {
	typ
	code  []string // one for each Go value
	prec  int      // of code[0], when it is one
	ok    string   // tells whether there is a value, when opt
	flags []int    // the units that ok is made of
	known *float64 // a number known now
	lit   string   // of a literal or a library function
	// stable code means the same wherever it is evaluated; fresh code is the name of a
	// variable made for this value alone.
	stable, fresh bool
	elems         []value      // of a list, and of words
	fn            *funcBinding // of a closure
	tab           *tableBinding
	of            *binding // of a position: the local whose text it is in; of any: the local read
	at            int      // of a position: the fixed part, in the text
	offset        float64  // of a position
}

// The precedence of Go's operators, for parentheses.
const (
	precOr = iota + 1
	precAnd
	precCompare
	precSum
	precProduct
	precUnary
	precAtom
)

func atom(k kind, code string) value {
	return value{typ: typ{kind: k}, code: []string{code}, prec: precAtom}
}

func wrap(code string, prec, least int) string {
	if prec < least {
		return "(" + code + ")"
	}
	return code
}
