package gen

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// chainOfCalls declares functions each of which calls the one before it twice.
func chainOfCalls(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		before := "f" + strconv.Itoa(i-1) + "()"
		b.WriteString(" local function f" + strconv.Itoa(i) + "() " + before + " " + before + " end\n")
	}
	return b.String()
}

// TestMeasureWork measures scripts that take ARGV now, windowMs, cost, buckets, limit.
// Work is written as in "3 + 2*buckets + 1*cost*buckets".
func TestMeasureWork(t *testing.T) {
	reasons := reasonBook{}
	for _, test := range []struct{ name, reason, script, want string }{
		{
			name:   "commands",
			reason: "each call is a step, also as an argument, in a condition, a table, a return and by pcall",
			script: `
				local reply = tonumber(redis.call('GET', KEYS[1]) or 0)
				if not redis.call('EXISTS', KEYS[1]) then redis.pcall('DEL', KEYS[1]) end
				local kept = {redis.call('TTL', KEYS[1]), [redis.call('A')] = -redis.call('B'), n = #redis.call('C') .. ''}
				return {redis.call('TIME')[1] + 1}`,
			want: "8",
		},
		{
			name:   "no command",
			reason: "arithmetic is free beside a command",
			script: `local limit = ARGV[5] * 2 return {1, limit, string.format('%d', limit), 0, 0}`,
			want:   "",
		},
		{
			name:   "branches",
			reason: "all branches count, since any may be taken",
			script: `
				if a then redis.call('A') elseif b then redis.call('B') else redis.call('C') end
				do redis.call('D') end`,
			want: "4",
		},
		{
			name:   "loop by cost",
			reason: "a turn is a step, and so is each command in it",
			script: `
				redis.call('A')
				for i = 1, tonumber(ARGV[3]) do redis.call('B') redis.call('C') end`,
			want: "1 + 3*cost",
		},
		{
			name:   "loop by buckets through variables",
			reason: "names carry what flows into them, however often they are passed on",
			script: `
				local buckets = tonumber(ARGV[4])
				local slots = math.floor(buckets) + 1
				for slot = slots - 1, 0, -1 do local x = slot end`,
			want: "1*buckets",
		},
		{
			name:   "variable set without local",
			reason: "an assignment tells as much as a declaration",
			script: `
				local n
				n = ARGV[3]
				for i = 1, n do redis.call('A') end`,
			want: "2*cost",
		},
		{
			name:   "variable assigned after its loop",
			reason: "a loop runs again with what its end assigned",
			script: `
				local batch, more
				repeat
					for i = 1, batch do redis.call('A') end
					batch = more
					more = ARGV[3]
				until done`,
			want: "2*cost",
		},
		{
			name:   "nested loops",
			reason: "turns multiply",
			script: `
				for i = 1, ARGV[3] do
					redis.call('A')
					for j = 1, ARGV[4] do redis.call('B') end
				end`,
			want: "2*cost + 2*cost*buckets",
		},
		{
			name:   "loop over time",
			reason: "milliseconds and instants are not turns: a loop whose bounds hold nothing else counts once",
			script: `for at = ARGV[1], ARGV[1] + ARGV[2], 1000 do redis.call('A') end`,
			want:   "1",
		},
		{
			name:   "loop by a fixed number",
			reason: "without a parameter in its bounds a loop does not grow, and counts once",
			script: `for i = 1, 3 do redis.call('A') end`,
			want:   "1",
		},
		{
			name:   "loop over a reply",
			reason: "what Redis answers is state and stands for no parameter, also when one was asked with",
			script: `
				local members = redis.call('ZRANGE', KEYS[1], 0, ARGV[3])
				for i = 1, #members do redis.call('A') end
				for _, m in ipairs(members) do redis.call('B') end`,
			want: "3",
		},
		{
			name:   "loop by two counts",
			reason: "either may be what makes it long",
			script: `for i = ARGV[4], ARGV[3] do redis.call('A') end`,
			want:   "2*buckets + 2*cost",
		},
		{
			name:   "while by cost",
			reason: "a condition bounds a loop as a limit does",
			script: `
				local left = tonumber(ARGV[3])
				while left > 0 do redis.call('A') left = left - 1 end`,
			want: "2*cost",
		},
		{
			name:   "passed to a local function",
			reason: "what is passed on is as large inside",
			script: `
				local function add(n) for i = 1, n do redis.call('A') end end
				add(ARGV[3])`,
			want: "2*cost",
		},
		{
			name:   "functions that call each other twice",
			reason: "following each call to its end would take longer than anyone waits",
			script: `
				local function f0() redis.call('A') end` + chainOfCalls(60) + `
				f60()`,
			want: "",
		},
		{
			name:   "while and repeat by state",
			reason: "their turns cannot be told: the body counts once, and so does the condition",
			script: `
				while redis.call('A') do redis.call('B') end
				repeat redis.call('C') until redis.call('D')`,
			want: "4",
		},
		{
			name:   "alias",
			reason: "a local name for redis.call is redis.call",
			script: `
				local call, pcall = redis.call, redis.pcall
				call('A')
				for i = 1, ARGV[3] do pcall('B') end`,
			want: "1 + 2*cost",
		},
		{
			name:   "other functions of redis",
			reason: "only call and pcall reach the data",
			script: `redis.log(redis.LOG_NOTICE, redis.sha1hex('x')) local r = redis['call'] r('A')`,
			want:   "1",
		},
		{
			name:   "local function",
			reason: "a function counts where it is called, as often as it is, and not where it is written",
			script: `
				local function count(slot) return redis.call('HGET', KEYS[1], slot) end
				local unused = function() redis.call('A') end
				local sum = count(0)
				for slot = 1, ARGV[4] do sum = sum + count(slot) end`,
			want: "1 + 2*buckets",
		},
		{
			name:   "function with a loop of its own",
			reason: "a loop inside a function multiplies with the loop that calls it",
			script: `
				local buckets = ARGV[4]
				local sweep = function() for i = 1, buckets do redis.call('A') end end
				for i = 1, ARGV[3] do sweep() end`,
			want: "1*cost + 2*cost*buckets",
		},
		{
			name:   "recursion",
			reason: "a function inside itself counts once, and the measuring ends",
			script: `
				local even, odd
				even = function(n) redis.call('A') return odd(n) end
				odd = function(n) redis.call('B') return even(n) end
				even(ARGV[3])`,
			want: "2",
		},
		{
			name:   "ARGV out of reach",
			reason: "a place that the manifest does not list, or that cannot be told, names nothing",
			script: `for i = ARGV[0], ARGV[9] do redis.call('A') end for i = 1, ARGV[n] do redis.call('B') end for i = 1, other[3] do end`,
			want:   "2",
		},
		{
			name:   "shebang",
			reason: "Redis takes a first line of #! away before Lua reads the text",
			script: "#!lua flags=no-writes\nredis.call('A')",
			want:   "1",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			reasons.add(t, test.reason)
			var p problems
			argv := []string{"now", "windowMs", "cost", "buckets", "limit"}
			got := measureWork(parseScript(luaScript{File: "scripts/gate.check.lua", Source: test.script}, &p), argv)
			if diff := cmp.Diff(test.want, writeWork(got)); diff != "" {
				t.Errorf("work (-want +got):\n%s", diff)
			}
			if len(p.notices) > 0 {
				t.Errorf("said aloud: %q", p.notices)
			}
		})
	}
}

