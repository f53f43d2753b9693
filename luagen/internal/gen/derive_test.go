package gen

import (
	"encoding/binary"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"github.com/throttlekit/throttlekit-go/sdk/redisdoor"
	"github.com/throttlekit/throttlekit-go/tools/redistest"
)

// TestClassify reads scripts for what a dry run has to stop at, or for why there can be
// none. Every script has its commands from line 2 on.
func TestClassify(t *testing.T) {
	const (
		asValue  = " takes redis.call for a value, so its commands cannot be told"
		computed = " calls a command that is not written out"
	)
	unknown := func(line int, name string) string {
		return fmt.Sprintf("line %d calls %q, which this luagen cannot classify as a read or a write", line, name)
	}
	used := func(line int, name string) string {
		return fmt.Sprintf("line %d uses the reply of %s, which a dry run does not have", line, name)
	}
	reasons := reasonBook{}
	for _, test := range []struct{ name, reason, script, writes, problem string }{
		{
			name:   "no command",
			reason: "a check that touches nothing runs dry as it is",
			script: `return {1, 2, 3, 4, 5}`,
		},
		{
			name:   "reads in every place",
			reason: "what only reads may be used as it likes",
			script: `
				local state = redis.call('HMGET', KEYS[1], 's', 'c')
				if redis.call('EXISTS', KEYS[1]) == 1 then return {redis.call('TTL', KEYS[1])} end
				return redis.pcall('GET', KEYS[1])`,
		},
		{
			name:   "writes as statements",
			reason: "each is named once, sorted, so that the generated text does not depend on their order",
			script: `
				redis.call('SET', KEYS[1], 1)
				redis.call('PEXPIRE', KEYS[1], 9)
				redis.call('HSET', KEYS[1], 'a', 1)
				redis.call('SET', KEYS[1], 2)`,
			writes: "HSET PEXPIRE SET",
		},
		{
			name:   "pcall",
			reason: "redis.pcall reaches the data as redis.call does",
			script: `
				redis.pcall('DEL', KEYS[1])`,
			writes: "DEL",
		},
		{
			name:   "lower case",
			reason: "Redis does not tell commands apart by case, and so the list must not",
			script: `
				local n = redis.call('get', KEYS[1])
				redis.call('incrBy', KEYS[1], n)`,
			writes: "INCRBY",
		},
		{
			name:   "alias",
			reason: "a local name for redis.call is redis.call, for what it writes, too",
			script: `
				local call, try = redis.call, redis.pcall
				local n = call('GET', KEYS[1])
				try('SET', KEYS[1], n)`,
			writes: "SET",
		},
		{
			name:   "index by a string",
			reason: "redis['call'] is another spelling of redis.call",
			script: `
				local call = redis['call']
				redis["pcall"]('SET', KEYS[1], 1)
				call('DEL', KEYS[1])`,
			writes: "DEL SET",
		},
		{
			name:   "other functions of redis",
			reason: "nothing but call and pcall reaches the data",
			script: `
				redis.log(redis.LOG_NOTICE, redis.sha1hex('x'))
				return redis.error_reply('no')`,
		},
		{
			name:   "nested blocks",
			reason: "a write in the innermost block is one all the same",
			script: `
				if a then
					for i = 1, 3 do
						for k, v in pairs({}) do
							while b do repeat do redis.call('ZADD', KEYS[1], 1, 1) end until c end
						end
					end
				elseif d then redis.call('LPUSH', KEYS[1], 1)
				else redis.call('SADD', KEYS[1], 1) end`,
			writes: "LPUSH SADD ZADD",
		},
		{
			name:   "functions",
			reason: "what a function writes is written where it is called, in every way to declare one",
			script: `
				local function f() redis.call('SET', KEYS[1], 1) end
				local g = function() redis.call('HSET', KEYS[1], 1, 1) end
				local t = {h = function() redis.call('SADD', KEYS[1], 1) end}
				function t.i() redis.call('ZADD', KEYS[1], 1, 1) end
				table.sort({}, function() redis.call('LPUSH', KEYS[1], 1) end)`,
			writes: "HSET LPUSH SADD SET ZADD",
		},
		{
			name:   "read among a write's arguments",
			reason: "arguments are run before the write stops anything",
			script: `
				redis.call('SET', KEYS[1], redis.call('GET', KEYS[1]) + 1)`,
			writes: "SET",
		},
		{
			name:   "pruning",
			reason: "dropping what has expired is what a denied check does as well",
			script: `
				redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', 7)
				return redis.call('ZCARD', KEYS[1])`,
		},
		{
			name:   "shebang",
			reason: "the commands below a first line that Redis takes away are told all the same",
			script: "#!lua flags=allow-oom\nredis.call('SET', KEYS[1], 1)",
			writes: "SET",
		},
		{
			name:   "unknown command",
			reason: "nobody knows whether a dry run would have to stop at it",
			script: `
				return redis.call('BITFIELD', KEYS[1], 'GET', 'u8', 0)`,
			problem: unknown(2, "BITFIELD"),
		},
		{
			name:   "unknown command in odd letters",
			reason: "what is quoted stays in one line",
			script: `
				redis.call('no\nsuch')`,
			problem: unknown(2, "NO\nSUCH"),
		},
		{
			name:   "computed command",
			reason: "a command that is put together may be any",
			script: `
				redis.call('H' .. 'SET', KEYS[1], 1, 1)`,
			problem: "line 2" + computed,
		},
		{
			name:   "command from a variable",
			reason: "a command that is passed in may be any, also through an alias",
			script: `
				local call = redis.call
				call(ARGV[2], KEYS[1])`,
			problem: "line 3" + computed,
		},
		{
			name:   "no command at all",
			reason: "a call of nothing fails in Redis, and must not in luagen",
			script: `
				redis.call()`,
			problem: "line 2" + computed,
		},
		{
			name:   "write in an assignment",
			reason: "the script goes on with a reply that a dry run cannot give",
			script: `
				local n = redis.call('INCRBY', KEYS[1], ARGV[2])`,
			problem: used(2, "INCRBY"),
		},
		{
			name:   "write assigned without local",
			reason: "an assignment is one with or without a declaration",
			script: `
				local n
				n = redis.call('incr', KEYS[1])`,
			problem: used(3, "INCR"),
		},
		{
			name:   "write in a return",
			reason: "the reply is the answer itself",
			script: `
				return {1, redis.call('DECR', KEYS[1])}`,
			problem: used(2, "DECR"),
		},
		{
			name:   "write in a condition",
			reason: "which way to go is the write's to say",
			script: `
				if redis.call('SETNX', KEYS[1], 1) == 1 then return 1 end`,
			problem: used(2, "SETNX"),
		},
		{
			name:   "write in an argument",
			reason: "a reply that is passed on is used",
			script: `
				redis.call('GET', redis.call('RPOP', KEYS[1]))`,
			problem: used(2, "RPOP"),
		},
		{
			name:   "write in a loop's bound",
			reason: "how often to turn is the write's to say",
			script: `
				for i = 1, redis.call('SADD', KEYS[1], 1) do end`,
			problem: used(2, "SADD"),
		},
		{
			name:   "write that a function returns",
			reason: "its reply is used wherever the function is called",
			script: `
				local function add() return redis.call('ZADD', KEYS[1], 1, 1) end`,
			problem: used(2, "ZADD"),
		},
		{
			name:   "redis.call passed on",
			reason: "whoever gets it may call anything",
			script: `
				apply(redis.call, 'SET', KEYS[1], 1)`,
			problem: "line 2" + asValue,
		},
		{
			name:   "redis.call in a table",
			reason: "a field is a name that this does not follow",
			script: `
				local t = {c = redis.call}`,
			problem: "line 2" + asValue,
		},
		{
			name:   "redis.call assigned",
			reason: "a name that is assigned later may stand for anything before",
			script: `
				local call
				call = redis.call`,
			problem: "line 3" + asValue,
		},
		{
			name:   "redis.call beside another value",
			reason: "a declaration of several things is no plain alias",
			script: `
				local call, n = redis.call, 1`,
			problem: "line 2" + asValue,
		},
		{
			name:   "alias of an alias",
			reason: "a second name for the first is not followed",
			script: `
				local call = redis.call
				local again = call`,
			problem: "line 3" + asValue,
		},
		{
			name:   "redis replaced",
			reason: "what redis.call then does is the script's own affair",
			script: `
				redis.call = print`,
			problem: "line 2" + asValue,
		},
		{
			name:   "the first problem",
			reason: "one reason is enough, and it is the one that stands first",
			script: `
				redis.call('FIRST')
				redis.call('SECOND')`,
			problem: unknown(2, "FIRST"),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			reasons.add(t, test.reason)
			var p problems
			chunk := parseScript(luaScript{File: "gate.check.lua", Source: test.script}, &p)
			if len(p.notices) > 0 {
				t.Fatal(p.notices)
			}
			writes, problem := classify(chunk)
			if problem != test.problem {
				t.Errorf("problem is %q, want %q", problem, test.problem)
			}
			if got := strings.Join(writes, " "); test.problem == "" && got != test.writes {
				t.Errorf("writes are %q, want %q", got, test.writes)
			}
		})
	}
}

