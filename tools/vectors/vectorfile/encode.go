package vectorfile

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Encode returns the file as JSON with one op a line, so that a diff shows the ops that
// changed. The output depends on the file's content alone: options are in the order of
// their names, and numbers are plain decimals without exponent (which encoding/json
// writes below 1e21). It fails on a suite of an unknown primitive and on a number that
// JSON cannot hold.
func (f File) Encode() ([]byte, error) {
	e := &encoder{}
	e.open("", "{")
	e.member("contractVersion", f.ContractVersion)
	e.member("generatedFrom", f.GeneratedFrom)
	e.member("frozen", f.Frozen)
	e.member("decisionFields", DecisionFields())
	e.open(`"suites": `, "[")
	for _, s := range f.Suites {
		e.suite(s)
	}
	e.close("]")
	e.close("}")
	e.buf.WriteByte('\n')
	if e.err != nil {
		return nil, fmt.Errorf("golden vectors: %w", e.err)
	}
	return e.buf.Bytes(), nil
}

// encoder lays out the outer levels, a line per element; what stands on one line is
// encoding/json's own work. Its first error stays.
type encoder struct {
	buf   bytes.Buffer
	depth int
	first bool // no element since the last open
	where string
	err   error
}

func (e *encoder) suite(s Suite) {
	e.where = s.Name
	e.open("", "{")
	e.member("primitive", s.Primitive)
	e.member("name", s.Name)
	switch s.Primitive {
	case RateLimit:
		e.member("strategy", s.Strategy)
		e.member("key", s.Key)
		list(e, "ops", s.Ops)
	case TokenBudget:
		e.member("options", s.Meter)
		list(e, "ops", s.Debits)
	case Lease:
		e.member("limit", s.Spender.Limit)
		e.member("ttlMs", s.Spender.TTLMs)
		e.member("windowCoupled", s.Spender.WindowCoupled)
		list(e, "events", s.Events)
	default:
		e.fail(fmt.Errorf("primitive is %q, want %q, %q or %q", s.Primitive, RateLimit, TokenBudget, Lease))
	}
	e.close("}")
}

// MarshalJSON writes the fields of the event's own kind.
func (ev Event) MarshalJSON() ([]byte, error) {
	if ev.Op == Grant {
		return json.Marshal(struct {
			Op        string  `json:"op"`
			Capacity  float64 `json:"capacity"`
			ExpiresAt float64 `json:"expiresAt"`
		}{ev.Op, ev.Capacity, ev.ExpiresAt})
	}
	return json.Marshal(struct {
		Op     string  `json:"op"`
		Now    float64 `json:"now"`
		Cost   float64 `json:"cost"`
		Expect Spent   `json:"expect"`
	}{ev.Op, ev.Now, ev.Cost, ev.Expect})
}

func list[T any](e *encoder, name string, elements []T) {
	e.open(fmt.Sprintf("%q: ", name), "[")
	for _, element := range elements {
		e.line()
		e.value(element)
	}
	e.close("]")
}

func (e *encoder) member(name string, v any) {
	e.line()
	fmt.Fprintf(&e.buf, "%q: ", name)
	e.value(v)
}

func (e *encoder) value(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		e.fail(err)
		return
	}
	e.buf.Write(text)
}

func (e *encoder) open(before, bracket string) {
	if e.depth > 0 {
		e.line()
	}
	e.buf.WriteString(before + bracket)
	e.depth++
	e.first = true
}

func (e *encoder) close(bracket string) {
	e.depth--
	if !e.first {
		e.newline()
	}
	e.first = false
	e.buf.WriteString(bracket)
}

func (e *encoder) line() {
	if !e.first {
		e.buf.WriteByte(',')
	}
	e.first = false
	e.newline()
}

func (e *encoder) newline() {
	e.buf.WriteByte('\n')
	for range e.depth {
		e.buf.WriteString("  ")
	}
}

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = fmt.Errorf("suite %q: %w", e.where, err)
	}
}
