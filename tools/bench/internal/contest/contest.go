// Package contest knows who is measured against whom: the SDK's doors, their peers, and
// what each of them is set to.
package contest

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// Contender is one of those that do the same.
type Contender struct {
	Name  string
	About string // what it does and is set to, for the reader

	measure func(context.Context, *Arena, load.Load) (results.Sample, error)
}

// Match is what is measured side by side.
type Match struct {
	Name       string
	Contenders []Contender

	goroutines int
	repeats    int // in each round
}

// Run is how a contest is held.
type Run struct {
	Matches []Match
	Rounds  int
	Time    time.Duration // of a sample; a quarter of it again is not measured, to warm up
	Only    *regexp.Regexp

	// Add takes each sample as it comes.
	Add func(results.Cell, results.Sample) error
}

// Hold measures round after round, within each the matches one by one, and within each of
// them the contenders, every time with another one first: a moment in which the machine
// is slow then meets different contenders, and both sides of a quotient alike.
func (r Run) Hold(ctx context.Context, arena *Arena) error {
	for round := range r.Rounds {
		for _, m := range r.Matches {
			chosen := r.chosen(m)
			for repeat := range m.repeats {
				for i := range chosen {
					c := chosen[(i+round*m.repeats+repeat)%len(chosen)]
					if err := r.measure(ctx, arena, m, c); err != nil {
						return fmt.Errorf("round %d of %s, %s: %w", round+1, m.Name, c.Name, err)
					}
				}
			}
		}
	}
	return nil
}

func (r Run) measure(ctx context.Context, arena *Arena, m Match, c Contender) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := arena.clear(); err != nil {
		return err
	}
	sample, err := c.measure(ctx, arena, load.Load{Goroutines: m.goroutines, Warmup: r.Time / 4, Time: r.Time})
	if err != nil {
		return err
	}
	return r.Add(results.Cell{Match: m.Name, Contender: c.Name}, sample)
}

// chosen are the contenders of m that Only lets through.
func (r Run) chosen(m Match) []Contender {
	var chosen []Contender
	for _, c := range m.Contenders {
		if r.Only == nil || r.Only.MatchString(m.Name+"/"+c.Name) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// Samples is how many samples the run will take.
func (r Run) Samples() int {
	n := 0
	for _, m := range r.Matches {
		n += len(r.chosen(m)) * m.repeats * r.Rounds
	}
	return n
}

// All lists every match there is.
func All() []Match {
	var all []Match
	all = append(all, checkMatches()...)
	all = append(all, loneMatches()...)
	all = append(all, strategyMatches()...)
	all = append(all, manyMatches()...)
	all = append(all, serviceMatches()...)
	all = append(all, localMatches()...)
	return append(all, memoryMatches()...)
}
