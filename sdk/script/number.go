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

// Clock is Redis's TIME by the owner's clock, whose milliseconds are all that it has.
func (in *Input) Time() (seconds, microseconds float64) {
	t := time.UnixMilli(in.Clock)
	return float64(t.Unix()), float64(t.Nanosecond() / 1000)
}
