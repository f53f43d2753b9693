package golua

import (
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// store is what all passes know of what the script keeps under its key.
type store struct {
	kind   string // string, record, hash or set
	fields []string
	value  typ // of the fields of a hash
	member typ // of a set
}

// holds is the method that tells whether a state holds this, or nothing.
func (s *store) holds() string {
	return map[string]string{"string": "IsString", "record": "IsRecord", "hash": "IsHash", "set": "IsSortedSet"}[s.kind]
}

// keep notes what kind of value the key holds. A script keeps one kind; a hash is one
// of few named fields or one of numbered ones.
func (t *translator) keep(at ast.PositionHolder, kind string) {
	was := t.store.kind
	switch {
	case was == kind:
	case was == "", was == "record" && kind == "hash":
		t.store.kind, t.changed = kind, true
	case was == "hash" && kind == "record":
	default:
		t.fail(at, "keeps a %s under a key that holds a %s elsewhere in the script", kind, was)
	}
}

func (t *translator) learnStore(at ast.PositionHolder, known *typ, more typ, what string) {
	t.learn(at, what, known, more.present())
}

// maxFields is how many named fields the state of a key has in place; see package
// script.
const maxFields = 2

// field is the number of a named field.
func (t *translator) field(at ast.PositionHolder, name string) int {
	i := slices.Index(t.store.fields, name)
	if i < 0 {
		t.store.fields, t.changed = append(t.store.fields, name), true
		i = len(t.store.fields) - 1
	}
	if i >= maxFields {
		t.fail(at, "uses field %q, and %d named fields of a hash are translated", name, maxFields)
	}
	return i
}

// command translates redis.call.
func (t *translator) command(e *ast.FuncCallExpr, hint string, asStmt bool) value {
	if len(e.Args) == 0 {
		t.fail(e, "calls no command")
	}
	name, ok := e.Args[0].(*ast.StringExpr)
	if !ok {
		t.fail(e, "calls a command that is not written out")
	}
	command := strings.ToUpper(name.Value)
	args := e.Args[1:]
	if command == "TIME" {
		t.want(e, args, 0)
		return t.time(hint)
	}
	translate := commands[command]
	if translate == nil {
		t.fail(e, "calls %s, which is not translated", command)
	}
	if len(args) == 0 || t.expr(args[0], "").kind != key {
		t.fail(e, "calls %s on something other than KEYS[1]", command)
	}
	if isWrite := slices.Contains(writes, command); isWrite && !asStmt {
		t.fail(e, "uses the reply of %s", command)
	}
	return translate(t, e, args[1:], hint)
}

// writes are the commands at whose first a dry run stops, and whose replies are not
// used. ZREMRANGEBYSCORE is let through: scripts drop by it what has expired.
var writes = []string{"SET", "HSET", "PEXPIRE", "ZADD", "ZREMRANGEBYSCORE"}

var commands map[string]func(t *translator, e *ast.FuncCallExpr, args []ast.Expr, hint string) value

func init() {
	commands = map[string]func(t *translator, e *ast.FuncCallExpr, args []ast.Expr, hint string) value{
		"GET": get, "SET": set, "HGET": hget, "HMGET": hmget, "HSET": hset, "HGETALL": hgetall, "PEXPIRE": pexpire,
		"ZADD": zadd, "ZCARD": zcard, "ZRANGE": zrange, "ZREMRANGEBYSCORE": zremrangebyscore,
	}
}

// stopDry emits the end of a dry run, before the first write.
func (t *translator) stopDry() {
	if !t.facts.dry {
		t.emit("if in.Dry {")
		t.bail("script.ErrAdmitted")
		t.emit("}")
	}
	t.facts.dry, t.facts.written = true, true
}

func (t *translator) time(hint string) value {
	if hint == "" {
		hint = "time"
	}
	seconds, micros := t.unit(hint+"Seconds"), t.unit(hint+"Micros")
	t.define(":=", []int{seconds, micros}, "in.Time()")
	v := value{typ: typ{kind: list}, stable: true}
	for _, id := range []int{seconds, micros} {
		v.elems = append(v.elems, value{typ: numberText(digits17), code: []string{mark(id)}, prec: precAtom, stable: true})
	}
	return v
}

// reply is a value of Redis's that may be missing, in Go variables of its own.
func (t *translator) reply(ty typ, hint, call string) value {
	if hint == "" {
		hint = "found"
	}
	ty.opt, ty.isFalse = true, true
	units, flag := t.variableUnits(hint, ty)
	t.define(":=", append(slices.Clone(units), flag), call)
	v := valueOf(ty, units, flag)
	v.stable, v.fresh = true, true
	return v
}

func get(t *translator, e *ast.FuncCallExpr, args []ast.Expr, hint string) value {
	t.want(e, args, 0)
	t.keep(e, "string")
	return t.reply(numberText(digits17), hint, "s.Get()")
}

// stored is a value to keep as a number.
func (t *translator) stored(e ast.Expr) string {
	v := t.there(e, t.expr(e, ""))
	if v.kind == text && !v.one() {
		t.fail(e, "stores a text that is not that of a number")
	}
	return t.number(e, v).code[0]
}

func set(t *translator, e *ast.FuncCallExpr, args []ast.Expr, _ string) value {
	t.keep(e, "string")
	switch {
	case len(args) == 1:
		code := t.stored(args[0])
		t.stopDry()
		t.emit("s.Set(%s)", code)
	case len(args) == 3:
		if px := t.expr(args[1], ""); px.kind != literal || !strings.EqualFold(px.lit, "PX") {
			t.fail(e, "calls SET with an option other than PX")
		}
		code := t.stored(args[0])
		ttl := t.argumentNumber(args[2])
		t.stopDry()
		t.checked(nil, "s.SetPX(in.Clock, "+code+", "+ttl+")")
	default:
		t.fail(e, "calls SET with options other than PX")
	}
	return value{}
}

// argumentNumber is a number as an argument of a command, where the text of one will do
// only if it is all digits.
func (t *translator) argumentNumber(e ast.Expr) string {
	v := t.there(e, t.expr(e, ""))
	if v.one() && v.parts[0].format != plain && v.parts[0].format != digits17 {
		t.fail(e, "passes the text of a number as a number")
	}
	return t.number(e, v).code[0]
}

func pexpire(t *translator, e *ast.FuncCallExpr, args []ast.Expr, _ string) value {
	t.want(e, args, 1)
	ttl := t.argumentNumber(args[0])
	t.stopDry()
	t.checked(nil, "s.PExpire(in.Clock, "+ttl+")")
	return value{}
}

// fieldArgument is a field of a hash: named, or a number.
func (t *translator) fieldArgument(e ast.Expr) (name, code string, isNumber bool) {
	v := t.there(e, t.expr(e, ""))
	if v.kind == literal {
		if x, ok := readNumber(v.lit); ok && float(x) == v.lit {
			return "", v.lit, true
		}
		return v.lit, "", false
	}
	if v.one() && v.parts[0].format == digits14 {
		t.fail(e, "names a field by 14 digits of a number")
	}
	return "", t.number(e, v).code[0], true
}

func (t *translator) hfield(e ast.Expr, hint string) value {
	name, code, isNumber := t.fieldArgument(e)
	if isNumber {
		t.keep(e, "hash")
		return t.hget(e, code, hint, typ{opt: true, isFalse: true})
	}
	t.keep(e, "record")
	if t.store.kind == "hash" {
		t.fail(e, "names a field %q of a hash with numbers for fields", name)
	}
	return t.reply(numberText(digits17), hint, "s.Field("+itoa(t.field(e, name))+")")
}

func hget(t *translator, e *ast.FuncCallExpr, args []ast.Expr, hint string) value {
	t.want(e, args, 1)
	return t.hfield(args[0], hint)
}

func hmget(t *translator, e *ast.FuncCallExpr, args []ast.Expr, hint string) value {
	if len(args) == 0 {
		t.fail(e, "asks for no field")
	}
	v := value{typ: typ{kind: list}, stable: true}
	for i, arg := range args {
		wish := hint + itoa(i+1)
		if name, ok := arg.(*ast.StringExpr); ok && isName(name.Value) {
			wish = hint + strings.ToUpper(name.Value[:1]) + name.Value[1:]
		}
		v.elems = append(v.elems, t.hfield(arg, wish))
	}
	return v
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// hget reads a numbered field.
func (t *translator) hget(at ast.PositionHolder, code, hint string, missing typ) value {
	t.keep(at, "hash")
	ty := t.store.value
	if ty.kind == unknown {
		ty = numberText(digits17) // never written, so far
		if !t.settled {
			return value{}
		}
	}
	if hint == "" {
		hint = "found"
	}
	id, flag := t.unit(hint), t.unit(flagName(hint))
	t.define(":=", []int{id, flag}, "s.HGet("+code+")")
	v := value{typ: ty.maybe(missing), prec: precAtom, ok: mark(flag), flags: []int{flag}, stable: true}
	for i := range ty.numbers() {
		v.code = append(v.code, mark(id)+[]string{".A", ".B"}[i])
	}
	return v
}

func hset(t *translator, e *ast.FuncCallExpr, args []ast.Expr, _ string) value {
	if len(args) == 0 || len(args)%2 != 0 {
		t.fail(e, "sets fields without values")
	}
	var lines []string
	for i := 0; i < len(args); i += 2 {
		name, code, isNumber := t.fieldArgument(args[i])
		if !isNumber {
			t.keep(e, "record")
			if t.store.kind == "hash" {
				t.fail(e, "names a field %q of a hash with numbers for fields", name)
			}
			lines = append(lines, "s.SetField("+itoa(t.field(e, name))+", "+t.stored(args[i+1])+") // "+name)
			continue
		}
		t.keep(e, "hash")
		v := t.there(args[i+1], t.expr(args[i+1], ""))
		if v.kind == number { // Redis writes all its digits
			v = rounded(digits17, v)
		}
		if v.kind == unknown {
			continue
		}
		if v.kind != text {
			t.fail(e, "stores %s in a field", v.kind)
		}
		t.learnStore(e, &t.store.value, v.typ, "a field")
		lines = append(lines, "s.HSet("+code+", "+t.pair(e, v)+")")
	}
	t.stopDry()
	for _, l := range lines {
		t.emit("%s", strings.ReplaceAll(l, "%", "%"))
	}
	return value{}
}

// pair is a text of one or two numbers as package script keeps it.
func (t *translator) pair(at ast.PositionHolder, v value) string {
	switch v.typ.numbers() {
	case 1:
		return "script.Text{A: " + v.code[0] + "}"
	case 2:
		return "script.Text{A: " + v.code[0] + ", B: " + v.code[1] + "}"
	}
	t.fail(at, "stores a text of %d numbers", v.typ.numbers())
	return ""
}

func hgetall(t *translator, e *ast.FuncCallExpr, args []ast.Expr, _ string) value {
	t.want(e, args, 0)
	t.keep(e, "hash")
	t.snapshot(e)
	return value{typ: typ{kind: flat}, stable: true}
}

func zcard(t *translator, e *ast.FuncCallExpr, args []ast.Expr, hint string) value {
	t.want(e, args, 0)
	t.keep(e, "set")
	if hint == "" {
		hint = "size"
	}
	id := t.unit(hint)
	t.define(":=", []int{id}, "s.ZCard()")
	v := atom(number, mark(id))
	v.stable, v.fresh = true, true
	return v
}

// zrange translates a range of one rank with its score; of the member nothing is told.
func zrange(t *translator, e *ast.FuncCallExpr, args []ast.Expr, hint string) value {
	t.want(e, args, 3)
	t.keep(e, "set")
	from, to := t.argumentNumber(args[0]), t.argumentNumber(args[1])
	if from != to {
		t.fail(e, "asks for a range of more than one rank")
	}
	if with := t.expr(args[2], ""); with.kind != literal || !strings.EqualFold(with.lit, "WITHSCORES") {
		t.fail(e, "asks for a range without its scores")
	}
	if hint == "" {
		hint = "score"
	}
	ty := numberText(digits17)
	ty.opt, ty.isNil = true, true
	units, flag := t.variableUnits(hint, ty)
	t.checked(append(slices.Clone(units), flag), "s.ZScore("+from+")")
	score := valueOf(ty, units, flag)
	score.stable, score.fresh = true, true
	return value{typ: typ{kind: list}, elems: []value{{typ: typ{kind: key}}, score}, stable: true}
}

func zremrangebyscore(t *translator, e *ast.FuncCallExpr, args []ast.Expr, _ string) value {
	t.want(e, args, 2)
	t.keep(e, "set")
	if from := t.expr(args[0], ""); from.kind != literal || from.lit != "-inf" {
		t.fail(e, "removes a range that begins elsewhere than at -inf")
	}
	t.checked(nil, "s.ZRemUpTo("+t.argumentNumber(args[1])+")")
	return value{}
}

func (t *translator) scored(at ast.PositionHolder, score, member value) string {
	if t.store.member.kind == bytes {
		return "script.Scored{Score: " + score.code[0] + ", Name: " + t.bytes(at, member) + "}"
	}
	t.distinct(at, member)
	return "script.Scored{Score: " + score.code[0] + ", Member: " + t.pair(at, member) + "}"
}

// distinct makes sure that different members are different numbers: a number's text has
// a - in front or behind an e alone, so that what begins with a character of no number,
// or is a -, parts two numbers in one way only.
func (t *translator) distinct(at ast.PositionHolder, v value) {
	for i, p := range v.parts {
		if p.format == mixed {
			t.fail(at, "writes members in several formats")
		}
		if p.format == "" && i > 0 && i < len(v.parts)-1 && p.fixed != "-" && strings.ContainsAny(p.fixed[:1], numberLetters) {
			t.fail(at, "parts the numbers of a member by %q, which a number may hold", p.fixed)
		}
		if p.format != "" && i > 0 && v.parts[i-1].format != "" {
			t.fail(at, "writes two numbers of a member with nothing between")
		}
	}
}

func zadd(t *translator, e *ast.FuncCallExpr, args []ast.Expr, _ string) value {
	t.keep(e, "set")
	if len(args) == 1 {
		call, ok := args[0].(*ast.FuncCallExpr)
		if !ok || len(call.Args) != 1 {
			t.fail(e, "adds something other than pairs")
		}
		if f := t.callee(call); f.kind != library || f.lit != "unpack" {
			t.fail(e, "adds something other than pairs")
		}
		list := t.expr(call.Args[0], "")
		if list.kind != table {
			t.fail(e, "unpacks %s", list.kind)
		}
		t.stopDry()
		if list.tab.size == 0 && !t.changed {
			t.fail(e, "unpacks a table that nothing was appended to")
		}
		t.checked(nil, "s.ZAdd("+list.tab.name+"...)")
		return value{}
	}
	if len(args) == 0 || len(args)%2 != 0 {
		t.fail(e, "adds members without scores")
	}
	var members []string
	for i := 0; i < len(args); i += 2 {
		score := t.argumentNumber(args[i])
		m := t.textOf(e, t.expr(args[i+1], ""))
		if m.kind == unknown {
			continue
		}
		t.learnStore(e, &t.store.member, widened(m.typ), "a member")
		members = append(members, t.scored(e, atom(number, score), m))
	}
	t.stopDry()
	t.checked(nil, "s.ZAdd("+strings.Join(members, ", ")+")")
	return value{}
}
