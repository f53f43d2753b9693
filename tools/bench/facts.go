package main

import (
	"context"
	"flag"
	"fmt"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/klauspost/cpuid/v2"
	"golang.org/x/sys/unix"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/contest"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/process"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/report"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// peers are the modules whose versions a reader wants to know.
var peers = []string{
	"github.com/gomodule/redigo",
	"github.com/redis/go-redis/v9",
	"github.com/go-redis/redis_rate/v10",
	"github.com/throttled/throttled/v2",
	"github.com/redis/rueidis",
	"golang.org/x/time",
	"github.com/ulule/limiter/v3",
	"connectrpc.com/connect",
	"google.golang.org/grpc",
}

// gather says on what, with what and how the run is made.
func gather(ctx context.Context, server *process.Redis, run contest.Run, flags *flag.FlagSet) ([]results.Fact, error) {
	info, err := redis.String(server.Do("INFO", "server"))
	if err != nil {
		return nil, err
	}
	kernel, err := kernel()
	if err != nil {
		return nil, err
	}
	command := "go -C tools/bench run ."
	flags.Visit(func(f *flag.Flag) {
		if f.Name != "out" { // says nothing of the run, and names a folder of this machine
			command += fmt.Sprintf(" -%s %s", f.Name, f.Value)
		}
	})
	facts := []results.Fact{
		{Key: "goos", Value: runtime.GOOS},
		{Key: "goarch", Value: runtime.GOARCH},
		{Key: "cpu", Value: cpuid.CPU.BrandName},
		{Key: "cores", Value: fmt.Sprint(runtime.NumCPU())},
		{Key: "kernel", Value: kernel},
		{Key: "go", Value: runtime.Version()},
		{Key: "redis", Value: field(info, "redis_version")},
		{Key: "commit", Value: commit(ctx)},
		{Key: "peers", Value: versions()},
		{Key: "command", Value: command},
		{Key: "rounds", Value: fmt.Sprint(run.Rounds)},
		{Key: "time", Value: run.Time.String()},
		{Key: "date", Value: time.Now().UTC().Format(time.RFC3339)},
	}
	known := make(map[string]bool)
	for _, m := range run.Matches {
		for _, c := range m.Contenders {
			if !known[c.Name] {
				known[c.Name] = true
				facts = append(facts, results.Fact{Key: report.About + c.Name, Value: c.About})
			}
		}
	}
	return facts, nil
}

// field finds a line of INFO.
func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func kernel() (string, error) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "", err
	}
	return unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:]), nil
}

// versions says which peers were linked.
func versions() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	linked := make(map[string]string)
	for _, m := range info.Deps {
		linked[m.Path] = m.Version
	}
	var said []string
	for _, path := range peers {
		said = append(said, path+" "+linked[path])
	}
	return strings.Join(said, ", ")
}

// commit names the source that is measured; without git nobody knows.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty=, with changes", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
