package redisdoor_test

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor/internal/cluster"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// What the documentation says that a user needs: for everything, for each strategy, and
// for what not all use.
var (
	rights = []string{"+evalsha", "+eval", "+ping", "+time"}

	strategyRights = map[string][]string{
		"gcra":             {"+get", "+set"},
		"tokenBucket":      {"+hmget", "+hset", "+pexpire"},
		"fixedWindow":      {"+hmget", "+hset", "+pexpire"},
		"slidingWindow":    {"+hgetall", "+hset", "+pexpire"},
		"slidingWindowLog": {"+zremrangebyscore", "+zcard", "+zrange", "+zadd", "+pexpire"},
	}

	resetRights    = []string{"+del"}
	replayRights   = []string{"+del", "+multi", "+exec", "+persist"}
	databaseRights = []string{"+select"}
	clusterRights  = []string{"+cluster|slots", "+asking"}
	sentinelRights = []string{"+role"}
)

// setUser gives the user limiter these rights, on keys with the prefix api, and no other.
func setUser(tb testing.TB, s *redistest.Server, rights ...string) {
	tb.Helper()
	tell(tb, s, "ACL", "SETUSER", "limiter")
	args := []any{"SETUSER", "limiter", "reset", "on", ">secret", "~api:*"}
	for _, r := range rights {
		args = append(args, r)
	}
	tell(tb, s, "ACL", args...)
}

// asUser is the address of a server or cluster for that user.
func asUser(address string) string { return strings.Replace(address, "://", "://limiter:secret@", 1) }

func without(rights []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(rights), func(r string) bool { return r == one })
}

// use makes every call that the service makes, and returns the first fault.
func use(t *testing.T, s *redistest.Server, st script.Strategy) error {
	pool := dial(t, asUser(s.URL()))
	limiter := newLimiter(t, pool, st, redisdoor.WithPrefix("api"))
	tell(t, s, "FLUSHALL")
	tell(t, s, "SCRIPT", "FLUSH")
	for _, cost := range []int64{2, plenty + 1, plenty - 2, 1} { // yes, no, yes, no
		if _, err := limiter.CheckN(t.Context(), "key", cost); err != nil {
			return err
		}
	}
	if _, err := limiter.CheckMany(t.Context(), []string{"key", "another"}, 1); err != nil {
		return err
	}
	_, err := limiter.Peek(t.Context(), "key")
	_, errForecast := limiter.Forecast(t.Context(), "another", 1)
	return errors.Join(err, errForecast, health(t, pool))
}

// health has a connection tested as it is after some idle time.
func health(t *testing.T, pool interface{ redisdoor.Pool }) error {
	conn, err := pool.GetContext(t.Context())
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Do("PING")
	return err
}

// TestRightsSuffice gives a user the rights that the documentation lists, and finds that
// all works with them, and something does not without any one of them.
func TestRightsSuffice(t *testing.T) {
	s := redistest.StartServer(t)
	for _, d := range strategy.All() {
		t.Run(d.Name, func(t *testing.T) {
			own, ok := strategyRights[d.Name]
			if !ok {
				t.Fatal("the documentation lists no rights for this strategy")
			}
			st := ofPlenty(t, d, nil)
			all := append(slices.Clone(rights), own...)
			setUser(t, s, all...)
			if err := use(t, s, st); err != nil {
				t.Fatalf("with %v: %v", all, err)
			}
			for _, r := range all {
				setUser(t, s, without(all, r)...)
				if err := use(t, s, st); err == nil {
					t.Errorf("all works without %s, so nobody needs it", r)
				}
			}
		})
	}
}

func TestRightsForTheRest(t *testing.T) {
	s := redistest.StartServer(t)
	common := append(slices.Clone(rights), strategyRights["gcra"]...)
	for _, row := range []struct {
		name, database string
		needs          []string
		call           func(*redisdoor.Limiter) error
	}{
		{"Reset", "", resetRights, func(l *redisdoor.Limiter) error { return l.Reset(t.Context(), "key") }},
		{"Replay", "", replayRights, func(l *redisdoor.Limiter) error {
			_, err := l.Replay(t.Context(), "key", []redisdoor.Moment{{Now: 1, Cost: 1}})
			return err
		}},
		{"a database but 0", "/3", databaseRights, func(l *redisdoor.Limiter) error { _, err := l.Check(t.Context(), "key"); return err }},
	} {
		t.Run(row.name, func(t *testing.T) {
			try := func(rights []string) error {
				setUser(t, s, append(slices.Clone(common), rights...)...)
				return row.call(newLimiter(t, dial(t, asUser(s.URL())+row.database), fivePerHour, redisdoor.WithPrefix("api")))
			}
			if err := try(row.needs); err != nil {
				t.Errorf("with %v: %v", row.needs, err)
			}
			for _, r := range row.needs {
				if err := try(without(row.needs, r)); err == nil {
					t.Errorf("it works without %s, so nobody needs it", r)
				}
			}
		})
	}
	t.Run("no key but with the prefix", func(t *testing.T) {
		setUser(t, s, common...)
		_, err := newLimiter(t, dial(t, asUser(s.URL())), fivePerHour, redisdoor.WithPrefix("other")).Check(t.Context(), secretKey)
		if err == nil || !strings.Contains(err.Error(), "NOPERM") {
			t.Errorf("a key with another prefix is %v, want it refused", err)
		}
	})
}

