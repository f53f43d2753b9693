// Package report is the table of what the scenarios gave.
package report

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Row is what one scenario gave.
type Row struct {
	Family, Scenario, Door, Fault string

	Checks            int64
	Admitted, Allowed int64 // units
	Unknown, Bound    int64 // checks
	Failed            int64
	Made              map[string]int64 // decisions, by who made them
	Longest, Deadline time.Duration
	Stall             time.Duration // how late the process itself was at most
	WhileDown         time.Duration // what 99 of 100 waited at most while the breakers were open
	Recovery          time.Duration // these two below 0 where there is none to see
}

// String is a row as a test logs it.
func (r Row) String() string {
	return fmt.Sprintf("%d checks, %d/%d admitted, %d/%d unknown, %d failed, made %s, waited %v/%v (stall %v), down %s, recovered %s",
		r.Checks, r.Admitted, r.Allowed, r.Unknown, r.Bound, r.Failed, r.made(), r.Longest, r.Deadline, r.Stall, r.whileDown(), r.recovery())
}

func (r Row) made() string {
	var parts []string
	for by, n := range r.Made {
		if by != "contract" {
			parts = append(parts, fmt.Sprintf("%d %s", n, by))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func (r Row) recovery() string {
	if r.Recovery < 0 {
		return "–"
	}
	return millis(r.Recovery)
}

func (r Row) whileDown() string {
	if r.WhileDown < 0 {
		return "–"
	}
	return fmt.Sprintf("%d µs", r.WhileDown.Microseconds())
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%d ms", (d + time.Millisecond/2).Milliseconds())
}

// Write writes the page to path.
func Write(path string, rows []*Row) error {
	var b bytes.Buffer
	b.WriteString(head)
	family := ""
	for _, r := range rows {
		if r.Family != family {
			family = r.Family
			fmt.Fprintf(&b, "\n## %s\n\n%s", titles[family], columns)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d / %d | %d / %d | %s | %d | %s / %s | %s | %s |\n",
			r.Scenario, r.Door, r.Fault, r.Checks, r.Admitted, r.Allowed, r.Unknown, r.Bound, r.made(), r.Failed,
			millis(r.Longest), millis(r.Deadline), r.whileDown(), r.recovery())
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}

// Listed is a scenario in one way of travelling.
type Listed struct{ Scenario, Door string }

// Scenarios reads from the page at path how often it lists which scenario.
func Scenarios(path string) (map[Listed]int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found := map[Listed]int{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) < 2 || strings.Contains(columns, line) {
			continue // no row, or the heading
		}
		found[Listed{strings.TrimPrefix(cells[0], "| "), cells[1]}]++
	}
	return found, nil
}

const columns = `| scenario | checks travel | fault | checks | admitted / allowed | unknown / bound | degraded | failed | longest wait / deadline | p99 while down | recovery |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
`

var titles = map[string]string{
	"process":  "The process of Redis",
	"data":     "What Redis holds and allows",
	"network":  "The way to Redis",
	"topology": "More than one Redis",
	"service":  "The service",
	"callers":  "The callers",
}

const head = `# What happens when things break

Each row is a scenario of the chaos suite: real processes, callers without a deadline of their own who check the same
keys without end, and a fault in the middle. The suite wrote this page, and would not have if anything had gone beyond
its bounds:

    task chaos

or, without task, ` + "`go -C tools/chaos test -count=1 -timeout 30m -full -write .`" + `. CI plays the same scenarios, shorter.

There are five limiters, one for each strategy, of such limits that nothing comes back while a scenario lasts. All of
them are guarded by ` + "`sdk/resilient`" + ` with its defaults, and fail each in its way: one open, one closed, one with an error, two
locally with the share of one of four replicas. A deadline of 5 s is for faults that no caller may notice, one of 250 ms
for the service, which is one process more.

- **checks travel** fused, which is the default of the Redis door (gathered, on the service door), or alone.
- **admitted / allowed** counts units. A limit holds for one state of Redis: a restart with nothing saved, a flush or a
  failover that may have lost writes begins a new one, with whole limits. For every key and every run of states, no more
  was admitted than these states allow; and Redis held no less than what was admitted, and no more than that and the
  unknown: nothing was sent twice.
- **unknown / bound** counts checks that failed with MayHaveConsumed. A fault may leave unknown what was under way: fused
  checks share two scripts of at most 256, single ones 64 connections, and neither is more than there are callers. A
  server that goes silent takes what comes until the breakers open as well, and then their single tries. Where no
  breaker opens, since callers give up too early, single checks are lost anew at every deadline. To cancel a check is a
  fault of its own.
- **degraded** counts decisions that the contract did not make, by who did.
- **failed** counts errors that reached a caller: of the limiter that fails so, or of a caller who cancelled.
- **longest wait / deadline** is the worst that a single caller met, on a machine that was busy with all this as well. It
  is held to the deadline, 10 ms, and what the process itself was late meanwhile.
- **p99 while down** is what 99 of 100 callers waited at most while the breakers were open. It is held to 1 ms.
- **recovery** is from the end of the fault to the end of the last check that failed or was degraded. It is held to 1 s.

After each scenario no goroutine and no connection was left, and no key had come into a log.
`
