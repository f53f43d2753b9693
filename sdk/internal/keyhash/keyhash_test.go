package keyhash_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/throttlekit/throttlekit-go/sdk/internal/keyhash"
)

// TestKeyIsRFC4231s is the standard's own test case 3: others must come to the same text.
func TestKeyIsRFC4231s(t *testing.T) {
	h, err := keyhash.New(bytes.Repeat([]byte{0xaa}, 20))
	if err != nil {
		t.Fatal(err)
	}
	const want = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
	data := strings.Repeat("\xdd", 50)
	for range 3 { // the same again, from a worker that has worked before
		if got := h.Key("", data); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := h.Key("prod:", data); got != "prod:"+want {
		t.Errorf("got %s, want prod: and then the same", got)
	}
}

func TestSecretsAreLong(t *testing.T) {
	for _, row := range []struct {
		name  string
		bytes int
		ok    bool
	}{
		{"none", 0, false},
		{"one too few", keyhash.MinSecretBytes - 1, false},
		{"just enough", keyhash.MinSecretBytes, true},
		{"more than a block of the hash", 100, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			secret := bytes.Repeat([]byte("s"), row.bytes)
			h, err := keyhash.New(secret)
			if (err == nil) != row.ok {
				t.Fatalf("error is %v, want ok %v", err, row.ok)
			}
			if !row.ok {
				if want := fmt.Sprintf("WithKeyHash was given a secret of %d bytes, want at least 16 that nobody can guess", row.bytes); err.Error() != want {
					t.Errorf("error is %q, want %q", err, want)
				}
				return
			}
			want := hexOf(secret, "alice")
			clear(secret) // the caller's to do with as it likes
			if got := h.Key("", "alice"); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func hexOf(secret []byte, key string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(key))
	return fmt.Sprintf("%x", mac.Sum(nil))
}

func TestConcurrentKeysDoNotMix(t *testing.T) {
	secret := bytes.Repeat([]byte("s"), 32)
	h, err := keyhash.New(secret)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 500 {
				key := fmt.Sprint(i, "\x00", j)
				if got, want := h.Key("p:", key), "p:"+hexOf(secret, key); got != want {
					t.Errorf("key %q is %s, want %s", key, got, want)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkKey(b *testing.B) {
	h, err := keyhash.New(bytes.Repeat([]byte("s"), 32))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = h.Key("prefix:", "alice@example.com")
	}
}
