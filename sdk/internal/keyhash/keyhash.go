// Package keyhash puts a keyed hash in a limited key's place, the same in both doors.
package keyhash

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"
)

// MinSecretBytes is how long a secret is at least: 128 bits, as many as nobody guesses.
// FIPS-only mode would not take less than 112.
const MinSecretBytes = 16

// Hash hashes keys by one secret. It is safe for concurrent use.
type Hash struct {
	spare sync.Pool // of *worker
}

type worker struct {
	mac hash.Hash
	sum [sha256.Size]byte
	buf []byte
}

// New returns the hash for a copy of secret.
func New(secret []byte) (*Hash, error) {
	if len(secret) < MinSecretBytes {
		return nil, fmt.Errorf("WithKeyHash was given a secret of %d bytes, want at least %d that nobody can guess", len(secret), MinSecretBytes)
	}
	own := append([]byte(nil), secret...)
	h := new(Hash)
	h.spare.New = func() any { return &worker{mac: hmac.New(sha256.New, own)} }
	return h, nil
}

// Key returns what stands for key after before: the lower-case hexadecimal of
// HMAC-SHA-256(secret, key), 64 bytes of text.
func (h *Hash) Key(before, key string) string {
	w := h.spare.Get().(*worker)
	defer h.spare.Put(w)
	w.mac.Reset()
	w.buf = append(w.buf[:0], key...)
	_, _ = w.mac.Write(w.buf) // a hash never fails
	w.buf = append(w.buf[:0], before...)
	w.buf = hex.AppendEncode(w.buf, w.mac.Sum(w.sum[:0]))
	return string(w.buf)
}
