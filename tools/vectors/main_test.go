package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/tools/vectors/internal/oracle"
	"github.com/throttlekit/throttlekit-go/tools/vectors/vectorfile"
)

const vendored = "../../contract/golden-vectors.json"

// TestVendoredFileIsOurs finds drift between the timelines and the file. A file that was
// synced from elsewhere is not ours to check.
func TestVendoredFileIsOurs(t *testing.T) {
	data, err := os.ReadFile(vendored)
	if err != nil {
		t.Fatal(err)
	}
	file, err := vectorfile.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(file.GeneratedFrom, "throttlekit-go@") {
		t.Skipf("golden-vectors.json comes from %s", file.GeneratedFrom)
	}
	want, err := encoded()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, want) {
		t.Error("contract/golden-vectors.json is not what the timelines give; to mend it: go run ./tools/vectors")
	}
}

// TestTimelines holds the timelines to the rules of a vector file and to our own.
func TestTimelines(t *testing.T) {
	if n := len(rateLimits()); n < 40 {
		t.Errorf("%d rateLimit suites, want at least 40", n)
	}
	names, worked := map[string]bool{}, map[string]int{}
	reason := func(name, why string) {
		if names[name] {
			t.Errorf("%s: two suites of that name", name)
		}
		names[name] = true
		if why == "" {
			t.Errorf("%s: no reason given", name)
		}
	}
	for _, line := range rateLimits() {
		reason(line.name, line.why)
		if !strings.HasPrefix(line.name, line.kind+"/") {
			t.Errorf("%s: the name does not begin with %s/", line.name, line.kind)
		}
		if len(line.ops) == 0 {
			t.Errorf("%s: no ops", line.name)
		}
		for i, o := range line.ops {
			if o.now == 0 {
				t.Errorf("%s: op %d is at now 0, which is the server's clock on the wire", line.name, i)
			}
		}
		if line.handWorked() {
			worked[line.kind]++
		}
	}
	for _, kind := range oracle.Kinds() {
		if worked[kind] < 3 {
			t.Errorf("%s: %d suites worked out by hand, want at least 3", kind, worked[kind])
		}
	}
	for _, b := range tokenBudgets {
		reason(b.name, b.why)
	}
	for _, l := range leases {
		reason(l.name, l.why)
	}
}

// A reply that was worked out by hand must be able to fail, or it proves nothing.
func TestHandAndOracleMustAgree(t *testing.T) {
	right := gcraTimelines[0]
	wrong := right
	wrong.ops = append([]op{}, right.ops...)
	wrong.ops[2] = at(1000, 1).allow(5, 2, 1301)
	if _, err := right.suite(); err != nil {
		t.Errorf("a right hand: %v", err)
	}
	_, err := wrong.suite()
	if err == nil {
		t.Fatal("a wrong hand: no error")
	}
	for _, part := range []string{wrong.name, "op 2", "1301", "1300"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}

	wrongBudget := tokenBudget("b", "", 1, 1000, at(1000, 1).allow(1, 1, 2000))
	if _, err := wrongBudget.suite(); err == nil {
		t.Error("a wrong hand for a debit: no error")
	}
	for _, events := range [][]vectorfile.Event{
		{short(1000, 1), spend(1000, 1, 5, 4, 2000)},
		{grant(1, 2000), short(1000, 1)},
		{grant(1, 2000), spend(1000, 1, 5, 1, 2000)},
	} {
		if _, err := (lease{spender: coupled(5, 0), events: events}).suite(); err == nil {
			t.Errorf("a wrong hand for %v: no error", events)
		}
	}
}

func TestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "vectors.json")
	mend := "go run ./tools/vectors -out " + out

	if err := run(out, true, nil); err == nil || !strings.Contains(err.Error(), mend) {
		t.Errorf("checking a file that is not there: error %v, want one that names %q", err, mend)
	}
	if err := run(out, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := run(out, true, nil); err != nil {
		t.Errorf("checking what was just written: %v", err)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, bytes.Replace(data, []byte("1100"), []byte("1101"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := run(out, true, nil); err == nil || !strings.Contains(err.Error(), mend) {
		t.Errorf("checking an altered file: error %v, want one that names %q", err, mend)
	}
	if err := run(out, true, []string{"x"}); err == nil {
		t.Error("a stray argument: no error")
	}
}
