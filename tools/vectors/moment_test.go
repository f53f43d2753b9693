package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/vectors/internal/oracle"
)

// state is a timeline, the instant at which to look at what it left, and the costs to
// ask for.
type state struct {
	timeline
	now, cost float64
}

// state draws a state with whole limits: a fractional one is reported cut by Redis and
// whole by the formulas of peek. Periods, windows and refill rates may be fractions.
func (d draw) state(kind string) state {
	s := settings[kind](d)
	for kind == "gcra" && s.unitMs < 0.001 {
		s = settings[kind](d) // instants of our time are 1/4096 ms apart, and cannot tell such units apart
	}
	for _, name := range []string{"limit", "burst", "capacity"} {
		if v, ok := s.options[name]; ok {
			s.options[name] = max(1, math.Floor(v))
		}
	}
	s.size = max(1, math.Floor(s.size))
	line := timeline{kind: kind, options: s.options}
	judge, err := oracle.New(kind, s.options)
	if err != nil {
		panic(err)
	}
	// At epochs of our time, since sums near 0 round otherwise than near now.
	clock := clock{
		draw: d, setting: s, back: d.chance(25),
		now: d.one(1.75e12+float64(d.IntN(1e9)), 1.75e12, 4.1e12),
	}
	for range d.IntN(12) {
		o := at(clock.now, d.cost(s.size, false))
		line.ops = append(line.ops, o)
		clock.tick(line.ops, judge.Check(o.now, o.cost))
	}
	return state{timeline: line, now: clock.now, cost: math.Ceil(d.Float64() * s.size)}
}

// moment is a state in Redis, and a judge in the same state.
type moment struct {
	state
	*redisdoor.Limiter
	conn   redis.Conn
	prefix string
	seen   tally
	report string
}

func (m *moment) differ(format string, args ...any) {
	m.report += fmt.Sprintf("  "+format+"\n", args...)
}

// differences is a report of all that is not as it should be at the state's instant; ""
// for nothing.
func (s state) differences(ctx context.Context, r *replayer, seen tally) string {
	r.count++
	m := &moment{state: s, prefix: fmt.Sprintf("%s:%d", r.prefix, r.count), seen: tally{}}
	strat, err := strategy.New(s.kind, s.options)
	if err != nil {
		return err.Error()
	}
	if m.Limiter, err = redisdoor.New(r.pool, strat, redisdoor.WithPrefix(m.prefix)); err != nil {
		return err.Error()
	}
	if m.conn, err = r.pool.GetContext(ctx); err != nil {
		return err.Error()
	}
	defer m.conn.Close()
	if err = m.look(ctx, strat); err != nil {
		return err.Error()
	}
	if m.report == "" {
		for what, n := range m.seen {
			seen[what] += n
		}
	}
	return m.report
}

// far is an expiry beyond all that a check would set, in milliseconds.
const far = 1e12

// prepare runs the timeline on a key, which no expiry strikes: each is taken back in the
// transaction that set it.
func (m *moment) prepare(strat script.Strategy, key string) error {
	plan, err := strat.Plan()
	if err != nil {
		return err
	}
	if err := m.conn.Send("MULTI"); err != nil {
		return err
	}
	if err := m.conn.Send("DEL", m.key(key)); err != nil {
		return err
	}
	for _, o := range m.ops {
		args := []any{plan.Definition().Check.Source, 1, m.key(key)}
		if err := m.conn.Send("EVAL", plan.AppendArgv(args, script.Number(o.now), script.Number(o.cost))...); err != nil {
			return err
		}
		if err := m.conn.Send("PERSIST", m.key(key)); err != nil {
			return err
		}
	}
	replies, err := redis.Values(m.conn.Do("EXEC"))
	if err != nil {
		return err
	}
	for _, reply := range replies {
		if refused, ok := reply.(redis.Error); ok {
			return refused
		}
	}
	return nil
}

// judge returns the oracle in the moment's state.
func (m *moment) judge() oracle.Judge {
	judge, err := oracle.New(m.kind, m.options)
	if err != nil {
		panic(err) // the draw made one already
	}
	for _, o := range m.ops {
		judge.Check(o.now, o.cost)
	}
	return judge
}

// limit is the most that can be spent at once.
func (m *moment) limit() float64 { return m.judge().Peek(m.now).Limit }

// at is the state's instant, or one after it.
func (m *moment) at(after time.Duration) time.Time {
	return time.UnixMilli(int64(m.now)).Add(after)
}

func (m *moment) key(name string) string { return m.prefix + ":" + name }

func (m *moment) do(command string, args ...any) (any, error) { return m.conn.Do(command, args...) }

// copyBase gives each of the keys the prepared state and an expiry that is far away.
func (m *moment) copyBase(names ...string) error {
	for _, name := range names {
		if _, err := m.do("DEL", m.key(name)); err != nil {
			return err
		}
		if _, err := m.do("COPY", m.key("base"), m.key(name)); err != nil {
			return err
		}
		if _, err := m.do("PEXPIRE", m.key(name), int64(far)); err != nil {
			return err
		}
	}
	return nil
}

func (s state) listing() string {
	return listing(s.timeline, len(s.ops)-1) + fmt.Sprintf("  looked at %.0f, cost %.0f\n", s.now, s.cost)
}
