package redisdoor_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// held is a door of one worker on a link that holds replies, and a limiter behind it.
func held(t *testing.T, opts ...redisdoor.Option) (*link, *redisdoor.Limiter, *redis.Pool, *redisdoor.Door) {
	t.Helper()
	url := redistest.StartProcess(t)
	direct, way := dial(t, url), startLink(t, url, 0)
	door := openDoor(t, way.pool(t), append(opts, redisdoor.WithWorkers(1))...)
	s := ofPlenty(t, strategy.All()[0], nil)
	teach(t, direct, s)
	way.hold()
	return way, behind(t, door, s), direct, door
}

// spent is how many units of a key are gone, as another door sees it.
func spent(t *testing.T, pool *redis.Pool, key string) int64 {
	t.Helper()
	d, err := newLimiter(t, pool, ofPlenty(t, strategy.All()[0], nil)).Peek(context.Background(), key)
	if err != nil {
		t.Fatal(err)
	}
	return plenty - d.Remaining
}

func TestAKeyThatFailsFailsAlone(t *testing.T) {
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			url := redistest.StartProcess(t)
			direct, way := dial(t, url), startLink(t, url, 0)
			s := ofPlenty(t, d, nil)
			teach(t, direct, s)
			limiter := behind(t, openDoor(t, way.pool(t), redisdoor.WithWorkers(1)), s)
			command(t, direct, "LPUSH", secretKey, "x")
			command(t, direct, "LPUSH", "other"+secretKey, "x")
			way.hold()
			// A batch of good ones before, whose decisions must not be seen again.
			for _, c := range flown(t, way, inFlight(t, way, limiter, "a", "b", "c", "d", "e", "f")) {
				c.wantAllowed(t)
			}
			first := inFlight(t, way, limiter, "g")
			batch := startMany(t, limiter, "h", secretKey, "i", "other"+secretKey, "j")
			flown(t, way, append(first, batch...))
			for i, c := range batch {
				if i == 1 || i == 3 {
					c.wantFault(t, fault{source: throttlekit.SourceServer, says: "WRONGTYPE"})
				} else {
					c.wantAllowed(t)
				}
			}
			way.flow()
			alone := start(t, limiter, secretKey)
			alone.wantFault(t, fault{source: throttlekit.SourceServer, says: "WRONGTYPE"})
		})
	}
}

// flown lets replies flow and waits for the checks.
func flown(t *testing.T, way *link, checks []*checker) []*checker {
	t.Helper()
	way.flow()
	way.letPass(t)
	for _, c := range checks {
		c.wait(t)
	}
	way.hold()
	return checks
}

func TestABrokenConnectionFailsWhatWasInFlight(t *testing.T) {
	for _, row := range []struct {
		name   string
		flight []string
	}{
		{"a lone check", []string{"key"}},
		{"a batch", []string{"key", "key", "key", "key"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			way, limiter, direct, _ := held(t)
			flight := inFlight(t, way, limiter, row.flight...)
			queued := startMany(t, limiter, "key", "key", "key")
			way.flow()
			way.cut()
			for _, c := range flight {
				c.wantFault(t, fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport, consumed: true, says: "may have been consumed"})
			}
			for _, c := range queued {
				c.wantAllowed(t)
			}
			// Redis had run the script: nothing was sent twice.
			if got, want := spent(t, direct, "key"), int64(len(row.flight)+len(queued)); got != want {
				t.Errorf("%d units are spent, want %d", got, want)
			}
			if n := way.accepted.Load(); n != 2 {
				t.Errorf("there were %d connections, want 2", n)
			}
		})
	}
}

func TestAContextThatEndsInFlightLeavesTheConnectionAlone(t *testing.T) {
	for _, row := range []struct {
		name   string
		flight []string
		leave  int // so many of them
	}{
		{"a lone check", []string{"key"}, 1},
		{"one of a batch", []string{"key", "key", "key", "key"}, 1},
		{"a whole batch", []string{"key", "key", "key", "key"}, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			way, limiter, direct, _ := held(t)
			flight := inFlight(t, way, limiter, row.flight...)
			queued := startMany(t, limiter, "key", "key", "key")
			queued[1].leave()
			queued[1].wantFault(t, fault{kind: context.Canceled, source: throttlekit.SourceSDK})
			for _, c := range flight[:row.leave] {
				c.leave()
				c.wantFault(t, fault{kind: context.Canceled, source: throttlekit.SourceTransport, consumed: true})
			}
			flown(t, way, append(flight[row.leave:], queued[0], queued[2]))
			for _, c := range append(flight[row.leave:], queued[0], queued[2]) {
				c.wantAllowed(t)
			}
			if got, want := spent(t, direct, "key"), int64(len(row.flight)+2); got != want {
				t.Errorf("%d units are spent, want %d: all but the one that left the queue", got, want)
			}
			if n := way.accepted.Load(); n != 1 {
				t.Errorf("there were %d connections, want 1", n)
			}
		})
	}
}

