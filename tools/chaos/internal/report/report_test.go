package report_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throttlekit/throttlekit-go/tools/chaos/internal/report"
)

func TestTheTableCanBeReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "failures.md")
	row := report.Row{
		Family: "process", Scenario: "Redis is killed", Door: "fused", Fault: "SIGKILL",
		Checks: 100, Admitted: 40, Allowed: 60, Unknown: 2, Bound: 64, Failed: 7,
		Made:    map[string]int64{"contract": 80, "open": 12, "local": 1},
		Longest: 12 * time.Millisecond, Deadline: 50 * time.Millisecond, Recovery: 1499 * time.Microsecond,
		WhileDown: 35 * time.Microsecond,
	}
	alone := row
	alone.Door, alone.Recovery, alone.WhileDown = "alone", -1, -1
	if err := report.Write(path, []*report.Row{&row, &alone}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| Redis is killed | fused | SIGKILL | 100 | 40 / 60 | 2 / 64 | 1 local, 12 open | 7 | 12 ms / 50 ms | 35 µs | 1 ms |\n",
		"| Redis is killed | alone | SIGKILL | 100 | 40 / 60 | 2 / 64 | 1 local, 12 open | 7 | 12 ms / 50 ms | – | – |\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
	listed, err := report.Scenarios(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, door := range []string{"fused", "alone"} {
		if n := listed[report.Listed{Scenario: "Redis is killed", Door: door}]; n != 1 {
			t.Errorf("the scenario is listed %d times as %s, want once: %v", n, door, listed)
		}
	}
	if len(listed) != 2 {
		t.Errorf("read %v, want the two rows and no heading", listed)
	}
}
