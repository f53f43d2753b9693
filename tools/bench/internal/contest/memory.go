package contest

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/perf/benchfmt"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/process"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// The names by which the reports know how the in-process door does with many keys.
const (
	MemoryMatch = "Memory/keys=10000000"
	LocalDoor   = "localdoor"
)

// manyKeys is the benchmark of the door's own package, which starts in a process that has
// no other memory.
var manyKeys = []string{"test", "./sdk/localdoor", "-run", "^$", "-bench", "^BenchmarkTenMillionKeys$", "-benchtime", "1x"}

func memoryMatches() []Match {
	return []Match{{Name: MemoryMatch, goroutines: 1, repeats: 1, Contenders: []Contender{
		{Name: LocalDoor, About: "go " + strings.Join(manyKeys, " "), measure: measureMemory},
	}}}
}

func measureMemory(ctx context.Context, _ *Arena, _ load.Load) (results.Sample, error) {
	source, err := process.Source(ctx)
	if err != nil {
		return results.Sample{}, err
	}
	cmd := exec.CommandContext(ctx, "go", append(manyKeys, "-count", "1")...)
	cmd.Dir = source
	out, err := cmd.CombinedOutput()
	if err != nil {
		return results.Sample{}, fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return parseMemory(out)
}

// parseMemory reads what the benchmark reports.
func parseMemory(out []byte) (results.Sample, error) {
	const ms = float64(time.Millisecond)
	s := results.Sample{Checks: 10_000_000, Metrics: make(map[string]float64)}
	for unit, is := range map[string]struct {
		metric string
		factor float64
	}{
		"ns/key":     {results.PerCheck, 1},
		"bytes/key":  {results.PerKey, 1},
		"ms-longest": {results.Longest, ms},
		"ms-machine": {results.Machine, ms},
	} {
		v, err := reported(out, unit)
		if err != nil {
			return results.Sample{}, err
		}
		s.Metrics[is.metric] = v * is.factor
	}
	s.Metrics[results.Rate] = float64(time.Second) / s.Metrics[results.PerCheck]
	return s, nil
}

// reported finds the number of a unit in the output of a benchmark.
func reported(out []byte, unit string) (float64, error) {
	lines := benchfmt.NewReader(bytes.NewReader(out), "go test")
	for lines.Scan() {
		if line, ok := lines.Result().(*benchfmt.Result); ok {
			for _, v := range line.Values {
				if v.Unit == unit {
					return v.Value, nil
				}
				if v.OrigUnit == unit { // the reader turned nanoseconds into seconds
					return v.OrigValue, nil
				}
			}
		}
	}
	return 0, fmt.Errorf("the benchmark reports no %s:\n%s", unit, out)
}
