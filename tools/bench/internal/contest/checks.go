package contest

import (
	"context"
	"fmt"
	"time"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// CheckMatch is the name of the match of single checks by so many goroutines.
func CheckMatch(goroutines int) string { return fmt.Sprintf("Check/goroutines=%d", goroutines) }

// checkMatches are single checks by everybody.
func checkMatches() []Match {
	var matches []Match
	for _, goroutines := range []int{1, 8, 64, 512} {
		matches = append(matches, Match{
			Name: CheckMatch(goroutines), goroutines: goroutines, repeats: 1,
			Contenders: []Contender{
				fusedContender, unfusedContender,
				redigoContender, goRedisContender, autoPipelineContender,
				redisRateContender, throttledContender, rueidisContender,
				redisBenchmark(1), redisBenchmark(16), redisBenchmark(64),
			},
		})
	}
	return matches
}

// LoneMatch is the name of the match of a lone caller, whose context is watched or not.
func LoneMatch(watched bool) string {
	if watched {
		return "Lone/context=watched"
	}
	return "Lone/context=background"
}

// loneMatches are a lone caller of the door and of what lies under it. Twice a round: what
// they differ by is small.
func loneMatches() []Match {
	var matches []Match
	for _, watched := range []bool{false, true} {
		m := Match{Name: LoneMatch(watched), goroutines: 1, repeats: 2}
		for _, c := range []struct {
			of   Contender
			open opener
		}{
			{fusedContender, openDoor(limit)},
			{unfusedContender, openDoor(limit, redisdoor.WithoutFusing())},
			{redigoContender, openRedigo},
		} {
			c.of.measure = func(_ context.Context, a *Arena, l load.Load) (results.Sample, error) {
				ctx := context.Background()
				if watched {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, time.Hour) // a deadline, too, as a request has
					defer cancel()
				}
				return measureChecks(ctx, a, l, c.open)
			}
			m.Contenders = append(m.Contenders, c.of)
		}
		matches = append(matches, m)
	}
	return matches
}
