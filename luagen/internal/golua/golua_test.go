package golua

import (
	"errors"
	"go/format"
	"strings"
	"testing"

	"github.com/yuin/gopher-lua/parse"
)

func translate(t *testing.T, source string) (string, error) {
	t.Helper()
	chunk, err := parse.Parse(strings.NewReader(source), "gate.check.lua")
	if err != nil {
		t.Fatal(err)
	}
	f, err := Translate(Script{File: "gate.check.lua", Source: source, Chunk: chunk,
		Argv: []string{"now", "limit", "cost"}, Reply: 5, Decision: []int{0, 1, 2, 3, 4}, Name: "gateLocal"})
	if err != nil {
		return "", err
	}
	formatted, err := format.Source([]byte(f.Source))
	if err != nil {
		t.Fatalf("%v\n%s", err, f.Source)
	}
	return string(formatted), nil
}

const reply = "\nreturn {1, 2, 3, 4, 5}"

// TestOutsideTheSubset holds that what is not translated is said, with its line.
func TestOutsideTheSubset(t *testing.T) {
	for _, row := range []struct{ name, script, says string }{
		{"a loop over pairs", "\nfor k, v in pairs({}) do end" + reply, "line 2 is a statement that is not translated (for ... in)"},
		{"repeat", "repeat local a = 1 until true" + reply, "line 1 is a statement that is not translated (repeat)"},
		{"a global function", "function f() end" + reply, "line 1 is a statement that is not translated (a function that is not local)"},
		{"a global", "x = 1" + reply, "line 1 assigns to the global x"},
		{"a global that is read", "local a = x" + reply, "line 1 uses x, which is not translated"},
		{"a command", "local n = redis.call('INCRBY', KEYS[1], 1)" + reply, "line 1 calls INCRBY, which is not translated"},
		{"a command that is computed", "redis.call(ARGV[2], KEYS[1])" + reply, "line 1 calls a command that is not written out"},
		{"another key", "redis.call('GET', 'other')" + reply, "line 1 calls GET on something other than KEYS[1]"},
		{"a second key", "redis.call('GET', KEYS[2])" + reply, "line 1 uses KEYS[2], and a check has one key"},
		{"two kinds of value", "local a = redis.call('GET', KEYS[1])\nlocal b = redis.call('ZCARD', KEYS[1])" + reply,
			"line 2 keeps a set under a key that holds a string elsewhere in the script"},
		{"too many fields", "local a = redis.call('HMGET', KEYS[1], 'a', 'b', 'c')" + reply, `line 1 uses field "c", and 2 named fields of a hash are translated`},
		{"the reply of a write", "local ok = redis.call('SET', KEYS[1], 1)" + reply, "line 1 uses the reply of SET"},
		{"an option of SET", "redis.call('SET', KEYS[1], 1, 'EX', 1)" + reply, "line 1 calls SET with an option other than PX"},
		{"a text of no number", "redis.call('SET', KEYS[1], 'open')" + reply, "line 1 uses a text as a number"},
		{"a power", "local a = 2 ^ tonumber(ARGV[2])" + reply, "line 1 uses the operator ^, whose rounding is the C library's"},
		{"a text compared with a number", "if ARGV[2] < 3 then return {1, 2, 3, 4, 5} end" + reply, "line 1 compares a text with a number"},
		{"a text in the reply", "return {1, ARGV[2], 3, 4, 5}", "line 1 replies a text where the contract has an integer"},
		{"a reply too short", "return {1, 2}", "line 1 returns something other than a table of the 5 numbers of a reply, written out"},
		{"a reply with names", "return {1, 2, 3, 4, n = 5}", "line 1 names an element of its reply"},
		{"a variable of two types", "local a = 1\na = KEYS[1] == nil" + reply, "line 2 makes a sometimes a number and sometimes a boolean"},
		{"recursion", "local function f(n) return f(n - 1) end\nlocal a = f(3)" + reply, "line 1 uses f, which is not translated"},
		{"a function that changes what is around it", "local a = 1\nlocal function f() a = 2 end\nf()" + reply, "line 2 assigns to a from inside a function"},
		{"a separator that a number may hold", "local h = redis.call('HGETALL', KEYS[1])\nlocal t = {}\nfor i = 1, #h, 2 do t[tonumber(h[i])] = h[i + 1] end\n" +
			"local x = t[1]\nlocal at = string.find(x, '-', 1, true)\nredis.call('HSET', KEYS[1], 1, string.format('%.14g-%.14g', 1, 2))" + reply,
			"line 5 looks for something other than a written-out text that no number can hold"},
		{"an old reply after a write", "local h = redis.call('HGETALL', KEYS[1])\nlocal t = {}\nfor i = 1, #h, 2 do t[tonumber(h[i])] = h[i + 1] end\n" +
			"redis.call('HSET', KEYS[1], 1, 2)\nlocal x = tonumber(t[1] or 0)\nredis.call('HSET', KEYS[1], 2, x)" + reply,
			"line 5 looks at an earlier reply to HGETALL after a write"},
		{"a member's name", "local m = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[1]" + reply,
			"line 1 reads a member's name, of whose order nothing is known here"},
		{"a range of several", "local m = redis.call('ZRANGE', KEYS[1], 0, 1, 'WITHSCORES')[2]" + reply, "line 1 asks for a range of more than one rank"},
		{"a step that is computed", "for i = 1, 10, tonumber(ARGV[2]) do end" + reply, "line 1 has a step that is not written out"},
		{"pcall", "redis.pcall('GET', KEYS[1])" + reply, "line 1 calls redis.pcall, which is not translated"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := translate(t, row.script)
			var outside *Unsupported
			if !errors.As(err, &outside) || err.Error() != row.says {
				t.Errorf("error is %v, want %q\n%s", err, row.says, got)
			}
		})
	}
}

