package golua

import (
	"slices"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// funcBinding is a local function in one pass.
type funcBinding struct {
	info *function
	name string // the Go variable's mark
}

// closure translates a local function into a Go one that is only ever called, so that
// it costs no memory.
func (t *translator) closure(s ast.Stmt, name string, f *ast.FunctionExpr) {
	if f.ParList.HasVargs {
		t.fail(f, "has a function with ...")
	}
	info := t.functions[f]
	if info == nil {
		info = &function{params: make([]typ, len(f.ParList.Names))}
		t.functions[f] = info
	}
	outerFacts, outerInside, outerDepth := t.facts, t.inside, t.depth
	// The function runs later: of what changes nothing is known then.
	t.loopFacts()
	t.facts.dry, t.facts.written = false, false
	t.inside, t.depth = info, 0
	var params []string
	t.open()
	t.push()
	var bound []func()
	for i, param := range f.ParList.Names {
		types := info.params[i].goTypes()
		units, flag := t.variableUnits(param, info.params[i])
		for k, id := range units {
			params = append(params, mark(id)+" "+types[k])
		}
		if flag >= 0 {
			params = append(params, mark(flag)+" bool")
		}
		v := valueOf(info.params[i], units, flag)
		variable := t.variable(place{f, i})
		v.stable = !variable.assigned
		t.learn(f, param, &variable.typ, info.params[i])
		bound = append(bound, func() {
			t.bind(param, &binding{variable: variable, value: v, in: info, flag: flag})
		})
	}
	for _, b := range bound {
		b()
	}
	body := t.captured(func() {
		if !t.stmts(f.Stmts) {
			t.returns(f, value{typ: typ{kind: none, opt: true, isNil: true}})
		}
	})
	if t.facts.written && !info.writes {
		info.writes, t.changed = true, true
	}
	t.pop()
	t.shut()
	t.facts, t.inside, t.depth = outerFacts, outerInside, outerDepth

	results := slices.Clone(info.result.goTypes())
	if info.result.opt {
		results = append(results, "bool")
	}
	if info.fails {
		results = append(results, "error")
	}
	result := strings.Join(results, ", ")
	if len(results) > 1 {
		result = "(" + result + ")"
	}
	id := t.unit(name)
	t.emit("%s := func(%s) %s {", mark(id), strings.Join(params, ", "), result)
	t.out.lines = append(t.out.lines, body...)
	t.emit("}")
	v := value{typ: typ{kind: closure}, fn: &funcBinding{info, mark(id)}, stable: true}
	t.declare(s, place{s, 0}, name, v)
}

func (t *translator) returnValue(s *ast.ReturnStmt) {
	switch len(s.Exprs) {
	case 0:
		t.returns(s, value{typ: typ{kind: none, opt: true, isNil: true}})
	case 1:
		t.returns(s, t.expr(s.Exprs[0], ""))
	default:
		t.fail(s, "returns several values from a function")
	}
}

func (t *translator) returns(at ast.PositionHolder, v value) {
	ty := widened(v.typ)
	if t.isThere(v) {
		ty = ty.present()
	}
	if !ty.kind.runtime() && ty.kind != none && ty.kind != unknown {
		t.fail(at, "returns %s from a function", v.kind)
	}
	t.learn(at, "the result", &t.inside.result, ty)
	codes, ok := t.convert(at, v, t.inside.result)
	codes = slices.Clone(codes)
	if t.inside.result.opt {
		codes = append(codes, ok)
	}
	if t.inside.fails {
		codes = append(codes, "nil")
	}
	t.emit("return %s", strings.Join(codes, ", "))
}

// call calls a local function.
func (t *translator) call(e *ast.FuncCallExpr, f *funcBinding, hint string, asStmt bool) value {
	if len(e.Args) != len(f.info.params) {
		t.fail(e, "calls a function of %d with %d arguments", len(f.info.params), len(e.Args))
	}
	if f.info.writes && !asStmt {
		t.fail(e, "uses the value of a function that writes")
	}
	var args []string
	for i, arg := range e.Args {
		v := t.expr(arg, "")
		ty := widened(v.typ)
		if !ty.kind.runtime() && ty.kind != none && ty.kind != unknown {
			t.fail(e, "passes %s to a function", v.kind)
		}
		t.learn(e, "an argument", &f.info.params[i], ty)
		codes, ok := t.convert(e, v, f.info.params[i])
		args = append(args, codes...)
		if f.info.params[i].opt {
			args = append(args, ok)
		}
	}
	code := f.name + "(" + strings.Join(args, ", ") + ")"
	ty := f.info.result
	if asStmt {
		defer func() { t.facts.written = t.facts.written || f.info.writes }()
		if !f.info.fails {
			t.emit("%s", code)
			return value{}
		}
	} else if !f.info.fails && !ty.opt && len(ty.goTypes()) == 1 {
		return value{typ: ty, code: []string{code}, prec: precAtom}
	}
	if hint == "" {
		hint = "result"
	}
	units, flag := t.variableUnits(hint, ty)
	all := slices.Clone(units)
	if flag >= 0 {
		all = append(all, flag)
	}
	v := valueOf(ty, units, flag)
	v.stable, v.fresh = true, true
	if !f.info.fails {
		t.define(":=", all, code)
		return v
	}
	t.checked(all, code)
	return v
}

// checked emits a call that may fail, and what it does when it has.
func (t *translator) checked(units []int, code string) {
	if len(units) == 0 {
		t.emit("if err := %s; err != nil {", code)
		t.bail("err")
	} else {
		failed := t.unit("err")
		t.define(":=", append(slices.Clone(units), failed), code)
		t.emit("if %s != nil {", mark(failed))
		t.bail(mark(failed))
	}
	t.emit("}")
}

func (t *translator) callStmt(e *ast.FuncCallExpr) {
	f := t.callee(e)
	switch {
	case f.kind == closure:
		t.call(e, f.fn, "", true)
	case f.kind == library && f.lit == "redis.call":
		t.command(e, "", true)
	default:
		t.callExpr(e, "")
	}
}
