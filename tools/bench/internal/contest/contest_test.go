package contest

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/throttlekit/throttlekit-go/gen/strategy"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/load"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/needs"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

func TestEveryStrategyHasAnOrdinaryLimit(t *testing.T) {
	for _, d := range strategy.All() {
		plan, err := ordinary(d)
		if err != nil {
			t.Errorf("%s: %v", d.Name, err)
			continue
		}
		if limit, _ := plan.Value(d.ReportedLimit); limit != 100 {
			t.Errorf("%s: the limit is %v, want 100", d.Name, limit)
		}
	}
}

func TestNamesAreUnique(t *testing.T) {
	about := make(map[string]string)
	seen := make(map[results.Cell]bool)
	for _, m := range All() {
		for _, c := range m.Contenders {
			cell := results.Cell{Match: m.Name, Contender: c.Name}
			if seen[cell] {
				t.Errorf("%v is there twice", cell)
			}
			seen[cell] = true
			if c.About == "" || about[c.Name] != "" && about[c.Name] != c.About {
				t.Errorf("%s is %q in %s, and elsewhere %q", c.Name, c.About, m.Name, about[c.Name])
			}
			about[c.Name] = c.About
			if c.Name != strings.ToLower(c.Name) {
				t.Errorf("%s is not all lower case: what is said about it would not be read from the results", c.Name)
			}
		}
	}
}

func TestChosen(t *testing.T) {
	for _, row := range []struct {
		name, only string
		want       int
	}{
		{"no pattern lets everybody in", "", 11},
		{"a contender, and not those whose names end alike", "/fused$", 1},
		{"a match", "^Check/goroutines=64/", 11},
		{"another match", "^Check/goroutines=6/", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := Run{Only: regexp.MustCompile(row.only)}
			m := checkMatches()[2]
			if got := len(r.chosen(m)); got != row.want {
				t.Errorf("%d contenders of %s, want %d", got, m.Name, row.want)
			}
		})
	}
}

func TestTheFirstTakesTurns(t *testing.T) {
	needs.Redis(t)
	server, err := NewArena(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}()
	note := func(name string) Contender {
		return Contender{Name: name, measure: func(context.Context, *Arena, load.Load) (results.Sample, error) {
			return results.Sample{Checks: 1}, nil
		}}
	}
	var order []string
	r := Run{
		Matches: []Match{{Name: "M", Contenders: []Contender{note("a"), note("b"), note("c")}, repeats: 2}},
		Rounds:  2,
		Add: func(c results.Cell, _ results.Sample) error {
			order = append(order, c.Contender)
			return nil
		},
	}
	if err := r.Hold(t.Context(), server); err != nil {
		t.Fatal(err)
	}
	want := []string{"a", "b", "c", "b", "c", "a", "c", "a", "b", "a", "b", "c"}
	if !slices.Equal(order, want) || r.Samples() != len(want) {
		t.Errorf("%d samples in the order %v, want %v", r.Samples(), order, want)
	}
}

func TestParseBenchmark(t *testing.T) {
	// As redis-benchmark 7.0.15 prints it.
	const out = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"EVALSHA ed55c1d21dd4a250b9366fa21e55289fb7d09b4d 1 bench:__rand_int__ 0 60000 1 1000000 1","111111.11","8.763","0.968","8.711","10.895","12.503","13.359"
`
	s, err := parseBenchmark(out, 20000)
	if err != nil {
		t.Fatal(err)
	}
	m := s.Metrics
	if s.Checks != 20000 || m[results.Rate] != 111111.11 || m[results.P50] != 8.711e6 || m[results.P99] != 12.503e6 {
		t.Errorf("got %+v", s)
	}
	for name, out := range map[string]string{"nothing": "", "no percentile": "\"test\",\"rps\"\n\"x\",\"1\"\n", "words": "Could not connect\n"} {
		if s, err := parseBenchmark(out, 1); err == nil {
			t.Errorf("%s is read as %+v, want an error", name, s)
		}
	}
}
