package localdoor

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
)

// TestForgottenLimiterIsCollected: one that nobody closed keeps nothing, though its keys
// have not expired and its timer is set.
func TestForgottenLimiterIsCollected(t *testing.T) {
	forgotten := func() weak.Pointer[store] {
		l, err := New(strategy.GCRA{Limit: 5, Period: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Check(t.Context(), "key"); err != nil {
			t.Fatal(err)
		}
		return weak.Make(l.store)
	}()
	for range 10 {
		runtime.GC()
		if forgotten.Value() == nil {
			return
		}
	}
	t.Error("the limiter's keys are still there")
}
