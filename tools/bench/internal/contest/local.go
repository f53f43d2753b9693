package contest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
	"unicode"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/localdoor"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// LocalMatch is the name of the match of checks in this process by so many goroutines.
func LocalMatch(goroutines int) string { return fmt.Sprintf("Local/goroutines=%d", goroutines) }

// Local is the name by which the reports know the in-process door with a strategy, in
// lower case, as benchmarks' files want their keys.
func Local(d *script.Definition) string {
	name := []rune("local-")
	for _, r := range d.Name {
		if unicode.IsUpper(r) {
			name = append(name, '-')
		}
		name = append(name, unicode.ToLower(r))
	}
	return string(name)
}

// LocalLimit is the name of the in-process door with the strategy of the limit that all
// peers keep.
var LocalLimit = func() string {
	plan, err := limit.Plan()
	if err != nil {
		panic(err) // of a limit that is written in this package
	}
	return Local(plan.Definition())
}()

// localMatches are single checks in the memory of this process: no Redis, no network.
func localMatches() []Match {
	var contenders []Contender
	for _, d := range strategy.All() {
		if d.Local == nil {
			continue
		}
		contenders = append(contenders, localDoor(d))
		if Local(d) == LocalLimit { // whoever is held against it runs next to it
			contenders = append(contenders, localPeers...)
		}
	}
	var matches []Match
	for _, goroutines := range []int{1, 64} {
		matches = append(matches, Match{Name: LocalMatch(goroutines), Contenders: contenders, goroutines: goroutines, repeats: 1})
	}
	return matches
}

// Growth is what the work of a strategy's check grows with.
type Growth int

const (
	Constant   Growth = iota // with nothing
	Parameters               // with the strategy's parameters
	Units                    // with the units spent, each of which is remembered
)

// GrowthOf tells it from what the contract says of the work.
func GrowthOf(d *script.Definition) Growth {
	growth := Constant
	for _, t := range d.Work {
		switch {
		case slices.Contains(t.Per, "cost"):
			growth = Units
		case len(t.Per) > 0:
			growth = max(growth, Parameters)
		}
	}
	return growth
}

// The limit of the strategies whose work grows. It is about what the load asks for, so
// that a key's state is as large as it gets; under the limit that the others keep it would
// hold a single bucket, or more units than anybody has it remember.
const (
	busyLimit  = 100
	busyPeriod = 40 * time.Millisecond
)

// localDoor is the in-process door with a strategy. A check of constant work takes as long
// under any limit, and so keeps that of its peers.
func localDoor(d *script.Definition) Contender {
	if GrowthOf(d) == Constant {
		return localContender(Local(d), "localdoor at its defaults, "+d.Name,
			func() (*client, error) { return openLocal(d) }, halfAdmitted)
	}
	return localContender(Local(d), fmt.Sprintf("localdoor at its defaults, %s at a limit of %d in %v for each key", d.Name, busyLimit, busyPeriod),
		func() (*client, error) { return openBusy(d) }, withinBusyLimit)
}

func newLocal(d *script.Definition, limit float64, period time.Duration) (*localdoor.Limiter, *client, error) {
	plan, err := planOf(d, limit, period)
	if err != nil {
		return nil, nil, err
	}
	limiter, err := localdoor.New(plan)
	if err != nil {
		return nil, nil, err
	}
	return limiter, &client{check: checker(limiter), close: limiter.Close}, nil
}

func openLocal(d *script.Definition) (*client, error) {
	limiter, c, err := newLocal(d, burst, burst*period)
	if err != nil {
		return nil, err
	}
	c.spend = func(ctx context.Context) error {
		return spend(func(keys []string, cost int64) ([]throttlekit.Decision, error) {
			return limiter.CheckMany(ctx, keys, cost)
		})
	}
	return c, nil
}

// openBusy has nothing to spend beforehand, and looks instead whether the limit is kept:
// all keys of one CheckMany are checked at one instant.
func openBusy(d *script.Definition) (*client, error) {
	limiter, c, err := newLocal(d, busyLimit, busyPeriod)
	if err != nil {
		return nil, err
	}
	c.spend = func(ctx context.Context) error {
		decisions, err := limiter.CheckMany(ctx, slices.Repeat(keys[:1], busyLimit+1), 1)
		if err != nil {
			return err
		}
		if admitted := admittedOf(decisions); admitted != busyLimit {
			return fmt.Errorf("it admitted %d of %d checks of one key at one instant, want %d", admitted, len(decisions), busyLimit)
		}
		return nil
	}
	return c, nil
}

// withinBusyLimit judges a sample whose keys all have that limit.
func withinBusyLimit(s results.Sample) error {
	const each = busyLimit * load.Spread
	periods := float64(s.Checks) / s.Metrics[results.Rate] / busyPeriod.Seconds()
	admitted := s.Metrics[results.Admitted] * float64(s.Checks)
	// What comes back while the machine stands still is spent by nobody. What was there
	// before, and what the last window has begun with, are a limit each.
	least, most := min(float64(s.Checks), each*periods)/10, each*(periods+2)
	if admitted < least || admitted > most {
		return fmt.Errorf("it admitted %.0f of %d checks in %.1f periods, want %.0f to %.0f", admitted, s.Checks, periods, least, most)
	}
	return nil
}

// inARow is how many checks are timed together. To look at the clock takes about as long
// as one of them.
const inARow = 64

// walk has all keys in a random order, which no processor foretells, and its beginning
// once more.
var walk = func() []string {
	walk := slices.Clone(keys[:])
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(walk), func(i, j int) { walk[i], walk[j] = walk[j], walk[i] })
	return append(walk, walk[:inARow]...)
}()

// localContender is one that needs nobody but this process. judge is asked whether it did
// its work.
func localContender(name, about string, open func() (*client, error), judge func(results.Sample) error) Contender {
	return Contender{Name: name, About: about, measure: func(ctx context.Context, _ *Arena, l load.Load) (_ results.Sample, err error) {
		c, err := open()
		if err != nil {
			return results.Sample{}, err
		}
		defer func() { err = errors.Join(err, c.close()) }()
		if err := c.spend(ctx); err != nil {
			return results.Sample{}, err
		}
		ctx = context.Background()
		s, err := l.Run(inARow, func(i int) (int, error) {
			admitted := 0
			for _, key := range walk[i : i+inARow] {
				yes, err := c.check(ctx, key)
				if err != nil {
					return 0, err
				}
				admitted += count(yes)
			}
			return admitted, nil
		})
		if err != nil {
			return s, err
		}
		// They are of many checks, as no other contender's are.
		delete(s.Metrics, results.P50)
		delete(s.Metrics, results.P99)
		return s, judge(s)
	}}
}
