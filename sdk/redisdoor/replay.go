package redisdoor

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// Moment is one check of a replay, in the wire's own numbers, which may be fractions as
// in the contract's vectors.
type Moment struct {
	Now  float64 // the instant, in epoch milliseconds
	Cost float64 // the units to spend
}

// Replay runs a timeline of checks on one key, each at its own instant, and returns
// their decisions. It is meant for proofs such as the contract's golden vectors. The key
// is the timeline's alone: whatever it held is deleted before the first check, and what
// the checks leave is deleted after the last.
//
// A timeline may span years and has to run in a moment, but expiries pass in real time.
// So it runs as one transaction that takes each expiry back right after it was set.
// What is left is a state that lives for a millisecond or two and is set just before
// the millisecond turns: Redis drops it at once. A decision that differs for this
// reason is right when the timeline is replayed again.
//
// A moment at 0 is [throttlekit.ErrInvalidArgument]: on the wire it stands for the
// server's time. Costs must be above 0; [WithMaxWork] does not apply.
func (l *Limiter) Replay(ctx context.Context, key string, moments []Moment) ([]throttlekit.Decision, error) {
	replies, err := l.replay(ctx, key, moments, false)
	if err != nil {
		return nil, err
	}
	decisions := make([]throttlekit.Decision, len(moments))
	for i, reply := range replies {
		if decisions[i], err = l.replied(ctx, i, reply); err != nil {
			return nil, err
		}
	}
	return decisions, nil
}

// ProbeReplay runs a timeline as [Limiter.Replay] does, and before each check asks the
// dry run of the same cost at the same instant. It returns what the dry run said beside
// what the check then did.
func (l *Limiter) ProbeReplay(ctx context.Context, key string, moments []Moment) ([]script.Answer, []throttlekit.Decision, error) {
	if l.plan.Definition().Probe.Source == "" {
		return nil, nil, notSupported(opReplay, "the strategy's check script cannot run dry")
	}
	replies, err := l.replay(ctx, key, moments, true)
	if err != nil {
		return nil, nil, err
	}
	answers, decisions := make([]script.Answer, len(moments)), make([]throttlekit.Decision, len(moments))
	for i := range moments {
		if refused, ok := replies[2*i].(redis.Error); ok {
			return nil, nil, fmt.Errorf("probe of moment %d: %w", i, callFault(ctx, opReplay, refused))
		}
		_, one, err := l.plan.DecodeProbe(replies[2*i], 1)
		if err != nil {
			return nil, nil, fmt.Errorf("probe of moment %d: %w", i, unreadable(opReplay, true, err))
		}
		answers[i] = one[0]
		if decisions[i], err = l.replied(ctx, i, replies[2*i+1]); err != nil {
			return nil, nil, err
		}
	}
	return answers, decisions, nil
}

// replied decodes what Redis answered to the check of moment i.
func (l *Limiter) replied(ctx context.Context, i int, reply any) (throttlekit.Decision, error) {
	var refused error
	if said, ok := reply.(redis.Error); ok {
		refused = said
	}
	d, err := l.decide(ctx, opReplay, reply, refused)
	if err != nil {
		err = fmt.Errorf("moment %d: %w", i, err)
	}
	return d, err
}

// replay returns what Redis answered to each check of the timeline, or, with probes, to
// each dry run and its check in turn.
func (l *Limiter) replay(ctx context.Context, key string, moments []Moment, probes bool) ([]any, error) {
	if err := throttlekit.ValidateKeys(opReplay, key); err != nil {
		return nil, err
	}
	for i, m := range moments {
		if m.Now == 0 || !(m.Cost > 0 && m.Cost <= throttlekit.MaxCost) {
			return nil, &throttlekit.Error{Op: opReplay, Kind: throttlekit.ErrInvalidArgument,
				Err: fmt.Errorf("moment %d has now %v and cost %v, want a now other than 0 and a cost above 0", i, m.Now, m.Cost)}
		}
	}
	if len(moments) == 0 {
		return nil, nil
	}
	if err := l.door.enter(ctx, opReplay); err != nil {
		return nil, err
	}
	defer l.door.calls.leave()
	key = l.key(key)
	var replies []any
	if fault := l.door.visit(ctx, opReplay, key, func(conn redis.Conn) (err error) {
		replies, err = l.timeline(ctx, conn, key, moments, probes)
		return err
	}); fault != nil {
		return nil, fault
	}
	return replies, nil
}

// timeline makes the replay over conn.
func (l *Limiter) timeline(ctx context.Context, conn redis.Conn, key string, moments []Moment, probes bool) ([]any, error) {
	t := &transaction{conn: conn}
	t.send(false, "DEL", key)
	for i, m := range moments {
		now, cost := script.Number(m.Now), script.Number(m.Cost)
		// The first of each carries the script's text, which Redis then knows.
		command, check, probe := "EVALSHA", l.check.sha1, l.probing.sha1
		if i == 0 {
			command, check, probe = "EVAL", l.check.source, l.probing.source
		}
		if probes {
			t.send(true, command, l.probeArgs(probe, key, now, []any{cost})...)
		}
		t.send(true, command, l.appendArgs(nil, check, key, now, cost)...)
		t.send(false, "PERSIST", key)
	}
	t.send(false, "DEL", key)
	return t.exec(ctx)
}

// transaction gathers commands and runs them as one.
type transaction struct {
	conn   redis.Conn
	wanted []bool // by command: whether its reply is asked for
	err    error
}

func (t *transaction) send(wanted bool, command string, args ...any) {
	if len(t.wanted) == 0 {
		t.err = t.conn.Send("MULTI")
	}
	t.wanted = append(t.wanted, wanted)
	t.err = errors.Join(t.err, t.conn.Send(command, args...))
}

// exec runs the commands and returns the replies that are wanted, in order.
func (t *transaction) exec(ctx context.Context) ([]any, error) {
	if t.err != nil {
		return nil, t.err
	}
	replies, err := redis.Values(do(ctx, t.conn, "EXEC", nil))
	if err != nil {
		return nil, err
	}
	if len(replies) != len(t.wanted) {
		return nil, fmt.Errorf("got %d replies to %d commands", len(replies), len(t.wanted))
	}
	var wanted []any
	for i, reply := range replies {
		if t.wanted[i] {
			wanted = append(wanted, reply)
		}
	}
	return wanted, nil
}
