package results

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// separator stands between a match and the contender in a benchmark's name.
const separator = "/contender="

// Writer writes samples as they come, so that a run that is cut short leaves what it has.
type Writer struct {
	w     *benchfmt.Writer
	procs int
	facts []benchfmt.Config
}

// NewWriter returns a writer to w of the results of a process with that GOMAXPROCS.
func NewWriter(w io.Writer, procs int, facts []Fact) *Writer {
	writer := &Writer{w: benchfmt.NewWriter(w), procs: procs}
	for _, f := range facts {
		writer.facts = append(writer.facts, benchfmt.Config{Key: f.Key, Value: []byte(f.Value), File: true})
	}
	return writer
}

// Write writes one sample.
func (w *Writer) Write(cell Cell, s Sample) error {
	line := &benchfmt.Result{
		Config: w.facts,
		Name:   fmt.Appendf(nil, "%s%s%s-%d", cell.Match, separator, cell.Contender, w.procs),
		Iters:  s.Checks,
	}
	for _, unit := range units {
		if v, measured := s.Metrics[unit]; measured {
			line.Values = append(line.Values, benchfmt.Value{Value: significant(v), Unit: unit})
		}
	}
	return w.w.Write(line)
}

// significant cuts v to six digits, more than a measurement of a second has.
func significant(v float64) float64 {
	cut, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err != nil {
		return v // not a number, which the reader shall see
	}
	return cut
}

// Read reads what a Writer wrote. It refuses what it does not understand: a report made
// from half of a file would look as good as any.
func Read(r io.Reader, name string) (*Results, error) {
	results := new(Results)
	lines := benchfmt.NewReader(r, name)
	for lines.Scan() {
		var line *benchfmt.Result
		switch record := lines.Result().(type) {
		case *benchfmt.Result:
			line = record
		case *benchfmt.UnitMetadata:
			continue
		case *benchfmt.SyntaxError:
			return nil, record
		}
		cell, err := parseName(line.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if results.Facts == nil {
			for _, c := range line.Config {
				if c.File {
					results.Facts = append(results.Facts, Fact{c.Key, string(c.Value)})
				}
			}
		}
		s := Sample{Checks: line.Iters, Metrics: make(map[string]float64)}
		for _, v := range line.Values {
			if v.OrigUnit != "" { // the reader turned nanoseconds into seconds
				v.Value, v.Unit = v.OrigValue, v.OrigUnit
			}
			s.Metrics[v.Unit] = v.Value
		}
		results.Add(cell, s)
	}
	return results, lines.Err()
}

func parseName(name benchfmt.Name) (Cell, error) {
	match, contender, ok := strings.Cut(string(name), separator)
	end := strings.LastIndexByte(contender, '-')
	if !ok || end < 0 {
		return Cell{}, fmt.Errorf("benchmark %q is none of this command: want .../contender=NAME-GOMAXPROCS", bytes.TrimSpace(name))
	}
	return Cell{Match: match, Contender: contender[:end]}, nil
}
