package policy

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The types of a scalar.
const (
	null = iota
	boolean
	number
	text
)

// numeral is the grammar of a number; all other plain text is text. It is the core's,
// and narrower than YAML's: no 1_000, +5, .5, 0x10, 0o17 or .inf, and 010 is ten.
var numeral = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?$`)

// typeOf tells a scalar's type by how it is written, and never by the YAML library's
// opinion.
func typeOf(n *yaml.Node) int {
	switch {
	case quoted(n):
		return text
	case n.Value == "", n.Value == "~", n.Value == "null":
		return null
	case n.Value == "true", n.Value == "false":
		return boolean
	case numeral.MatchString(n.Value):
		return number
	}
	return text
}

// numberOf is the value of a numeral; infinite where it is too large for a double.
func numberOf(numeral string) float64 {
	v, _ := strconv.ParseFloat(numeral, 64) // out of range is the only error a numeral can be
	return v
}

// units of a duration, in milliseconds.
var units = map[string]float64{"": 1, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

var durationText = regexp.MustCompile(`^ *([0-9]+(?:\.[0-9]+)?) *(ms|s|m|h|d)? *$`)

const wantDuration = "a duration above 0: digits and one of ms, s, m, h, d, such as 30s"

// durationOf reads a duration into milliseconds, which may be a fraction.
func durationOf(n *yaml.Node) (ms float64, ok bool) {
	switch typeOf(n) {
	case number:
		ms = numberOf(n.Value)
	case text:
		m := durationText.FindStringSubmatch(n.Value)
		if m == nil {
			return 0, false
		}
		ms = numberOf(m[1]) * units[m[2]]
	default:
		return 0, false
	}
	return ms, ms > 0 && !math.IsInf(ms, 1)
}

// describe is a value as an error quotes it.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	switch {
	case typeOf(n) == null:
		return "null"
	case typeOf(n) != text && len(n.Value) <= longest:
		return n.Value
	case quoted(n) && (numeral.MatchString(n.Value) || n.Value == "true" || n.Value == "false"):
		return clip(n.Value) + " in quotes, which is text"
	}
	return clip(n.Value)
}

// longest is how many characters of a value an error quotes.
const longest = 60

func clip(s string) string {
	if runes := []rune(s); len(runes) > longest {
		s = string(runes[:longest]) + "..."
	}
	return strconv.Quote(strings.ToValidUTF8(s, "?"))
}
