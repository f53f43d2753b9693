package chaos

import (
	"testing"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/account"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/network"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/process"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/report"
)

const (
	defaultCallers = 64
	defaultPause   = 4 * time.Millisecond

	// serviceDeadline leaves room for one process more, and another way.
	serviceDeadline = 250 * time.Millisecond

	// patience is for what has to happen some time.
	patience = 20 * time.Second

	// What the Redis door has under way at once.
	workers = redisdoor.DefaultWorkers
	batch   = 256
	pool    = 64
)

// stage is where a scenario is played: its verbs are the words it is told in.
type stage struct {
	*testing.T
	size
	door  door
	setup setup

	// Those of them that the setup asks for.
	redis   process.Redis
	cluster process.Cluster
	watch   process.Watch
	serve   *process.Serve
	toxic   *network.Toxic
	knife   *network.Knife
	frames  *network.Frames

	url      string                 // of what the limits are kept in
	nodes    func() []process.Redis // that run of it
	strategy map[string]script.Strategy
	budgets  []account.Budget
	limiters map[string]*resilient.Limiter
	books    *account.Account
	hangUp   func() // closes what is behind the limiters

	outcome // of the scenario that is played
}

// outcome is what a scenario leaves behind.
type outcome struct {
	callers *load.Load
	began   map[string]resilient.Stats // of the limiters

	unnoticed bool            // by breakers
	lost      int64           // checks whose outcome the faults so far may have left unknown
	silence   time.Time       // when what ceased to answer did
	back      time.Time       // when the last fault was over
	waits     []time.Duration // of the calls while all breakers were open, in order
	stalled   load.Stalled    // how late the process itself was
}

// newStage starts all that a setup asks for.
func newStage(t *testing.T, set setup, d door) *stage {
	s := &stage{T: t, size: sizes(), door: d, setup: set, limiters: map[string]*resilient.Limiter{}}
	s.defaults()
	s.strategy = strategies(s.limit)
	for name := range s.strategy {
		for _, key := range keys {
			s.budgets = append(s.budgets, account.Budget{Limiter: name, Key: key})
		}
	}
	s.books = account.New(s.limit, s.budgets)
	s.keep()
	s.open()
	if set.before != nil {
		set.before(s)
	}
	return s
}

// play plays one scenario on a stage of its own and judges it.
func play(t *testing.T, sc scenario, d door) report.Row {
	s := newStage(t, sc.setup, d)
	s.perform(sc)
	s.hangUp()
	s.nobodyStays()
	return s.judge(sc)
}

// perform plays a scenario, until all has been well for a while.
func (s *stage) perform(sc scenario) {
	s.Helper()
	s.outcome = outcome{began: map[string]resilient.Stats{}}
	limiters := map[string]throttlekit.Limiter{}
	for name, limiter := range s.limiters {
		limiters[name], s.began[name] = limiter, limiter.Stats()
	}
	stall := load.WatchStall(s.setup.deadline / 2)
	s.callers = load.Start(load.Settings{
		Callers: s.setup.callers, Limiters: limiters, Keys: keys,
		Pause: s.setup.pause, Fickle: s.setup.fickle, Deadline: s.setup.impatient,
	})
	defer func() { // also where a verb gives up
		s.callers.Stop()
		s.stalled = stall.Stop()
		// A machine that stands still for half a deadline is a fault as good as any.
		s.strikes(s.stalled.Long)
	}()
	sc.play(s)
	s.settles()
}

func (s *stage) defaults() {
	set := &s.setup
	if set.callers == 0 {
		set.callers = defaultCallers
	}
	if set.pause == 0 {
		set.pause = defaultPause
	}
	switch {
	case set.deadline > 0:
	case set.service:
		set.deadline = serviceDeadline
	default:
		set.deadline = resilient.DefaultDeadline
	}
}

// ---- The verbs ----

// spends waits until the callers have spent this share of the limits.
func (s *stage) spends(share float64) {
	s.Helper()
	want := int64(share * float64(s.limit) * float64(len(s.strategy)*len(keys)))
	s.eventually("the callers have spent their share", func() bool { return s.books.Spent() >= want })
}

// strikes counts a fault that loses whatever is under way, so many times.
func (s *stage) strikes(times int) { s.lost += int64(times) * s.underWay() }

// underWay is how many checks can be on their way at one moment.
func (s *stage) underWay() int64 {
	callers := int64(s.setup.callers)
	switch {
	case s.door == fused:
		return min(callers, workers*batch)
	case s.setup.service:
		return callers // each has a stream of its own
	}
	return min(callers, pool)
}

// perConnection is how many checks can be on their way over one connection to Redis, or
// in one request to the service.
func (s *stage) perConnection() int64 {
	if s.door == fused {
		return min(int64(s.setup.callers), batch)
	}
	return 1
}

// silent counts what is lost while nothing answers: what is under way when it begins, and
// once more what follows until the breakers open. Until all recovers, there are also the
// single checks by which each breaker tries again.
func (s *stage) silent() {
	s.strikes(2)
	s.silence = time.Now()
}

// silentUnnoticed is silent for callers who give up before a breaker could count it. Checks
// that travel alone are lost anew at each of their deadlines then; fused ones wait for their
// turn, and are not sent.
func (s *stage) silentUnnoticed() {
	s.silent()
	s.unnoticed = s.door == alone
}

// wait is how long a call may take.
func (s *stage) wait() time.Duration {
	if s.setup.impatient > 0 {
		return min(s.setup.impatient, s.setup.deadline)
	}
	return s.setup.deadline
}

// lasts lets some time pass, in which the callers go on.
func (s *stage) lasts(d time.Duration) { time.Sleep(d) }

// outlasts is for a fault that no check gets through: it lasts until all breakers are open,
// and then for its time, in which the callers' waits are measured.
func (s *stage) outlasts() {
	s.Helper()
	s.eventually("all breakers are open", func() bool {
		for _, limiter := range s.limiters {
			if limiter.Stats().Breaker == resilient.BreakerClosed {
				return false
			}
		}
		return true
	})
	s.callers.Measure()
	s.lasts(s.fault)
	s.waits = s.callers.Measured()
}

// loses has Redis lose what it held, by change.
func (s *stage) loses(change func()) { s.books.Replace(change) }

// recovers says that the fault is over: from here on all has to go well by itself, soon.
func (s *stage) recovers() {
	s.back = time.Now()
	if !s.silence.IsZero() {
		silent := s.back.Sub(s.silence)
		s.lost += int64(len(s.strategy)) * int64(1+(recovery+silent)/resilient.DefaultProbeEvery)
		if s.unnoticed {
			s.strikes(int(silent / s.wait()))
		}
	}
}

func (s *stage) eventually(what string, holds func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("not within %v: %s; %+v, %+v", patience, what, s.books.Totals(), s.callers.Seen())
		}
	}
}

// settles goes on until every limit is spent and all has been well for a while.
func (s *stage) settles() {
	s.Helper()
	s.eventually("every limit is spent", s.books.Exhausted)
	s.eventually("no check fails any more", func() bool {
		bad := s.callers.Seen().LastBad
		if bad.Before(s.back) {
			bad = s.back
		}
		return time.Since(bad) > s.quiet
	})
}
