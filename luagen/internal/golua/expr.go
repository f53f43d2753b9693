package golua

import (
	"math"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

func itoa(n int) string { return strconv.Itoa(n) }

func constant(x float64) value {
	return value{typ: typ{kind: number}, code: []string{float(x)}, prec: precAtom, known: &x, stable: true}
}

// expr translates an expression. The hint names a Go variable, should it need one.
func (t *translator) expr(e ast.Expr, hint string) value {
	switch e := e.(type) {
	case *ast.NumberExpr:
		x, ok := readNumber(e.Value)
		if !ok {
			t.fail(e, "holds the number %s, which is not read", e.Value)
		}
		return constant(x)
	case *ast.StringExpr:
		return value{typ: typ{kind: literal}, lit: e.Value, stable: true}
	case *ast.NilExpr:
		return value{typ: typ{kind: none, opt: true, isNil: true}, stable: true}
	case *ast.TrueExpr:
		return atom(boolean, "true")
	case *ast.FalseExpr:
		return atom(boolean, "false")
	case *ast.IdentExpr:
		return t.ident(e)
	case *ast.AttrGetExpr:
		return t.element(e, hint)
	case *ast.TableExpr:
		if len(e.Fields) > 0 {
			return t.words(e)
		}
		return value{typ: typ{kind: table}}
	case *ast.FuncCallExpr:
		return t.callExpr(e, hint)
	case *ast.LogicalOpExpr:
		return t.logical(e, hint)
	case *ast.RelationalOpExpr, *ast.UnaryNotOpExpr:
		c := t.cond(e)
		return value{typ: typ{kind: boolean}, code: []string{c.code}, prec: c.prec}
	case *ast.ArithmeticOpExpr:
		return t.arithmetic(e)
	case *ast.UnaryMinusOpExpr:
		v := t.number(e, t.expr(e.Expr, ""))
		if v.known != nil {
			return constant(-*v.known)
		}
		return value{typ: typ{kind: number}, code: []string{"-" + wrap(v.code[0], v.prec, precAtom)}, prec: precUnary}
	case *ast.UnaryLenOpExpr:
		return t.length(e)
	case *ast.StringConcatOpExpr:
		return t.concat(e)
	case *ast.FunctionExpr:
		t.fail(e, "has a function that is not simply a local one")
	}
	t.fail(e, "holds an expression that is not translated")
	return value{}
}

// readNumber reads the text of a number as Lua does, but for hexadecimal ones.
func readNumber(s string) (float64, bool) {
	s = strings.Trim(s, " \t\n\v\f\r")
	if strings.ContainsAny(s, "xX_pP") || s == "" {
		return 0, false
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(x, 0) {
		return 0, false
	}
	return x, true
}

func (t *translator) ident(e *ast.IdentExpr) value {
	if b := t.lookup(e.Value); b != nil {
		v := b.value
		if v.kind != position { // which is of the text that it is a place in
			v.of = b
		}
		v.fresh = false
		if b.in != t.current() && b.variable.assigned {
			// In a function the Go variable is read when the function is called.
			v.stable = false
		}
		if v.opt && t.isThere(v) {
			v.typ = v.present()
		}
		return v
	}
	switch e.Value {
	case "KEYS":
		return value{typ: typ{kind: keys}}
	case "ARGV":
		return value{typ: typ{kind: argv}}
	case "redis", "math", "string", "tonumber", "tostring", "unpack":
		return value{typ: typ{kind: library}, lit: e.Value, stable: true}
	}
	t.fail(e, "uses %s, which is not translated", e.Value)
	return value{}
}

func (t *translator) element(e *ast.AttrGetExpr, hint string) value {
	object := t.expr(e.Object, hint)
	switch object.kind {
	case unknown:
		return value{}
	case library:
		name, ok := e.Key.(*ast.StringExpr)
		if !ok {
			t.fail(e, "picks from %s by something other than a name", object.lit)
		}
		if full := object.lit + "." + name.Value; full == "math.huge" {
			return constant(math.Inf(1))
		} else {
			return value{typ: typ{kind: library}, lit: full, stable: true}
		}
	case table:
		return t.tableElement(e, object, hint)
	}
	index := t.expr(e.Key, "")
	switch object.kind {
	case flat:
		return t.flatElement(e, object, index)
	case words:
		return t.word(e, object, index, hint)
	}
	if index.known == nil {
		t.fail(e, "picks from %s by a number that is not written out", object.kind)
	}
	n := int(*index.known)
	if float64(n) != *index.known {
		t.fail(e, "picks from %s by a fraction", object.kind)
	}
	switch object.kind {
	case keys:
		if n != 1 {
			t.fail(e, "uses KEYS[%d], and a check has one key", n)
		}
		return value{typ: typ{kind: key}, stable: true}
	case argv:
		return t.argument(e, n)
	case list:
		if n < 1 || n > len(object.elems) {
			return value{typ: typ{kind: none, opt: true, isNil: true}, stable: true}
		}
		v := object.elems[n-1]
		if v.kind == key { // stands for what a script may not see
			t.fail(e, "reads a member's name, of whose order nothing is known here")
		}
		if v.opt && t.isThere(v) {
			v.typ = v.present()
		}
		return v
	}
	t.fail(e, "picks from %s", object.kind)
	return value{}
}

// argument is ARGV[n]: the plain text of a number, which tells it from its neighbours,
// so that what tonumber makes of it is the number itself.
func (t *translator) argument(e ast.Expr, n int) value {
	v := value{typ: numberText(plain), prec: precAtom, stable: true}
	if n < 1 || n > len(t.script.Argv) {
		t.fail(e, "uses ARGV[%d], and there are %d", n, len(t.script.Argv))
	}
	param := 0
	for _, name := range t.script.Argv[:n-1] {
		if name != "now" && name != "cost" {
			param++
		}
	}
	switch t.script.Argv[n-1] {
	case "now":
		v.code = []string{"in.Now"}
	case "cost":
		v.code = []string{"in.Cost"}
	default:
		v.code = []string{"in.Params[" + itoa(param) + "]"}
	}
	return v
}

// there emits the error for a value that is nil where one is needed, and returns it as
// one that is there.
func (t *translator) there(at ast.PositionHolder, v value) value {
	if v.kind == none {
		t.fail(at, "uses nil as a value")
	}
	if v.opt && !t.isThere(v) && v.ok != "" {
		t.emit("if !%s {", wrap(v.ok, okPrec(v), precUnary))
		t.bail("script.Missing(" + strconv.Quote(t.script.File) + ", " + itoa(at.Line()) + ")")
		t.emit("}")
		t.facts = t.facts.with(v.flags)
	}
	v.typ = v.present()
	return v
}

func okPrec(v value) int {
	if strings.Contains(v.ok, "||") {
		return precOr
	}
	if strings.Contains(v.ok, "&&") {
		return precAnd
	}
	return precAtom
}

// number is a value where Lua wants a number; the text of one will do.
func (t *translator) number(at ast.PositionHolder, v value) value {
	v = t.there(at, v)
	switch {
	case v.kind == unknown:
		return atom(number, "0")
	case v.kind == literal:
		if x, ok := readNumber(v.lit); ok {
			return constant(x)
		}
	case v.kind == number, v.kind == numeric, v.one():
		v.typ = typ{kind: number}
		return v
	}
	t.fail(at, "uses %s as a number", v.kind)
	return value{}
}

func (t *translator) arithmetic(e *ast.ArithmeticOpExpr) value {
	left, right := t.expr(e.Lhs, ""), t.expr(e.Rhs, "")
	if left.kind == position && right.known != nil && (e.Operator == "+" || e.Operator == "-") {
		by := *right.known
		if e.Operator == "-" {
			by = -by
		}
		left.offset += by
		return left
	}
	a, b := t.number(e, left), t.number(e, right)
	if a.known != nil && b.known != nil {
		if x, ok := fold(e.Operator, *a.known, *b.known); ok {
			return constant(x)
		}
	}
	x, y := a.code[0], b.code[0]
	v := value{typ: typ{kind: number}, prec: precAtom, stable: a.stable && b.stable}
	switch e.Operator {
	case "+":
		v.code, v.prec = []string{x + " + " + wrap(y, b.prec, precProduct)}, precSum
	case "-":
		v.code, v.prec = []string{x + " - " + wrap(y, b.prec, precProduct)}, precSum
	case "*":
		// The conversion keeps the product from being fused into a sum, which rounds
		// once where Redis rounds twice.
		v.code = []string{"float64(" + wrap(x, a.prec, precProduct) + " * " + wrap(y, b.prec, precUnary) + ")"}
	case "/":
		v.code, v.prec = []string{wrap(x, a.prec, precProduct) + " / " + wrap(y, b.prec, precUnary)}, precProduct
	case "%":
		v.code = []string{"script.Mod(" + x + ", " + y + ")"}
	default:
		t.fail(e, "uses the operator %s, whose rounding is the C library's", e.Operator)
	}
	if a.prec < precSum {
		v.code[0] = strings.Replace(v.code[0], x, "("+x+")", 1)
	}
	return v
}

// fold computes with constants: Go would compute with exact ones.
func fold(operator string, a, b float64) (float64, bool) {
	switch operator {
	case "+":
		return a + b, true
	case "-":
		return a - b, true
	case "*":
		return float64(a * b), true
	case "/":
		return a / b, true
	case "%":
		return a - float64(math.Floor(a/b)*b), true
	}
	return 0, false
}

func (t *translator) length(e *ast.UnaryLenOpExpr) value {
	v := t.expr(e.Expr, "")
	switch v.kind {
	case unknown:
		return atom(number, "0")
	case literal:
		return constant(float64(len(v.lit)))
	case list:
		for _, elem := range v.elems {
			if elem.opt && elem.isNil {
				t.fail(e, "takes the length of a reply that may have holes")
			}
		}
		return constant(float64(len(v.elems)))
	case flat:
		t.snapshot(e)
		return atom(number, "float64(2 * s.HLen())")
	case table:
		if v.tab.size > 0 {
			return atom(number, "float64("+itoa(v.tab.size)+" * len("+v.tab.name+"))")
		}
		if v.tab.name == "" && t.changed {
			return atom(number, "0")
		}
	}
	t.fail(e, "takes the length of %s", v.kind)
	return value{}
}

// condition is an expression of which only the truth matters, and what is known when it
// is true and when it is false.
type condition struct {
	code                string
	prec                int
	whenTrue, whenFalse []int
}

func (t *translator) cond(e ast.Expr) condition {
	switch e := e.(type) {
	case *ast.UnaryNotOpExpr:
		c := t.cond(e.Expr)
		return condition{"!" + wrap(c.code, c.prec, precUnary), precUnary, c.whenFalse, c.whenTrue}
	case *ast.RelationalOpExpr:
		return t.relation(e)
	case *ast.LogicalOpExpr:
		return t.both(e)
	}
	return t.truth(e, t.expr(e, ""))
}

// truth is whether a value is neither nil nor false.
func (t *translator) truth(at ast.PositionHolder, v value) condition {
	switch {
	case v.kind == flat || v.kind == list && len(v.elems) > 0 || v.kind == table || v.kind == library || v.kind == closure:
		return condition{code: "true", prec: precAtom}
	case v.kind == none:
		return condition{code: "false", prec: precAtom}
	case v.kind == unknown:
		return condition{code: "true", prec: precAtom}
	case v.kind == boolean:
		if v.opt && !t.isThere(v) {
			return condition{code: wrap(v.ok, okPrec(v), precAnd) + " && " + wrap(v.code[0], v.prec, precAnd), prec: precAnd, whenTrue: v.flags}
		}
		return condition{code: v.code[0], prec: v.prec}
	case t.isThere(v):
		return condition{code: "true", prec: precAtom}
	}
	return condition{code: v.ok, prec: okPrec(v), whenTrue: v.flags}
}

func (t *translator) both(e *ast.LogicalOpExpr) condition {
	a := t.cond(e.Lhs)
	and := e.Operator == "and"
	operator, prec, given := " || ", precOr, a.whenFalse
	if and {
		operator, prec, given = " && ", precAnd, a.whenTrue
	}
	before := t.facts
	t.facts = before.with(given)
	var b condition
	more := t.captured(func() { b = t.cond(e.Rhs) })
	t.facts = before
	if a.code == "true" || a.code == "false" {
		if (a.code == "true") == and {
			t.out.lines = append(t.out.lines, more...)
			return b
		}
		return a
	}
	if len(more) > 0 {
		id := t.unit("holds")
		t.define(":=", []int{id}, a.code)
		test := mark(id)
		if !and {
			test = "!" + test
		}
		t.emit("if %s {", test)
		t.out.lines = append(t.out.lines, more...)
		t.define("=", []int{id}, b.code)
		t.emit("}")
		a.code, a.prec = mark(id), precAtom
	} else {
		a.code, a.prec = wrap(a.code, a.prec, prec)+operator+wrap(b.code, b.prec, prec+1), prec
	}
	if and {
		a.whenTrue, a.whenFalse = append(append([]int{}, a.whenTrue...), b.whenTrue...), nil
	} else {
		a.whenTrue, a.whenFalse = nil, append(append([]int{}, a.whenFalse...), b.whenFalse...)
	}
	return a
}

func (t *translator) relation(e *ast.RelationalOpExpr) condition {
	a, b := t.expr(e.Lhs, ""), t.expr(e.Rhs, "")
	operator := map[string]string{"~=": "!="}[e.Operator]
	if operator == "" {
		operator = e.Operator
	}
	if operator == "==" || operator == "!=" {
		if b.kind == none || a.kind == none {
			if a.kind == none {
				a, b = b, a
			}
			return t.isNil(e, a, operator)
		}
		if a.kind == number && b.kind == number && (a.opt || b.opt) {
			return t.maybeEqual(e, a, b, operator)
		}
		if a.kind == boolean && b.kind == boolean && !a.opt && !b.opt {
			return condition{code: wrap(a.code[0], a.prec, precSum) + " " + operator + " " + wrap(b.code[0], b.prec, precSum), prec: precCompare}
		}
	}
	if a.kind == unknown || b.kind == unknown {
		return condition{code: "true", prec: precAtom}
	}
	if a.kind != number || b.kind != number {
		t.fail(e, "compares %s with %s", a.kind, b.kind)
	}
	a, b = t.there(e, a), t.there(e, b)
	return condition{code: wrap(a.code[0], a.prec, precSum) + " " + operator + " " + wrap(b.code[0], b.prec, precSum), prec: precCompare}
}

// isNil compares with nil.
func (t *translator) isNil(at ast.PositionHolder, v value, operator string) condition {
	var c condition
	switch {
	case v.kind == unknown:
		return condition{code: "true", prec: precAtom}
	case v.kind == none:
		c = condition{code: "false", prec: precAtom}
	case !v.isNil || t.isThere(v):
		c = condition{code: "true", prec: precAtom} // false, which Redis replies, is not nil
	case v.isFalse:
		t.fail(at, "compares with nil what may be nil or false")
	default:
		c = condition{v.ok, okPrec(v), v.flags, nil}
	}
	if operator == "==" {
		c = condition{"!" + wrap(c.code, c.prec, precUnary), precUnary, c.whenFalse, c.whenTrue}
	}
	return c
}

// maybeEqual compares numbers of which one may be missing, and then differs.
func (t *translator) maybeEqual(at ast.PositionHolder, a, b value, operator string) condition {
	if a.opt && b.opt {
		t.fail(at, "compares two values that may both be missing")
	}
	if b.opt {
		a, b = b, a
	}
	equal := wrap(a.code[0], a.prec, precSum) + " " + operator + " " + wrap(b.code[0], b.prec, precSum)
	if operator == "==" {
		return condition{code: wrap(a.ok, okPrec(a), precAnd) + " && " + equal, prec: precAnd, whenTrue: a.flags}
	}
	return condition{code: "!" + wrap(a.ok, okPrec(a), precUnary) + " || " + equal, prec: precOr, whenFalse: a.flags}
}

// logical translates and and or whose value is used.
func (t *translator) logical(e *ast.LogicalOpExpr, hint string) value {
	// c and x or y is Lua's conditional expression when x cannot be false.
	if or, ok := e.Lhs.(*ast.LogicalOpExpr); ok && e.Operator == "or" && or.Operator == "and" {
		if v, ok := t.choice(or.Lhs, or.Rhs, e.Rhs, hint); ok {
			return v
		}
	}
	a := t.expr(e.Lhs, "")
	c := t.truth(e, a)
	and := e.Operator == "and"
	before := t.facts
	given := c.whenTrue
	if !and {
		given = c.whenFalse
	}
	t.facts = before.with(given)
	var b value
	more := t.captured(func() { b = t.expr(e.Rhs, hint) })
	t.facts = before
	switch {
	case a.kind == unknown || b.kind == unknown && b.typ.kind == unknown:
		ty, _ := join(a.typ.present(), b.typ)
		return value{typ: ty, code: zeros(ty), ok: "true", prec: precAtom}
	case c.code == "true" && and, c.code == "false" && !and:
		t.out.lines = append(t.out.lines, more...)
		return b
	case c.code == "true" || c.code == "false":
		return a
	case a.kind == boolean && !a.opt && b.kind == boolean && !b.opt && len(more) == 0:
		if and {
			return value{typ: a.typ, code: []string{wrap(c.code, c.prec, precAnd) + " && " + wrap(b.code[0], b.prec, precCompare)}, prec: precAnd}
		}
		return value{typ: a.typ, code: []string{wrap(c.code, c.prec, precOr) + " || " + wrap(b.code[0], b.prec, precAnd)}, prec: precOr}
	case a.kind == boolean:
		t.fail(e, "mixes a boolean with %s", b.kind)
	}
	if and && len(more) == 0 && b.kind != none {
		// Missing when either is.
		v := b
		v.typ = b.typ.maybe(a.typ)
		v.ok, v.flags = c.code, append([]int{}, c.whenTrue...)
		if b.opt && !t.isThere(b) && b.ok != a.ok {
			v.ok, v.flags = wrap(c.code, c.prec, precAnd)+" && "+wrap(b.ok, okPrec(b), precAnd), append(v.flags, b.flags...)
		}
		v.fresh = false
		return v
	}
	if and {
		return t.pick(e, c, func() value { return b }, more, value{typ: typ{kind: none}.maybe(a.typ)}, nil, hint)
	}
	kept := a
	kept.typ = a.present()
	return t.pick(e, c, func() value { return kept }, nil, b, more, hint)
}

// choice translates c and x or y, where x is always true.
func (t *translator) choice(test, x, y ast.Expr, hint string) (value, bool) {
	var c condition
	var a, b value
	tests := t.captured(func() { c = t.cond(test) })
	before := t.facts
	t.facts = before.with(c.whenTrue)
	moreA := t.captured(func() { a = t.expr(x, "") })
	sure := t.isThere(a) && a.kind != boolean && a.kind != none && a.kind != unknown
	t.facts = before.with(c.whenFalse)
	if !sure {
		t.facts = before
		return value{}, false
	}
	moreB := t.captured(func() { b = t.expr(y, "") })
	t.facts = before
	t.out.lines = append(t.out.lines, tests...)
	a.typ = a.present()
	return t.pick(x, c, func() value { return a }, moreA, b, moreB, hint), true
}

func zeros(ty typ) []string {
	var codes []string
	for _, g := range ty.goTypes() {
		codes = append(codes, map[string]string{"float64": "0", "bool": "false", "string": `""`}[g])
	}
	return codes
}

// pick emits the choice between two values into a variable of its own.
func (t *translator) pick(at ast.PositionHolder, c condition, yes func() value, moreYes []line, no value, moreNo []line, hint string) value {
	a := yes()
	if c.code == "true" {
		t.out.lines = append(t.out.lines, moreYes...)
		return a
	}
	ty, ok := join(widened(a.typ), widened(no.typ))
	if !ok {
		t.fail(at, "is sometimes %s and sometimes %s", a.kind, no.kind)
	}
	if !ty.kind.runtime() && ty.kind != unknown {
		t.fail(at, "chooses between %s and %s", a.kind, no.kind)
	}
	if hint == "" {
		hint = "chosen"
	}
	units, flag := t.variableUnits(hint, ty)
	codesA, okA := t.convert(at, a, ty)
	codesB, okB := t.convert(at, no, ty)
	all := append([]int{}, units...)
	codesA, codesB = append([]string{}, codesA...), append([]string{}, codesB...)
	if flag >= 0 {
		all, codesA, codesB = append(all, flag), append(codesA, okA), append(codesB, okB)
	}
	if len(moreNo) == 0 {
		for i, id := range all {
			t.define(":=", []int{id}, typed(codesB[i]))
		}
		t.emit("if %s {", c.code)
		t.out.lines = append(t.out.lines, moreYes...)
		t.define("=", all, codesA...)
		t.emit("}")
	} else {
		types := append(append([]string{}, ty.goTypes()...), "bool")
		for i, id := range all {
			t.define("var", []int{id}, types[i])
		}
		t.emit("if %s {", c.code)
		t.out.lines = append(t.out.lines, moreYes...)
		t.define("=", all, codesA...)
		t.emit("} else {")
		t.out.lines = append(t.out.lines, moreNo...)
		t.define("=", all, codesB...)
		t.emit("}")
	}
	v := valueOf(ty, units, flag)
	v.stable, v.fresh = true, true
	return v
}
