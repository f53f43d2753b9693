package redisdoor_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// hashSecret is a secret for key hashes; no error may repeat it.
var hashSecret = []byte("hunter2-hunter2-hunter2")

// hashed is what everybody who shares a limit has to come to.
func hashed(key string) string {
	mac := hmac.New(sha256.New, hashSecret)
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil))
}

// TestKeysOfAnyBytes carries keys to Redis by every operation and finds them there, byte
// for byte, or their hashes.
func TestKeysOfAnyBytes(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	for _, row := range []struct{ name, key, reason string }{
		{"empty", "", "a limit may be everybody's"},
		{"NUL", "a\x00b", "it ends a string in C"},
		{"newline", "a\nb", "it ends a line of a log"},
		{"command", "a\r\n*1\r\n$4\r\nPING\r\n", "it would be one if lengths were not kept"},
		{"not UTF-8", "\xff\xfe\x80", "protobuf could not carry it"},
		{"hash tag", "{a}b", "it is for a cluster to read"},
		{"digits", "007", "Lua must not take it for a number"},
		{"longest", strings.Repeat("k", throttlekit.MaxKeyBytes), "it is still allowed"},
	} {
		for _, way := range []struct {
			name    string
			options []redisdoor.Option
			inRedis string
		}{
			{"as it is", nil, row.key},
			{"hashed", []redisdoor.Option{redisdoor.WithKeyHash(hashSecret)}, hashed(row.key)},
		} {
			t.Run(row.name+"/"+way.name, func(t *testing.T) {
				own := prefix(t)
				limiter := newLimiter(t, pool, fivePerHour, append(way.options, redisdoor.WithPrefix(own))...)
				// Three checks, each on a way of its own.
				if d, err := limiter.Check(t.Context(), row.key); err != nil || d.Remaining != 4 {
					t.Fatalf("Check: %+v, %v; the reason for this key: %s", d, err, row.reason)
				}
				if d, err := limiter.Check(context.Background(), row.key); err != nil || d.Remaining != 3 {
					t.Errorf("Check without a context to watch: %+v, %v", d, err)
				}
				if ds, err := limiter.CheckMany(t.Context(), []string{row.key}, 1); err != nil || ds[0].Remaining != 2 {
					t.Errorf("CheckMany: %+v, %v", ds, err)
				}
				if d, err := limiter.Peek(t.Context(), row.key); err != nil || d.Remaining != 2 {
					t.Errorf("Peek: %+v, %v", d, err)
				}
				if f, err := limiter.Forecast(t.Context(), row.key, 1); err != nil || f.SpendableNow != 2 {
					t.Errorf("Forecast: %+v, %v", f, err)
				}
				if n := command(t, pool, "EXISTS", own+":"+way.inRedis); n != int64(1) {
					t.Errorf("EXISTS says %v, want 1", n)
				}
				if err := limiter.Reset(t.Context(), row.key); err != nil {
					t.Error(err)
				}
				if n := command(t, pool, "EXISTS", own+":"+way.inRedis); n != int64(0) {
					t.Errorf("EXISTS says %v after Reset, want 0", n)
				}
			})
		}
	}
}

