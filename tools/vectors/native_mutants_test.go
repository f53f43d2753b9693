package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	throttlekit "github.com/throttlekit/throttlekit-go/sdk"
	"github.com/throttlekit/throttlekit-go/sdk/script"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

var mutantTimelines = flag.Int("mutanttimelines", 60, "random timelines per strategy in TestMutants")

// mutant is a check script with one operator changed, or with none.
type mutant struct {
	unnoticed
	name   string // of its strategy
	source string
}

// unnoticed names a mutant by what was changed.
type unnoticed struct {
	kind   string // the strategy that it was made from
	line   string // the line that was changed, as it was
	change string // what was changed, and which of several
}

// changes are what one operator may become.
var changes = []struct {
	found *regexp.Regexp
	to    map[string]string
}{
	{regexp.MustCompile(`<=|>=|<|>|==|~=`), map[string]string{"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "~=", "~=": "=="}},
	{regexp.MustCompile(`<=|>=|<|>`), map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}},
	{regexp.MustCompile(` [-+*/%] `), map[string]string{" + ": " - ", " - ": " + ", " * ": " / ", " / ": " * ", " % ": " / "}},
	// To full names: a script has short ones for nothing but what it calls itself.
	{regexp.MustCompile(`\b(math\.)?(floor|ceil|max|min)\(`), map[string]string{
		"floor(": "math.ceil(", "ceil(": "math.floor(", "math.floor(": "math.ceil(", "math.ceil(": "math.floor(",
		"max(": "math.min(", "min(": "math.max(", "math.max(": "math.min(", "math.min(": "math.max("}},
	{regexp.MustCompile(` (and|or) `), map[string]string{" and ": " or ", " or ": " and "}},
}

// mutantsOf changes each operator of a script in turn.
func mutantsOf(d *script.Definition) []mutant {
	mutants := []mutant{{unnoticed{kind: d.Name}, d.Name + "Same", d.Check.Source}}
	lines := strings.Split(d.Check.Source, "\n")
	for i, line := range lines {
		code, _, _ := strings.Cut(line, "--")
		for _, c := range changes {
			for k, at := range c.found.FindAllStringIndex(code, -1) {
				op := code[at[0]:at[1]]
				changed := slices.Clone(lines)
				changed[i] = line[:at[0]] + c.to[op] + line[at[1]:]
				change := fmt.Sprintf("%s to %s, %d", strings.TrimSpace(op), strings.TrimSpace(c.to[op]), k+1)
				mutants = append(mutants, mutant{
					unnoticed{d.Name, strings.TrimSpace(code), change},
					fmt.Sprintf("%s%03d", d.Name, len(mutants)), strings.Join(changed, "\n"),
				})
			}
		}
	}
	return mutants
}

// mutantWork and what it is made of are what testdata/mutants/main.go.txt reads.
type mutantWork struct {
	Kinds     map[string]string // by mutant
	Timelines map[string][]mutantTimeline
}

type mutantTimeline struct {
	Name, Group string
	Micros      int
	Options     map[string]float64
	Ops         []mutantOp
}

type mutantOp struct {
	Clock     int64
	Now, Cost float64
	Want      mutantEffect
}

type mutantEffect struct {
	throttlekit.Decision
	Lifetime int64
}

// mutantVerdict counts the timelines that notice a mutant, by group.
type mutantVerdict struct {
	NotLocal          string
	Lua, Go, LuaAlone map[string]int
	Difference        string
}

// The groups of timelines. Those of the server's clock run twice: by one of whole
// milliseconds, as a process has, and by one that is finer, as Redis has. Where no reply
// of a timeline is another one, but the lifetime of its key is, that is a group as well.
const (
	byVector   = "vector"
	byTimeline = "random timeline"
	byClock    = "server's clock"
)

// TestMutants changes one operator of a script at a time, generates from all that came
// of it, and runs vectors and random timelines through both forms. Both must answer
// alike, and the vectors must catch every change of a reply. What shows in nothing but
// the lifetime of a key or a check by the server's clock is noticed by this test alone;
// what nothing can notice is listed, with the reason.
func TestMutants(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module")
	}
	var mutants []mutant
	work := mutantWork{map[string]string{}, map[string][]mutantTimeline{}}
	for _, kind := range strategies(t) {
		for _, d := range strategy.All() {
			if d.Name == kind && d.Local != nil {
				work.Timelines[kind] = mutantTimelinesOf(t, kind)
				mutants = append(mutants, mutantsOf(d)...)
			}
		}
	}
	for _, m := range mutants {
		work.Kinds[m.name] = m.kind
	}
	verdicts := runMutants(t, mutants, work)

	reasons := map[unnoticed]string{}
	for _, class := range unnoticedMutants {
		for _, m := range class.mutants {
			reasons[m] = class.reason
		}
	}
	caught, beside, same, outside := 0, 0, 0, 0
	for _, m := range mutants {
		v := verdicts[m.name]
		what := fmt.Sprintf("%s: %s: %s", m.kind, m.line, m.change)
		if v.Difference != "" {
			t.Errorf("%s: the two forms differ: %s", what, v.Difference)
		}
		if v.NotLocal != "" {
			outside++
		} else if !maps.Equal(v.Lua, v.Go) {
			t.Errorf("%s: noticed in Lua by %v, in Go by %v", what, v.Lua, v.Go)
		}
		noticed := len(v.Lua)+len(v.LuaAlone) > 0
		reason := reasons[m.unnoticed]
		delete(reasons, m.unnoticed)
		switch {
		case m.change == "":
			if noticed || v.NotLocal != "" {
				t.Errorf("%s as it is: is noticed by %v %v; not local: %q", m.kind, v.Lua, v.LuaAlone, v.NotLocal)
			}
		case noticed && reason != "":
			t.Errorf("%s: is listed as unnoticed, and it is noticed by %v %v", what, v.Lua, v.LuaAlone)
		case v.Lua[byVector] > 0:
			caught++
		case v.Lua[byTimeline] > 0:
			t.Errorf("%s: %d random timelines notice it, and no vector does", what, v.Lua[byTimeline])
		case noticed:
			beside++
		case reason != "":
			same++
		default:
			t.Errorf("%s: nothing notices it; give the reason in unnoticedMutants, or a vector that does", what)
		}
	}
	for id := range reasons {
		t.Errorf("%+v is listed as unnoticed, and there is no such mutant", id)
	}
	t.Logf("%d mutants: vectors catch %d, %d show in nothing but a lifetime or by the server's clock, nothing can notice %d; "+
		"%d of all are outside the subset, and were judged in Lua",
		len(mutants)-len(work.Timelines), caught, beside, same, outside)
}

