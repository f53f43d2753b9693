package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomodule/redigo/redis"
)

// witness is a pool for our Redis door. It runs each script between two readings of
// Redis's clock, in one transaction, so that the instant of a check at the server's time
// becomes known. With keep it then takes the key's expiry away, which passes in real time
// and would strike at random in a timeline that does not. Calls must not overlap.
type witness struct {
	pool *redis.Pool
	keep bool
	seen sighting
}

// sighting is what a witness, here or in Python, saw around a script.
type sighting struct {
	Before int64 `json:"before"` // Redis's clock in epoch milliseconds
	After  int64 `json:"after"`
	TTL    int64 `json:"ttl"` // as PTTL says it, after the script and before the second reading
}

// GetContext implements redisdoor.Pool.
func (w *witness) GetContext(ctx context.Context) (redis.Conn, error) {
	conn, err := w.pool.GetContext(ctx)
	if err != nil {
		return nil, err
	}
	return witnessed{Conn: conn, witness: w}, nil
}

type witnessed struct {
	redis.Conn
	witness *witness
}

var _ redis.ConnWithContext = witnessed{}

// Do implements redis.Conn.
func (c witnessed) Do(command string, args ...any) (any, error) {
	return c.DoContext(context.Background(), command, args...)
}

// DoContext implements redis.ConnWithContext. It knows the two commands by which a check
// is sent and refuses others, which it would not bear witness to.
func (c witnessed) DoContext(ctx context.Context, command string, args ...any) (any, error) {
	if command != "EVALSHA" && command != "EVAL" || len(args) < 3 {
		return nil, fmt.Errorf("a witness is asked for %s, want EVALSHA or EVAL with a key", command)
	}
	key := args[2]
	err := errors.Join(c.Send("MULTI"), c.Send("TIME"), c.Send(command, args...), c.Send("PTTL", key), c.Send("TIME"))
	if c.witness.keep {
		err = errors.Join(err, c.Send("PERSIST", key))
	}
	if err != nil {
		return nil, err
	}
	replies, err := redis.Values(redis.DoContext(c.Conn, ctx, "EXEC"))
	if err != nil {
		return nil, err
	}
	if refused, ok := replies[1].(redis.Error); ok {
		return nil, refused
	}
	c.witness.seen, err = sightingOf(replies[0], replies[3], replies[2])
	return replies[1], err
}

// ReceiveContext implements redis.ConnWithContext.
func (c witnessed) ReceiveContext(ctx context.Context) (any, error) {
	return redis.ReceiveContext(c.Conn, ctx)
}

// sameExpiry reports whether two scripts can have set one expiry, given what time passed
// until it was read. Negative values say that there is no expiry, or no key.
func (s sighting) sameExpiry(other sighting) bool {
	if s.TTL < 0 || other.TTL < 0 {
		return s.TTL == other.TTL
	}
	passed := 1 + max(s.After-s.Before, other.After-other.Before)
	return max(s.TTL, other.TTL)-min(s.TTL, other.TTL) <= passed
}

func sightingOf(before, after, ttl any) (s sighting, err error) {
	var errs [3]error
	s.Before, errs[0] = milliseconds(before)
	s.After, errs[1] = milliseconds(after)
	s.TTL, errs[2] = redis.Int64(ttl, nil)
	return s, errors.Join(errs[:]...)
}

// milliseconds reads a reply to TIME.
func milliseconds(reply any) (int64, error) {
	time, err := redis.Int64s(reply, nil)
	if err != nil {
		return 0, err
	}
	if len(time) != 2 {
		return 0, fmt.Errorf("TIME answered %d numbers, want 2", len(time))
	}
	return time[0]*1000 + time[1]/1000, nil
}
