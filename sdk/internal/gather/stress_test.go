package gather_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
)

// TestEveryCallHasOneOutcome lets a crowd call, leave at random moments and be let down
// by Board, and then accounts for every call: one that was carried was carried once, and
// its caller has its answer or knows that the outcome is unknown; nobody else's was.
func TestEveryCallHasOneOutcome(t *testing.T) {
	for _, row := range []struct {
		name     string
		settings gather.Settings
		callers  int
		fails    float64 // boarding
		hangs    float64 // before it fails
	}{
		{"roomy", gather.Settings{Seats: 2, Limit: 1000, MaxCalls: 256, MaxWeight: 1000}, 48, 0, 0},
		{"tight bounds", gather.Settings{Seats: 3, Limit: 20, MaxCalls: 4, MaxWeight: 9}, 48, 0, 0},
		{"boarding fails at random", gather.Settings{Seats: 3, Limit: 1000, MaxCalls: 8, MaxWeight: 20}, 48, 0.3, 0.2},
		{"one seat, and boarding fails at random", gather.Settings{Seats: 1, Limit: 1000, MaxCalls: 8, MaxWeight: 20}, 48, 0.3, 0.2},
		{"boarding hangs most of the time, and few call", gather.Settings{Seats: 1, Limit: 1000, MaxCalls: 8, MaxWeight: 20}, 4, 0.9, 0.9},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			s := &sea{fails: row.fails, hangs: row.hangs, seats: int64(row.settings.Seats),
				random: rand.New(rand.NewPCG(seed, 0)), carried: make([]atomic.Int32, row.callers*each)}
			s.account(t, row.settings, row.callers, seed)
		})
	}
}

// What became of a call.
const (
	answered = iota + 1
	refused
	left
	unknown
)

// each is how often a caller calls.
const each = 250

func (sea *sea) account(t *testing.T, s gather.Settings, callers int, seed uint64) {
	s.Op, s.Patience = "check", 100*time.Microsecond
	q := gather.New[string](s, func() gather.Carrier[string] { return &ferry{sea: sea} })

	outcomes := make([]int, callers*each)
	var crowd sync.WaitGroup
	for n := range callers {
		crowd.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(n+1)))
			for i := range each {
				id := n*each + i
				if random.IntN(8) == 0 && q.Seat() {
					sea.aboard(1)
					sea.aboard(-1)
					q.Leave()
				}
				outcomes[id] = callOnce(t, q, random, id)
			}
		})
	}
	crowd.Wait()
	select {
	case <-q.Close():
	case <-time.After(20 * time.Second):
		t.Fatal("the queue is never empty: a call, a seat or a worker is lost")
	}

	counts := map[int]int{}
	for id, outcome := range outcomes {
		counts[outcome]++
		want := int32(0)
		if outcome == answered || outcome == unknown {
			want = 1
		}
		if got := sea.carried[id].Load(); got != want {
			t.Errorf("call %d, outcome %d, was carried %d times, want %d", id, outcome, got, want)
		}
	}
	t.Logf("%d answered, %d refused, %d left the queue, %d left a trip; %d trips",
		counts[answered], counts[refused], counts[left], counts[unknown], sea.trips.Load())
	if n := sea.under.Load(); n != 0 {
		t.Errorf("%d trips are under way after Close", n)
	}
	if n := sea.held.Load(); n != 0 {
		t.Errorf("workers still hold %d of what Board got", n)
	}
}

// callOnce makes one call and reports what became of it.
func callOnce(t *testing.T, q *gather.Queue[string, string], random *rand.Rand, id int) int {
	ctx := context.Background()
	leaves := random.IntN(3) > 0
	if leaves {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		time.AfterFunc(time.Duration(random.IntN(400))*time.Microsecond, cancel)
	}
	d, err := q.Do(ctx, strconv.Itoa(random.IntN(4)), "", strconv.Itoa(id), int64(id)+1, 1+random.Int64N(12))
	if err == nil {
		if want, _ := answer(strconv.Itoa(id), int64(id)+1); d != want {
			t.Errorf("call %d got %+v, want %+v", id, d, want)
		}
		return answered
	}
	if d != (throttlekit.Decision{}) {
		t.Errorf("call %d got %+v beside %v", id, d, err)
	}
	var e *throttlekit.Error
	switch ended := errors.Is(err, context.Canceled); {
	case !errors.As(err, &e):
		t.Errorf("call %d got %v (%T), want a *throttlekit.Error", id, err, err)
	case ended && !leaves:
		t.Errorf("call %d, which has no context to end, got %v", id, err)
	case ended && e.MayHaveConsumed:
		return unknown
	case ended:
		return left
	case !errors.Is(err, throttlekit.ErrUnavailable) || e.MayHaveConsumed:
		t.Errorf("call %d got %v, want ErrUnavailable and certainly not consumed", id, err)
	}
	return refused
}

// sea is what the ferries of a stress test share.
type sea struct {
	fails   float64
	hangs   float64
	seats   int64
	carried []atomic.Int32
	trips   atomic.Int64
	under   atomic.Int64
	held    atomic.Int64

	mu     sync.Mutex
	random *rand.Rand
}

func (s *sea) chance(p float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Float64() < p
}

// aboard counts what is under way, lone callers included.
func (s *sea) aboard(n int64) {
	if under := s.under.Add(n); under > s.seats {
		panic("more is under way than there are seats: " + strconv.FormatInt(under, 10))
	}
}

// ferry carries calls at once, or slowly, or not before it is told that nobody waits.
type ferry struct {
	sea  *sea
	held bool
}

func (f *ferry) Board(ctx context.Context) error {
	if f.sea.chance(f.sea.fails) {
		f.Rest()
		if f.sea.chance(f.sea.hangs) {
			select {
			case <-ctx.Done():
				return &throttlekit.Error{Op: "check", Source: throttlekit.SourceTransport, Err: ctx.Err()}
			case <-time.After(2 * time.Millisecond):
			}
		}
		return noBoat
	}
	if !f.held {
		f.held = true
		f.sea.held.Add(1)
	}
	return nil
}

func (f *ferry) Rest() {
	if f.held {
		f.held = false
		f.sea.held.Add(-1)
	}
}

func (f *ferry) Carry(ctx context.Context, _ string, calls []*gather.Call) {
	f.sea.aboard(1)
	defer f.sea.aboard(-1)
	f.sea.trips.Add(1)
	// As a connection does, whoever still waits: nobody may.
	var ended error
	if err := ctx.Err(); err != nil {
		ended = &throttlekit.Error{Op: "check", Source: throttlekit.SourceTransport, MayHaveConsumed: true, Err: err}
	}
	if f.sea.chance(0.2) {
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Microsecond):
		}
	}
	for _, call := range calls {
		id, _ := strconv.Atoi(call.Key)
		f.sea.carried[id].Add(1)
		if call.Err = ended; ended == nil {
			call.Decision, call.Err = answer(call.Key, call.Cost)
		}
	}
}