func TestRightsOnACluster(t *testing.T) {
	t.Parallel()
	c := onCluster(t)
	all := slices.Concat(rights, strategyRights["gcra"], clusterRights)
	give := func(rights []string) {
		for _, n := range c.Nodes {
			setUser(t, n, rights...)
		}
	}
	t.Cleanup(func() {
		for _, n := range c.Nodes {
			tell(t, n, "ACL", "DELUSER", "limiter")
		}
	})
	slot := cluster.Slot("api:{slot}")
	try := func() error {
		limiter := newLimiter(t, dialCluster(t, asUser(c.URL())), fivePerHour, redisdoor.WithPrefix("api"))
		owner, err := c.Owner(slot)
		if err != nil {
			t.Fatal(err)
		}
		move, err := c.Move(slot, otherMaster(t, c, owner))
		if err != nil {
			t.Fatal(err)
		}
		_, err = limiter.Check(t.Context(), "{slot}"+prefix(t)) // a new key, so by ASK
		if err := move.Finish(); err != nil {
			t.Fatal(err)
		}
		return err
	}
	if give(all); try() != nil {
		t.Errorf("with %v: %v", all, try())
	}
	for _, r := range clusterRights {
		give(without(all, r))
		if err := try(); err == nil {
			t.Errorf("all works without %s, so nobody needs it", r)
		}
	}
}

func TestRightsBySentinels(t *testing.T) {
	t.Parallel()
	w := redistest.StartWatch(t, "mymaster", 1)
	all := slices.Concat(rights, strategyRights["gcra"], sentinelRights)
	// The sentinel wants the same password as Redis.
	tell(t, w.Sentinels[0], "ACL", "SETUSER", "limiter", "on", ">secret", "+sentinel|get-master-addr-by-name")
	tell(t, w.Sentinels[0], "ACL", "SETUSER", "default", "resetpass", ">other")
	try := func(rights []string) error {
		setUser(t, w.Nodes[0], rights...)
		_, err := newLimiter(t, dial(t, asUser(w.URL())), fivePerHour, redisdoor.WithPrefix("api")).Check(t.Context(), "key")
		return err
	}
	if err := try(all); err != nil {
		t.Errorf("with %v: %v", all, err)
	}
	if err := try(without(all, sentinelRights[0])); err == nil || !errors.Is(err, throttlekit.ErrUnavailable) {
		t.Errorf("without %v: %v, want no connection", sentinelRights, err)
	}
}

// TestTheDocumentsListTheRights runs the line that the documents give for every strategy,
// and looks for what they list beside it.
func TestTheDocumentsListTheRights(t *testing.T) {
	s := redistest.StartServer(t)
	for _, path := range []string{"doc.go", "../docs/redis.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		line := regexp.MustCompile(`ACL SETUSER limiter on >password (~api:\* .*)`).FindSubmatch(text)
		if line == nil {
			t.Fatalf("%s has no line for a user", path)
		}
		for _, d := range strategy.All() {
			setUser(t, s, strings.Fields(string(line[1]))...)
			if err := use(t, s, ofPlenty(t, d, nil)); err != nil {
				t.Errorf("%s: with the rights of the line for a user: %v", path, err)
			}
		}
	}
	text, err := os.ReadFile("../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	table := strings.ReplaceAll(string(text), `\|`, "|")
	lists := [][]string{resetRights, replayRights, databaseRights, clusterRights, sentinelRights}
	for _, list := range strategyRights {
		lists = append(lists, list)
	}
	for _, list := range lists {
		if !strings.Contains(table, "| `"+strings.Join(list, " ")+"` |") {
			t.Errorf("redis.md has no row with %v", list)
		}
	}
}
