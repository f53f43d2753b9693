package vectorfile

import (
	"encoding/json"
	"fmt"
	"io"
)

// Load reads a vector file to its end and parses it.
func Load(r io.Reader) (File, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return File{}, fmt.Errorf("golden vectors: %w", err)
	}
	return Parse(data)
}

// Parse parses a vector file. Unknown fields and unknown primitives are let through; a
// suite of a known primitive must be complete. Errors name the suite and the index of
// the op.
func Parse(data []byte) (File, error) {
	var wire struct {
		ContractVersion string            `json:"contractVersion"`
		GeneratedFrom   string            `json:"generatedFrom"`
		Frozen          bool              `json:"frozen"`
		Suites          []json.RawMessage `json:"suites"`
	}
	if err := json.Unmarshal(data, &wire); err != nil {
		return File{}, fmt.Errorf("golden vectors: %w", err)
	}
	if wire.Suites == nil {
		return File{}, fmt.Errorf("golden vectors: no suites: want an object with a list of that name")
	}
	file := File{ContractVersion: wire.ContractVersion, GeneratedFrom: wire.GeneratedFrom, Frozen: wire.Frozen}
	for i, raw := range wire.Suites {
		suite, err := parseSuite(raw)
		if err != nil {
			return File{}, fmt.Errorf("golden vectors: suites[%d]%s: %w", i, quoted(suite.Name), err)
		}
		file.Suites = append(file.Suites, suite)
	}
	return file, nil
}

// quoted sets a suite's name off from its index, if the suite got as far as a name.
func quoted(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(" %q", name)
}

// parseSuite returns the suite as far as it was read, so that an error can be given
// its name.
func parseSuite(raw json.RawMessage) (Suite, error) {
	var head struct {
		Primitive string `json:"primitive"`
		Name      string `json:"name"`
	}
	err := json.Unmarshal(raw, &head)
	suite := Suite{Primitive: head.Primitive, Name: head.Name}
	if err != nil {
		return suite, err
	}
	switch {
	case head.Primitive == "":
		return suite, missing("primitive")
	case head.Name == "":
		return suite, missing("name")
	}
	switch head.Primitive {
	case RateLimit:
		err = suite.parseRateLimit(raw)
	case TokenBudget:
		err = suite.parseTokenBudget(raw)
	case Lease:
		err = suite.parseLease(raw)
	}
	return suite, err
}

func (s *Suite) parseRateLimit(raw json.RawMessage) error {
	var wire struct {
		Strategy struct {
			Kind    string              `json:"kind"`
			Options map[string]*float64 `json:"options"`
		} `json:"strategy"`
		Key string            `json:"key"`
		Ops []json.RawMessage `json:"ops"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return err
	}
	if wire.Strategy.Kind == "" {
		return missing("strategy.kind")
	}
	s.Strategy = Strategy{Kind: wire.Strategy.Kind, Options: make(map[string]float64, len(wire.Strategy.Options))}
	for name, value := range wire.Strategy.Options {
		if value == nil {
			return fmt.Errorf("strategy.options.%s is null, want a number", name)
		}
		s.Strategy.Options[name] = *value
	}
	s.Key = wire.Key
	return each("ops", wire.Ops, func(raw json.RawMessage) error {
		var op struct {
			Now    *float64      `json:"now"`
			Cost   *float64      `json:"cost"`
			Expect *wireDecision `json:"expect"`
		}
		if err := json.Unmarshal(raw, &op); err != nil {
			return err
		}
		switch {
		case op.Now == nil:
			return missing("now")
		case op.Cost == nil:
			return missing("cost")
		}
		expect, err := op.Expect.decision("expect")
		s.Ops = append(s.Ops, Op{Now: *op.Now, Cost: *op.Cost, Expect: expect})
		return err
	})
}

func (s *Suite) parseTokenBudget(raw json.RawMessage) error {
	var wire struct {
		Options struct {
			Budget   *float64 `json:"budget"`
			WindowMs *float64 `json:"windowMs"`
		} `json:"options"`
		Ops []json.RawMessage `json:"ops"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return err
	}
	switch {
	case wire.Options.Budget == nil:
		return missing("options.budget")
	case wire.Options.WindowMs == nil:
		return missing("options.windowMs")
	}
	s.Meter = Meter{Budget: *wire.Options.Budget, WindowMs: *wire.Options.WindowMs}
	return each("ops", wire.Ops, func(raw json.RawMessage) error {
		var op struct {
			Now    *float64      `json:"now"`
			Tokens *float64      `json:"tokens"`
			Expect *wireDecision `json:"expect"`
		}
		if err := json.Unmarshal(raw, &op); err != nil {
			return err
		}
		switch {
		case op.Now == nil:
			return missing("now")
		case op.Tokens == nil:
			return missing("tokens")
		}
		expect, err := op.Expect.decision("expect")
		s.Debits = append(s.Debits, Debit{Now: *op.Now, Tokens: *op.Tokens, Expect: expect})
		return err
	})
}

