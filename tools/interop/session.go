package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
)

// session is one Python client beside ours, on a Redis that is theirs alone.
type session struct {
	*report
	peer *peer
	pool *redis.Pool
	url  string

	seed uint64
	ops  int // random operations per strategy and clock
	keys int // how many keys were handed out

	// pair makes both clients of a timeline's strategy.
	pair func(t timeline, plan *script.Plan, keep bool) ([2]client, error)
}

// key is a key that was never used.
func (s *session) key() string {
	s.keys++
	return fmt.Sprintf("interop:%d", s.keys)
}

// prove runs one section. An error that either client answered with is a failure of the
// section; any other means that there is no answer, and is returned.
func (s *session) prove(section string, proof func() (detail string, err error)) error {
	s.begin(section)
	detail, err := proof()
	var raised *fault
	var answered *throttlekit.Error
	if errors.As(err, &raised) || errors.As(err, &answered) {
		s.check(false, "it ends early: %v", err)
		err = nil
	}
	s.end(detail)
	return err
}

func (s *session) do(ctx context.Context, command string, args ...any) (any, error) {
	conn, err := s.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	reply, err := redis.DoContext(conn, ctx, command, args...)
	return reply, errors.Join(err, conn.Close())
}

// serverTime is Redis's clock in epoch milliseconds.
func (s *session) serverTime(ctx context.Context) (int64, error) {
	reply, err := s.do(ctx, "TIME")
	if err != nil {
		return 0, err
	}
	return milliseconds(reply)
}

// answer is a decision and what a witness saw around it.
type answer struct {
	Decision decision `json:"decision"`
	sighting
}

// client checks a key of one strategy. A now of 0 is the server's time.
type client interface {
	check(ctx context.Context, key string, cost, now int64) (answer, error)
}

// ourClient is our Redis door behind a witness.
type ourClient struct {
	limiter *redisdoor.Limiter
	witness *witness
}

func (s *session) ourClient(strategy script.Strategy, keep bool) (ourClient, error) {
	w := &witness{pool: s.pool, keep: keep}
	limiter, err := redisdoor.New(w, strategy)
	return ourClient{limiter: limiter, witness: w}, err
}

func (c ourClient) check(ctx context.Context, key string, cost, now int64) (answer, error) {
	if now == 0 {
		d, err := c.limiter.CheckN(ctx, key, cost)
		return answer{onWire(d), c.witness.seen}, err
	}
	d, err := c.limiter.CheckAt(ctx, key, cost, time.UnixMilli(now))
	return answer{onWire(d), c.witness.seen}, err
}

// theirClient is the Python client's Redis backend.
type theirClient struct {
	session  *session
	strategy string
	params   map[string]float64
	prefix   string
	witness  string // "" for none, "clock", or "keep" to take expiries away as well
}

func (c theirClient) request(op, key string, cost int64) map[string]any {
	return map[string]any{"op": op, "url": c.session.url, "strategy": c.strategy, "params": c.params,
		"prefix": c.prefix, "key": key, "cost": cost}
}

func (c theirClient) check(ctx context.Context, key string, cost, now int64) (a answer, err error) {
	request := c.request("check", key, cost)
	request["now"], request["witness"] = now, c.witness
	err = c.session.peer.call(ctx, request, &a)
	return a, err
}

// checks asks times times in a row, as fast as it goes.
func (c theirClient) checks(ctx context.Context, key string, cost int64, times int) ([]decision, error) {
	var answer struct {
		Decisions []decision `json:"decisions"`
	}
	request := c.request("checks", key, cost)
	request["times"] = times
	err := c.session.peer.call(ctx, request, &answer)
	return answer.Decisions, err
}

// oursAndTheirs are our Redis door and the Python client's, behind witnesses.
func (s *session) oursAndTheirs(t timeline, plan *script.Plan, keep bool) (clients [2]client, err error) {
	mine, err := s.ourClient(plan, keep)
	how := "clock"
	if keep {
		how = "keep"
	}
	clients[ours] = mine
	clients[theirs] = theirClient{session: s, strategy: t.strategy.Name, params: t.params, witness: how}
	return clients, err
}

const hour = int64(time.Hour / time.Millisecond)

// roomy returns parameters under which nothing comes back while a proof runs: limit
// units, and a day or more for them. now, in epoch milliseconds, picks a day whose end is
// far, since windows begin and end with the epoch's.
func roomy(definition *script.Definition, limit, now int64) (map[string]float64, *script.Plan, error) {
	span := 24 * hour
	for now%span > span/2 {
		span += hour
	}
	params := map[string]float64{}
	for _, p := range definition.Params {
		switch {
		case p.Unit == script.Milliseconds:
			params[p.Name] = float64(span)
		case p.Unit == script.PerSecond:
			params[p.Name] = 0.001
		case p.Default > 0:
			params[p.Name] = p.Default
		default:
			params[p.Name] = float64(limit)
		}
	}
	plan, err := definition.New(params)
	return params, plan, err
}
