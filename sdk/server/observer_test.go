package server_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/server"
)

// sums is an observer that remembers.
type sums struct {
	mu   sync.Mutex
	seen []string
}

func (s *sums) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, fmt.Sprintf(format, args...))
}

func (s *sums) Called(op, policy string, took time.Duration, err error) {
	code := "ok"
	if err != nil {
		code = connect.CodeOf(err).String()
	}
	if took < 0 || took > time.Minute {
		code += ", at a strange time"
	}
	s.add("called %s %s %s", op, policy, code)
}

func (s *sums) Decided(policy string, d throttlekit.Decision, madeUp bool) {
	s.add("decided %s %s%s", policy, map[bool]string{true: "allowed", false: "denied"}[d.Allowed], map[bool]string{true: ", made up"}[madeUp])
}

func (s *sums) StoreChanged(up bool) { s.add("store up %v", up) }

// String is everything seen, sorted.
func (s *sums) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.seen)
	slices.Sort(all)
	return strings.Join(all, "; ")
}

func TestObserverSeesEveryCall(t *testing.T) {
	for _, tt := range []struct {
		name       string
		op, policy string
		want       string
	}{
		{"a decision", "check", "api", "called check api ok; decided api allowed"},
		{"several", "checkMany", "api", "called checkMany api ok; decided api allowed; decided api allowed"},
		{"a peek decides nothing", "peek", "api", "called peek api ok"},
		{"nor does a forecast", "forecast", "api", "called forecast api ok"},
		{"an operation that there is not", "debit", "api", "called debit api unimplemented"},
		{"a limiter that fails", "check", "bad", "called check bad internal"},
		{"a name that callers made up is no label", "check", "random-4711", "called check  not_found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := &sums{}
			r := start(t, []server.Policy{{Name: "api", Limiter: echo()}, {Name: "bad", Limiter: failing(errors.New("no"))}}, server.WithObserver(seen))
			_ = do(t.Context(), grpcClient(t, r), tt.op, tt.policy)
			if got := seen.String(); got != tt.want {
				t.Errorf("saw %q, want %q", got, tt.want)
			}
		})
	}
}
