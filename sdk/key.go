package throttlekit

import "fmt"

// MaxKeyBytes is how long a key may be: 1 MiB, far beyond any name. A longer one is a
// payload that got into the wrong place, and would be kept for as long as its window lasts.
// Services may want less; the one of this module takes 4 KiB.
const MaxKeyBytes = 1 << 20

// ValidateKeys returns nil when each of keys is at most [MaxKeyBytes] long, else an
// [*Error] of kind [ErrInvalidArgument] that names the first longer one by its position.
// Doors call it before they send anything. Any bytes may stand in a key, and none need.
func ValidateKeys(op string, keys ...string) error {
	for i, key := range keys {
		if len(key) <= MaxKeyBytes {
			continue
		}
		name := "the key"
		if len(keys) > 1 {
			name = fmt.Sprintf("keys[%d]", i)
		}
		return &Error{
			Op:   op,
			Kind: ErrInvalidArgument,
			Err:  fmt.Errorf("%s is %d bytes long, want at most %d", name, len(key), MaxKeyBytes),
		}
	}
	return nil
}
