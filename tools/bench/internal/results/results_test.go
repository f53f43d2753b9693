package results_test

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

func TestSpread(t *testing.T) {
	for _, row := range []struct {
		name   string
		values []float64
		want   results.Spread
		ok     bool
	}{
		{"none has no median", nil, results.Spread{}, false},
		{"one is all three", []float64{7}, results.Spread{Median: 7, Min: 7, Max: 7}, true},
		{"odd takes the middle one", []float64{9, 1, 5}, results.Spread{Median: 5, Min: 1, Max: 9}, true},
		{"even takes what is between the middle two", []float64{8, 1, 2, 4}, results.Spread{Median: 3, Min: 1, Max: 8}, true},
		{"an outlier moves the maximum alone", []float64{10, 11, 12, 13, 900}, results.Spread{Median: 12, Min: 10, Max: 900}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := results.SpreadOf(row.values)
			if got != row.want || ok != row.ok {
				t.Errorf("got %+v, %v, want %+v, %v", got, ok, row.want, row.ok)
			}
		})
	}
}

var (
	ours  = results.Cell{Match: "Check/goroutines=64", Contender: "fused"}
	peers = results.Cell{Match: "Check/goroutines=64", Contender: "redis-benchmark-p16"}
)

// measured has the rates, of which NaN would be one that was not measured.
func measured(rates map[results.Cell][]float64) *results.Results {
	r := new(results.Results)
	for _, cell := range []results.Cell{ours, peers} {
		for _, rate := range rates[cell] {
			r.Add(cell, results.Sample{Checks: 1, Metrics: map[string]float64{results.Rate: rate}})
		}
	}
	return r
}

func TestRatio(t *testing.T) {
	for _, row := range []struct {
		name        string
		over, under []float64
		want        results.Spread
		ok          bool
	}{
		{"a slow round cancels out, as in the medians' quotient of 2.5 it does not",
			[]float64{200, 20, 250}, []float64{100, 10, 80}, results.Spread{Median: 2, Min: 2, Max: 3.125}, true},
		{"a round that one of the two has not finished does not count",
			[]float64{300, 200}, []float64{100}, results.Spread{Median: 3, Min: 3, Max: 3}, true},
		{"nothing divides by a contender that was left out", []float64{300}, nil, results.Spread{}, false},
		{"nothing divides by zero", []float64{300}, []float64{0}, results.Spread{}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := measured(map[results.Cell][]float64{ours: row.over, peers: row.under})
			got, ok := r.Ratio(ours, peers, results.Rate)
			if got != row.want || ok != row.ok {
				t.Errorf("got %+v, %v, want %+v, %v", got, ok, row.want, row.ok)
			}
		})
	}
}

func TestMetricNeedsEveryRound(t *testing.T) {
	r := measured(map[results.Cell][]float64{ours: {1, 2}})
	r.Add(ours, results.Sample{Checks: 1})
	if got := r.Metric(ours, results.Rate); got != nil {
		t.Errorf("a metric that one of three rounds lacks is %v, want none: its rounds would be taken for others", got)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	facts := []results.Fact{{Key: "cpu", Value: "Some CPU 3.1 GHz"}, {Key: "peers", Value: "github.com/redis/rueidis v1.0.79"}}
	samples := []struct {
		cell results.Cell
		s    results.Sample
	}{
		{ours, results.Sample{Checks: 131072, Metrics: map[string]float64{
			results.PerCheck: 7629.39, results.P50: 480767, results.P99: 1.9e6, results.Allocs: 2.01, results.Rate: 131072, results.Admitted: 0.5}}},
		{peers, results.Sample{Checks: 20000, Metrics: map[string]float64{results.Rate: 111111}}},
		{ours, results.Sample{Checks: 1, Metrics: map[string]float64{results.Rate: 1}}},
	}
	var file bytes.Buffer
	w := results.NewWriter(&file, 2, facts)
	want := &results.Results{Facts: facts}
	for _, x := range samples {
		want.Add(x.cell, x.s)
		if err := w.Write(x.cell, x.s); err != nil {
			t.Fatal(err)
		}
	}
	got, err := results.Read(bytes.NewReader(file.Bytes()), "file")
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v; the file is\n%s", got, want, &file)
	}
	if line := "BenchmarkCheck/goroutines=64/contender=fused-2 131072 7629.39 ns/op "; !strings.Contains(file.String(), line) {
		t.Errorf("the file has no line that begins with %q:\n%s", line, &file)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, row := range []struct{ name, file, complaint string }{
		{"another program's benchmark", "BenchmarkSort-2 100 5 ns/op\n", `"Sort-2" is none of this command`},
		{"a line that was cut", "BenchmarkCheck/contender=fused-2 100 5\n", "missing unit"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := results.Read(strings.NewReader(row.file), "file"); err == nil || !strings.Contains(err.Error(), row.complaint) {
				t.Errorf("the error is %v, want one that says %q", err, row.complaint)
			}
		})
	}
}
