package contest

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// benchmarkClients are redis-benchmark's connections, whatever the contenders' goroutines:
// it is the line that they are held against.
const benchmarkClients = 64

// redisBenchmark is redis-benchmark, which ships with Redis, sending the same EVALSHA and
// reading no reply more closely than it has to.
func redisBenchmark(pipeline int) Contender {
	return Contender{
		Name: fmt.Sprintf("redis-benchmark-p%d", pipeline),
		About: fmt.Sprintf("redis-benchmark -c %d -P %d sending the same EVALSHA, the reference: %d connections with %d in flight each, whatever the goroutines",
			benchmarkClients, pipeline, benchmarkClients, pipeline),
		measure: func(ctx context.Context, a *Arena, l load.Load) (results.Sample, error) {
			return runRedisBenchmark(ctx, a, pipeline, l)
		},
	}
}

// calibration is how many checks tell how many fill the time: redis-benchmark counts
// requests rather than seconds.
const calibration = 20_000

func runRedisBenchmark(ctx context.Context, a *Arena, pipeline int, l load.Load) (results.Sample, error) {
	limit, err := newContractual()
	if err != nil {
		return results.Sample{}, err
	}
	if _, err := a.Redis.Do("SCRIPT", "LOAD", limit.definition.Check.Source); err != nil {
		return results.Sample{}, err
	}
	if err := a.spendAt(ctx); err != nil {
		return results.Sample{}, err
	}
	b := benchmark{arena: a, limit: limit, pipeline: pipeline}
	s, err := b.run(ctx, calibration)
	if err != nil {
		return s, err
	}
	return b.run(ctx, max(calibration, int(s.Metrics[results.Rate]*l.Time.Seconds())))
}

type benchmark struct {
	arena    *Arena
	limit    *contractual
	pipeline int
}

func (b benchmark) run(ctx context.Context, requests int) (results.Sample, error) {
	if _, err := b.arena.Redis.Do("CONFIG", "RESETSTAT"); err != nil {
		return results.Sample{}, err
	}
	host, port, _ := strings.Cut(b.arena.Redis.Address, ":")
	args := []string{"-h", host, "-p", port, "-c", strconv.Itoa(benchmarkClients), "-P", strconv.Itoa(b.pipeline),
		"-n", strconv.Itoa(requests), "-r", strconv.Itoa(load.Spread), "--csv",
		"EVALSHA", b.limit.definition.Check.SHA1, "1", keyPrefix + "__rand_int__"}
	cmd := exec.CommandContext(ctx, "redis-benchmark", append(args, b.limit.texts...)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		return results.Sample{}, fmt.Errorf("redis-benchmark: %w\n%s%s", err, complaints.String(), out)
	}
	if err := b.succeeded(requests); err != nil {
		return results.Sample{}, err
	}
	return parseBenchmark(string(out), requests)
}

// succeeded asks Redis whether all scripts ran, since redis-benchmark does not always
// tell.
func (b benchmark) succeeded(requests int) error {
	info, err := redis.String(b.arena.Redis.Do("INFO", "commandstats"))
	if err != nil {
		return err
	}
	calls, failed := -1, -1
	for line := range strings.Lines(info) {
		if stats, ok := strings.CutPrefix(line, "cmdstat_evalsha:"); ok {
			for field := range strings.SplitSeq(strings.TrimSpace(stats), ",") {
				name, value, _ := strings.Cut(field, "=")
				switch name {
				case "calls":
					calls, err = strconv.Atoi(value)
				case "failed_calls":
					failed, err = strconv.Atoi(value)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	if calls < requests || failed != 0 {
		return fmt.Errorf("redis-benchmark: Redis ran %d of %d scripts, and %d failed", calls, requests, failed)
	}
	return nil
}

// parseBenchmark reads the table of --csv: a line of names and one of values.
func parseBenchmark(out string, requests int) (results.Sample, error) {
	table, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(table) != 2 {
		return results.Sample{}, fmt.Errorf("redis-benchmark: want a table of two lines, got %q (%v)", out, err)
	}
	var errs []error
	column := func(name string) float64 {
		i := slices.Index(table[0], name)
		if i < 0 {
			errs = append(errs, fmt.Errorf("redis-benchmark: its table has no column %s, only %v", name, table[0]))
			return 0
		}
		v, err := strconv.ParseFloat(table[1][i], 64)
		errs = append(errs, err)
		return v
	}
	rate := column("rps")
	s := results.Sample{Checks: requests, Metrics: map[string]float64{
		results.Rate:     rate,
		results.PerCheck: float64(time.Second) / rate,
		results.P50:      column("p50_latency_ms") * float64(time.Millisecond),
		results.P99:      column("p99_latency_ms") * float64(time.Millisecond),
	}}
	return s, errors.Join(errs...)
}
