package localdoor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
)

// FuzzCalls: whatever keys, costs and instants come, no call panics, an answer is one that
// a limit can give, and an error is the caller's and does not tell the key.
func FuzzCalls(f *testing.F) {
	f.Add("user-1", int64(1), int64(1_900_000_000_000), int64(1_900_000_000_000))
	f.Add("", int64(-1), int64(0), int64(-1))
	f.Add("\xff\x00", int64(1<<53), int64(1<<62), int64(1<<61))
	f.Add("k", int64(9), int64(-62135596800000), int64(1))
	f.Fuzz(func(t *testing.T, key string, cost, now, clock int64) {
		for _, d := range strategy.All() {
			c := newClock(time.UnixMilli(clock))
			l := newLimiter(t, plan(t, d, 10, time.Minute), c.option(), localdoor.WithMaxKeys(4))
			answer := func(call string, d throttlekit.Decision, err error) {
				t.Helper()
				switch {
				case err == nil:
					if d.Limit != 10 || d.Remaining < 0 || d.Remaining > 10 {
						t.Errorf("%s: %+v is no answer of a limit of 10", call, d)
					}
				case !errors.Is(err, throttlekit.ErrInvalidArgument) && !strings.HasSuffix(err.Error(), "ERR invalid expire time"):
					t.Errorf("%s: %v", call, err)
				case len(key) > 8 && strings.Contains(err.Error(), key):
					t.Errorf("%s: the error tells the key: %v", call, err)
				}
			}
			at := time.UnixMilli(now)
			for range 2 {
				decision, err := l.CheckN(t.Context(), key, cost)
				answer("check", decision, err)
				decision, err = l.CheckAt(t.Context(), key, cost, at)
				answer("check at", decision, err)
				decision, err = l.PeekAt(t.Context(), key, at)
				answer("peek", decision, err)
				_, err = l.ForecastAt(t.Context(), key, cost, at)
				answer("forecast", throttlekit.Decision{Limit: 10}, err)
				for _, other := range []string{key + "1", key + "2", key + "3", key + "4", key + "5"} {
					decision, err = l.Check(t.Context(), other)
					answer("another key", decision, err)
				}
				c.ms.Add(now)
			}
			if n := l.Stats().Keys; n > 4 {
				t.Errorf("%d keys are there, want at most 4", n)
			}
			if err := l.Reset(t.Context(), key); err != nil {
				t.Error(err)
			}
		}
	})
}
