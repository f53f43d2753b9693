package gen

import (
	"bytes"
	"crypto/sha1" // what EVALSHA addresses scripts by, not a safeguard
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// Two scripts are derived from each check script. Lua lets the text of a script be the
// body of a function, so they hold the check's own bytes, unchanged, and run it many
// times, or dry; no second implementation of any strategy exists.
//
//	many    ManyHead + check + Run + ManyTail
//	probe   Writes + ProbeHead + check + Run + ProbeTail
//
// wrappers are the parts that all strategies of a contract share.
type wrappers struct {
	ManyHead, ManyTail   string
	ProbeHead, ProbeTail string
}

func newWrappers(replyTuple []string) wrappers {
	var values, numbers []string
	for i := range replyTuple {
		value := fmt.Sprintf("answer[%d]", i+1)
		values, numbers = append(values, value), append(numbers, value+" < huge")
	}
	data := map[string]any{
		"Limit":     slices.Index(replyTuple, "limit") + 1,
		"Remaining": slices.Index(replyTuple, "remaining") + 1,
		"After":     len(replyTuple) + 1,
		"Layout":    "<" + strings.Repeat("i8", len(replyTuple)),
		"Values":    strings.Join(values, ", "),
		"Numbers":   strings.Join(numbers, " and "),
	}
	return wrappers{
		ManyHead:  lua("many.head.lua.tmpl", data),
		ManyTail:  lua("many.tail.lua.tmpl", data),
		ProbeHead: lua("probe.head.lua.tmpl", data),
		ProbeTail: lua("probe.tail.lua.tmpl", data),
	}
}

// derivation is what is a strategy's own in its derived scripts.
type derivation struct {
	Run       string // ends the check's function, and calls it
	Writes    string // the commands to stop at
	ManySHA1  string // empty when the check cannot be wrapped
	ProbeSHA1 string // empty when it cannot run dry
}

// derive derives what the check script allows, and says in a notice what it does not
// and why.
func (s *strategy) derive(chunk []ast.Stmt, w wrappers, p *problems) {
	if hasShebang(s.Check.Source) {
		p.noticef(s.Check.File, "begins with a shebang line, which only the first line of a script can be; it gets no many and no probe")
		return
	}
	if chunk == nil {
		p.noticef(s.Check.File, "could not be read, so it gets no many and no probe")
		return
	}
	s.Derivation.Run = runner(s.Argv, readsPlainly(chunk))
	s.Derivation.ManySHA1 = sha1Hex(w.ManyHead + s.Check.Source + s.Derivation.Run + w.ManyTail)

	writes, problem := classify(chunk)
	if problem != "" {
		p.noticef(s.Check.File, "%s; it gets no probe", problem)
		return
	}
	for i, command := range writes {
		writes[i] = command + " = true"
	}
	s.Derivation.Writes = "local writes = {" + strings.Join(writes, ", ") + "}\n"
	s.Derivation.ProbeSHA1 = sha1Hex(s.Derivation.Writes + w.ProbeHead + s.Check.Source + s.Derivation.Run + w.ProbeTail)
}

func sha1Hex(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// lua executes a template whose data this package made itself.
func lua(name string, data any) string {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		panic(err) // a template and its data that do not fit are a fault of this package
	}
	return b.String()
}

// runner ends the function that holds a check, and calls it: run(key, now, cost), where
// now and cost went through as. Its parameters stand in a derived script's ARGV from 2
// on.
func runner(argv []string, plain bool) string {
	values := slices.Clone(argv)
	next := 2
	for i, name := range argv {
		switch {
		case name != "now" && name != "cost":
			values[i] = fmt.Sprintf("ARGV[%d]", next)
			if plain {
				values[i] = "tonumber(" + values[i] + ")"
			}
			next++
		case plain:
			values[i] = "0"
		}
	}
	// On a line of its own: the check may end with a comment.
	head := fmt.Sprintf("\nend\nlocal params = %d\n", next-2)
	table := "{" + strings.Join(values, ", ") + "}"
	if !plain {
		return head + "local as = tostring\nlocal function run(key, now, cost)\n  return check({key}, " + table + ")\nend\n"
	}
	return head + fmt.Sprintf("local as = tonumber\nlocal keys, argv = {}, %s\n"+
		"local function run(key, now, cost)\n  keys[1], argv[%d], argv[%d] = key, now, cost\n  return check(keys, argv)\nend\n",
		table, slices.Index(argv, "now")+1, slices.Index(argv, "cost")+1)
}

// Commands that a check may call, by what they do to its key. A command that stands in
// neither list keeps a script from having a probe, since nobody knows whether it would
// have to stop there.
var (
	// ZREMRANGEBYSCORE counts as a read: contract scripts prune by it what has expired
	// already, as a denied check does, too.
	readCommands = []string{
		"EXISTS", "GET", "GETRANGE", "HEXISTS", "HGET", "HGETALL", "HKEYS", "HLEN", "HMGET", "HVALS",
		"LINDEX", "LLEN", "LRANGE", "PTTL", "SCARD", "SISMEMBER", "SMEMBERS", "STRLEN", "TIME", "TTL", "TYPE",
		"ZCARD", "ZCOUNT", "ZRANGE", "ZRANGEBYSCORE", "ZRANK", "ZREMRANGEBYSCORE", "ZREVRANGE", "ZSCORE",
	}
	writeCommands = []string{
		"APPEND", "DECR", "DECRBY", "DEL", "EXPIRE", "EXPIREAT", "HDEL", "HINCRBY", "HINCRBYFLOAT", "HMSET", "HSET",
		"HSETNX", "INCR", "INCRBY", "INCRBYFLOAT", "LPOP", "LPUSH", "LSET", "LTRIM", "PERSIST", "PEXPIRE", "PEXPIREAT",
		"PSETEX", "RPOP", "RPUSH", "SADD", "SET", "SETEX", "SETNX", "SETRANGE", "SREM", "UNLINK",
		"ZADD", "ZINCRBY", "ZPOPMAX", "ZPOPMIN", "ZREM", "ZREMRANGEBYRANK",
	}
)

// hideouts are the globals by which a script could reach redis.call past the list of its
// commands, or catch the error that stops a dry run. redis itself is one, other than in
// redis.call and the like.
var hideouts = []string{
	"redis", "_G", "getfenv", "setfenv", "load", "loadstring", "dofile", "pcall", "xpcall", "coroutine", "debug",
}

// classify lists the writes among a script's commands, sorted. A problem says why a dry
// run of the script would not be one.
func classify(chunk []ast.Stmt) (writes []string, problem string) {
	c := &classifier{aliases: map[string]bool{}}
	c.stmts(chunk)
	slices.Sort(c.writes)
	return slices.Compact(c.writes), c.problem
}

type classifier struct {
	aliases map[string]bool // local names of redis.call
	writes  []string
	problem string // the first
}

func (c *classifier) stmts(list []ast.Stmt) {
	for _, s := range list {
		if call, ok := s.(*ast.FuncCallStmt); ok {
			if f, ok := call.Expr.(*ast.FuncCallExpr); ok && c.callsRedis(f) {
				c.call(f, false)
				c.exprs(f.Args)
				continue
			}
		}
		if local, ok := s.(*ast.LocalAssignStmt); ok && c.alias(local) {
			continue
		}
		c.exprs(everyExpr(s))
		for _, inner := range blocks(s) {
			c.stmts(inner)
		}
	}
}

// alias notes the names that a statement gives to redis.call, if that is all it does.
func (c *classifier) alias(s *ast.LocalAssignStmt) bool {
	if len(s.Exprs) != len(s.Names) {
		return false
	}
	for _, e := range s.Exprs {
		if !isRedisCall(e) {
			return false
		}
	}
	for _, name := range s.Names {
		c.aliases[name] = true
	}
	return true
}

func (c *classifier) callsRedis(f *ast.FuncCallExpr) bool {
	name, ok := f.Func.(*ast.IdentExpr)
	return isRedisCall(f.Func) || ok && c.aliases[name.Value]
}

// exprs looks at expressions whose value is used.
func (c *classifier) exprs(list []ast.Expr) {
	for _, e := range list {
		walkExpr(e, func(e ast.Expr) bool {
			switch e := e.(type) {
			case *ast.FuncCallExpr:
				if c.callsRedis(e) {
					c.call(e, true)
					c.exprs(e.Args)
					return false
				}
			case *ast.AttrGetExpr:
				if object, ok := e.Object.(*ast.IdentExpr); ok && object.Value == "redis" {
					if key, ok := e.Key.(*ast.StringExpr); ok && key.Value != "call" && key.Value != "pcall" {
						return false // a constant or a function that does not reach the data
					}
				}
				if isRedisCall(e) {
					c.fail("line %d takes redis.call for a value, so its commands cannot be told", e.Line())
					return false
				}
			case *ast.IdentExpr:
				switch {
				case c.aliases[e.Value]:
					c.fail("line %d takes redis.call for a value, so its commands cannot be told", e.Line())
				case slices.Contains(hideouts, e.Value):
					c.fail("line %d uses %s, behind which a command could hide, or the stop at a write be caught", e.Line(), e.Value)
				}
			case *ast.FunctionExpr:
				c.stmts(e.Stmts)
			}
			return true
		})
	}
}

func (c *classifier) call(f *ast.FuncCallExpr, used bool) {
	var command *ast.StringExpr
	if len(f.Args) > 0 {
		command, _ = f.Args[0].(*ast.StringExpr)
	}
	if command == nil {
		c.fail("line %d calls a command that is not written out", f.Line())
		return
	}
	name := strings.ToUpper(command.Value)
	switch {
	case slices.Contains(readCommands, name):
	case !slices.Contains(writeCommands, name):
		c.fail("line %d calls %s, which this luagen cannot classify as a read or a write", f.Line(), strconv.Quote(name))
	case used:
		c.fail("line %d uses the reply of %s, which a dry run does not have", f.Line(), name)
	default:
		c.writes = append(c.writes, name)
	}
}

func (c *classifier) fail(format string, args ...any) {
	if c.problem == "" {
		c.problem = fmt.Sprintf(format, args...)
	}
}
