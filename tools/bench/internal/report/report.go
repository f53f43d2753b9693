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
	family string // the first part of a match's name
	title  string
	says   string
	ours   string // the contender that the others are held against
	apart  bool   // a table for each match rather than one for all
}

var sections = []section{
	{"Check", "Single checks", "Each goroutine checks one random key of 1024 after the other.", contest.Fused, true},
	{"Lone", "A lone caller", "One goroutine, whose context can never end (background) or can (watched).", contest.Fused, false},
	{"Strategy", "Every strategy", "The door against itself, at a limit of about a hundred a second for each key; the share of admitted checks depends on the speed here.", contest.Fused, false},
	{"Many", "Many keys in one call", "One goroutine checks so many keys in one call. Latencies are of the call, everything else of one check.", contest.CheckMany, false},
	{"Service", "Through the service", "Single checks over gRPC. Allocations are the client's; the servers are processes of their own.", contest.Service, false},
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
right after the other, each round in another order. All talk TCP to the same Redis. The
limit is GCRA's: one unit a minute and a burst of a million, of which half of the keys have
spent all beforehand; so half of the checks are admitted, at any speed.

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
	head := []string{"contender", "checks/s", "p50", "p99", "allocs/check", "admitted", s.ours + " ÷ this"}
	if !s.apart {
		head = append([]string{"match"}, head...)
	}
	t := &table{left: []bool{true, !s.apart}, rows: [][]string{head}}
	for _, match := range matches {
		for _, name := range r.Contenders(match) {
			c := results.Cell{Match: match, Contender: name}
			rate, hasRate := r.Spread(c, results.Rate)
			p50, hasP50 := r.Spread(c, results.P50)
			p99, hasP99 := r.Spread(c, results.P99)
			allocs, hasAllocs := r.Spread(c, results.Allocs)
			admitted, hasAdmitted := r.Spread(c, results.Admitted)
			against, hasAgainst := r.Ratio(results.Cell{Match: match, Contender: s.ours}, c, results.Rate)
			row := []string{
				name,
				cellWithRange(rate, hasRate, thousands),
				cell(p50, hasP50, latency),
				cell(p99, hasP99, latency),
				cell(allocs, hasAllocs, allocations),
				cell(admitted, hasAdmitted, percent),
				cellWithRange(against, hasAgainst && name != s.ours, ratio),
			}
			if !s.apart {
				row = append([]string{strings.Join(settings(match), ", ")}, row...)
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
