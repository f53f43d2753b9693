package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

var mutantTimelines = flag.Int("mutanttimelines", 60, "random timelines per strategy in TestMutants")

// mutant is a check script with one operator changed.
type mutant struct {
	name   string // of its strategy
	kind   string // of the strategy that it was made from
	line   string // the line that was changed, as it was
	change string // what was changed, and which of several
	source string
}

// changes are what one operator may become.
var changes = []struct {
	found *regexp.Regexp
	to    func(operator string) string
}{
	{regexp.MustCompile(`<=|>=|<|>|==|~=`), func(op string) string {
		return map[string]string{"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "~=", "~=": "=="}[op]
	}},
	{regexp.MustCompile(` [-+*/%] `), func(op string) string {
		return map[string]string{" + ": " - ", " - ": " + ", " * ": " / ", " / ": " * ", " % ": " / "}[op]
	}},
	{regexp.MustCompile(`\b(floor|ceil|max|min)\(`), func(op string) string {
		return map[string]string{"floor(": "ceil(", "ceil(": "floor(", "max(": "min(", "min(": "max("}[op]
	}},
	{regexp.MustCompile(` (and|or) `), func(op string) string {
		return map[string]string{" and ": " or ", " or ": " and "}[op]
	}},
}

// mutantsOf changes each operator of a script in turn.
func mutantsOf(d *script.Definition) (mutants []mutant) {
	lines := strings.Split(d.Check.Source, "\n")
	for i, line := range lines {
		code, _, _ := strings.Cut(line, "--")
		if strings.Contains(code, "now == 0") {
			continue // what is changed here asks a clock, and no two answers are the same
		}
		for _, c := range changes {
			for k, at := range c.found.FindAllStringIndex(code, -1) {
				op := code[at[0]:at[1]]
				changed := append([]string{}, lines...)
				changed[i] = line[:at[0]] + c.to(op) + line[at[1]:]
				mutants = append(mutants, mutant{
					name: fmt.Sprintf("%s%03d", d.Name, len(mutants)), kind: d.Name, line: strings.TrimSpace(code),
					change: fmt.Sprintf("%s to %s, %d", strings.TrimSpace(op), strings.TrimSpace(c.to(op)), k+1),
					source: strings.Join(changed, "\n"),
				})
			}
		}
	}
	return mutants
}

// mutantOp and mutantTimeline are what testdata/mutants/main.go.txt reads.
type mutantOp struct {
	Now, Cost float64
	Want      throttlekit.Decision
}

type mutantTimeline struct {
	Name    string
	Vector  bool
	Options map[string]float64
	Ops     []mutantOp
}

type mutantOutcome struct{ Vectors, Timelines int }

type mutantVerdict struct {
	NotLocal   string
	Lua, Go    mutantOutcome
	Difference string
}

// TestMutants changes one operator of a script at a time, generates from all that came
// of it, and runs vectors and random timelines through both forms. Both must answer
// alike, and the vectors must catch every change that a random timeline notices. What
// nothing notices is listed, with the reason.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module")
	}
	var mutants []mutant
	work := map[string][]mutantTimeline{}
	for _, kind := range strategies(t) {
		for _, d := range strategy.All() {
			if d.Name == kind && d.Local != nil {
				lines := mutantWork(t, kind)
				for _, m := range mutantsOf(d) {
					mutants = append(mutants, m)
					work[m.name] = lines
				}
			}
		}
	}
	verdicts := runMutants(t, mutants, work)

	unlisted, expiries := map[unnoticed]bool{}, map[unnoticed]bool{}
	for _, u := range unnoticedMutants {
		unlisted[u.unnoticed], expiries[u.unnoticed] = true, u.reason == expiry
		if u.reason == "" {
			t.Errorf("%+v has no reason", u)
		}
	}
	caught, outside, same := 0, 0, 0
	for _, m := range mutants {
		v := verdicts[m.name]
		id := unnoticed{m.kind, m.line, m.change}
		what := fmt.Sprintf("%s: %s: %s", m.kind, m.line, m.change)
		if v.Difference != "" {
			t.Errorf("%s: the two forms differ: %s", what, v.Difference)
		}
		if v.NotLocal != "" {
			outside++
		} else if v.Lua != v.Go {
			t.Errorf("%s: noticed in Lua by %+v, in Go by %+v", what, v.Lua, v.Go)
		}
		switch {
		case v.Lua.Vectors > 0:
			caught++
			if unlisted[id] {
				t.Errorf("%s: is listed as unnoticed, and %d vectors notice it", what, v.Lua.Vectors)
			}
		case v.Lua.Timelines > 0 && !expiries[id]:
			t.Errorf("%s: %d timelines notice it, and no vector does", what, v.Lua.Timelines)
		case !unlisted[id]:
			t.Errorf("%s: nothing notices it; give the reason in unnoticedMutants, or a vector that does", what)
		default:
			same++
		}
		delete(unlisted, id)
	}
	for id := range unlisted {
		t.Errorf("%+v is listed as unnoticed, and there is no such mutant", id)
	}
	t.Logf("%d mutants: vectors catch %d in both forms, nothing can notice %d; %d of all are outside the subset, and were judged in Lua",
		len(mutants), caught, same, outside)
}

