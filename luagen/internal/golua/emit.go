package golua

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// unit is a Go variable. Code refers to it by a mark with its number, so that what is
// never read can be left out in the end.
type unit struct {
	name string
}

func mark(id int) string { return "\x01" + strconv.Itoa(id) + "\x02" }

var marks = regexp.MustCompile("\x01([0-9]+)\x02")

// line is one line of Go.
type line struct {
	comment bool
	blank   bool
	text    string
	// A definition or an assignment of units: op is :=, = or var. There is one
	// right-hand side for each unit, or one for all.
	units []int
	op    string
	right []string
}

type block struct{ lines []line }

func (t *translator) emit(format string, args ...any) {
	t.out.lines = append(t.out.lines, line{text: fmt.Sprintf(format, args...)})
}

// define emits a definition of units.
func (t *translator) define(op string, units []int, right ...string) {
	if len(units) > 0 {
		t.out.lines = append(t.out.lines, line{units: units, op: op, right: right})
	}
}

// captured runs f and returns what it emitted.
func (t *translator) captured(f func()) []line {
	outer := t.out
	t.out = &block{}
	defer func() { t.out = outer }()
	f()
	return t.out.lines
}

// open and shut a Go block, in which names may be used again that no open one has.
func (t *translator) open() { t.names = append(t.names, map[string]bool{}) }
func (t *translator) shut() { t.names = t.names[:len(t.names)-1] }

// reserved are names that mean something to the generated code.
var reserved = []string{
	"break", "case", "chan", "const", "continue", "default", "defer", "else", "fallthrough", "for", "func", "go", "goto", "if",
	"import", "interface", "map", "package", "range", "return", "select", "struct", "switch", "type", "var",
	"append", "bool", "byte", "false", "float64", "int", "len", "nil", "string", "true",
	"in", "math", "s", "script", "time", "_",
}

// unit makes a Go variable with a name like the wished one.
func (t *translator) unit(wish string) int {
	name := wish
	for n := 2; t.taken(name); n++ {
		name = wish + strconv.Itoa(n)
	}
	t.names[len(t.names)-1][name] = true
	t.units = append(t.units, unit{name})
	return len(t.units) - 1
}

func (t *translator) taken(name string) bool {
	return slices.Contains(reserved, name) || slices.ContainsFunc(t.names, func(open map[string]bool) bool { return open[name] })
}

// flagName is the name of what tells whether there is a value.
func flagName(name string) string { return "has" + strings.ToUpper(name[:1]) + name[1:] }

// print writes the lines, but for definitions of what is never read and comments that
// nothing follows.
func (b *block) print(w *strings.Builder, units []unit) {
	lines := b.lines
	read := func() map[int]bool {
		used := map[int]bool{}
		note := func(code string) {
			for _, m := range marks.FindAllStringSubmatch(code, -1) {
				id, _ := strconv.Atoi(m[1])
				used[id] = true
			}
		}
		for _, l := range lines {
			note(l.text)
			for _, code := range l.right {
				note(code)
			}
		}
		return used
	}
	used := read()
	for {
		before := len(lines)
		lines = slices.DeleteFunc(slices.Clone(lines), func(l line) bool {
			return len(l.units) > 0 && !slices.ContainsFunc(l.units, func(id int) bool { return used[id] })
		})
		// One of several that is not read loses its right-hand side alone.
		for i, l := range lines {
			if len(l.units) > 1 && len(l.right) == len(l.units) {
				kept := line{op: l.op}
				for k, id := range l.units {
					if used[id] {
						kept.units, kept.right = append(kept.units, id), append(kept.right, l.right[k])
					}
				}
				lines[i] = kept
			}
		}
		if now := read(); len(now) == len(used) && len(lines) == before {
			break
		} else {
			used = now
		}
	}
	name := func(code string) string {
		return marks.ReplaceAllStringFunc(code, func(m string) string {
			id, _ := strconv.Atoi(m[1 : len(m)-1])
			return units[id].name
		})
	}
	lines = withoutEmptyComments(lines)
	for i, l := range lines {
		switch {
		case l.blank:
			if i > 0 && !lines[i-1].blank && !strings.HasSuffix(lines[i-1].text, "{") {
				w.WriteString("\n")
			}
		case l.comment:
			w.WriteString("// " + l.text + "\n")
		case len(l.units) == 0:
			w.WriteString(name(l.text) + "\n")
		case l.op == "var":
			fmt.Fprintf(w, "var %s %s\n", units[l.units[0]].name, l.right[0])
		default:
			left := make([]string, len(l.units))
			for k, id := range l.units {
				left[k] = units[id].name
				if !used[id] {
					left[k] = "_"
				}
			}
			right := name(strings.Join(l.right, ", "))
			fmt.Fprintf(w, "%s %s %s\n", strings.Join(left, ", "), l.op, right)
		}
	}
}

func withoutEmptyComments(lines []line) []line {
	var kept []line
	for i, l := range lines {
		if l.comment {
			next := slices.IndexFunc(lines[i+1:], func(n line) bool { return !n.blank })
			if next < 0 || lines[i+1+next].comment || strings.HasPrefix(lines[i+1+next].text, "}") {
				continue
			}
		}
		kept = append(kept, l)
	}
	return kept
}

// float writes a number as a Go expression of type float64, or an untyped constant
// that becomes one.
func float(x float64) string {
	switch {
	case x != x:
		return "math.NaN()"
	case x > 1.7976931348623157e308:
		return "math.Inf(1)"
	case x < -1.7976931348623157e308:
		return "math.Inf(-1)"
	case x == 0 && 1/x < 0:
		return "math.Copysign(0, -1)"
	case x == float64(int64(x)) && x > -1e15 && x < 1e15:
		return strconv.FormatInt(int64(x), 10)
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// typed makes a constant one that := gives type float64.
func typed(code string) string {
	if regexp.MustCompile(`^-?[0-9]+$`).MatchString(code) {
		return code + ".0"
	}
	return code
}
