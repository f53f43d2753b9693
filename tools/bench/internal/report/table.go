package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/throttlekit/throttlekit-go/tools/bench/internal/results"
)

// table is a Markdown table that is readable as it is, too. The first row is the head;
// columns of which left is not true stand at the right.
type table struct {
	left []bool
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) writeTo(w io.Writer) {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	for n, row := range t.rows {
		var line, rule strings.Builder
		for i, cell := range row {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			dashes := strings.Repeat("-", widths[i]-1)
			if i < len(t.left) && t.left[i] {
				line.WriteString("| " + cell + gap + " ")
				rule.WriteString("| " + dashes + "- ")
			} else {
				line.WriteString("| " + gap + cell + " ")
				rule.WriteString("| " + dashes + ": ")
			}
		}
		fmt.Fprintln(w, line.String()+"|")
		if n == 0 {
			fmt.Fprintln(w, rule.String()+"|")
		}
	}
	fmt.Fprintln(w)
}

// absent is what was not measured.
const absent = "–"

// cell formats a spread's median, or says that there is none.
func cell(s results.Spread, ok bool, format func(float64) string) string {
	if !ok {
		return absent
	}
	return format(s.Median)
}

// cellWithRange is cell with the least and the greatest value.
func cellWithRange(s results.Spread, ok bool, format func(float64) string) string {
	if !ok {
		return absent
	}
	return fmt.Sprintf("%s (%s–%s)", format(s.Median), format(s.Min), format(s.Max))
}

// thousands writes how many there are in thousands, and from a million on in millions.
func thousands(v float64) string {
	if v >= 1e6 {
		return strconv.FormatFloat(v/1e6, 'f', 1, 64) + "M"
	}
	return strconv.FormatFloat(v/1000, 'f', 1, 64) + "k"
}

func ratio(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

func allocations(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

func whole(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }

func percent(v float64) string { return strconv.FormatFloat(100*v, 'f', 0, 64) + " %" }

// latency writes nanoseconds with three digits, in the unit that needs no more.
func latency(ns float64) string {
	unit, name := 1.0, "ns"
	switch {
	case ns >= float64(time.Millisecond):
		unit, name = float64(time.Millisecond), "ms"
	case ns >= float64(time.Microsecond):
		unit, name = float64(time.Microsecond), "µs"
	}
	v := ns / unit
	digits := 0
	for limit := 100.0; digits < 2 && v < limit; limit /= 10 {
		digits++
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " " + name
}
