//go:build !race

package keyhash_test

// The race detector has a sync.Pool forget things at random.

import (
	"bytes"
	"testing"

	"github.com/throttlekit/throttlekit-go/sdk/internal/keyhash"
)

// TestKeyAllocates: the text is all that a key costs the garbage collector.
func TestKeyAllocates(t *testing.T) {
	h, err := keyhash.New(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(1000, func() { _ = h.Key("prefix:", "alice@example.com") }); n > 1 {
		t.Errorf("%v allocations a key, want 1", n)
	}
}