// TestClassifyTrustsNothingHidden holds that a script which could reach redis.call, or
// catch the stop at a write, past the list of its commands gets no dry run: one that
// wrote would spend what nobody asked to spend.
func TestClassifyTrustsNothingHidden(t *testing.T) {
	for _, test := range []struct{ name, script string }{
		{"another name for redis", `local r = redis r.call('SET', KEYS[1], 1)`},
		{"redis passed on", `put(redis)`},
		{"a field of redis that is not written out", `redis[ARGV[2]]('SET', KEYS[1], 1)`},
		{"a method of redis", `redis:call('SET')`},
		{"the table of globals", `_G.redis.call('SET', KEYS[1], 1)`},
		{"another environment", `setfenv(1, {})`},
		{"the environment itself", `getfenv().redis.call('SET', KEYS[1], 1)`},
		{"text that is run", `loadstring("redis.call('SET', KEYS[1], 1)")()`},
		{"text that is loaded", `load(function() end)()`},
		{"an error that is caught", `pcall(function() redis.call('SET', KEYS[1], 1) end) return {0, 0, 0, 0, 0}`},
		{"an error that is handled", `xpcall(function() redis.call('SET', KEYS[1], 1) end, print)`},
		{"an error in a coroutine", `coroutine.resume(coroutine.create(function() redis.call('SET', KEYS[1], 1) end))`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p problems
			chunk := parseScript(luaScript{File: "gate.check.lua", Source: test.script}, &p)
			if len(p.notices) > 0 {
				t.Fatal(p.notices)
			}
			if writes, problem := classify(chunk); !strings.HasPrefix(problem, "line 1 ") {
				t.Errorf("it may run dry, stopping at %q, want a problem that names line 1 (got %q)", writes, problem)
			}
		})
	}
}