func TestHashOfAKeyWithoutPrefix(t *testing.T) {
	pool := dial(t, redistest.Start(t))
	limiter := newLimiter(t, pool, fivePerHour, redisdoor.WithKeyHash(hashSecret))
	key := prefix(t) // nobody else's
	if _, err := limiter.Check(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if n := command(t, pool, "DEL", hashed(key)); n != int64(1) {
		t.Errorf("DEL says %v, want 1", n)
	}
}

// TestKeyHashOfALimiter: what one limiter is told, the door's others do not do.
func TestKeyHashOfALimiter(t *testing.T) {
	door := redisdoor.Open(dial(t, redistest.Start(t)), redisdoor.WithPrefix(prefix(t)))
	plain, err := door.Limiter(fivePerHour)
	if err != nil {
		t.Fatal(err)
	}
	hashing, err := door.Limiter(fivePerHour, redisdoor.WithKeyHash(hashSecret))
	if err != nil {
		t.Fatal(err)
	}
	for _, limiter := range []*redisdoor.Limiter{plain, hashing} {
		if d, err := limiter.CheckN(t.Context(), secretKey, 5); err != nil || !d.Allowed {
			t.Errorf("the limiters share a key: %+v, %v", d, err)
		}
	}
	if d, err := plain.Check(t.Context(), hashed(secretKey)); err != nil || d.Allowed {
		t.Errorf("whoever knows the hash has the key: %+v, %v", d, err)
	}
}

func TestShortHashSecretIsRefused(t *testing.T) {
	pool := dial(t, "redis://127.0.0.1:1")
	short := redisdoor.WithKeyHash([]byte("hunter2"))
	_, byNew := redisdoor.New(pool, fivePerHour, short)
	_, byDoor := redisdoor.Open(pool, short).Limiter(fivePerHour)
	_, byLimiter := redisdoor.Open(pool).Limiter(fivePerHour, short)
	const want = "redisdoor: WithKeyHash was given a secret of 7 bytes, want at least 16 that nobody can guess"
	for name, err := range map[string]error{"New": byNew, "Open": byDoor, "Limiter": byLimiter} {
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", name, err, want)
		}
	}
	if _, err := redisdoor.Open(pool, short).Limiter(fivePerHour, redisdoor.WithKeyHash(hashSecret)); err != nil {
		t.Errorf("a limiter with a secret of its own: %v", err)
	}
}

// TestLongKeysAreRefused before anything is sent: nobody listens there.
func TestLongKeysAreRefused(t *testing.T) {
	long := strings.Repeat(secretKey, throttlekit.MaxKeyBytes/len(secretKey)+1)
	for _, options := range [][]redisdoor.Option{nil, {redisdoor.WithKeyHash(hashSecret)}, {redisdoor.WithoutFusing()}} {
		limiter := newLimiter(t, dial(t, "redis://127.0.0.1:1"), fivePerHour, options...)
		for op, call := range map[string]func() error{
			"check":     func() error { _, err := limiter.Check(t.Context(), long); return err },
			"checkMany": func() error { _, err := limiter.CheckMany(t.Context(), []string{"k", long}, 1); return err },
			"peek":      func() error { _, err := limiter.Peek(t.Context(), long); return err },
			"forecast":  func() error { _, err := limiter.Forecast(t.Context(), long, 1); return err },
			"reset":     func() error { return limiter.Reset(t.Context(), long) },
			"replay": func() error {
				_, err := limiter.Replay(t.Context(), long, []redisdoor.Moment{{Now: 1, Cost: 1}})
				return err
			},
		} {
			var e *throttlekit.Error
			err := call()
			if !errors.As(err, &e) || e.Op != op || !errors.Is(err, throttlekit.ErrInvalidArgument) || e.MayHaveConsumed {
				t.Errorf("%s: %v, want ErrInvalidArgument", op, err)
				continue
			}
			if len(err.Error()) > 200 || strings.Contains(err.Error(), secretKey) {
				t.Errorf("%s: the error repeats the key: %.200s", op, err)
			}
		}
	}
}

// BenchmarkKeyHash is a check whose key is hashed beside one whose key is not.
func BenchmarkKeyHash(b *testing.B) {
	pool := dial(b, redistest.Start(b))
	for _, row := range []struct {
		name    string
		options []redisdoor.Option
	}{
		{"plain", nil},
		{"hashed", []redisdoor.Option{redisdoor.WithKeyHash(bytes.Repeat([]byte("s"), 32))}},
	} {
		b.Run(row.name, func(b *testing.B) {
			limiter := newLimiter(b, pool, fivePerHour, append(row.options, redisdoor.WithPrefix(prefix(b)))...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := limiter.Check(context.Background(), secretKey); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
