package chaos

import (
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/account"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/report"
)

// judge holds what was seen to what was promised, after the callers have stopped and
// everything of theirs is closed.
func (s *stage) judge(sc scenario, stall time.Duration) report.Row {
	s.Helper()
	seen, totals := s.callers.Seen(), s.books.Totals()
	s.eventually("no connection is left behind", func() bool { return s.redis.Clients() == 0 })
	bound := s.lost + seen.Canceled // to cancel a call that is under way is a fault of its own
	for _, wrong := range s.books.Judge(s.consumed(), bound*load.MaxCost) {
		s.Error(wrong)
	}
	if totals.Unknown > bound {
		s.Errorf("%d checks have an unknown outcome, want at most %d", totals.Unknown, bound)
	}
	if sc.clean && seen.Failed > 0 {
		s.Errorf("%d checks failed, the first with %v; want none", seen.Failed, seen.First)
	}
	if over := seen.Longest - s.setup.deadline; over > beyond+stall {
		s.Errorf("somebody waited %v, %v beyond the deadline; the process itself was at most %v late", seen.Longest, over, stall)
	}
	back := time.Duration(-1)
	if !sc.lasting {
		if back = seen.LastBad.Sub(s.back); s.back.IsZero() || back < 0 {
			back = 0
		}
		if back > recovery {
			s.Errorf("the last check failed %v after the fault was over, want at most %v", back, recovery)
		}
	}
	return report.Row{
		Scenario: sc.name, Door: string(s.door), Fault: sc.fault,
		Checks: totals.Checks(), Admitted: s.books.Units(), Allowed: s.books.Allowed(),
		Unknown: totals.Unknown, Bound: bound, Made: seen.Made, Failed: seen.Failed,
		Longest: seen.Longest, Deadline: s.setup.deadline, Stall: stall, Recovery: back,
	}
}

// consumed asks Redis itself what was spent of a budget.
func (s *stage) consumed() func(account.Budget) int64 {
	s.Helper()
	connections, err := redisdoor.Dial(s.redis.URL())
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
