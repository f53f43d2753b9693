package chaos

import (
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/account"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/report"
)

// What is promised.
const (
	// beyond is how much later than its deadline a caller may come back, besides what
	// the machine made the whole process wait.
	beyond = 10 * time.Millisecond

	// atOnce is what 99 of 100 callers wait at most while the breaker is open.
	atOnce = time.Millisecond

	// recovery is how soon after the end of a fault the last check may fail.
	recovery = time.Second
)

// judge holds what was seen to what was promised, after the callers have stopped and
// everything of theirs is closed.
func (s *stage) judge(sc scenario, stall time.Duration) report.Row {
	s.Helper()
	seen, totals := s.callers.Seen(), s.books.Totals()
	for _, node := range s.nodes() {
		var left []string
		for deadline := time.Now().Add(patience / 4); ; time.Sleep(time.Millisecond) {
			if left = node.Clients(); len(left) == 0 || time.Now().After(deadline) {
				break
			}
		}
		if len(left) > 0 {
			s.Errorf("%d connections are left behind, one of them\n%s", len(left), left[0])
		}
	}
	bound := s.lost + seen.Canceled // to cancel a call that is under way is a fault of its own
	for _, wrong := range s.books.Judge(s.consumed(), bound*load.MaxCost) {
		s.Error(wrong)
	}
	if totals.Unknown > bound {
		s.Errorf("%d checks have an unknown outcome, one of them by %v; want at most %d", totals.Unknown, s.books.Unknown(), bound)
	}
	if sc.clean && seen.Bad() > 0 {
		s.Errorf("%d checks were not decided by the contract (%v), the first error is %v; want none", seen.Bad(), seen.Made, seen.First)
	}
	if over := seen.Longest - s.setup.deadline; over > beyond+stall {
		s.Errorf("somebody waited %v, %v beyond the deadline; the process itself was at most %v late", seen.Longest, over, stall)
	}
	row := report.Row{
		Scenario: sc.name, Door: string(s.door), Fault: sc.fault,
		Checks: seen.Calls, Admitted: s.books.Units(), Allowed: s.books.Allowed(),
		Unknown: totals.Unknown, Bound: bound, Made: seen.Made, Failed: seen.Failed,
		Longest: seen.Longest, Deadline: s.setup.deadline, Stall: stall,
		Recovery: -1, WhileDown: -1,
	}
	if n := len(s.waits); n > 0 {
		row.WhileDown = s.waits[n*99/100]
		if row.WhileDown > atOnce+stall {
			s.Errorf("99 of 100 callers waited up to %v while the breakers were open, want at most %v", row.WhileDown, atOnce)
		}
	}
	if !s.back.IsZero() {
		row.Recovery = max(0, seen.LastBad.Sub(s.back))
		if row.Recovery > recovery {
			s.Errorf("the last check failed %v after the fault was over, want at most %v", row.Recovery, recovery)
		}
	}
	s.sameNumbers(seen)
	return row
}

// sameNumbers holds what the limiters count to what their callers saw.
func (s *stage) sameNumbers(seen load.Seen) {
	s.Helper()
	counted := map[string]uint64{}
	for _, limiter := range s.limiters {
		stats := limiter.Stats()
		counted[throttlekit.SourceOpen.String()] += stats.Open
		counted[throttlekit.SourceClosed.String()] += stats.Closed
		counted[throttlekit.SourceLocal.String()] += stats.Local
	}
	for source, n := range counted {
		if got := seen.Made[source]; uint64(got) != n {
			s.Errorf("the limiters count %d decisions of source %s, their callers got %d", n, source, got)
		}
	}
}

// consumed asks Redis itself what was spent of a budget.
func (s *stage) consumed() func(account.Budget) int64 {
	s.Helper()
	connections, err := redisdoor.DialAny(s.url)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = connections.Close() })
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
	}
}
