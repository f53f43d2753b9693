package servicedoor_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/server"
	"github.com/throttlekit/throttlekit-go/sdk/servicedoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestGatheredChecksTravelTogether: what waits while the seats are taken leaves in one
// request for each policy and cost, and every caller gets the answer to its own question.
func TestGatheredChecksTravelTogether(t *testing.T) {
	g := newGate(t)
	client := g.dial()
	calls, held := g.occupy(client)
	for i := range 3 {
		n := strconv.Itoa(i)
		calls = append(calls,
			queue(t, t.Context(), client, "api", "alice-"+n, 1),
			queue(t, t.Context(), client, "api", "bob-"+n, 7),
			queue(t, t.Context(), client, "login", "carol-"+n, 1),
			queue(t, t.Context(), client, "api", "twice-9", 1))
	}
	g.none()
	for _, r := range held {
		if r.many {
			t.Error("a check that found a free seat came as CheckMany")
		}
	}
	held[0].answer <- nil // one seat, so that the requests come one after the other
	want := []string{
		"CheckMany api 1 [alice-0 twice-9 alice-1 twice-9 alice-2 twice-9]",
		"CheckMany api 7 [bob-0 bob-1 bob-2]",
		"CheckMany login 1 [carol-0 carol-1 carol-2]",
	}
	var got []string
	for range want {
		r := g.next()
		got = append(got, r.String())
		r.answer <- nil
	}
	held[1].answer <- nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	for _, a := range calls {
		a.succeeds(t)
	}
	g.none()
}

// TestChecksTravelAloneByDefault: gathering changes what the service counts, so it is
// for who asks for it.
func TestChecksTravelAloneByDefault(t *testing.T) {
	g := newGate(t)
	client := dial(t, g.url)
	var calls []*asked
	for i := range 10 {
		calls = append(calls, ask(t.Context(), client, "api", "alice-"+strconv.Itoa(i), 1))
	}
	for range calls {
		r := g.next()
		if r.many {
			t.Error("a check came as CheckMany")
		}
		defer func() { r.answer <- nil }()
	}
}

func TestGatheredRequestsAreBounded(t *testing.T) {
	long := strings.Repeat("x", servicedoor.LongKey)
	for _, tt := range []struct {
		name   string
		keys   []string
		want   []int // keys in each request
		reason string
	}{
		{
			name: "more than a request carries", keys: numbered("alice-", servicedoor.GatherKeys+3), want: []int{servicedoor.GatherKeys, 3},
			reason: "the service works on a request in one piece",
		},
		{
			name: "a long key", keys: []string{"a-1", "b-2", long + "-3", "c-4", "d-5"}, want: []int{2, 1, 2},
			reason: "a service that finds it too long refuses the request",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := newGate(t)
			client := g.dial()
			calls, held := g.occupy(client)
			for _, key := range tt.keys {
				calls = append(calls, queue(t, t.Context(), client, "api", key, 1))
			}
			held[0].answer <- nil // one seat, so that the requests come one after the other
			var got []int
			for range tt.want {
				r := g.next()
				if r.many != (len(r.keys) > 1) {
					t.Errorf("%d keys came as CheckMany: %t", len(r.keys), r.many)
				}
				got = append(got, len(r.keys))
				r.answer <- nil
			}
			held[1].answer <- nil
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("keys in the requests (-want +got), %s:\n%s", tt.reason, diff)
			}
			for _, a := range calls {
				a.succeeds(t)
			}
		})
	}
}

func numbered(prefix string, n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = prefix + strconv.Itoa(i)
	}
	return keys
}

func TestGatheringQueueIsBounded(t *testing.T) {
	g := newGate(t)
	client := g.dial()
	g.occupy(client)
	ctx, leave := context.WithCancel(t.Context())
	var waiting []*asked
	for range servicedoor.GatherWaiting {
		waiting = append(waiting, queue(t, ctx, client, "api", aKey, 1))
	}
	fault := ask(t.Context(), client, "api", aKey, 1).fails(t)
	if fault.Source != throttlekit.SourceSDK || fault.Kind != throttlekit.ErrUnavailable || fault.MayHaveConsumed {
		t.Errorf("with a full queue: %+v, want the SDK's ErrUnavailable, nothing consumed", fault)
	}
	leave()
	for _, a := range waiting {
		a.fails(t)
	}
	again := queue(t, t.Context(), client, "api", "alice-1", 1)
	_ = client.Close()
	again.fails(t)
	g.none()
}

