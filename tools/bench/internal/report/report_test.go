package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/report"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

var update = flag.Bool("update", false, "write the golden report anew")

// recorded is a part of the output of a run, and of another in the process.
func recorded(t *testing.T) *results.Results {
	t.Helper()
	raw, err := os.Open(filepath.Join("testdata", "results.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	r, err := results.Read(raw, "results.txt")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMarkdown(t *testing.T) {
	var got bytes.Buffer
	if err := report.Markdown(&got, recorded(t), "throughput.svg"); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "RESULTS.md")
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the report differs from %s; go test ./internal/report -update writes it anew. It is\n%s", golden, &got)
	}
}

// samples are a match of two contenders, a number for each round.
func samples(match, over, under, unit string, a, b []float64) *results.Results {
	r := new(results.Results)
	for i := range a {
		for name, v := range map[string]float64{over: a[i], under: b[i]} {
			r.Add(results.Cell{Match: match, Contender: name}, results.Sample{Checks: 1, Metrics: map[string]float64{unit: v}})
		}
	}
	return r
}

func TestGoals(t *testing.T) {
	ten := func(v float64) []float64 {
		values := make([]float64, 10)
		for i := range values {
			values[i] = v * (1 + float64(i)/1000)
		}
		return values
	}
	for _, row := range []struct {
		name string
		r    *results.Results
		goal string // how its line begins
		want []string
	}{
		{"just enough is met", samples("Check/goroutines=64", "fused", "redigo", results.Rate, []float64{200, 90, 300}, []float64{100, 50, 100}),
			"Check, 64 goroutines fused ÷ redigo checks", []string{"2.00 (1.80–3.00)", "met"}},
		{"a little less is not", samples("Check/goroutines=64", "fused", "redigo", results.Rate, []float64{199.9}, []float64{100}),
			"Check, 64 goroutines fused ÷ redigo checks", []string{"2.00 (2.00–2.00)", "not met"}},
		{"a p99 that is no better is not below", samples("Check/goroutines=64", "fused", "rueidis", results.P99, []float64{7}, []float64{7}),
			"Check, 64 goroutines fused ÷ rueidis p99", []string{"1.00 (1.00–1.00)", "not met"}},
		{"a latency five per cent longer is within", samples("Lone/context=watched", "fused", "redigo", results.PerCheck, ten(105), ten(100)),
			"Lone, context watched fused", []string{"1.05; benchstat: +5.00% (p=0.000 n=10)", "met"}},
		{"one six per cent longer is beyond", samples("Lone/context=watched", "fused", "redigo", results.PerCheck, ten(106), ten(100)),
			"Lone, context watched fused", []string{"1.06; benchstat: +6.00% (p=0.000 n=10)", "not met"}},
		{"half as long again is within", samples("Local/goroutines=64", "local-gcra", "x-time-rate", results.PerCheck, []float64{150, 149, 160}, []float64{100, 100, 100}),
			"Local, 64 goroutines local-gcra ÷ x-time-rate time a check", []string{"1.50 (1.49–1.60)", "met"}},
		{"as fast is not faster", samples("Local/goroutines=64", "local-gcra", "ulule-memory", results.Rate, []float64{5e6}, []float64{5e6}),
			"Local, 64 goroutines local-gcra ÷ ulule-memory checks a second", []string{"1.00 (1.00–1.00)", "not met"}},
		{"a time by itself is held against a time", samples("Local/goroutines=1", "local-token-bucket", "local-gcra", results.PerCheck, []float64{169}, []float64{170}),
			"Local, 1 goroutine local-token-bucket time a check at most 169 ns", []string{"169 ns (169 ns–169 ns)", "met"}},
		{"and is not within when it is longer", samples("Local/goroutines=1", "local-token-bucket", "local-gcra", results.PerCheck, []float64{169}, []float64{170}),
			"Local, 1 goroutine local-gcra time a check at most 169 ns", []string{"170 ns (170 ns–170 ns)", "not met"}},
		{"what grows with its parameters has longer", samples("Local/goroutines=1", "local-sliding-window", "local-sliding-window-log", results.PerCheck, []float64{401}, []float64{999}),
			"Local, 1 goroutine local-sliding-window time a check at most 400 ns", []string{"401 ns (401 ns–401 ns)", "not met"}},
		{"and what remembers each unit the longest", samples("Local/goroutines=1", "local-sliding-window", "local-sliding-window-log", results.PerCheck, []float64{401}, []float64{999}),
			"Local, 1 goroutine local-sliding-window-log time a check at most 1.00 µs", []string{"999 ns (999 ns–999 ns)", "met"}},
		{"one allocation in a hundred checks is one too many", samples("Local/goroutines=1", "local-gcra", "x-time-rate", results.Allocs, []float64{0.01}, []float64{0}),
			"Local, 1 goroutine local-gcra allocations", []string{"0.01 (0.01–0.01)", "not met"}},
		{"what the runtime allocates in a second is not", samples("Local/goroutines=1", "local-gcra", "x-time-rate", results.Allocs, []float64{0.0004}, []float64{0}),
			"Local, 1 goroutine local-gcra allocations", []string{"0.00 (0.00–0.00)", "met"}},
		{"a stall of ten milliseconds is too long", samples("Memory/keys=10000000", "localdoor", "other", results.Longest, []float64{10e6}, []float64{1}),
			"Memory, 10000000 keys localdoor longest check below 10.0 ms", []string{"10.0 ms (10.0 ms–10.0 ms)", "not met"}},
		{"what was not measured is not said to hold", samples("Check/goroutines=64", "fused", "redigo", results.Rate, []float64{200}, []float64{100}),
			"Service, 512 goroutines servicedoor ÷", []string{"–", "not measured"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := report.Markdown(&got, row.r, ""); err != nil {
				t.Fatal(err)
			}
			var line []string
			for text := range strings.Lines(got.String()) {
				cells := strings.Split(strings.Trim(strings.TrimSpace(text), "|"), "|")
				for i := range cells {
					cells[i] = strings.TrimSpace(cells[i])
				}
				if strings.HasPrefix(strings.Join(cells, " "), row.goal) && len(cells) == 6 {
					line = cells
				}
			}
			if line == nil {
				t.Fatalf("no goal begins with %q:\n%s", row.goal, &got)
			}
			if line[4] != row.want[0] || line[5] != row.want[1] {
				t.Errorf("the goal says %q, want %q", line[4:], row.want)
			}
		})
	}
}