func (s *Suite) parseLease(raw json.RawMessage) error {
	var wire struct {
		Limit         *float64          `json:"limit"`
		TTLMs         float64           `json:"ttlMs"`
		WindowCoupled *bool             `json:"windowCoupled"`
		Events        []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return err
	}
	if wire.Limit == nil {
		return missing("limit")
	}
	coupled := true // the spender's default
	if wire.WindowCoupled != nil {
		coupled = *wire.WindowCoupled
	}
	s.Spender = Spender{Limit: *wire.Limit, TTLMs: wire.TTLMs, WindowCoupled: coupled}
	return each("events", wire.Events, func(raw json.RawMessage) error {
		event, err := parseEvent(raw)
		s.Events = append(s.Events, event)
		return err
	})
}

func parseEvent(raw json.RawMessage) (Event, error) {
	var wire struct {
		Op        string   `json:"op"`
		Capacity  *float64 `json:"capacity"`
		ExpiresAt *float64 `json:"expiresAt"`
		Now       *float64 `json:"now"`
		Cost      *float64 `json:"cost"`
		Expect    *struct {
			NeedsRefresh bool          `json:"needsRefresh"`
			Decision     *wireDecision `json:"decision"`
		} `json:"expect"`
	}
	if err := json.Unmarshal(raw, &wire); err != nil {
		return Event{}, err
	}
	switch wire.Op {
	case Grant:
		switch {
		case wire.Capacity == nil:
			return Event{}, missing("capacity")
		case wire.ExpiresAt == nil:
			return Event{}, missing("expiresAt")
		}
		return Event{Op: Grant, Capacity: *wire.Capacity, ExpiresAt: *wire.ExpiresAt}, nil
	case Spend:
		switch {
		case wire.Now == nil:
			return Event{}, missing("now")
		case wire.Cost == nil:
			return Event{}, missing("cost")
		case wire.Expect == nil:
			return Event{}, missing("expect")
		}
		event := Event{Op: Spend, Now: *wire.Now, Cost: *wire.Cost}
		if wire.Expect.NeedsRefresh {
			event.Expect.NeedsRefresh = true
			return event, nil
		}
		decision, err := wire.Expect.Decision.decision("expect.decision")
		event.Expect.Decision = &decision
		return event, err
	}
	return Event{}, fmt.Errorf("op is %q, want %q or %q", wire.Op, Grant, Spend)
}

// each parses the elements of the list called name. A suite without ops would pass
// every replay without asking anything, so an empty list is an error.
func each(name string, list []json.RawMessage, parse func(json.RawMessage) error) error {
	if len(list) == 0 {
		return fmt.Errorf("%s is missing or empty, want at least one element", name)
	}
	for i, raw := range list {
		if err := parse(raw); err != nil {
			return fmt.Errorf("%s[%d]: %w", name, i, err)
		}
	}
	return nil
}

// wireDecision tells a field that is absent from one that is zero.
type wireDecision struct {
	Allowed      *bool    `json:"allowed"`
	Limit        *float64 `json:"limit"`
	Remaining    *float64 `json:"remaining"`
	ResetAt      *float64 `json:"resetAt"`
	RetryAfterMs *float64 `json:"retryAfterMs"`
}

func (w *wireDecision) decision(path string) (Decision, error) {
	if w == nil {
		return Decision{}, missing(path)
	}
	if w.Allowed == nil {
		return Decision{}, missing(path + ".allowed")
	}
	d := Decision{Allowed: *w.Allowed}
	for _, field := range []struct {
		name string
		from *float64
		to   *float64
	}{
		{"limit", w.Limit, &d.Limit},
		{"remaining", w.Remaining, &d.Remaining},
		{"resetAt", w.ResetAt, &d.ResetAt},
		{"retryAfterMs", w.RetryAfterMs, &d.RetryAfterMs},
	} {
		if field.from == nil {
			return Decision{}, missing(path + "." + field.name)
		}
		*field.to = *field.from
	}
	return d, nil
}

func missing(field string) error { return fmt.Errorf("%s is missing", field) }
