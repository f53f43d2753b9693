package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keys are such that every rule of the slot's is met.
var keys = []string{
	"", "123456789", "api:user-1", "{user}1", "api:{user}1", "{}user", "user{}", "{user", "user}", "}{user}",
	"{{user}}", "{a}{b}", "{}{b}", "a{}{b}c", "\x00\xff{\n}\r\n", "ключ", "{ключ}", strings.Repeat("x", 1000),
}

func TestSlot(t *testing.T) {
	// From the specification of the cluster, which gives the CRC of this text.
	if got := Slot("123456789"); got != 0x31C3%Slots {
		t.Errorf("the slot of 123456789 is %d, want %d", got, 0x31C3%Slots)
	}
	if Slot("{user}1") != Slot("{user}2") || Slot("{user}1") != Slot("user") {
		t.Error("keys of one hash tag have slots that differ")
	}
	s := redistest.StartServer(t, "--cluster-enabled", "yes")
	for _, key := range keys {
		want, err := redis.Int(s.Do("CLUSTER", "KEYSLOT", key))
		if err != nil {
			t.Fatal(err)
		}
		if got := Slot(key); got != want {
			t.Errorf("the slot of %q is %d, want Redis's own %d", key, got, want)
		}
	}
}

func TestRedirect(t *testing.T) {
	for _, row := range []struct {
		name, answer, address string
		kind                  kind // none: it sends nowhere
	}{
		{"moved", "MOVED 3999 127.0.0.1:6381", "127.0.0.1:6381", moved},
		{"ask", "ASK 3999 127.0.0.1:6381", "127.0.0.1:6381", ask},
		{"to a name", "MOVED 0 redis-1.example:6379", "redis-1.example:6379", moved},
		{"to an IPv6 address, which has no brackets", "MOVED 16383 2001:db8::1:6379", "[2001:db8::1]:6379", moved},
		{"to another port of the same host", "MOVED 1 :6381", ":6381", moved},
		{"not yet", "TRYAGAIN Multiple keys request during rehashing of slot", "", tryAgain},
		{"a slot that is none", "MOVED 16384 127.0.0.1:6381", "", ""},
		{"no slot", "MOVED 127.0.0.1:6381", "", ""},
		{"no address", "MOVED 1", "", ""},
		{"no port", "MOVED 1 localhost", "", ""},
		{"another error", "ERR MOVED 1 127.0.0.1:6381", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			k, address, ok := redirect(redis.Error(row.answer))
			if ok != (row.kind != "") || ok && (k != row.kind || address != row.address) {
				t.Errorf("got %s to %q (%v), want %s to %q", k, address, ok, row.kind, row.address)
			}
		})
	}
	if _, _, ok := redirect(errors.New("MOVED 1 127.0.0.1:6381")); ok {
		t.Error("an error that is no answer of Redis's sends somewhere")
	}
}

func TestParseLayout(t *testing.T) {
	node := func(host any, port int64, more ...any) any { return append([]any{host, port}, more...) }
	for _, row := range []struct {
		name  string
		reply any
		want  []share // nil: refused
	}{
		{"two shares, with what newer servers add",
			[]any{
				[]any{int64(0), int64(99), node([]byte("10.0.0.1"), 6379, []byte("id"), []any{[]byte("hostname"), []byte("a")}), node([]byte("10.0.0.2"), 6379)},
				[]any{int64(100), int64(16383), node([]byte("2001:db8::1"), 6380)},
			},
			[]share{{0, 99, []string{"10.0.0.1:6379", "10.0.0.2:6379"}}, {100, 16383, []string{"[2001:db8::1]:6380"}}}},
		{"a node without a host is where we asked", []any{[]any{int64(1), int64(1), node([]byte(""), 7)}}, []share{{1, 1, []string{"asked:7"}}}},
		{"so is one whose host is null", []any{[]any{int64(1), int64(1), node(nil, 7)}}, []share{{1, 1, []string{"asked:7"}}}},
		{"nobody serves anything", []any{}, nil},
		{"no list", "OK", nil},
		{"an entry that is none", []any{int64(1)}, nil},
		{"an entry without a node", []any{[]any{int64(0), int64(1)}}, nil},
		{"slots that are none", []any{[]any{int64(0), int64(16384), node([]byte("a"), 7)}}, nil},
		{"slots that end before they begin", []any{[]any{int64(2), int64(1), node([]byte("a"), 7)}}, nil},
		{"a slot that is no number", []any{[]any{[]byte("0"), int64(1), node([]byte("a"), 7)}}, nil},
		{"a node that is none", []any{[]any{int64(0), int64(1), []byte("a:7")}}, nil},
		{"a host that is a number", []any{[]any{int64(0), int64(1), node(int64(7), 7)}}, nil},
		{"a port that is none", []any{[]any{int64(0), int64(1), node([]byte("a"), 65536)}}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := parseLayout(row.reply, "asked:1")
			if (err != nil) != (row.want == nil) {
				t.Fatalf("error is %v, want one: %v", err, row.want == nil)
			}
			if diff := cmp.Diff(row.want, got, cmp.AllowUnexported(share{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzRedirect holds whatever a server may say against what a course needs.
func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{"MOVED 1 a:1", "ASK 1 [::1]:1", "TRYAGAIN", "MOVED 1 :", "MOVED -1 a:1", "ASK  ", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		k, address, ok := redirect(redis.Error(answer))
		if ok && k != tryAgain && !strings.Contains(address, ":") {
			t.Errorf("%q sends to %q, which has no port", answer, address)
		}
	})
}

// TestAMapLetsGoOfNodesThatLeft keeps pools for the nodes that are there, and no others.
func TestAMapLetsGoOfNodesThatLeft(t *testing.T) {
	pools := map[string]*redis.Pool{}
	m := New([]string{"seed:1"}, func(address string) *redis.Pool {
		pools[address] = &redis.Pool{Dial: func() (redis.Conn, error) { return nil, errors.New("nobody there") }}
		return pools[address]
	})
	defer m.Close()
	closed := func(address string) bool {
		conn := pools[address].Get()
		return strings.Contains(conn.Err().Error(), "closed")
	}
	apply := func(master, replica string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.node("seed:1")
		m.apply([]share{{0, Slots - 1, []string{master, replica}}})
	}
	apply("a:1", "b:1")
	used := m.Node("c:1") // such as one that takes over its first slot
	_, _ = used.Get(context.Background())
	apply("b:1", "d:1")
	for address, want := range map[string]bool{"seed:1": false, "a:1": true, "b:1": false, "c:1": false, "d:1": false} {
		if got := closed(address); got != want {
			t.Errorf("the pool of %s is closed: %v, want %v", address, got, want)
		}
	}
	apply("b:1", "d:1") // c was not used since
	if !closed("c:1") {
		t.Error("the pool of a node that is neither listed nor used is open")
	}
	if m.Node("c:1") == used {
		t.Error("the node is still there")
	}
}
