package chaos

import (
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/account"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/report"
)

// What is promised.
const (
	// atOnce is what 99 of 100 callers wait at most while the breaker is open.
	atOnce = time.Millisecond

	// recovery is how soon after the end of a fault the last check may fail.
	recovery = time.Second
)

// nobodyStays is for when everything of the callers is closed.
func (s *stage) nobodyStays() {
	s.Helper()
	for _, node := range s.nodes() {
		left := node.Clients()
		for deadline := time.Now().Add(patience / 4); len(left) > 0 && time.Now().Before(deadline); left = node.Clients() {
			time.Sleep(time.Millisecond)
		}
		if len(left) > 0 {
			s.Errorf("%d connections are left behind, one of them\n%s", len(left), left[0])
		}
	}
}

// judge holds what was seen to what was promised, after the callers have stopped.
func (s *stage) judge(sc scenario) report.Row {
	s.Helper()
	seen, totals := s.callers.Seen(), s.books.Totals()
	bound := s.lost + seen.Canceled // to cancel a call that is under way is a fault of its own
	consumed, done := s.consumed()
	defer done()
	for _, wrong := range s.books.Judge(consumed, bound*load.MaxCost) {
		s.Error(wrong)
	}
	if totals.Unknown > bound {
		s.Errorf("%d checks have an unknown outcome, one of them by %v; want at most %d", totals.Unknown, s.books.Unknown(), bound)
	}
	if sc.clean && seen.Bad() > 0 {
		s.Errorf("%d checks were not decided by the contract (%v), the first error is %v; want none", seen.Bad(), seen.Made, seen.First)
	}
	if over := seen.Longest - s.wait(); over > beyond+s.stalled.Sum {
		s.Errorf("somebody waited %v, %v beyond the deadline; the process itself was late: %+v", seen.Longest, over, s.stalled)
	}
	row := report.Row{
		Scenario: sc.name, Door: string(s.door), Fault: sc.fault,
		Checks: seen.Calls, Admitted: s.books.Units(), Allowed: s.books.Allowed(),
		Unknown: totals.Unknown, Bound: bound, Made: seen.Made, Failed: seen.Failed,
		Longest: seen.Longest, Deadline: s.wait(), Stall: s.stalled.Worst,
		Recovery: -1, WhileDown: -1,
	}
	if n := len(s.waits); n > 0 {
		row.WhileDown = s.waits[n*99/100]
		if row.WhileDown > atOnce+s.stalled.Worst {
			s.Errorf("99 of 100 callers waited up to %v while the breakers were open, want at most %v", row.WhileDown, atOnce)
		}
	}
	if !s.back.IsZero() {
		row.Recovery = max(0, seen.LastBad.Sub(s.back))
		// A stall may make a breaker's try fail, and the next one comes later.
		allowed := recovery + s.stalled.Sum + time.Duration(s.stalled.Long)*resilient.DefaultProbeEvery
		if row.Recovery > allowed {
			s.Errorf("the last check failed %v after the fault was over, want at most %v; the process itself was late: %+v", row.Recovery, recovery, s.stalled)
		}
	}
	s.sameNumbers(seen)
	return row
}

// sameNumbers holds what the limiters count, and the door decided, to what their callers
// saw: a decision that was made up says so.
func (s *stage) sameNumbers(seen load.Seen) {
	s.Helper()
	counted := map[string]uint64{}
	for name, limiter := range s.limiters {
		stats, began := limiter.Stats(), s.began[name]
		counted[throttlekit.SourceOpen.String()] += stats.Open - began.Open
		counted[throttlekit.SourceClosed.String()] += stats.Closed - began.Closed
		counted[throttlekit.SourceLocal.String()] += stats.Local - began.Local
	}
	totals := s.books.Totals()
	counted[throttlekit.SourceContract.String()] = uint64(totals.Admitted + totals.Denied) // by the door
	for source, n := range counted {
		if got := seen.Made[source]; uint64(got) != n {
			s.Errorf("there were %d decisions of source %s, and the callers got %d", n, source, got)
		}
	}
}

// consumed asks Redis itself what was spent of a budget.
func (s *stage) consumed() (of func(account.Budget) int64, done func()) {
	s.Helper()
	connections, err := redisdoor.DialAny(s.url)
	if err != nil {
		s.Fatal(err)
	}
	limiters := map[string]throttlekit.Limiter{}
	for name, strategy := range s.strategy {
		if limiters[name], err = redisdoor.New(connections, strategy, redisdoor.WithPrefix(name)); err != nil {
			s.Fatal(err)
		}
	}
	return func(b account.Budget) int64 {
		d, err := limiters[b.Limiter].Peek(s.Context(), b.Key)
		if err != nil {
			s.Fatal(err)
		}
		return d.Limit - d.Remaining
	}, func() { _ = connections.Close() }
}
