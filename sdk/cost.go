package throttlekit

import "fmt"

// ValidateCost returns nil for a cost that a check may carry, and an [*Error] of kind
// [ErrInvalidArgument] for one below 1 or above [MaxCost]. Doors call it before they
// send anything: on the wire a negative cost would give a spent limit back.
func ValidateCost(op string, cost int64) error {
	if cost >= 1 && cost <= MaxCost {
		return nil
	}
	return &Error{
		Op:   op,
		Kind: ErrInvalidArgument,
		Err:  fmt.Errorf("cost is %d, want 1 to 2^53-1 (%d)", cost, int64(MaxCost)),
	}
}