// A connection goes silent. Callers with deadlines are not kept, and when new connections
// work, so does the door, though nobody tells it that the old one is dead.
func TestASilentConnectionIsGivenUp(t *testing.T) {
	for _, row := range []struct {
		name   string
		flight []string
	}{
		{"under a lone check", []string{"key"}},
		{"under a batch", []string{"key", "key", "key", "key"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := redistest.StartProcess(t)
			way := startLink(t, url, 0)
			s := ofPlenty(t, strategy.All()[0], nil)
			teach(t, dial(t, url), s)
			limiter := behind(t, openDoor(t, way.pool(t), redisdoor.WithWorkers(1)), s)
			way.hold()
			flight := inFlight(t, way, limiter, row.flight...)
			queued := start(t, limiter, "key")
			deadline, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_, err := limiter.Check(deadline, "key")
			wantFault(t, err, fault{kind: context.DeadlineExceeded, source: throttlekit.SourceSDK})
			for _, c := range flight {
				c.leave()
				c.wantFault(t, fault{kind: context.Canceled, source: throttlekit.SourceTransport, consumed: true})
			}
			way.flow()
			queued.wantAllowed(t)
			more := startMany(t, limiter, "a", "b", "c", "d") // the next batches are not disturbed
			for _, c := range more {
				c.wantAllowed(t)
			}
			if n := way.accepted.Load(); n != 2 {
				t.Errorf("there were %d connections, want 2", n)
			}
		})
	}
}

func TestRedisIsDownAndComesBack(t *testing.T) {
	first := redistest.StartProcess(t)
	var address atomic.Pointer[string] // as when a name leads elsewhere
	address.Store(&first)
	pool := dial(t, first)
	pool.DialContext = func(ctx context.Context) (redis.Conn, error) {
		return redis.DialContext(ctx, "unix", strings.TrimPrefix(*address.Load(), "unix://"))
	}
	limiter := behind(t, openDoor(t, pool), ofPlenty(t, strategy.All()[0], nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := limiter.Check(ctx, secretKey); err != nil {
		t.Fatal(err)
	}
	conn := pool.Get()
	if _, err := conn.Do("SHUTDOWN", "NOSAVE"); err == nil {
		t.Fatal("Redis answered SHUTDOWN, want an end of the connection")
	}
	conn.Close()
	for err := error(nil); ; {
		// The first may still find a connection that died unseen.
		if _, err = limiter.Check(ctx, secretKey); err == nil {
			t.Fatal("a check was answered with Redis down")
		}
		if e := new(throttlekit.Error); errors.As(err, &e) && !e.MayHaveConsumed {
			break
		}
	}
	for _, ctx := range []context.Context{ctx, context.Background()} {
		_, err := limiter.Check(ctx, secretKey)
		wantFault(t, err, fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport})
	}
	for _, c := range startMany(t, limiter, numbered(20)...) {
		c.wantFault(t, fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceTransport})
	}
	second := redistest.StartProcess(t)
	address.Store(&second)
	for _, ctx := range []context.Context{ctx, context.Background()} {
		if d, err := limiter.Check(ctx, secretKey); err != nil || !d.Allowed {
			t.Errorf("with Redis back a check is %+v, %v", d, err)
		}
	}
}

// A dial that takes too long is Redis's fault: the caller has no deadline.
func TestADialThatTakesTooLongIsUnavailable(t *testing.T) {
	pool := dial(t, "redis://127.0.0.1:1")
	pool.DialContext = func(ctx context.Context) (redis.Conn, error) {
		return redis.DialContext(ctx, "tcp", "127.0.0.1:1", redis.DialConnectTimeout(time.Nanosecond))
	}
	limiter := behind(t, openDoor(t, pool), fivePerHour)
	watched, cancel := context.WithCancel(t.Context())
	defer cancel()
	for name, ctx := range map[string]context.Context{"alone": context.Background(), "fused": watched} {
		t.Run(name, func(t *testing.T) {
			_, err := limiter.Check(ctx, secretKey)
			var e *throttlekit.Error
			if !errors.As(err, &e) || e.Kind != throttlekit.ErrUnavailable || e.MayHaveConsumed {
				t.Errorf("error is %v, want ErrUnavailable and certainly not consumed", err)
			}
		})
	}
}