// mutantTimelinesOf lists the vectors of a strategy and random timelines, with what the
// unchanged script comes to.
func mutantTimelinesOf(t *testing.T, kind string) (work []mutantTimeline) {
	data, err := os.ReadFile(vendored)
	if err != nil {
		t.Fatal(err)
	}
	file, err := vectorfile.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	add := func(group, name string, options options, micros int, ops []mutantOp) {
		plan := nativePlan(t, kind, options)
		var state script.State
		for i, o := range ops {
			d, err := plan.CheckLocal(&state, o.Clock, o.Now, o.Cost)
			if err != nil {
				t.Fatal(err)
			}
			ops[i].Want = mutantEffect{d, lifetime(&state, o.Clock)}
			state.Persist()
		}
		work = append(work, mutantTimeline{name, group, micros, options, ops})
	}
	for _, suite := range file.Suites {
		if suite.Primitive == vectorfile.RateLimit && suite.Strategy.Kind == kind {
			var ops []mutantOp
			for _, o := range suite.Ops {
				ops = append(ops, mutantOp{Clock: stillClock, Now: o.Now + suite.Shift(), Cost: o.Cost})
			}
			add(byVector, suite.Name, suite.Strategy.Options, 0, ops)
		}
	}
	for i := range *mutantTimelines {
		line := newDraw(*seed, kind+" mutant", i).timeline(kind)
		var explicit, clock []mutantOp
		for _, o := range line.ops {
			explicit = append(explicit, mutantOp{Clock: stillClock, Now: o.now, Cost: o.cost})
			clock = append(clock, mutantOp{Clock: int64(o.now), Cost: o.cost})
		}
		name := fmt.Sprintf("timeline %d", i)
		add(byTimeline, name, line.options, 0, explicit)
		if i < 10 {
			add(byClock, name, line.options, 0, clock)
			add(byClock, name, line.options, 456, slices.Clone(clock))
		}
	}
	return work
}

// lifetime is what testdata/mutants/main.go.txt says it is.
func lifetime(s *script.State, clock int64) int64 {
	switch {
	case s.Empty():
		return -1
	case s.Expiry() == 0:
		return 0
	}
	return s.Expiry() - 1 - clock
}

