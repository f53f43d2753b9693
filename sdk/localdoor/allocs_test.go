package localdoor_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// TestKnownKeyTakesNoMemory: neither an admitted check of a key that is there allocates,
// nor a denied one, but for what a strategy keeps of it, which grows now and then.
func TestKnownKeyTakesNoMemory(t *testing.T) {
	every(t, 500, time.Hour, func(t *testing.T, plan *script.Plan) {
		l := newLimiter(t, plan, newClock(noon).option())
		if n := testing.AllocsPerRun(1000, func() { checkOne(t, l, "key") }); n != 0 {
			t.Errorf("a check allocates %v times, want none", n)
		}
	})
}

// TestFullLimiterTakesNoMemory: a new key in the place of another needs none, and neither
// does the choice between others.
func TestFullLimiterTakesNoMemory(t *testing.T) {
	l := newLimiter(t, fivePerHour, newClock(noon).option(), localdoor.WithMaxKeys(100))
	keys := make([]string, 5000)
	for i := range keys {
		keys[i] = strconv.Itoa(i)
	}
	next := 0
	if n := testing.AllocsPerRun(len(keys)-1, func() { checkOne(t, l, keys[next]); next++ }); n != 0 {
		t.Errorf("a new key allocates %v times, want none", n)
	}
	if s := l.Stats(); s.Evictions != int64(len(keys)-100) {
		t.Errorf("got %+v, want a limiter that was full", s)
	}
}

func checkOne(t *testing.T, l *localdoor.Limiter, key string) {
	if _, err := l.Check(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}
