package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gomodule/redigo/redis"
)

// What is worth saying of time. Half of the deadline that sdk/resilient gives a decision is
// too much for one round trip in ten, and ten milliseconds are unusual within a data centre.
const (
	roundTrips   = 100
	patience     = 3 * time.Second // for all of them
	slowMedian   = 10 * time.Millisecond
	slowNinth    = 25 * time.Millisecond
	skewToNote   = 100 * time.Millisecond
	skewToWarnOf = time.Second
)

// latency measures round trips, one after the other.
func latency(ctx context.Context, n *node, _ Patient) ([]Finding, error) {
	var took []time.Duration
	for begin := time.Now(); len(took) < roundTrips && time.Since(begin) < patience; {
		start := time.Now()
		if _, err := redis.DoContext(n.conn, ctx, "PING"); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return []Finding{judgeTrips(took)}, nil
}

func judgeTrips(took []time.Duration) Finding {
	slices.Sort(took)
	median, ninth, most := took[len(took)/2], took[len(took)*9/10], took[len(took)-1]
	f := Finding{Severity: OK, Message: fmt.Sprintf("of %d round trips half took %s or less, one in ten %s or more, the longest %s",
		len(took), short(median), short(ninth), short(most))}
	if median > slowMedian || ninth > slowNinth {
		f.Severity = Warning
		f.Advice = "every check waits as long: use a Redis nearer by, or look for slow commands with SLOWLOG GET and for swapping"
	}
	return f
}

func short(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// clock compares the server's clock with this machine's, by the shortest of some round
// trips, since half of it is all that the comparison can be wrong by.
func clock(ctx context.Context, n *node, _ Patient) ([]Finding, error) {
	var skew, shortest time.Duration = 0, -1
	for range 5 {
		start := time.Now()
		theirs, err := serverTime(ctx, n.conn)
		if err != nil {
			return nil, err
		}
		trip := time.Since(start)
		if shortest < 0 || trip < shortest {
			shortest, skew = trip, theirs.Sub(start.Add(trip/2))
		}
	}
	return []Finding{judgeSkew(skew, shortest/2)}, nil
}

func judgeSkew(skew, doubt time.Duration) Finding {
	f := Finding{Severity: OK, Message: fmt.Sprintf("%s this machine's, give or take %s", ahead(skew), short(doubt))}
	const why = "checks go by the server's clock, so limits hold; but a reset time shown to users, and a limiter in this process, go by two clocks"
	switch {
	case skew.Abs() > skewToWarnOf:
		f.Severity, f.Advice = Warning, "set both clocks by NTP: "+why
	case skew.Abs() > skewToNote:
		f.Severity, f.Advice = Note, why
	}
	return f
}

func ahead(skew time.Duration) string {
	if skew < 0 {
		return fmt.Sprintf("the clock is %s behind", (-skew).Round(time.Millisecond))
	}
	return fmt.Sprintf("the clock is %s ahead of", skew.Round(time.Millisecond))
}

func serverTime(ctx context.Context, conn redis.Conn) (time.Time, error) {
	parts, err := redis.Strings(redis.DoContext(conn, ctx, "TIME"))
	if err != nil {
		return time.Time{}, err
	}
	if len(parts) != 2 {
		return time.Time{}, errors.New("TIME did not answer with two numbers")
	}
	seconds, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("TIME: %w", err)
	}
	micros, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("TIME: %w", err)
	}
	return time.Unix(seconds, micros*1000), nil
}
