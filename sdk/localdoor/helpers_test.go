package localdoor_test

import (
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secretKey is what the tests limit by; no error may ever repeat it.
const secretKey = "user-4711-secret"

// fivePerHour is a limit that no test outlives.
var fivePerHour = strategy.GCRA{Limit: 5, Period: time.Hour}

func newLimiter(tb testing.TB, s script.Strategy, opts ...localdoor.Option) *localdoor.Limiter {
	tb.Helper()
	l, err := localdoor.New(s, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

// every runs a test for each strategy of the contract, of that limit and period.
func every(t *testing.T, limit float64, period time.Duration, test func(t *testing.T, plan *script.Plan)) {
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) { test(t, plan(t, d, limit, period)) })
	}
}

// plan fills in the parameters of any strategy that have no default: what counts is the
// limit, what lasts the period, and what comes back comes back in a period.
func plan(tb testing.TB, d *script.Definition, limit float64, period time.Duration) *script.Plan {
	tb.Helper()
	params := map[string]float64{}
	for _, p := range d.Params {
		switch {
		case p.Default != 0 || p.DefaultFrom != "":
		case p.Unit == script.Milliseconds:
			params[p.Name] = script.Millis(period)
		case p.Unit == script.PerSecond:
			params[p.Name] = limit / period.Seconds()
		default:
			params[p.Name] = limit
		}
	}
	plan, err := d.New(params)
	if err != nil {
		tb.Fatal(err)
	}
	return plan
}

// clock is a time that stands still until it is told.
type clock struct{ ms atomic.Int64 }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.ms.Store(at.UnixMilli())
	return c
}

func (c *clock) now() time.Time           { return time.UnixMilli(c.ms.Load()) }
func (c *clock) add(d time.Duration)      { c.ms.Add(d.Milliseconds()) }
func (c *clock) option() localdoor.Option { return localdoor.WithClock(c.now) }

// noon is in the middle of every window that a test uses.
var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC).Add(50 * time.Millisecond)