// mutantWork lists the vectors of a strategy and random timelines, with the answers of
// the unchanged script.
func mutantWork(t *testing.T, kind string) []mutantTimeline {
	data, err := os.ReadFile(vendored)
	if err != nil {
		t.Fatal(err)
	}
	file, err := vectorfile.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	var lines []timeline
	for _, suite := range file.Suites {
		if suite.Primitive != vectorfile.RateLimit || suite.Strategy.Kind != kind {
			continue
		}
		line := timeline{name: suite.Name, kind: kind, options: suite.Strategy.Options}
		for _, o := range suite.Ops {
			line.ops = append(line.ops, at(o.Now+suite.Shift(), o.Cost))
		}
		lines = append(lines, line)
	}
	vectors := len(lines)
	for i := range *mutantTimelines {
		lines = append(lines, newDraw(*seed, kind+" mutant", i).timeline(kind))
	}
	var work []mutantTimeline
	for i, line := range lines {
		w := mutantTimeline{Name: line.name, Vector: i < vectors, Options: line.options}
		plan := nativePlan(t, kind, line.options)
		var state script.State
		for _, o := range line.ops {
			d, err := plan.CheckLocal(&state, stillClock, o.now, o.cost)
			if err != nil {
				t.Fatal(err)
			}
			w.Ops = append(w.Ops, mutantOp{o.now, o.cost, d})
		}
		work = append(work, w)
	}
	return work
}