// TestUnderived holds what is said of a script that cannot have a derived one, and that
// everything else is generated all the same.
func TestUnderived(t *testing.T) {
	for _, test := range []struct {
		name, script string
		many         bool
		notice       string
	}{
		{"a shebang", "#!lua flags=allow-oom\nreturn {1, 2, 3, 4, 5}", false,
			"scripts/gate.check.lua: begins with a shebang line, which only the first line of a script can be; it gets no many and no probe"},
		{"no Lua that we know", "return 7 // 2", false,
			"scripts/gate.check.lua: could not be read, so it gets no many and no probe"},
		{"a command that we do not know", "return redis.call('GEOPOS', KEYS[1])", true,
			`scripts/gate.check.lua: line 1 calls "GEOPOS", which this luagen cannot classify as a read or a write; it gets no probe`},
		{"a write whose reply is used", "return redis.call('INCR', KEYS[1])", true,
			"scripts/gate.check.lua: line 1 uses the reply of INCR, which a dry run does not have; it gets no probe"},
		{"a command that is computed", "redis.call(ARGV[2])", true,
			"scripts/gate.check.lua: line 1 calls a command that is not written out; it gets no probe"},
		{"a call that is passed on", "apply(redis.call)", true,
			"scripts/gate.check.lua: line 1 takes redis.call for a value, so its commands cannot be told; it gets no probe"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := Generate(contractOf(t, []byte(test.script)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if notices := derivedNotices(out); len(notices) == 0 || notices[len(notices)-1] != test.notice {
				t.Errorf("notices are %q, want %q for the last", notices, test.notice)
			}
			derived := derivedScripts(t, out.Files)
			if _, ok := derived["gate.many"]; ok != test.many {
				t.Errorf("there is a many script: %t, want %t", ok, test.many)
			}
			if probe, ok := derived["gate.probe"]; ok {
				t.Errorf("there is a probe script:\n%s", probe.source)
			}
			if got := constants(t, out.Files[1])["gateCheckSource"]; got != test.script {
				t.Errorf("the check is %q, want %q", got, test.script)
			}
		})
	}
}

// TestDerivedSHA1 holds, for every golden contract, that a derived script is put
// together from its check's own bytes, and that its SHA-1 is that of the whole.
func TestDerivedSHA1(t *testing.T) {
	scripts := 0
	for _, dir := range glob(t, "testdata/golden/*/contract") {
		out, err := Generate(os.DirFS(dir), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for name, s := range derivedScripts(t, out.Files) {
			scripts++
			if want := sha1Hex(s.source); s.sha1 != want {
				t.Errorf("%s: %s has the SHA-1 %s, want that of its text, %s", dir, name, s.sha1, want)
			}
			strategy, _, _ := strings.Cut(name, ".")
			check := read(t, filepath.Join(dir, "scripts", strategy+".check.lua"))
			if !strings.Contains(s.source, "local function check(KEYS, ARGV)\n"+check+"\nend\n") {
				t.Errorf("%s: %s does not hold its check byte for byte:\n%s", dir, name, s.source)
			}
		}
	}
	if scripts < 10 {
		t.Errorf("%d derived scripts seen, want those of every golden contract", scripts)
	}
}

// TestDerivedScriptsRun runs what is derived from checks that are written oddly in a
// Redis: each admits up to 5 for ever, so that its probe must answer admitted for 1,
// deny 6, and leave nothing behind, and its many must spend.
func TestDerivedScriptsRun(t *testing.T) {
	pool, err := redisdoor.Dial(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn := pool.Get()
	defer conn.Close()
	const read = "local n = tonumber(redis.call('GET', KEYS[1]) or 0) + ARGV[3]\nif n > 5 then return {0, 5, 5 - n + ARGV[3], 0, 9} end\n"
	for i, test := range []struct{ name, script string }{
		{"a comment without a newline at the end", read + "redis.call('SET', KEYS[1], n) do return {1, 5, 5 - n, 0, 0} end -- the end"},
		{"a long comment at the end", read + "redis.call('SET', KEYS[1], n) do return {1, 5, 5 - n, 0, 0} end --[[ the\nend ]]"},
		{"a newline at the end", read + "redis.call('SET', KEYS[1], n)\nreturn {1, 5, 5 - n, 0, 0}\n"},
		{"lines that end in CR LF", strings.ReplaceAll(read, "\n", "\r\n") + "redis.call('SET', KEYS[1], n)\r\nreturn {1, 5, 5 - n, 0, 0}\r\n"},
		{"a command in lower case", read + "redis.call('set', KEYS[1], n) return {1, 5, 5 - n, 0, 0}"},
		{"an alias", "local call = redis.call\n" + strings.ReplaceAll(read, "redis.call", "call") + "call('SET', KEYS[1], n) return {1, 5, 5 - n, 0, 0}"},
		{"redis.pcall, whose errors are replies", read + "redis.pcall('SET', KEYS[1], n) return {1, 5, 5 - n, 0, 0}"},
		{"a write in a function", read + "local function put() redis.call('SET', KEYS[1], n) end put() return {1, 5, 5 - n, 0, 0}"},
		{"nothing but tonumber and KEYS[1]", strings.ReplaceAll(read, "ARGV[3]", "tonumber(ARGV[3])") + "redis.call('SET', KEYS[1], n) return {1, 5, 5 - n, 0, 0}"},
		{"arguments that are text", "assert(type(ARGV[1]) == 'string' and type(ARGV[2]) == 'string' and type(ARGV[3]) == 'string')\n" + read + "redis.call('SET', KEYS[1], n) return {1, 5, 5 - n, 0, 0}"},
		{"arguments that the check changes", "ARGV[2], KEYS[2] = ARGV[2] - 1, 'more'\n" + strings.ReplaceAll(read, "n > 5", "n > ARGV[2] + 1") + "redis.call('SET', KEYS[1], n) return {1, 5, 5 - n, 0, 0}"},
		{"a name of the wrapping's own", "local argv, keys, params, now, answers, run, as = 1, 2, 3, 4, 5, 6, 7\n" + read + "redis.call('SET', KEYS[1], n) return {1, 5, 5 - n, 0, 0}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := Generate(contractOf(t, []byte(test.script)), Options{})
			if err != nil || len(derivedNotices(out)) > 0 {
				t.Fatal(err, out.Notices)
			}
			derived := derivedScripts(t, out.Files)
			key := fmt.Sprintf("%s:%d:%d", t.Name(), os.Getpid(), i)
			eval := func(script string, args ...any) any {
				t.Helper()
				reply, err := conn.Do("EVAL", append([]any{derived[script].source}, args...)...)
				if err != nil {
					t.Fatalf("%s: %v", script, err)
				}
				return reply
			}
			denied := func(remaining int64) []any { return []any{int64(0), int64(5), remaining, int64(0), int64(9)} }
			allowed := func(remaining int64) []any { return []any{int64(1), int64(5), remaining, int64(0), int64(0)} }

			probe := eval("gate.probe", 1, key, 1000, 5, 6, 1, "limit", "next")
			if diff := cmp.Diff([]any{int64(1000), denied(5), int64(1), int64(1), denied(5)}, probe); diff != "" {
				t.Errorf("the dry run of 6, 1, the limit and one more than there is (-want +got):\n%s", diff)
			}
			if there, err := redis.Int(conn.Do("EXISTS", key)); there != 0 || err != nil {
				t.Errorf("the dry run left %d keys (%v)", there, err)
			}
			many := unpacked(eval("gate.many", 2, key, key, 1000, 5, 2, 4))
			if diff := cmp.Diff([]any{allowed(3), denied(3)}, many); diff != "" {
				t.Errorf("2 and 4 of 5 (-want +got):\n%s", diff)
			}
			many = unpacked(eval("gate.many", 2, key, key, 1000, 5, 2))
			if diff := cmp.Diff([]any{allowed(1), denied(1)}, many); diff != "" {
				t.Errorf("2 of 3, twice, by one cost for both (-want +got):\n%s", diff)
			}
			if _, err := conn.Do("DEL", key); err != nil {
				t.Error(err)
			}
		})
	}
}

// unpacked is a many script's reply as a list of lists, in whichever form it came.
func unpacked(reply any) any {
	packed, ok := reply.([]byte)
	if !ok {
		return reply
	}
	var answers []any
	for ; len(packed) >= 40; packed = packed[40:] {
		answer := make([]any, 5)
		for i := range answer {
			answer[i] = int64(binary.LittleEndian.Uint64(packed[8*i:]))
		}
		answers = append(answers, answer)
	}
	return answers
}

// TestManyAnswersAsTheCheckDoes asks for two keys at once and for one alone, of checks
// that answer what no good one does: each answer must be the same, packed or not, and
// none may spoil its neighbour's. Each check answers oddly for the second key alone.
func TestManyAnswersAsTheCheckDoes(t *testing.T) {
	pool, err := redisdoor.Dial(redistest.StartProcess(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	conn := pool.Get()
	defer conn.Close()
	for _, test := range []struct {
		name, answer string
		packed       bool
	}{
		{"whole numbers", "{1, 2, 3, 4, 5}", true},
		{"fractions, which Redis cuts toward zero", "{1.9, -1.9, 0.1, -0.1, 2^40 + 0.5}", true},
		{"the largest that are exact, and larger", "{2^53, -2^53, 2^53 + 2, 2^62, -2^62}", true},
		{"no number", "{1, 2, 0/0, 4, 5}", false},
		{"endless", "{1, 2, 3, math.huge, 5}", false},
		{"endless the other way", "{1, 2, 3, -math.huge, 5}", true},
		{"text that looks like a number", "{1, 2, '3', 4, 5}", false},
		{"a truth", "{true, 2, 3, 4, 5}", false},
		{"too few", "{1, 2, 3, 4}", false},
		{"too many", "{1, 2, 3, 4, 5, 6}", false},
		{"one missing", "{1, 2, nil, 4, 5}", false},
		{"a number alone", "7", false},
		{"text", "'7'", false},
		{"nothing", "nil", false},
		{"false", "false", false},
		{"a status", "redis.status_reply('FINE')", false},
		{"an error reply", "redis.error_reply('WRONG indeed')", false},
		{"an error", "error({err = 'WRONG indeed'})", false},
		{"a command's error", "redis.call('GET', 'list' .. redis.call('LPUSH', 'list1', 1))", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := conn.Do("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
			check := "if KEYS[1] == 'good' then return {1, 5, 4, 0, 0} end\nreturn " + test.answer
			out, err := Generate(contractOf(t, []byte(check)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			alone, err := conn.Do("EVAL", check, 1, "odd", 1000, 5, 1)
			if err != nil {
				alone = err
			}
			if _, err := conn.Do("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
			reply, err := conn.Do("EVAL", derivedScripts(t, out.Files)["gate.many"].source, 3, "good", "odd", "good", 1000, 5, 1)
			if err != nil {
				t.Fatal(err)
			}
			if _, packed := reply.([]byte); packed != test.packed {
				t.Errorf("the reply is packed: %t, want %t", packed, test.packed)
			}
			answers := unpacked(reply).([]any)
			good := []any{int64(1), int64(5), int64(4), int64(0), int64(0)}
			for i, answer := range answers {
				if one, ok := answer.([]byte); ok && len(one) == 40 {
					answers[i] = unpacked(one).([]any)[0]
				}
			}
			if diff := cmp.Diff([]any{good, withoutPlace(alone), good}, []any{answers[0], withoutPlace(answers[1]), answers[2]}); diff != "" {
				t.Errorf("answers of many (-alone +many):\n%s", diff)
			}
		})
	}
}

// withoutPlace leaves out what Redis adds to an error: which script, and where.
func withoutPlace(reply any) any {
	if err, ok := reply.(redis.Error); ok {
		text, _, _ := strings.Cut(string(err), " script:")
		return strings.TrimPrefix(text, "ERR ")
	}
	return reply
}

type derivedScript struct{ source, sha1 string }

// derivedScripts evaluates the many and probe scripts of generated files, by name, as
// the compiler would.
func derivedScripts(t *testing.T, files []File) map[string]derivedScript {
	t.Helper()
	shared := constants(t, files[0])
	scripts := map[string]derivedScript{}
	for _, f := range files[1:] {
		own := constants(t, f)
		var value func(e ast.Expr) string
		value = func(e ast.Expr) string {
			switch e := e.(type) {
			case *ast.BinaryExpr:
				return value(e.X) + value(e.Y)
			case *ast.BasicLit:
				text, err := strconv.Unquote(e.Value)
				if err != nil {
					t.Fatal(err)
				}
				return text
			case *ast.Ident:
				if text, ok := own[e.Name]; ok {
					return text
				}
				if text, ok := shared[e.Name]; ok {
					return text
				}
			}
			t.Fatalf("%s: %T is no text", f.Name, e)
			return ""
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name, f.Data, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			if key, ok := pair.Key.(*ast.Ident); !ok || key.Name != "Many" && key.Name != "Probe" {
				return true
			}
			fields := map[string]string{}
			for _, field := range pair.Value.(*ast.CompositeLit).Elts {
				field := field.(*ast.KeyValueExpr)
				fields[field.Key.(*ast.Ident).Name] = value(field.Value)
			}
			scripts[fields["Name"]] = derivedScript{fields["Source"], fields["SHA1"]}
			return false
		})
	}
	return scripts
}

// derivedNotices leaves out what is said of the in-process form, which is another matter.
func derivedNotices(out *Output) []string {
	return slices.DeleteFunc(slices.Clone(out.Notices), func(notice string) bool {
		return strings.Contains(notice, "in-process form")
	})
}
