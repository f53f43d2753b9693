package gen

import (
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/parse"
)

// TestReadsPlainly tells checks that cannot notice in which tables, and in which type,
// they get their arguments from those that might.
func TestReadsPlainly(t *testing.T) {
	for _, test := range []struct {
		name, script string
		plain        bool
	}{
		{"as the contract's: this is how a check reads its arguments",
			"local key, now = KEYS[1], tonumber(ARGV[1])\nif now == 0 then now = tonumber(ARGV[2]) end return {key, now}", true},
		{"inside functions: a function sees the same arguments",
			"local function f(x) return tonumber(ARGV[1]) + x end return {f(tonumber(ARGV[2]))}", true},
		{"tonumber of something else: it is not the arguments that it reads",
			"local t = redis.call('TIME') return {tonumber(t[1]), tonumber('7')}", true},
		{"text: the number 5 is not the text of it", "return {ARGV[1]}", false},
		{"an argument passed on: what is passed on may be compared with text", "redis.call('SET', KEYS[1], ARGV[1])", false},
		{"another base: a number in another base is another number", "return {tonumber(ARGV[1], 16)}", false},
		{"reckoned with: a sum takes text for a number, but prints it otherwise", "return {ARGV[1] + 1}", false},
		{"a computed index: it could reach past what was given", "local i = 1 return {tonumber(ARGV[i])}", false},
		{"how many: a table that is used again may have another length", "return {#ARGV}", false},
		{"how many keys: a table that is used again may have another length", "return {#KEYS}", false},
		{"the whole list: whoever has it can do anything with it", "return {unpack(ARGV)}", false},
		{"the list kept: it would change under its owner", "local a = ARGV return {a[1]}", false},
		{"the keys kept: they would change under their owner", "local k = KEYS return {k[1]}", false},
		{"an argument assigned: the next check would find it changed", "ARGV[1] = 5 return {}", false},
		{"a key assigned: the next check would find it changed", "KEYS[1] = 'x' return {}", false},
		{"a key assigned by a function: a name may be a path into a table", "function KEYS.more() end return {}", false},
		{"a method on the keys: a name may be a path into a table", "function KEYS:more() end return {}", false},
		{"another tonumber: nobody knows what it does with text", "local tonumber = tostring return {tonumber(ARGV[1])}", false},
		{"another tonumber assigned: nobody knows what it does with text", "tonumber = tostring return {tonumber(ARGV[1])}", false},
		{"another tonumber declared: nobody knows what it does with text", "local function tonumber(x) return x end return {tonumber(ARGV[1])}", false},
		{"another ARGV: the name stands for something else", "local function f(ARGV) return ARGV end return {f(1)}", false},
		{"KEYS in a loop: the name stands for something else", "for KEYS = 1, 2 do end return {}", false},
		{"ARGV in a loop: the name stands for something else", "for _, ARGV in pairs({}) do end return {}", false},
		{"tonumber as a value: it could be called with anything", "local f = tonumber return {f(ARGV[1])}", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			chunk, err := parse.Parse(strings.NewReader(test.script), test.name)
			if err != nil {
				t.Fatal(err)
			}
			if got := readsPlainly(chunk); got != test.plain {
				t.Errorf("reads plainly: %t, want %t", got, test.plain)
			}
		})
	}
}
