package script

import (
	"errors"
	"math"
	"strconv"
	"time"
)

var errArguments = errors.New("ERR wrong number of arguments")

// Integer is a script's number as Redis replies it: cut to a whole number. One that an
// integer does not hold becomes the least, as on the processors that Redis runs on.
func Integer(x float64) int64 {
	if x >= -1<<63 && x < 1<<63 {
		return int64(x)
	}
	return math.MinInt64
}

// wholeText reads a number's text as Redis reads an integer argument: %.17g writes
// digits alone for whole numbers below 1e17, and an exponent, a fraction or a sign of
// zero is refused.
func wholeText(x float64) (int64, bool) {
	if n := int64(x); float64(n) == x && x > -1e17 && x < 1e17 && (n != 0 || !math.Signbit(x)) {
		return n, true
	}
	return 0, false
}

// Max is Lua's math.max of two numbers, which keeps the first unless the second is
// greater: zeros of two signs and NaN come out as in Lua, other than with Go's.
func Max(a, b float64) float64 {
	if b > a {
		return b
	}
	return a
}

// Min is Lua's math.min of two numbers.
func Min(a, b float64) float64 {
	if b < a {
		return b
	}
	return a
}

// Mod is Lua's a % b, which has the sign of b.
func Mod(a, b float64) float64 {
	return a - float64(math.Floor(a/b)*b)
}

// From is the first value of a numeric for loop: Lua steps back once and forth again,
// which rounds where start and step are of very different size.
func From(start, step float64) float64 {
	back := start - step
	return back + step
}

// Digits14 is a number that went through text with 14 significant digits, as Lua's ..,
// tostring and %.14g write it, and back. A whole number below 1e14 has no more digits,
// and so is itself.
func Digits14(x float64) float64 {
	if x > -1e14 && x < 1e14 && x == math.Trunc(x) {
		return x
	}
	return digits14(x)
}

func digits14(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return x
	}
	var buf [32]byte
	rounded, err := strconv.ParseFloat(string(strconv.AppendFloat(buf[:0], x, 'e', 13, 64)), 64)
	if err != nil {
		return math.Copysign(math.Inf(1), x) // 14 digits of the greatest double are beyond it
	}
	return rounded
}

// Write14 is a number as Lua's .. writes it, C's %.14g.
func Write14(x float64) string { return write(x, 14) }

// Write17 is a number as Redis writes one that a script passes, C's %.17g.
func Write17(x float64) string { return write(x, 17) }

func write(x float64, digits int) string {
	if n := int64(x); float64(n) == x && x > -1e14 && x < 1e14 && (n != 0 || !math.Signbit(x)) {
		return strconv.FormatInt(n, 10)
	}
	switch {
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	case math.IsNaN(x) && math.Signbit(x):
		return "-nan"
	case math.IsNaN(x):
		return "nan"
	}
	return strconv.FormatFloat(x, 'g', digits, 64)
}

// Pick is the element of a script's table of words, by Lua's counting from 1.
func Pick(index float64, words ...string) (word string, ok bool) {
	if i := int(index); index >= 1 && i <= len(words) && float64(i) == index {
		return words[i-1], true
	}
	return "", false
}

// ErrOrder is the error of a check that fills a list otherwise than one element after
// the other, which the translation does not follow.
var ErrOrder = errors.New("a list is filled out of order, which is outside of what was translated")

// Time is Redis's TIME by the owner's clock, whose milliseconds are all that it has.
func (in *Input) Time() (seconds, microseconds float64) {
	t := time.UnixMilli(in.Clock)
	return float64(t.Unix()), float64(t.Nanosecond() / 1000)
}