// TestEmitted holds what the generated Go must say for the same numbers to come out, or
// for the same errors.
func TestEmitted(t *testing.T) {
	for _, row := range []struct{ name, script, holds string }{
		{"a product is not fused", "local a = tonumber(ARGV[2])\nreturn {a * a + a, 2, 3, 4, 5}", "float64(a*a) + a"},
		{"constants are computed as doubles", "return {1 / 3, 0.1 + 0.2, 3, 4, 5}", "return 0.3333333333333333, 0.30000000000000004, 3, 4, 5, nil"},
		{"a quotient of constants is no integer", "local a = 1 / 2\na = a + 1\nreturn {a, 2, 3, 4, 5}", "a := 0.5"},
		{"the sign of zero", "return {-0, 2, 3, 4, 5}", "math.Copysign(0, -1)"},
		{"right operands keep their parentheses", "local a = tonumber(ARGV[2])\nreturn {a - (a - 1), a / (a / 2), 3, 4, 5}", "a - (a - 1), a / (a / 2)"},
		{"arithmetic on what may be missing", "local v = redis.call('GET', KEYS[1])\nreturn {v + 1, 2, 3, 4, 5}", "if !hasV {\n\t\treturn 0, 0, 0, 0, 0, script.Missing(\"gate.check.lua\", 2)"},
		{"a name of Go's", "local type = tonumber(ARGV[2])\nreturn {type, 2, 3, 4, 5}", "type2 := in.Params[0]"},
		{"what is never read is left out", "local a = math.floor(ARGV[2])\nreturn {1, 2, 3, 4, 5}", "error) {\n\t// 2: return {1, 2, 3, 4, 5}\n"},
		{"a loop counts as Lua does", "local n = 0\nfor i = tonumber(ARGV[2]), 10, 0.1 do n = n + 1 end\nreturn {n, 2, 3, 4, 5}", "for i := script.From(in.Params[0], 0.1); i <= 10; i += 0.1 {"},
		{"a dry run ends before the first write, once", "redis.call('SET', KEYS[1], 1)\nredis.call('SET', KEYS[1], 2)" + reply,
			"if in.Dry {\n\t\treturn 0, 0, 0, 0, 0, script.ErrAdmitted\n\t}\n\ts.Set(1)\n\t// 2: redis.call('SET', KEYS[1], 2)\n\ts.Set(2)"},
		{"a script that may end without a reply", "if tonumber(ARGV[2]) > 1 then return {1, 2, 3, 4, 5} end", "return 0, 0, 0, 0, 0, script.NoReply()"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := translate(t, row.script)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(got, row.holds) {
				t.Errorf("it does not hold\n%s\n%s", row.holds, got)
			}
		})
	}
}
