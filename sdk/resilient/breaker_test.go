package resilient_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/resilient"
)

// circuit is what the breaker should be: a model of a few lines.
type circuit struct {
	failures int
	every    time.Duration

	state  resilient.BreakerState
	inARow int
	opened time.Time
}

// admits reports whether a call reaches the limiter, which may try again by now.
func (c *circuit) admits() bool {
	if c.state == resilient.BreakerOpen && time.Since(c.opened) > c.every {
		c.state = resilient.BreakerHalfOpen
	}
	return c.state != resilient.BreakerOpen
}

func (c *circuit) succeeds() { c.state, c.inARow = resilient.BreakerClosed, 0 }

func (c *circuit) fails() {
	c.inARow++
	if c.state == resilient.BreakerHalfOpen || c.inARow >= c.failures {
		c.state, c.inARow, c.opened = resilient.BreakerOpen, 0, time.Now()
	}
}

// TestBreakerIsTheModel runs random sequences of calls and pauses through the breaker and
// the model of it.
func TestBreakerIsTheModel(t *testing.T) {
	answers := []struct {
		err  error
		says func(*circuit)
	}{
		{nil, (*circuit).succeeds},
		{gone, (*circuit).fails},
		{gone, (*circuit).fails},
		{&throttlekit.Error{Source: throttlekit.SourceServer}, (*circuit).succeeds}, // it is there
		{wrong, func(*circuit) {}},
	}
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 6))
			model := &circuit{failures: 1 + random.IntN(4), every: time.Duration(1+random.IntN(3)) * time.Second}
			var answer error
			below := &scripted{check: func(context.Context, string, int64) (throttlekit.Decision, error) {
				return throttlekit.Decision{}, answer
			}}
			var told []resilient.BreakerState
			l := newLimiter(t, below, resilient.WithBreaker(model.failures, model.every),
				resilient.WithStateHook(func(c resilient.StateChange) { told = append(told, c.To) }))
			for step := range 500 {
				was := model.state
				var want []resilient.BreakerState
				asked := below.asked.Load()
				next := answers[random.IntN(len(answers))]
				answer = next.err
				admits := model.admits()
				if model.state != was {
					want = append(want, model.state)
				}
				if admits {
					between := model.state
					if next.says(model); model.state != between {
						want = append(want, model.state)
					}
				}
				told = nil
				_, err := l.Check(t.Context(), secretKey)
				if reached := below.asked.Load() > asked; reached != admits {
					t.Fatalf("seed %d, step %d: the limiter was reached: %v, want %v", seed, step, reached, admits)
				}
				if got := l.Stats().Breaker; got != model.state || fmt.Sprint(told) != fmt.Sprint(want) {
					t.Fatalf("seed %d, step %d: %v, told of %v; want %v, %v (%v)", seed, step, got, told, model.state, want, err)
				}
				if random.IntN(3) == 0 {
					time.Sleep(time.Duration(random.IntN(4000)) * time.Millisecond)
				}
			}
		})
	}
}

func TestOneCallerTriesForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := answering(throttlekit.Decision{}, gone)
		l := newLimiter(t, below, resilient.WithBreaker(1, time.Second), resilient.WithFailMode(resilient.FailOpen))
		check := func() throttlekit.Source {
			d, err := l.Check(t.Context(), secretKey)
			if err != nil {
				t.Error(err)
			}
			return d.Source
		}
		check()
		time.Sleep(time.Second + 1)

		answer := make(chan struct{})
		below.check = func(context.Context, string, int64) (throttlekit.Decision, error) {
			<-answer
			return admitted, nil
		}
		var fromContract atomic.Int64
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() {
				if check() == throttlekit.SourceContract {
					fromContract.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := below.asked.Load(); n != 2 {
			t.Errorf("the limiter was asked %d times, want once before it failed and once by one of a hundred", n)
		}
		if s := l.Stats(); s.Breaker != resilient.BreakerHalfOpen || s.Rejected != 99 {
			t.Errorf("during the try: %+v", s)
		}
		close(answer)
		callers.Wait()
		if got := check(); got != throttlekit.SourceContract || fromContract.Load() != 1 {
			t.Errorf("after the try a decision is by %v, and the try brought %d of the contract", got, fromContract.Load())
		}
	})
}

func TestATryThatSaysNothingLeavesTheTryToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := answering(throttlekit.Decision{}, gone)
		l := newLimiter(t, below, resilient.WithBreaker(1, time.Second))
		_, _ = l.Check(t.Context(), secretKey)
		time.Sleep(time.Second + 1)
		for _, err := range []error{wrong, context.Canceled, wrong, nil} {
			ctx, cancel := context.WithCancel(t.Context())
			below.check = func(context.Context, string, int64) (throttlekit.Decision, error) {
				if errors.Is(err, context.Canceled) {
					cancel()
				}
				return throttlekit.Decision{}, err
			}
			if state := l.Stats().Breaker; state == resilient.BreakerClosed {
				t.Errorf("the breaker is %v before anything was decided", state)
			}
			if _, got := l.Check(ctx, secretKey); !errors.Is(got, err) {
				t.Errorf("got %v, want %v as it is", got, err)
			}
			cancel()
		}
		if state := l.Stats().Breaker; state != resilient.BreakerClosed {
			t.Errorf("the breaker is %v, want closed by the one try that was decided", state)
		}
	})
}

func TestEachChangeIsToldOnceWithoutTheKey(t *testing.T) {
	for _, row := range []struct {
		name string
		err  error
		text string
	}{
		{"an error of the SDK, which never holds a key", &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable, Err: errors.New("connection refused")},
			`error="throttlekit: check: unavailable: connection refused"`},
		{"an error of nobody knows whom", errors.New("no luck with " + secretKey),
			`error="a *errors.errorString, whose text is withheld since it may hold a key"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				below, log := answering(throttlekit.Decision{}, row.err), &record{}
				var told []string
				l := newLimiter(t, below, resilient.WithBreaker(2, time.Second), resilient.WithFailMode(resilient.FailClosed),
					resilient.WithLogger(log.logger(slog.LevelDebug)),
					resilient.WithStateHook(func(c resilient.StateChange) { told = append(told, fmt.Sprintf("%v>%v", c.From, c.To)) }))
				check := func() {
					if _, err := l.Check(t.Context(), secretKey); err != nil {
						t.Error(err)
					}
				}
				for range 10 {
					check()
				}
				time.Sleep(time.Second + 1)
				for range 10 {
					check()
				}
				time.Sleep(time.Second + 1)
				below.check = func(context.Context, string, int64) (throttlekit.Decision, error) { return admitted, nil }
				for range 10 {
					check()
				}
				if got, want := strings.Join(told, " "), "closed>open open>half-open half-open>open open>half-open half-open>closed"; got != want {
					t.Errorf("told of %s, want %s", got, want)
				}
				want := []string{
					`level=WARN msg="the limiter fails" from=closed fail=closed ` + row.text,
					`level=DEBUG msg="the limiter is tried again" from=open`,
					`level=DEBUG msg="the limiter still fails" from=half-open fail=closed ` + row.text,
					`level=DEBUG msg="the limiter is tried again" from=open`,
					`level=INFO msg="the limiter has recovered" from=half-open`,
				}
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				for i, line := range lines {
					if i >= len(want) || !strings.HasSuffix(line, want[i]) {
						t.Errorf("line %d is %s", i, line)
					}
				}
				if len(lines) != len(want) || strings.Contains(log.String(), secretKey) {
					t.Errorf("%d lines, want %d without the key\n%s", len(lines), len(want), log)
				}
			})
		})
	}
}

// TestFaultsThatDoNotCountAreTold once a minute: with a mode that answers for them, nothing
// else would.
func TestFaultsThatDoNotCountAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below, log := answering(throttlekit.Decision{}, &throttlekit.Error{Op: "check", Source: throttlekit.SourceServer, Err: errors.New("WRONGTYPE")}), &record{}
		l := newLimiter(t, below, resilient.WithBreaker(1, time.Second), resilient.WithFailMode(resilient.FailOpen),
			resilient.WithLogger(log.logger(slog.LevelInfo)))
		for range 130 {
			if d, err := l.Check(t.Context(), secretKey); err != nil || d.Source != throttlekit.SourceOpen {
				t.Errorf("%+v, %v", d, err)
			}
			time.Sleep(time.Second)
		}
		const want = `level=WARN msg="the limiter answers, but not with a decision" fail=open error="throttlekit: check (server): WRONGTYPE"`
		if n, lines := strings.Count(log.String(), want), strings.Count(log.String(), "\n"); n != 3 || lines != 3 {
			t.Errorf("%d of %d lines tell of it in 130 seconds, want 3 and no other\n%s", n, lines, log)
		}
		if s := l.Stats(); s.Opened != 0 || s.Other != 130 || s.Open != 130 {
			t.Errorf("%+v", s)
		}
	})
}

// TestTheHookMayUseTheLimiter: it is called while no lock is held.
func TestTheHookMayUseTheLimiter(t *testing.T) {
	var l *resilient.Limiter
	calls := 0
	l = newLimiter(t, answering(throttlekit.Decision{}, gone), resilient.WithBreaker(1, time.Hour),
		resilient.WithFailMode(resilient.FailOpen), resilient.WithStateHook(func(c resilient.StateChange) {
			calls++
			if _, err := l.Check(context.Background(), secretKey); err != nil || l.Stats().Breaker != c.To {
				t.Errorf("in the hook: %v, %v", l.Stats().Breaker, err)
			}
		}))
	if _, err := l.Check(t.Context(), secretKey); err != nil || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestAPanicIsAFailureAndNobodyElses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		below := &scripted{check: func(context.Context, string, int64) (throttlekit.Decision, error) { panic("out of cheese") }}
		var told int
		l := newLimiter(t, below, resilient.WithBreaker(1, time.Second), resilient.WithStateHook(func(c resilient.StateChange) {
			if told++; c.To == resilient.BreakerOpen {
				panic("and so is the hook")
			}
		}))
		panics := func() (said any) {
			defer func() { said = recover() }()
			_, _ = l.Check(t.Context(), secretKey)
			return nil
		}
		if said := panics(); said != "out of cheese" {
			t.Errorf("it panicked with %v, want the limiter's own", said)
		}
		if state := l.Stats().Breaker; state != resilient.BreakerOpen {
			t.Errorf("the breaker is %v", state)
		}
		if said := panics(); said != "and so is the hook" {
			t.Errorf("it panicked with %v, want the hook's own", said)
		}
		time.Sleep(time.Second + 1)
		below.check = func(context.Context, string, int64) (throttlekit.Decision, error) { return admitted, nil }
		if d, err := l.Check(t.Context(), secretKey); d != admitted || err != nil || told != 3 {
			t.Errorf("after the panics: %+v, %v, told %d times; want them to have locked nothing", d, err, told)
		}
	})
}

// TestChangesAreToldInOrder lets many callers fail and succeed at once: what the hook is
// told is one chain of states.
func TestChangesAreToldInOrder(t *testing.T) {
	var flips atomic.Int64
	below := &scripted{check: func(context.Context, string, int64) (throttlekit.Decision, error) {
		if flips.Add(1)%7 < 3 {
			return throttlekit.Decision{}, gone
		}
		return admitted, nil
	}}
	at, changes := resilient.BreakerClosed, 0
	l := newLimiter(t, below, resilient.WithBreaker(1, time.Microsecond), resilient.WithFailMode(resilient.FailOpen),
		resilient.WithStateHook(func(c resilient.StateChange) {
			if c.From != at || c.To == c.From {
				t.Errorf("told of a change from %v to %v, and it was %v", c.From, c.To, at)
			}
			at = c.To
			changes++
		}))
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for range 2000 {
				if _, err := l.Check(context.Background(), secretKey); err != nil {
					t.Error(err)
				}
			}
		})
	}
	callers.Wait()
	if s := l.Stats(); changes < 10 || s.Breaker != at || s.Contract+s.Open != 16_000 {
		t.Errorf("%d changes up to %v; %+v", changes, at, s)
	}
}

func TestBreakerStateNames(t *testing.T) {
	for state, want := range map[resilient.BreakerState]string{resilient.BreakerClosed: "closed", resilient.BreakerOpen: "open",
		resilient.BreakerHalfOpen: "half-open", 9: "breaker state 9"} {
		if state.String() != want {
			t.Errorf("state %d is %q, want %q", state, state, want)
		}
	}
}
