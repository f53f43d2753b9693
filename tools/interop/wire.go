package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
)

// decision is a decision in the contract's five integers, so that answers of both
// languages can be compared with ==.
type decision struct {
	allowed                                 bool
	limit, remaining, resetAt, retryAfterMs int64
}

// UnmarshalJSON reads the peer's list of five and refuses any other: a float or a null
// among them is a difference between the clients.
func (d *decision) UnmarshalJSON(data []byte) error {
	var list []json.RawMessage
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	into := []any{&d.allowed, &d.limit, &d.remaining, &d.resetAt, &d.retryAfterMs}
	if len(list) != len(into) {
		return fmt.Errorf("a decision of %d fields, want %d: %s", len(list), len(into), data)
	}
	for i, element := range list {
		if string(element) == "null" {
			return fmt.Errorf("field %d of a decision is null: %s", i, data)
		}
		if err := json.Unmarshal(element, into[i]); err != nil {
			return fmt.Errorf("field %d of a decision: %w: %s", i, err, data)
		}
	}
	return nil
}

func (d decision) String() string {
	return fmt.Sprintf("{allowed %t, limit %d, remaining %d, resetAt %d, retryAfterMs %d}",
		d.allowed, d.limit, d.remaining, d.resetAt, d.retryAfterMs)
}

// onWire is our decision in the contract's integers.
func onWire(d throttlekit.Decision) decision {
	w := decision{allowed: d.Allowed, limit: d.Limit, remaining: d.Remaining, retryAfterMs: d.RetryAfter.Milliseconds()}
	if !d.ResetAt.IsZero() {
		w.resetAt = d.ResetAt.UnixMilli()
	}
	return w
}

// forecast is a forecast in the contract's three integers.
type forecast struct{ spendableNow, nextReplenishAt, fullAt int64 }

// UnmarshalJSON reads the peer's list of three.
func (f *forecast) UnmarshalJSON(data []byte) error {
	var list []int64
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	if len(list) != 3 {
		return fmt.Errorf("a forecast of %d fields, want 3: %s", len(list), data)
	}
	f.spendableNow, f.nextReplenishAt, f.fullAt = list[0], list[1], list[2]
	return nil
}

// fault is an exception that the Python client raised.
type fault struct {
	Kinds   []string `json:"kinds"` // its class, then the classes that it extends
	Message string   `json:"message"`
}

// Error implements error.
func (f *fault) Error() string {
	return strings.Join(f.Kinds[:min(1, len(f.Kinds))], "") + ": " + f.Message
}

func (f *fault) is(kind string) bool { return slices.Contains(f.Kinds, kind) }