func TestTheQueueIsBounded(t *testing.T) {
	way, limiter, direct, _ := held(t, redisdoor.WithQueueLimit(3))
	flight := inFlight(t, way, limiter, "key")
	queued := startMany(t, limiter, "key", "key", "key")
	for range 2 {
		_, err := limiter.Check(t.Context(), secretKey)
		wantFault(t, err, fault{kind: throttlekit.ErrUnavailable, source: throttlekit.SourceSDK, says: "3 checks wait"})
	}
	queued[2].leave()
	queued[2].wait(t)
	queued[2] = start(t, limiter, "key")
	for _, c := range flown(t, way, append(flight, queued...)) {
		c.wantAllowed(t)
	}
	if got := spent(t, direct, "key"); got != 4 {
		t.Errorf("%d units are spent, want 4", got)
	}
}

func TestCloseDrainsTheQueue(t *testing.T) {
	before := workers()
	way, limiter, _, door := held(t)
	flight := inFlight(t, way, limiter, "key")
	queued := startMany(t, limiter, "key", "key", "key")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := door.Close(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Close with checks in the queue and an ended context is %v, want context.Canceled", err)
	}
	for name, check := range map[string]func() error{
		"fused": func() error { _, err := limiter.Check(t.Context(), secretKey); return err },
		"alone": func() error { _, err := limiter.Check(context.Background(), secretKey); return err },
		"at":    func() error { _, err := limiter.CheckAt(t.Context(), secretKey, 1, time.Now()); return err },
	} {
		if err := check(); !errors.Is(err, throttlekit.ErrUnavailable) || !strings.Contains(err.Error(), "closed") {
			t.Errorf("%s: a check at a closed door is %v", name, err)
		}
	}
	for _, c := range flown(t, way, append(flight, queued...)) {
		c.wantAllowed(t)
	}
	for range 2 {
		if err := door.Close(t.Context()); err != nil {
			t.Errorf("Close is %v, want nil, as often as it is called", err)
		}
	}
	if after := workers(); after > before {
		t.Errorf("%d workers are left after Close, want none", after-before)
	}
}

// workers counts the goroutines of all doors' workers.
func workers() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "gather.(*worker[...]).run(")
}

// Checks, deadlines and cuts at random; whatever happens, no more is admitted than the
// limit, and no less than was told.
func TestCutsAndDeadlinesNeverAdmitTooMuch(t *testing.T) {
	url := redistest.StartProcess(t)
	direct, way := dial(t, url), startLink(t, url, 0)
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			s := ofPlenty(t, d, nil)
			limiter := behind(t, openDoor(t, way.pool(t), redisdoor.WithPrefix(d.Name)), s)
			var told, unknown, checks atomic.Int64
			crowd(t, 64, 20, func(ctx context.Context, goroutine, time int) (throttlekit.Decision, error) {
				if n := checks.Add(1); n%200 == 0 {
					way.cut()
				}
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				if (goroutine+time)%7 == 0 {
					go cancel()
				}
				d, err := limiter.Check(ctx, secretKey)
				var e *throttlekit.Error
				switch {
				case err == nil && d.Allowed:
					told.Add(1)
				case errors.As(err, &e) && e.MayHaveConsumed:
					unknown.Add(1)
				}
				return d, nil
			})
			peek, err := behind(t, openDoor(t, direct, redisdoor.WithPrefix(d.Name)), s).Peek(t.Context(), secretKey)
			if err != nil {
				t.Fatal(err)
			}
			gone := plenty - peek.Remaining
			t.Logf("%d told, %d unknown, %d gone", told.Load(), unknown.Load(), gone)
			if gone > plenty || gone < told.Load() || gone > told.Load()+unknown.Load() {
				t.Errorf("%d units are gone; %d were told as admitted, and %d outcomes are unknown", gone, told.Load(), unknown.Load())
			}
		})
	}
}
