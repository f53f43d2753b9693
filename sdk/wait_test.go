package throttlekit_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/embedded"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// answers is a limiter that gives the next answer to each check, the last one forever,
// and notes when it was asked. The rest of a Limiter is left out: Wait has no use for it.
type answers struct {
	throttlekit.Limiter
	script []answer
	asked  []time.Time
}

type answer struct {
	decision throttlekit.Decision
	err      error
}

func (a *answers) CheckN(context.Context, string, int64) (throttlekit.Decision, error) {
	next := a.script[min(len(a.asked), len(a.script)-1)]
	a.asked = append(a.asked, time.Now())
	return next.decision, next.err
}

var (
	reset    = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	admitted = answer{decision: throttlekit.Decision{Allowed: true, Limit: 5, Remaining: 4, ResetAt: reset}}
	closed   = answer{decision: throttlekit.Decision{Limit: 5}}
)

func denied(retry time.Duration) answer {
	return answer{decision: throttlekit.Decision{Limit: 5, ResetAt: reset, RetryAfter: retry}}
}

// In a synctest bubble time passes only while everybody sleeps, so a row states the time
// that Wait takes to the nanosecond, but for the jitter, which lies between the bounds.
func TestWait(t *testing.T) {
	broken := &throttlekit.Error{Op: "check", Kind: throttlekit.ErrUnavailable, MayHaveConsumed: true}
	const forever = time.Duration(math.MaxInt64)
	for _, row := range []struct {
		name        string
		script      []answer
		cost        int64
		deadline    time.Duration
		cancel      time.Duration
		want        answer // an err is compared with errors.Is
		says        string
		checks      int
		least, most time.Duration
	}{
		{name: "admitted at once: no sleep", script: []answer{admitted}, cost: 1,
			want: admitted, checks: 1},
		{name: "a denial is slept out, and up to a tenth more", script: []answer{denied(time.Second), admitted}, cost: 5,
			want: admitted, checks: 2, least: time.Second, most: 1100 * time.Millisecond},
		{name: "the jitter of a long wait is a second at most", script: []answer{denied(time.Hour), admitted}, cost: 1,
			want: admitted, checks: 2, least: time.Hour, most: time.Hour + time.Second},
		{name: "a denial after a denial is waited for again", script: []answer{denied(time.Second), denied(2 * time.Second), admitted}, cost: 1,
			want: admitted, checks: 3, least: 3 * time.Second, most: 3300 * time.Millisecond},
		{name: "a deadline that the wait does not fit into: at once, and it says why", script: []answer{denied(10 * time.Second)}, cost: 1, deadline: 2 * time.Second,
			want: answer{denied(10 * time.Second).decision, context.DeadlineExceeded}, checks: 1,
			says: "throttlekit: wait: the next try is due in 10s, and the context ends in 2s: context deadline exceeded"},
		{name: "a wait that ends with the context leaves no time to check", script: []answer{denied(time.Second)}, cost: 1, deadline: time.Second,
			want: answer{denied(time.Second).decision, context.DeadlineExceeded}, checks: 1},
		{name: "a tight deadline is met: the jitter keeps out of its way", script: []answer{denied(time.Second), admitted}, cost: 1, deadline: time.Second + 2,
			want: admitted, checks: 2, least: time.Second, most: time.Second + 1},
		{name: "cancelled during the wait: at that instant", script: []answer{denied(time.Minute)}, cost: 1, cancel: 7 * time.Second,
			want: answer{denied(time.Minute).decision, context.Canceled}, checks: 1, least: 7 * time.Second, most: 7 * time.Second,
			says: "throttlekit: wait: context canceled"},
		{name: "cancelled before it began: nothing is consumed", script: []answer{admitted}, cost: 1, cancel: -1,
			want: answer{err: context.Canceled}},
		{name: "a cost above the limit is hopeless", script: []answer{denied(time.Second)}, cost: 6,
			want: answer{denied(time.Second).decision, throttlekit.ErrCostExceedsLimit}, checks: 1,
			says: "throttlekit: wait: cost exceeds the limit: cost is 6, the limit is 5"},
		{name: "so is any cost above a limit below one", script: []answer{{decision: throttlekit.Decision{ResetAt: reset, RetryAfter: time.Second}}}, cost: 1,
			want: answer{throttlekit.Decision{ResetAt: reset, RetryAfter: time.Second}, throttlekit.ErrCostExceedsLimit}, checks: 1},
		{name: "a stand-in's limit is no reason to give up: it goes", script: []answer{
			{decision: throttlekit.Decision{Limit: 1, ResetAt: reset, RetryAfter: time.Second, Source: throttlekit.SourceLocal}}, admitted}, cost: 5,
			want: admitted, checks: 2, least: time.Second, most: 1100 * time.Millisecond},
		{name: "a service without its store that knows no limit is no reason to give up", script: []answer{{}, admitted}, cost: 6,
			want: admitted, checks: 2, least: 100 * time.Millisecond, most: 110 * time.Millisecond},
		{name: "a denial without a wait is asked again ever later: 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5 seconds",
			script: []answer{closed, closed, closed, closed, closed, closed, closed, closed, admitted}, cost: 1,
			want: admitted, checks: 9, least: 16300 * time.Millisecond, most: 17930 * time.Millisecond},
		{name: "a denial that names a wait begins the series anew", script: []answer{closed, closed, denied(time.Second), closed, admitted}, cost: 1,
			want: admitted, checks: 5, least: 1400 * time.Millisecond, most: 1540 * time.Millisecond},
		{name: "a wait below zero is none", script: []answer{denied(-time.Hour), admitted}, cost: 1,
			want: admitted, checks: 2, least: 100 * time.Millisecond, most: 110 * time.Millisecond},
		{name: "a saturated wait does not wrap around", script: []answer{denied(forever)}, cost: 1, cancel: 24 * time.Hour,
			want: answer{denied(forever).decision, context.Canceled}, checks: 1, least: 24 * time.Hour, most: 24 * time.Hour},
		{name: "a fault ends the wait as it is: that check may have been consumed", script: []answer{denied(time.Second), {err: broken}, admitted}, cost: 1,
			want: answer{err: broken}, says: broken.Error(), checks: 2, least: time.Second, most: 1100 * time.Millisecond},
		{name: "a cost of nothing is refused before anything is asked", script: []answer{admitted}, cost: 0,
			want: answer{err: throttlekit.ErrInvalidArgument}, says: "throttlekit: wait: invalid argument: cost is 0, want 1 to 2^53-1 (9007199254740991)"},
		{name: "and so is one beyond exactness", script: []answer{admitted}, cost: throttlekit.MaxCost + 1,
			want: answer{err: throttlekit.ErrInvalidArgument}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if row.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, row.deadline)
					defer cancel()
				}
				if row.cancel < 0 {
					cancel()
				} else if row.cancel > 0 {
					time.AfterFunc(row.cancel, cancel)
				}
				limiter := &answers{script: row.script}
				began := time.Now()
				got, err := throttlekit.Wait(ctx, limiter, "key", row.cost)
				took := time.Since(began)

				if got != row.want.decision || !errors.Is(err, row.want.err) {
					t.Errorf("got %+v, %v\nwant %+v, %v", got, err, row.want.decision, row.want.err)
				}
				if row.says != "" && (err == nil || err.Error() != row.says) {
					t.Errorf("the error is %v\nwant         %s", err, row.says)
				}
				if len(limiter.asked) != row.checks {
					t.Errorf("%d checks, want %d", len(limiter.asked), row.checks)
				}
				if took < row.least || took > row.most {
					t.Errorf("it took %s, want %s to %s", took, row.least, row.most)
				}
				var fault *throttlekit.Error
				if err != nil && (!errors.As(err, &fault) || fault != broken && fault.MayHaveConsumed) {
					t.Errorf("%#v is not an Error that says nothing was consumed", err)
				}
			})
		})
	}
}

func TestWaitersDoNotReturnInStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waiters = 50
		back := map[time.Duration]bool{}
		for range waiters {
			limiter := &answers{script: []answer{denied(time.Minute), admitted}}
			if _, err := throttlekit.Wait(t.Context(), limiter, "key", 1); err != nil {
				t.Fatal(err)
			}
			back[limiter.asked[1].Sub(limiter.asked[0])] = true
		}
		// Two of fifty meet in one of a billion nanoseconds once in a million runs.
		if len(back) < waiters-1 {
			t.Errorf("%d waiters returned after %d different times", waiters, len(back))
		}
	})
}

// TestWaitOnARealLimiter has more waiters than the limit admits at once. On a real clock
// nothing can be said of how long they take but a least time: what is admitted in it is
// what the limit allows.
func TestWaitOnARealLimiter(t *testing.T) {
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	limiter, err := redisdoor.New(pool, strategy.GCRA{Limit: 50, Period: time.Second, Burst: 2}, redisdoor.WithPrefix("wait-test"))
	if err != nil {
		t.Fatal(err)
	}
	const waiters = 8
	key := fmt.Sprint(time.Now().UnixNano())
	began := time.Now()
	var group sync.WaitGroup
	for range waiters {
		group.Go(func() {
			if d, err := throttlekit.Wait(t.Context(), limiter, key, 1); err != nil || !d.Allowed {
				t.Errorf("%+v, %v; want admitted", d, err)
			}
		})
	}
	group.Wait()
	// Six units beyond the burst, 20 ms each, less the millisecond of either clock.
	if took := time.Since(began); took < 118*time.Millisecond {
		t.Errorf("%d waiters were through after %s, sooner than the limit allows", waiters, took)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := throttlekit.Wait(ctx, limiter, key, 3)
	if !errors.Is(err, throttlekit.ErrCostExceedsLimit) || d.Allowed || d.Limit != 2 {
		t.Errorf("a cost above the burst: %+v, %v; want ErrCostExceedsLimit of a limit of 2", d, err)
	}
	if err != nil && strings.Contains(err.Error(), key) {
		t.Errorf("the error %q names the key", err)
	}
}

func ExampleWait() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	server, err := embedded.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	pool, err := redisdoor.Dial(server.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	limiter, err := redisdoor.New(pool, strategy.GCRA{Limit: 100, Period: time.Second, Burst: 2}, redisdoor.WithPrefix("mail"))
	if err != nil {
		log.Fatal(err)
	}

	for i := range 4 { // two at once, then one every 10 ms
		if _, err := throttlekit.Wait(ctx, limiter, "newsletter", 1); err != nil {
			log.Fatal(err)
		}
		fmt.Println("sent", i+1)
	}
	_, err = throttlekit.Wait(ctx, limiter, "newsletter", 3)
	fmt.Println(err)
	// Output:
	// sent 1
	// sent 2
	// sent 3
	// sent 4
	// throttlekit: wait: cost exceeds the limit: cost is 3, the limit is 2
}