// runMutants makes a contract of the mutants, generates from it in a module of its own,
// and runs it.
func runMutants(t *testing.T, mutants []mutant, work mutantWork) map[string]mutantVerdict {
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

// unnoticedMutants are those that nothing can notice, by the reason.
var unnoticedMutants = []struct {
	reason  string
	mutants []unnoticed
}{
	{"where the two that are compared are equal, so is what is chosen between", []unnoticed{
		{"gcra", "if now > drained then", "> to >=, 1"},
		{"gcra", "return {0, burst, remaining > 0 and remaining or 0, ceil(drained), ceil(admittedFrom - now)}", "> to >=, 1"},
		{"gcra", "redis.call('SET', key, nextDrained, 'PX', lifetime > 1 and lifetime or 1)", "> to >=, 1"},
		{"gcra", "return {1, burst, remaining > 0 and remaining or 0, ceil(nextDrained), 0}", "> to >=, 1"},
		{"slidingWindow", "elapsed = elapsed > 0 and elapsed or 0", "> to >=, 1"},
		{"slidingWindow", "share = share < 1 and share or 1", "< to <=, 1"},
		{"slidingWindow", "share = share > 0 and share or 0", "> to >=, 1"},
		{"slidingWindow", "return {0, limit, remaining > 0 and remaining or 0, resetAt, retryAfter > 1 and retryAfter or 1}", "> to >=, 1"},
		{"slidingWindow", "return {0, limit, remaining > 0 and remaining or 0, resetAt, retryAfter > 1 and retryAfter or 1}", "> to >=, 2"},
		{"slidingWindow", "return {1, limit, remaining > 0 and remaining or 0, resetAt, 0}", "> to >=, 1"},
		{"slidingWindowLog", "remaining = remaining > 0 and remaining or 0", "> to >=, 1"},
		{"slidingWindowLog", "leaving = leaving > 1 and leaving or 1", "> to >=, 1"},
		{"slidingWindowLog", "leaving = leaving < count and leaving or count", "< to <=, 1"},
		{"slidingWindowLog", "return {0, limit, remaining, ceil(oldest + windowMs), retryAfter > 1 and retryAfter or 1}", "> to >=, 1"},
		{"slidingWindowLog", "call('PEXPIRE', key, lifetime > 1 and lifetime or 1)", "> to >=, 1"},
		{"slidingWindowLog", "return {1, limit, remaining > 0 and remaining or 0, ceil(oldest + windowMs), 0}", "> to >=, 1"},
		{"tokenBucket", "local elapsed = now > last and now - last or 0", "> to >=, 1"},
		{"tokenBucket", "tokens = tokens < capacity and tokens or capacity", "< to <=, 1"},
		{"tokenBucket", "return {0, capacity, remaining > 0 and remaining or 0,", "> to >=, 1"},
		{"tokenBucket", "redis.call('PEXPIRE', key, lifetime > 1 and lifetime or 1)", "> to >=, 1"},
		{"tokenBucket", "return {1, capacity, remaining > 0 and remaining or 0, now + ceil((capacity - left) / perMs), 0}", "> to >=, 1"},
	}},
	{"where nothing is leaving nothing fades, and over is above 0: the second test fails", []unnoticed{
		{"slidingWindow", "if leaving > 0 and over <= fading then", "> to >=, 1"},
	}},
	{"the last of one that leaves is the oldest, read again", []unnoticed{
		{"slidingWindowLog", "if leaving > 1 then", "> to >=, 1"},
	}},
	{"of a range that goes on nothing but the first is used", []unnoticed{
		{"slidingWindowLog", "last = tonumber(call('ZRANGE', key, leaving - 1, leaving - 1, 'WITHSCORES')[2])", "- to +, 2"},
	}},
	{"the same units go in by smaller batches", []unnoticed{
		{"slidingWindowLog", "if size == 1000 or i == units then", "== to ~=, 1"},
	}},
	{"the oldest of a log that was empty is the unit just added, at now", []unnoticed{
		{"slidingWindowLog", "if count > 0 then", "> to >=, 1"},
	}},
	{"a text of a number is as good as the number in the arithmetic that follows", []unnoticed{
		{"tokenBucket", "local tokens = state[1] and tonumber(state[1]) or capacity", "and to or, 1"},
	}},
}