// TestMeasureWorkOfUnreadable holds that text which does not parse is taken for work
// that grows with the cost, and that this is said in one line.
func TestMeasureWorkOfUnreadable(t *testing.T) {
	for _, test := range []struct{ name, reason, script string }{
		{"unfinished", "the text ends in the middle of a block", "for i = 1, 3 do"},
		{"another language", "an operator that Lua 5.1 does not have", "return 7 // 2"},
		{"bytes", "no text at all", "\x00\xff`\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var p problems
			got := measureWork(parseScript(luaScript{File: "scripts/gate.check.lua", Source: test.script}, &p), []string{"now", "cost"})
			if diff := cmp.Diff("10 + 1*cost", writeWork(got)); diff != "" {
				t.Errorf("%s: work (-want +got):\n%s", test.reason, diff)
			}
			if len(p.notices) != 1 || !strings.HasPrefix(p.notices[0], "scripts/gate.check.lua: ") || strings.Contains(p.notices[0], "\n") {
				t.Errorf("%s: notices are %q, want one line that begins with the file", test.reason, p.notices)
			}
		})
	}
}

func writeWork(terms []term) string {
	var parts []string
	for _, term := range terms {
		parts = append(parts, strings.Join(slices.Concat([]string{strconv.FormatInt(term.Steps, 10)}, term.Per), "*"))
	}
	return strings.Join(parts, " + ")
}
