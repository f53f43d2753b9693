package gather_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/internal/gather"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = time.Second

// pier is a queue whose trips go on until the test says so. It lives in a bubble of
// testing/synctest: what everybody has done is known whenever all of them wait.
type pier struct {
	*gather.Queue[string, string]
	t        *testing.T
	trips    chan *trip // that left, in order
	over     chan struct{}
	board    func(context.Context) error
	carriers atomic.Int64
	boards   atomic.Int64
	rests    atomic.Int64
}

// trip is one that is under way.
type trip struct {
	ctx   context.Context
	owner string
	keys  []string
	end   chan struct{}
}

// onPier runs a test in a bubble, and sees to it that the queue is empty at its end.
func onPier(t *testing.T, s gather.Settings, test func(t *testing.T, p *pier)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPier(t, s)
		defer p.abandon()
		test(t, p)
		if !closed(p.Close()) {
			t.Error("the queue is not empty at the end of the test, or a worker is left")
		}
	})
}

// abandon ends what a test that gave up has left: a bubble waits for all that lives in it.
func (p *pier) abandon() {
	close(p.over)
	p.Close()
}

// closed reports whether the queue says that it is empty.
func closed(drained <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-drained:
		return true
	default:
		return false
	}
}

// newPier fills in what s leaves out: one seat, and bounds that no test reaches.
func newPier(t *testing.T, s gather.Settings) *pier {
	s.Op = "check"
	s.Patience = patience
	for _, unset := range []*int{&s.Limit, &s.MaxCalls} {
		if *unset == 0 {
			*unset = 100
		}
	}
	if s.Seats == 0 {
		s.Seats = 1
	}
	if s.MaxWeight == 0 {
		s.MaxWeight = 100
	}
	p := &pier{t: t, trips: make(chan *trip, 100), over: make(chan struct{}), board: func(context.Context) error { return nil }}
	p.Queue = gather.New[string](s, func() gather.Carrier[string] {
		p.carriers.Add(1)
		return &carrier{pier: p}
	})
	return p
}

// boardBy has boarding wait for its outcome.
func (p *pier) boardBy(outcome <-chan error) {
	p.board = func(context.Context) error {
		select {
		case err := <-outcome:
			return err
		case <-p.over:
			return nil
		}
	}
}

type carrier struct{ pier *pier }

func (c *carrier) Board(ctx context.Context) error {
	c.pier.boards.Add(1)
	return c.pier.board(ctx)
}

func (c *carrier) Carry(ctx context.Context, owner string, calls []*gather.Call) {
	t := &trip{ctx: ctx, owner: owner, end: make(chan struct{})}
	for _, call := range calls {
		t.keys = append(t.keys, call.Key)
	}
	c.pier.trips <- t
	select {
	case <-t.end:
	case <-c.pier.over:
	}
	for _, call := range calls {
		call.Decision, call.Err = answer(call.Key, call.Cost)
	}
}

func (c *carrier) Rest() { c.pier.rests.Add(1) }

// answer is the outcome of a key: a decision that names it, or, below zero, an error.
func answer(key string, cost int64) (throttlekit.Decision, error) {
	n, err := strconv.ParseInt(key, 10, 64)
	if err != nil || n < 0 {
		return throttlekit.Decision{}, refusal(key)
	}
	return throttlekit.Decision{Limit: n, Remaining: cost}, nil
}

type refusal string

func (r refusal) Error() string { return "refused " + string(r) }

// caller is somebody in Do.
type caller struct {
	t        *testing.T
	key      string
	leave    context.CancelFunc
	returned chan struct{}
	decision throttlekit.Decision
	err      error
}

// call has somebody call, and returns when nobody moves any more.
func (p *pier) call(group string, key int, weight ...int64) *caller {
	w := int64(1)
	if len(weight) > 0 {
		w = weight[0]
	}
	ctx, cancel := context.WithCancel(context.Background())
	c := &caller{t: p.t, key: strconv.Itoa(key), leave: cancel, returned: make(chan struct{})}
	go func() {
		defer cancel()
		defer close(c.returned)
		go func() { // a test that gave up has callers leave
			select {
			case <-p.over:
				cancel()
			case <-ctx.Done():
			}
		}()
		c.decision, c.err = p.Do(ctx, group, "owner of "+group, c.key, int64(key)+1000, w)
	}()
	synctest.Wait()
	return c
}

// sails returns the trip that left meanwhile, and fails the test unless it has these
// keys.
func (p *pier) sails(keys ...int) *trip {
	p.t.Helper()
	synctest.Wait()
	select {
	case t := <-p.trips:
		want := make([]string, len(keys))
		for i, key := range keys {
			want[i] = strconv.Itoa(key)
		}
		if !slices.Equal(t.keys, want) {
			p.t.Fatalf("the trip has %v, want %v", t.keys, want)
		}
		return t
	default:
		p.t.Fatalf("no trip left, want one with %v", keys)
		return nil
	}
}

// quiet fails the test if a trip left.
func (p *pier) quiet() {
	p.t.Helper()
	synctest.Wait()
	select {
	case t := <-p.trips:
		p.t.Fatalf("a trip left with %v, want none", t.keys)
	default:
	}
}

func (t *trip) arrive() {
	close(t.end)
	synctest.Wait()
}

func (c *caller) done() bool {
	synctest.Wait()
	select {
	case <-c.returned:
		return true
	default:
		return false
	}
}

// waits fails the test if the caller has its outcome.
func (c *caller) waits() {
	c.t.Helper()
	if c.done() {
		c.t.Fatalf("caller %s has %+v, %v, want it to wait", c.key, c.decision, c.err)
	}
}

// answered fails the test unless the caller has the answer that is its own.
func (c *caller) answered() {
	c.t.Helper()
	if !c.done() {
		c.t.Fatalf("caller %s waits, want its answer", c.key)
	}
	n, _ := strconv.ParseInt(c.key, 10, 64)
	want, refused := answer(c.key, n+1000)
	if c.decision != want || !errors.Is(c.err, refused) {
		c.t.Fatalf("caller %s got %+v, %v, want %+v, %v", c.key, c.decision, c.err, want, refused)
	}
}

// failed fails the test unless the caller has this error, and whether it may have been
// consumed.
func (c *caller) failed(kind error, source throttlekit.FaultSource, consumed bool) {
	c.t.Helper()
	if !c.done() {
		c.t.Fatalf("caller %s waits, want its error", c.key)
	}
	var e *throttlekit.Error
	if !errors.As(c.err, &e) || !errors.Is(c.err, kind) || e.Source != source || e.MayHaveConsumed != consumed || e.Op != "check" {
		c.t.Fatalf("caller %s got %v, want %v of %v with MayHaveConsumed %v", c.key, c.err, kind, source, consumed)
	}
	if c.decision != (throttlekit.Decision{}) {
		c.t.Errorf("caller %s got %+v beside its error, want none", c.key, c.decision)
	}
}