// runMutants makes a contract of the mutants, generates from it in a module of its own,
// and runs it.
func runMutants(t *testing.T, mutants []mutant, work map[string][]mutantTimeline) map[string]mutantVerdict {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	read := func(path string) string {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var entries []any
	var reply []string
	argv := map[string][]string{}
	for _, d := range strategy.All() {
		argv[d.Name], reply = d.Argv, d.Reply
	}
	for _, m := range mutants {
		write("contract/scripts/"+m.name+".lua", m.source)
		entries = append(entries, map[string]any{"name": m.name, "strategy": m.name, "role": "check", "file": m.name + ".lua",
			"keys": []string{"key"}, "argv": argv[m.kind], "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(m.source)))})
	}
	manifest, err := json.Marshal(map[string]any{"contractVersion": "1", "generatedFrom": "mutants@1", "frozen": false,
		"nowArgv": "the instant", "replyTuple": reply, "scripts": entries})
	if err != nil {
		t.Fatal(err)
	}
	write("contract/manifest.json", string(manifest))
	const sdk = "github.com/throttlekit/throttlekit-go"
	write("go.mod", fmt.Sprintf("module example.test/mutants\n\ngo 1.25.0\n\nrequire %s v0.0.0\n\nreplace %s => %q\n", sdk, sdk, root))
	write("go.sum", read(filepath.Join(root, "go.sum")))
	write("main.go", read("testdata/mutants/main.go.txt"))
	command := func(in string, name string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if name == "go" && args[0] == "-C" {
			cmd.Dir = root
		}
		cmd.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off")
		cmd.Stdin = strings.NewReader(in)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, said.String())
		}
		return out
	}
	command("", "go", "-C", root, "run", "./luagen", "-contract", filepath.Join(dir, "contract"), "-out", filepath.Join(dir, "strategy"))
	command("", "go", "build", "-mod=mod", "-o", "run.exe", ".")
	input, err := json.Marshal(work)
	if err != nil {
		t.Fatal(err)
	}
	var verdicts map[string]mutantVerdict
	if err := json.Unmarshal(command(string(input), filepath.Join(dir, "run.exe"), redistest.Start(t)), &verdicts); err != nil {
		t.Fatal(err)
	}
	return verdicts
}

// unnoticed names a mutant by what was changed.
type unnoticed struct{ kind, line, change string }

const (
	serverClock = "only a check without an instant of its own asks the server's clock"
	// Where a window's start is rounded onto its own end a key lives for a millisecond.
	// A random timeline may notice that it does not; as a vector it could not be replayed
	// but with luck.
	expiry = "a replay takes every expiry back; TestNativeExpiry holds both forms to the same one"
)

// unnoticedMutants are those that no timeline can notice, with the reason.
var unnoticedMutants = append([]listed{
	{unnoticed{"fixedWindow", "redis.call('PEXPIRE', key, math.max(1, math.ceil(windowEnd - now)))", "- to +, 1"}, expiry},
	{unnoticed{"fixedWindow", "redis.call('PEXPIRE', key, math.max(1, math.ceil(windowEnd - now)))", "max( to min(, 1"}, expiry},
	{unnoticed{"fixedWindow", "redis.call('PEXPIRE', key, math.max(1, math.ceil(windowEnd - now)))", "ceil( to floor(, 2"}, expiry},
	{unnoticed{"gcra", "redis.call('SET', key, nextDrained, 'PX', math.max(1, math.ceil(nextDrained - now)))", "- to +, 1"}, expiry},
	{unnoticed{"gcra", "redis.call('SET', key, nextDrained, 'PX', math.max(1, math.ceil(nextDrained - now)))", "ceil( to floor(, 2"}, expiry},
	{unnoticed{"slidingWindow", "redis.call('PEXPIRE', key, math.ceil(windowMs + width))", "ceil( to floor(, 1"}, expiry},
	{unnoticed{"slidingWindowLog", "redis.call('PEXPIRE', key, math.max(1, math.ceil(windowMs)))", "max( to min(, 1"}, expiry},
	{unnoticed{"slidingWindowLog", "redis.call('PEXPIRE', key, math.max(1, math.ceil(windowMs)))", "ceil( to floor(, 2"}, expiry},
	{unnoticed{"tokenBucket", "redis.call('PEXPIRE', key, math.max(1, math.ceil(capacity / perMs)))", "max( to min(, 1"}, expiry},
	{unnoticed{"tokenBucket", "redis.call('PEXPIRE', key, math.max(1, math.ceil(capacity / perMs)))", "ceil( to floor(, 2"}, expiry},

	{unnoticed{"slidingWindow", "if leaving > 0 and over <= fading then", "> to >=, 1"},
		"where nothing is leaving nothing fades, and over is above 0: the second test fails"},
	{unnoticed{"slidingWindowLog", "if leaving > 1 then", "> to >=, 1"},
		"the last of one that leaves is the oldest, read again"},
	{unnoticed{"slidingWindowLog", "if #batch == 1000 or i == units then", "== to ~=, 1"},
		"the same units go in by smaller batches"},
	{unnoticed{"slidingWindowLog", "if count > 0 then", "> to >=, 1"},
		"the oldest of a log that was empty is the unit just added, at now"},
	{unnoticed{"tokenBucket", "local tokens = state[1] and tonumber(state[1]) or capacity", "and to or, 1"},
		"a text of a number is as good as the number in the arithmetic that follows"},
	{unnoticed{"tokenBucket", "local last = state[2] and tonumber(state[2]) or now", "and to or, 1"},
		"a text of a number is as good as the number in the arithmetic that follows"},
}, serverClockMutants()...)

type listed struct {
	unnoticed
	reason string
}

func serverClockMutants() (list []listed) {
	for _, d := range strategy.All() {
		for _, change := range []string{"* to /, 1", "+ to -, 2", "/ to *, 3", "floor( to ceil(, 1"} {
			const line = "now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)"
			list = append(list, listed{unnoticed{d.Name, line, change}, serverClock})
		}
	}
	return list
}