// TestGatheredChecksAreRefusedAlone: what the service would refuse is refused before it
// joins others.
func TestGatheredChecksAreRefusedAlone(t *testing.T) {
	g := newGate(t)
	client := g.dial()
	calls, held := g.occupy(client)
	calls = append(calls, queue(t, t.Context(), client, "api", "alice-1", 1))
	for _, tt := range []struct {
		name, policy, key string
		cost              int64
		reason            string
	}{
		{name: "cost", policy: "api", key: aKey, cost: -1, reason: "the wire would turn it into 1"},
		{name: "key", policy: "api", key: aKey + "\xff", cost: 1, reason: "the wire cannot carry it"},
		{name: "policy", policy: "\xff", key: aKey, cost: 1, reason: "the wire cannot carry it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fault := ask(t.Context(), client, tt.policy, tt.key, tt.cost).fails(t)
			if fault.Source != throttlekit.SourceSDK || fault.Kind != throttlekit.ErrInvalidArgument || fault.MayHaveConsumed {
				t.Errorf("%+v, want the SDK's ErrInvalidArgument, nothing consumed: %s", fault, tt.reason)
			}
		})
	}
	calls = append(calls, queue(t, t.Context(), client, "api", "bob-2", 1))
	for _, r := range held {
		r.answer <- nil
	}
	r := g.next()
	if diff := cmp.Diff([]string{"alice-1", "bob-2"}, r.keys); diff != "" {
		t.Errorf("keys in the request (-want +got):\n%s", diff)
	}
	r.answer <- nil
	for _, a := range calls {
		a.succeeds(t)
	}
}

// TestGatheredChecksSpendOnce has a crowd spend limits that never refill, in a real Redis
// behind the real service: each is spent to the last unit, and not beyond.
func TestGatheredChecksSpendOnce(t *testing.T) {
	const callers, rounds, keys, burst, cost = 32, 40, 8, 60, 2
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	door := redisdoor.Open(pool, redisdoor.WithPrefix(t.Name()+time.Now().Format(time.RFC3339Nano)))
	defer door.Close(context.Background())
	limiter, err := door.Limiter(strategy.GCRA{Limit: 1, Period: 24 * time.Hour, Burst: burst})
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int64
	count := connect.UnaryInterceptorFunc(func(next connect.UnaryFunc) connect.UnaryFunc {
		return func(ctx context.Context, req connect.AnyRequest) (connect.AnyResponse, error) {
			requests.Add(1)
			return next(ctx, req)
		}
	})
	srv, err := server.New([]server.Policy{{Name: "api", Limiter: limiter}}, server.WithHandlerOptions(connect.WithInterceptors(count)))
	if err != nil {
		t.Fatal(err)
	}
	client := dial(t, listen(t, srv).URL, servicedoor.WithGathering())

	var spent [keys]atomic.Int64
	var crowd sync.WaitGroup
	for caller := range callers {
		crowd.Go(func() {
			for round := range rounds {
				n := (caller + round) % keys
				d, err := client.CheckN(t.Context(), "api", "key-"+strconv.Itoa(n), cost)
				if err != nil {
					t.Error(err)
				}
				if d.Allowed {
					spent[n].Add(cost)
				}
			}
		})
	}
	crowd.Wait()
	for n := range spent {
		if got := spent[n].Load(); got != burst {
			t.Errorf("key-%d: %d units were spent, want %d", n, got, burst)
		}
	}
	if got := requests.Load(); got > callers*rounds/2 {
		t.Errorf("%d checks of %d callers took %d requests", callers*rounds, callers, got)
	}
}