// TestPlot looks at what the picture says and where its strongest line goes.
func TestPlot(t *testing.T) {
	var svg bytes.Buffer
	if err := report.Plot(&svg, recorded(t)); err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]bool)
	var strongest []string // the path of the widest stroke
	width := 0.0
	d := xml.NewDecoder(&svg)
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.CharData:
			texts[strings.TrimSpace(string(token))] = true
		case xml.StartElement:
			attributes := make(map[string]string)
			for _, a := range token.Attr {
				attributes[a.Name.Local] = a.Value
			}
			_, rest, _ := strings.Cut(attributes["style"], "stroke-width:")
			value, _, _ := strings.Cut(rest, ";")
			if w, err := strconv.ParseFloat(value, 64); err == nil && w > width {
				width, strongest = w, strings.FieldsFunc(attributes["d"], func(r rune) bool { return r == 'M' || r == 'L' || r == ',' })
			}
		}
	}
	for _, want := range []string{"ThrottleKit, fused", "rueidis", "redis-benchmark-p16", "goroutines", "checks a second, median", "64", "512"} {
		if !texts[want] {
			t.Errorf("the picture does not say %q, but %v", want, texts)
		}
	}
	// Two matches make a line of two points, 64 at the left end and 512 at the right.
	if len(strongest) != 4 {
		t.Fatalf("the strongest line is %v, want two points", strongest)
	}
	left, _ := strconv.ParseFloat(strongest[0], 64)
	right, _ := strconv.ParseFloat(strongest[2], 64)
	if math.IsNaN(left) || left >= right {
		t.Errorf("the strongest line goes from %v to %v, want to the right", left, right)
	}
}

func TestPlotNeedsChecks(t *testing.T) {
	r := samples("Many/keys=10", "checkmany", "raw-many", results.Rate, []float64{1}, []float64{1})
	if err := report.Plot(io.Discard, r); !errors.Is(err, report.ErrNothingToPlot) {
		t.Errorf("the error is %v, want %v", err, report.ErrNothingToPlot)
	}
}
