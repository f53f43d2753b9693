// Package report makes what people read from the results of a run, and from nothing else.
package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/contest"
	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// section is the part of the report about the matches of one family.
type section struct {
	family  string // the first part of a match's name
	title   string
	says    string
	ours    string // the contender that the others are held against, if any
	apart   bool   // a table for each match rather than one for all
	columns []column
}

// column is one of a section's tables.
type column struct {
	title  string
	unit   string
	format func(float64) string
	ranged bool // with the least and the greatest
}

var (
	rate      = column{"checks/s", results.Rate, thousands, true}
	allocated = column{"allocs/check", results.Allocs, allocations, false}
	admitted  = column{"admitted", results.Admitted, percent, false}

	// calls are of calls that wait for somebody.
	calls = []column{rate, {"p50", results.P50, latency, false}, {"p99", results.P99, latency, false}, allocated, admitted}

	// instants are of calls that wait for nobody, and take so little that to time one
	// would tell of the clock.
	instants = []column{rate, {"time/check", results.PerCheck, latency, true}, allocated, admitted}

	// memory is of calls of which each remembers one key more.
	memory = []column{
		{"time/check", results.PerCheck, latency, true}, {"bytes/key", results.PerKey, whole, true},
		{"longest check", results.Longest, latency, true}, {"the machine's longest", results.Machine, latency, true},
	}
)

var sections = []section{
	{"Check", "Single checks", "Each goroutine checks one random key of 1024 after the other.", contest.Fused, true, calls},
	{"Lone", "A lone caller", "One goroutine, whose context can never end (background) or can (watched).", contest.Fused, false, calls},
	{"Strategy", "Every strategy", "The door against itself, at a limit of about a hundred a second for each key; the share of admitted checks depends on the speed here.", contest.Fused, false, calls},
	{"Many", "Many keys in one call", "One goroutine checks so many keys in one call. Latencies are of the call, everything else of one check.", contest.CheckMany, false, calls},
	{"Service", "Through the service", "Single checks over gRPC. Allocations are the client's; the servers are processes of their own.", contest.Service, false, calls},
	{"Local", "In the process", "Single checks of the same 1024 keys in this process's own memory: no Redis, no network. Time is that of the run over all checks, whichever goroutine made them. A contender whose limit is named below admits as many as its speed allows; all others keep the limit above.", contest.LocalLimit, true, instants},
	{"Memory", "Ten million keys in the process", "One goroutine checks so many keys, once each, and all are remembered. The machine's longest is how long, in the same process, nothing but looking at the clock took at worst as many times.", "", false, memory},
}

// About and a contender's name are the key of the fact that says what the contender does.
const About = "about-"

// Markdown writes the whole report. picture is the name of the file of [Plot], or empty
// when there is none.
func Markdown(w io.Writer, r *results.Results, picture string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmark results\n\nWritten by `tools/bench`; every number is from the run that is described here, whose raw output can be read by benchstat.\n\n")
	writeFacts(&b, r)
	writeGoals(&b, r)
	if picture != "" {
		fmt.Fprintf(&b, "## Throughput over goroutines\n\n![Checks a second over goroutines, for each contender](%s)\n\n", picture)
	}
	for _, s := range sections {
		s.write(&b, r)
	}
	writeContenders(&b, r)
	_, err := w.Write(bytes.TrimRight(b.Bytes(), "\n"))
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

func writeFacts(b *bytes.Buffer, r *results.Results) {
	for _, f := range r.Facts {
		if !strings.HasPrefix(f.Key, About) {
			fmt.Fprintf(b, "- %s: %s\n", f.Key, f.Value)
		}
	}
	b.WriteString(`
Numbers are the median of the rounds, with the least and the greatest in brackets. A ratio
is the median of the rounds' own ratios: in each round all contenders of a table run one
right after the other, each round in another order. All but those in the process talk TCP
to the same Redis. The limit is GCRA's: one unit a minute and a burst of a million, of which
half of the keys have spent all beforehand; so half of the checks are admitted, at any
speed.

`)
}

func writeContenders(b *bytes.Buffer, r *results.Results) {
	b.WriteString("## The contenders\n\n")
	for _, f := range r.Facts {
		if name, ok := strings.CutPrefix(f.Key, About); ok {
			fmt.Fprintf(b, "- %s: %s\n", name, f.Value)
		}
	}
}

func (s section) write(b *bytes.Buffer, r *results.Results) {
	var matches []string
	for _, match := range r.Matches() {
		if strings.HasPrefix(match, s.family+"/") {
			matches = append(matches, match)
		}
	}
	if len(matches) == 0 {
		return
	}
	fmt.Fprintf(b, "## %s\n\n%s\n\n", s.title, s.says)
	size := len(matches)
	if s.apart {
		size = 1
	}
	for group := range slices.Chunk(matches, size) {
		if s.apart {
			fmt.Fprintf(b, "### %s\n\n", strings.Join(settings(group[0]), ", "))
		}
		s.table(r, group).writeTo(b)
	}
}

// table has a row for each contender of the matches.
func (s section) table(r *results.Results, matches []string) *table {
	head := []string{"contender"}
	if !s.apart {
		head = []string{"match", "contender"}
	}
	for _, column := range s.columns {
		head = append(head, column.title)
	}
	if s.ours != "" {
		head = append(head, s.ours+" ÷ this")
	}
	t := &table{left: []bool{true, !s.apart}, rows: [][]string{head}}
	for _, match := range matches {
		for _, name := range r.Contenders(match) {
			c := results.Cell{Match: match, Contender: name}
			row := []string{name}
			if !s.apart {
				row = []string{strings.Join(settings(match), ", "), name}
			}
			for _, column := range s.columns {
				write := cell
				if column.ranged {
					write = cellWithRange
				}
				spread, ok := r.Spread(c, column.unit)
				row = append(row, write(spread, ok, column.format))
			}
			if s.ours != "" {
				against, ok := r.Ratio(results.Cell{Match: match, Contender: s.ours}, c, results.Rate)
				row = append(row, cellWithRange(against, ok && name != s.ours, ratio))
			}
			t.add(row...)
		}
	}
	return t
}

// settings says a match's name in words: goroutines=64 is "64 goroutines", and
// context=watched is "context watched".
func settings(match string) []string {
	var words []string
	for _, part := range strings.Split(match, "/")[1:] {
		name, value, _ := strings.Cut(part, "=")
		if value != "" && value[0] >= '0' && value[0] <= '9' {
			if value == "1" {
				name = strings.TrimSuffix(name, "s")
			}
			words = append(words, value+" "+name)
		} else {
			words = append(words, name+" "+value)
		}
	}
	return words
}

// title is a match's name in words, family and all.
func title(match string) string {
	family, _, _ := strings.Cut(match, "/")
	return strings.Join(append([]string{family}, settings(match)...), ", ")
}
