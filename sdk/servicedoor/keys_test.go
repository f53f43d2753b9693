package servicedoor_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	throttlekitv1 "github.com/throttlekit/throttlekit-go/gen/proto/throttlekit/v1"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
)

// keeper is a service that keeps the keys it is told.
func keeper() (*service, *[]string) {
	var keys []string
	all := func(n int) []*throttlekitv1.Decision {
		ds := make([]*throttlekitv1.Decision, n)
		for i := range ds {
			ds[i] = decided()
		}
		return ds
	}
	return &service{
		check: func(_ context.Context, req *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
			keys = append(keys, req.GetKey())
			return &throttlekitv1.CheckResponse{Decision: decided()}, nil
		},
		checkMany: func(_ context.Context, req *throttlekitv1.CheckManyRequest) (*throttlekitv1.CheckManyResponse, error) {
			keys = append(keys, req.GetKeys()...)
			return &throttlekitv1.CheckManyResponse{Decisions: all(len(req.GetKeys()))}, nil
		},
		peek: func(_ context.Context, req *throttlekitv1.PeekRequest) (*throttlekitv1.PeekResponse, error) {
			keys = append(keys, req.GetKey())
			return &throttlekitv1.PeekResponse{Decision: decided()}, nil
		},
		forecast: func(_ context.Context, req *throttlekitv1.ForecastRequest) (*throttlekitv1.ForecastResponse, error) {
			keys = append(keys, req.GetKey())
			return &throttlekitv1.ForecastResponse{Forecast: &throttlekitv1.Forecast{}}, nil
		},
	}, &keys
}

func hashed(key string) string {
	mac := hmac.New(sha256.New, []byte(aSecret))
	mac.Write([]byte(key))
	return hex.EncodeToString(mac.Sum(nil))
}

// TestKeysOfAnyBytes: all that protobuf can carry arrives as it is, the rest is refused
// before it is sent, and a hash stands for any of them.
func TestKeysOfAnyBytes(t *testing.T) {
	for _, row := range []struct{ name, key, refused string }{
		{"empty", "", ""},
		{"NUL", "a\x00b", ""},
		{"newline", "a\r\nb", ""},
		{"beyond ASCII", "zoë 🙂", ""},
		{"longest", strings.Repeat("k", throttlekit.MaxKeyBytes), ""},
		{"not UTF-8", "a\xff", "keys[0] is not valid UTF-8, as the service's wire needs; with WithKeyHash it need not be"},
		{"half a surrogate pair", "\xed\xa0\x80", "keys[0] is not valid UTF-8, as the service's wire needs; with WithKeyHash it need not be"},
	} {
		for _, protocol := range protocols {
			t.Run(row.name+"/"+protocol.name, func(t *testing.T) {
				for _, hashing := range []bool{false, true} {
					service, told := keeper()
					options, want := slices.Clone(protocol.options), row.key
					if hashing {
						options, want = append(options, servicedoor.WithKeyHash([]byte(aSecret))), hashed(row.key)
					}
					client := dial(t, listen(t, service.handler()).URL, options...)
					ctx := t.Context()
					_, check := client.Check(ctx, "api", row.key)
					_, many := client.CheckMany(ctx, "api", []string{row.key, row.key}, 1)
					_, peek := client.Peek(ctx, "api", row.key)
					_, forecast := client.Forecast(ctx, "api", row.key, 1)
					for op, err := range map[string]error{"check": check, "checkMany": many, "peek": peek, "forecast": forecast} {
						switch {
						case hashing || row.refused == "":
							if err != nil {
								t.Errorf("hashing %v, %s: %v", hashing, op, err)
							}
						case !errors.Is(err, throttlekit.ErrInvalidArgument) || !strings.HasSuffix(err.Error(), row.refused):
							t.Errorf("%s: %v, want %s", op, err, row.refused)
						}
					}
					calls := 5
					if !hashing && row.refused != "" {
						calls = 0
					}
					if !slices.Equal(*told, slices.Repeat([]string{want}, calls)) {
						t.Errorf("hashing %v: the service was told %.200q, want %d times %.100q", hashing, *told, calls, want)
					}
				}
			})
		}
	}
}

func TestLongKeysAreRefused(t *testing.T) {
	long := strings.Repeat(aKey, throttlekit.MaxKeyBytes/len(aKey)+1)
	client := dial(t, "127.0.0.1:1", servicedoor.WithKeyHash([]byte(aSecret)))
	_, check := client.Check(t.Context(), "api", long)
	_, many := client.CheckMany(t.Context(), "api", []string{"k", long}, 1)
	_, peek := client.Peek(t.Context(), "api", long)
	_, forecast := client.Forecast(t.Context(), "api", long, 1)
	for op, err := range map[string]error{"check": check, "checkMany": many, "peek": peek, "forecast": forecast} {
		name := "the key"
		if op == "checkMany" {
			name = "keys[1]"
		}
		want := fmt.Sprintf("%s is %d bytes long, want at most %d", name, len(long), throttlekit.MaxKeyBytes)
		fault := asFault(t, op, err)
		if fault.Kind != throttlekit.ErrInvalidArgument || fault.MayHaveConsumed || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", op, err, want)
		}
	}
}

func TestShortHashSecretIsRefused(t *testing.T) {
	_, err := servicedoor.New("localhost:1", servicedoor.WithKeyHash([]byte("hunter2")))
	if want := "servicedoor: WithKeyHash was given a secret of 7 bytes, want at least 16 that nobody can guess"; err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// BenchmarkKeyHash is a check whose key is hashed beside one whose key is not.
func BenchmarkKeyHash(b *testing.B) {
	service := failing(nil)
	service.check = func(context.Context, *throttlekitv1.CheckRequest) (*throttlekitv1.CheckResponse, error) {
		return &throttlekitv1.CheckResponse{Decision: decided()}, nil
	}
	address := listen(b, service.handler()).URL
	for _, row := range []struct {
		name    string
		options []servicedoor.Option
	}{
		{"plain", nil},
		{"hashed", []servicedoor.Option{servicedoor.WithKeyHash(bytes.Repeat([]byte("s"), 32))}},
		{"with a secret", []servicedoor.Option{servicedoor.WithSecret(aSecret)}},
	} {
		b.Run(row.name, func(b *testing.B) {
			client := dial(b, address, row.options...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Check(context.Background(), "api", aKey); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
