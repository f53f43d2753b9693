package contest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gomodule/redigo/redis"

	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// The names by which the reports know who checks many keys.
const (
	CheckMany = "checkmany"
	RawMany   = "raw-many"
	Bounded   = "raw-many-256"
	Pipeline  = "redigo-pipeline"
)

// bound is how many keys the door puts into one script at most, so that none holds Redis
// for long.
const bound = 256

// ManyMatch is the name of the match of calls for so many keys.
func ManyMatch(keys int) string { return fmt.Sprintf("Many/keys=%d", keys) }

// manyMatches are one caller that has many keys to check.
func manyMatches() []Match {
	var matches []Match
	for _, n := range []int{10, 100, 1000} {
		matches = append(matches, Match{
			Name: ManyMatch(n), goroutines: 1, repeats: 1,
			Contenders: []Contender{
				manyContender(n, CheckMany, "CheckMany of the Redis door", openCheckMany),
				manyContender(n, Pipeline, "the same checks as EVALSHAs in one redigo pipeline", openPipeline),
				manyContender(n, RawMany, "one EVALSHA of the many script for all keys over redigo, its arguments prepared and its reply only looked at for errors", openRawMany(n)),
				manyContender(n, Bounded, "the same with one script after the other for 256 keys each, as the door bounds them", openRawMany(bound)),
			},
		})
	}
	return matches
}

// manyClient checks one of the batches.
type manyClient struct {
	check func(batch int) (admitted int, err error)
	close func() error
}

// batches is how many different lists of keys there are.
const batches = 16

func manyContender(n int, name, about string, open func(*Arena, [][]string) (*manyClient, error)) Contender {
	return Contender{Name: name, About: about,
		measure: func(ctx context.Context, a *Arena, l load.Load) (_ results.Sample, err error) {
			if err := a.spendAt(ctx); err != nil {
				return results.Sample{}, err
			}
			lists := make([][]string, batches)
			for b := range lists {
				for i := range n {
					lists[b] = append(lists[b], keys[(b*len(keys)/batches+i)%len(keys)])
				}
			}
			c, err := open(a, lists)
			if err != nil {
				return results.Sample{}, err
			}
			defer func() { err = errors.Join(err, c.close()) }()
			return l.Run(n, func(i int) (int, error) { return c.check(i % batches) })
		}}
}

func openCheckMany(a *Arena, lists [][]string) (*manyClient, error) {
	limiter, close, err := openLimiter(a, 1, limit)
	if err != nil {
		return nil, err
	}
	return &manyClient{close: close, check: func(batch int) (int, error) {
		decisions, err := limiter.CheckMany(context.Background(), lists[batch], 1)
		return admittedOf(decisions), err
	}}, nil
}

func admittedOf(decisions []throttlekit.Decision) int {
	n := 0
	for _, d := range decisions {
		n += count(d.Allowed)
	}
	return n
}

func openPipeline(a *Arena, lists [][]string) (*manyClient, error) {
	limit, err := newContractual()
	if err != nil {
		return nil, err
	}
	if _, err := a.Redis.Do("SCRIPT", "LOAD", limit.definition.Check.Source); err != nil {
		return nil, err
	}
	conn, err := redis.Dial("tcp", a.Redis.Address)
	if err != nil {
		return nil, err
	}
	args := append([]any{limit.definition.Check.SHA1, 1, ""}, limit.argv...)
	return &manyClient{close: conn.Close, check: func(batch int) (int, error) {
		for _, key := range lists[batch] {
			args[2] = key // Send has written the last one
			if err := conn.Send("EVALSHA", args...); err != nil {
				return 0, err
			}
		}
		if err := conn.Flush(); err != nil {
			return 0, err
		}
		n := 0
		for range lists[batch] {
			reply, err := redis.Int64s(conn.Receive())
			if err != nil {
				return 0, err
			}
			admitted, err := limit.admits(reply)
			if err != nil {
				return 0, err
			}
			n += count(admitted)
		}
		return n, nil
	}}, nil
}

// openRawMany puts so many keys into one script.
func openRawMany(size int) func(*Arena, [][]string) (*manyClient, error) {
	return func(a *Arena, lists [][]string) (*manyClient, error) {
		contract, err := newContractual()
		if err != nil {
			return nil, err
		}
		if _, err := a.Redis.Do("SCRIPT", "LOAD", contract.definition.Many.Source); err != nil {
			return nil, err
		}
		conn, err := redis.Dial("tcp", a.Redis.Address)
		if err != nil {
			return nil, err
		}
		calls := make([][]manyCall, len(lists))
		for b, list := range lists {
			for keys := range slices.Chunk(list, size) {
				calls[b] = append(calls[b], contract.manyCall(keys))
			}
		}
		return &manyClient{close: conn.Close, check: func(batch int) (int, error) {
			admitted := 0
			for _, call := range calls[batch] {
				reply, err := conn.Do("EVALSHA", call.args...)
				if err != nil {
					return 0, err
				}
				n, err := contract.readMany(reply, call.keys)
				if err != nil {
					return 0, err
				}
				admitted += n
			}
			return admitted, nil
		}}, nil
	}
}

// manyCall is a many script for so many keys, ready to be sent.
type manyCall struct {
	keys int
	args []any
}

func (c *contractual) manyCall(keys []string) manyCall {
	args := []any{c.definition.Many.SHA1, len(keys)}
	for _, key := range keys {
		args = append(args, key)
	}
	args = c.plan.AppendParams(args, "0")
	return manyCall{len(keys), append(args, "1")} // the cost of each
}

// readMany finds the errors of single keys in the reply to that many checks. The reply is
// a string of 64-bit integers, and where one of the checks failed a list.
func (c *contractual) readMany(reply any, n int) (admitted int, _ error) {
	size := 8 * len(c.definition.Reply)
	packed, ok := reply.([]byte)
	if !ok || len(packed) != n*size {
		return 0, fmt.Errorf("the reply to %d checks is a %T, want a string of %d bytes", n, reply, n*size)
	}
	for answer := range slices.Chunk(packed, size) {
		admitted += count(answer[0] == 1) // the lowest byte of the first integer
	}
	return admitted, nil
}
