package account_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/account"
)

// scripted is a limiter that answers what it is told to, and does something meanwhile.
type scripted struct {
	throttlekit.Limiter
	allowed   bool
	madeUp    bool
	err       error
	meanwhile func()
}

func (s *scripted) CheckN(context.Context, string, int64) (throttlekit.Decision, error) {
	if s.meanwhile != nil {
		s.meanwhile()
	}
	d := throttlekit.Decision{Allowed: s.allowed}
	if s.madeUp {
		d.Source = throttlekit.SourceOpen
	}
	return d, s.err
}

// clerk tells a story to the books.
type clerk struct {
	t *testing.T
	*account.Account
	door    *scripted
	limiter throttlekit.Limiter
}

func (c *clerk) check(times int, allowed bool, err error) {
	c.t.Helper()
	c.door.allowed, c.door.err = allowed, err
	for range times {
		if _, got := c.limiter.Check(c.t.Context(), "ann"); got != err {
			c.t.Fatalf("the books changed the error to %v", got)
		}
	}
	c.door.meanwhile, c.door.madeUp = nil, false
}

var (
	unknown = &throttlekit.Error{Op: "check", MayHaveConsumed: true}
	refused = &throttlekit.Error{Op: "check"}
)

func TestJudge(t *testing.T) {
	nothing := func() {}
	for _, row := range []struct {
		name, reason string
		story        func(c *clerk)
		held         int64  // what Redis says was consumed at the end
		wrong        string // "" for good books
	}{
		{"all is spent", "the limit and no more", func(c *clerk) { c.check(3, true, nil) }, 3, ""},
		{"one too many", "the limit is 3", func(c *clerk) { c.check(4, true, nil) }, 3, "4 units admitted"},
		{"an unknown was consumed", "it may have been", func(c *clerk) { c.check(2, true, nil); c.check(1, false, unknown) }, 3, ""},
		{"an unknown was not consumed", "it need not have been", func(c *clerk) { c.check(2, true, nil); c.check(1, false, unknown) }, 2, ""},
		{"a refused check was consumed", "the SDK said it was not", func(c *clerk) { c.check(2, true, nil); c.check(1, false, refused) }, 3, "sent twice"},
		{"a denial was consumed", "a denied check consumes nothing", func(c *clerk) { c.check(1, true, nil); c.check(1, false, nil) }, 2, "sent twice"},
		{"an admission was not consumed", "somebody made it up", func(c *clerk) { c.check(2, true, nil) }, 1, "and 2 were admitted"},
		{"Redis holds more than the limit", "the contract's script went wrong", func(c *clerk) { c.check(3, true, nil); c.check(1, false, unknown) }, 4, "above the limit"},
		{"a new state has whole limits", "what Redis held is gone", func(c *clerk) {
			c.check(3, true, nil)
			c.Replace(nothing)
			c.check(3, true, nil)
		}, 3, ""},
		{"a new state has no more than whole limits", "four of six in the second", func(c *clerk) {
			c.check(2, true, nil)
			c.Replace(nothing)
			c.check(4, true, nil)
		}, 3, "4 units admitted in states 1 to 1"},
		{"an earlier state still holds some", "a failover lost one of three", func(c *clerk) {
			c.check(3, true, nil)
			c.Rollback(nothing)
			c.check(1, true, nil)
		}, 3, ""},
		{"an empty state holds nothing", "what was admitted before is gone", func(c *clerk) {
			c.check(3, true, nil)
			c.Replace(nothing)
			c.check(1, true, nil)
		}, 3, "sent twice"},
		{"a check across the change is either state's", "four may belong to the first", func(c *clerk) {
			c.check(2, true, nil)
			c.door.meanwhile = func() { c.Replace(nothing) }
			c.check(1, true, nil)
			c.check(3, true, nil)
		}, 3, ""},
		{"two states have no more than twice the limit", "wherever the one across belongs", func(c *clerk) {
			c.check(3, true, nil)
			c.door.meanwhile = func() { c.Replace(nothing) }
			c.check(1, true, nil)
			c.check(3, true, nil)
		}, 3, "7 units admitted in states 0 to 1"},
		{"a made-up decision was consumed", "the service does not know, either", func(c *clerk) {
			c.check(2, true, nil)
			c.door.madeUp = true
			c.check(1, true, nil)
		}, 3, ""},
		{"a made-up decision is none", "of the fail mode open", func(c *clerk) {
			c.check(3, true, nil)
			c.door.madeUp = true
			c.check(9, true, nil)
		}, 3, ""},
		{"more was consumed than one fault can hide", "two units that nobody was told of", func(c *clerk) {
			c.check(1, true, nil)
			c.check(2, false, unknown)
		}, 3, "2 units as consumed that nobody was told of"},
		{"a foreign error", "every fault is a throttlekit.Error", func(c *clerk) { c.check(1, false, errors.New("oops")) }, 0, "not the SDK's: oops"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Log(row.reason)
			c := &clerk{t: t, Account: account.New(3, []account.Budget{{Limiter: "even", Key: "ann"}}), door: &scripted{}}
			c.limiter = c.Watch("even", c.door)
			row.story(c)
			wrong := strings.Join(c.Judge(func(account.Budget) int64 { return row.held }, 1), "\n")
			if row.wrong == "" && wrong != "" || !strings.Contains(wrong, row.wrong) {
				t.Errorf("the judge said %q, want %q", wrong, row.wrong)
			}
		})
	}
}
