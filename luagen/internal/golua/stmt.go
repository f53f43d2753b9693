package golua

import (
	"slices"
	"strings"
	"unicode"

	"github.com/yuin/gopher-lua/ast"
)

// stmts translates a block and reports whether its end is never reached.
func (t *translator) stmts(list []ast.Stmt) (ended bool) {
	for i := 0; i < len(list); i++ {
		s := list[i]
		if ended {
			t.fail(s, "stands after a return")
		}
		t.comment(s)
		if i+1 < len(list) && t.pushes(s, list[i+1]) {
			i++
			continue
		}
		ended = t.stmt(s)
	}
	return ended
}

// comment shows the statement's first line, with an empty line before where the script
// has one.
func (t *translator) comment(s ast.Stmt) {
	n := s.Line()
	if n < 1 || n > len(t.lines) {
		return
	}
	for above := n - 1; above >= 1; above-- {
		text := strings.TrimSpace(t.lines[above-1])
		if text == "" {
			t.out.lines = append(t.out.lines, line{blank: true})
		}
		if text == "" || !strings.HasPrefix(text, "--") {
			break
		}
	}
	text := strings.TrimSpace(t.lines[n-1])
	if strings.ContainsFunc(text, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsGraphic(r) }) {
		text = "..."
	}
	t.out.lines = append(t.out.lines, line{comment: true, text: itoa(n) + ": " + text})
}

func (t *translator) stmt(s ast.Stmt) (ended bool) {
	switch s := s.(type) {
	case *ast.LocalAssignStmt:
		t.local(s)
	case *ast.AssignStmt:
		t.assignment(s)
	case *ast.FuncCallStmt:
		call, ok := s.Expr.(*ast.FuncCallExpr)
		if !ok {
			t.fail(s, "is no call")
		}
		t.callStmt(call)
	case *ast.DoBlockStmt:
		t.emit("{")
		ended = t.nested(s.Stmts)
		t.emit("}")
	case *ast.IfStmt:
		return t.ifStmt(s)
	case *ast.NumberForStmt:
		t.forStmt(s)
	case *ast.WhileStmt:
		t.whileStmt(s)
	case *ast.BreakStmt:
		if t.depth == 0 {
			t.fail(s, "breaks out of no loop")
		}
		t.emit("break")
		return true
	case *ast.ReturnStmt:
		t.returnStmt(s)
		return true
	default:
		t.fail(s, "is a statement that is not translated (%s)", stmtName(s))
	}
	return ended
}

func stmtName(s ast.Stmt) string {
	switch s.(type) {
	case *ast.RepeatStmt:
		return "repeat"
	case *ast.GenericForStmt:
		return "for ... in"
	case *ast.FuncDefStmt:
		return "a function that is not local"
	}
	return "unknown"
}

// nested translates the block of a statement.
func (t *translator) nested(list []ast.Stmt) (ended bool) {
	t.open()
	t.push()
	defer t.shut()
	defer t.pop()
	return t.stmts(list)
}

func (t *translator) local(s *ast.LocalAssignStmt) {
	if len(s.Exprs) > len(s.Names) {
		t.fail(s, "has more values than names")
	}
	if len(s.Names) == 1 && len(s.Exprs) == 1 {
		if f, ok := s.Exprs[0].(*ast.FunctionExpr); ok {
			t.closure(s, s.Names[0], f)
			return
		}
	}
	values := make([]value, len(s.Names))
	for i, name := range s.Names {
		if i < len(s.Exprs) {
			values[i] = t.expr(s.Exprs[i], name)
			if values[i].kind == table {
				values[i] = t.newTable(place{s, i}, name)
			}
		} else {
			if n := len(s.Exprs); n > 0 {
				if _, many := s.Exprs[n-1].(*ast.FuncCallExpr); many {
					t.fail(s, "may take several values of one call")
				}
			}
			values[i] = value{typ: typ{kind: none, opt: true, isNil: true}}
		}
	}
	for i, name := range s.Names {
		t.declare(s, place{s, i}, name, values[i])
	}
}

func (t *translator) assignment(s *ast.AssignStmt) {
	if len(s.Lhs) != len(s.Rhs) {
		t.fail(s, "assigns to %d places what is %d values", len(s.Lhs), len(s.Rhs))
	}
	if len(s.Lhs) == 1 {
		if get, ok := s.Lhs[0].(*ast.AttrGetExpr); ok {
			t.assignElement(s, get)
			return
		}
	}
	var units []int
	var codes []string
	var after []func()
	for i, left := range s.Lhs {
		name, ok := left.(*ast.IdentExpr)
		if !ok {
			t.fail(s, "assigns to an element beside other assignments")
		}
		if b := t.lookup(name.Value); b != nil && b.value.kind == table {
			t.resetTable(s, b, s.Rhs[i])
			continue
		}
		u, c, f := t.assign(s, name.Value, t.expr(s.Rhs[i], name.Value))
		units, codes, after = append(units, u...), append(codes, c...), append(after, f)
	}
	t.define("=", units, codes...)
	for _, f := range after {
		f()
	}
}

func (t *translator) ifStmt(s *ast.IfStmt) (ended bool) {
	c := t.cond(s.Condition)
	before := t.facts
	t.facts = before.with(c.whenTrue)
	t.emit("if %s {", c.code)
	endedThen := t.nested(s.Then)
	afterThen := t.facts
	t.facts = before.with(c.whenFalse)
	endedElse := false
	if len(s.Else) > 0 {
		t.emit("} else {")
		endedElse = t.nested(s.Else)
	}
	t.emit("}")
	switch {
	case endedThen && endedElse:
		return true
	case endedThen:
	case endedElse:
		t.facts = afterThen
	default:
		t.facts = afterThen.meet(t.facts)
	}
	return false
}

// loop translates a loop's body, whose first line was emitted.
func (t *translator) loop(s ast.Stmt, body []ast.Stmt, first func()) {
	t.loopFacts()
	before := t.facts.copy()
	t.facts.written = t.facts.written || t.writes[s]
	t.depth++
	t.open()
	t.push()
	first()
	t.stmts(body)
	t.pop()
	t.shut()
	t.depth--
	if t.facts.written && !before.written && !t.writes[s] {
		t.writes[s], t.changed = true, true
	}
	written := t.facts.written
	t.facts = before
	t.facts.written = t.facts.written || written
	t.emit("}")
}

func (t *translator) forStmt(s *ast.NumberForStmt) {
	if t.fillsFromHash(s) {
		return
	}
	step := 1.0
	if s.Step != nil {
		v := t.expr(s.Step, "")
		if v.known == nil || *v.known == 0 {
			t.fail(s, "has a step that is not written out")
		}
		step = *v.known
	}
	start, limit := t.expr(s.Init, ""), t.expr(s.Limit, "")
	first := "script.From(" + t.number(s, start).code[0] + ", " + float(step) + ")"
	if start.known != nil {
		back := *start.known - step
		first = typed(float(back + step))
	}
	most := t.number(s, limit)
	bound := most.code[0]
	if most.known == nil && !most.stable {
		id := t.unit(s.Name + "Limit")
		t.define(":=", []int{id}, bound)
		bound = mark(id)
	}
	t.open()
	defer t.shut()
	turn := t.unit(s.Name)
	relation := " <= "
	if step < 0 {
		relation = " >= "
	}
	next := mark(turn) + " += " + float(step)
	if step == 1 {
		next = mark(turn) + "++"
	} else if step == -1 {
		next = mark(turn) + "--"
	}
	t.emit("for %s := %s; %s; %s {", mark(turn), first, mark(turn)+relation+wrap(bound, most.prec, precSum), next)
	t.loop(s, s.Stmts, func() {
		v := value{typ: typ{kind: number}, code: []string{mark(turn)}, prec: precAtom, stable: true}
		info := t.variable(place{s, 0})
		if info.assigned {
			t.fail(s, "has a body that changes %s", s.Name)
		}
		t.bind(s.Name, &binding{variable: info, value: v, in: t.current(), flag: -1})
	})
}

func (t *translator) whileStmt(s *ast.WhileStmt) {
	t.emit("for {")
	t.loop(s, s.Stmts, func() {
		c := t.cond(s.Condition)
		t.emit("if !%s {", wrap(c.code, c.prec, precUnary))
		t.emit("break")
		t.emit("}")
		t.facts = t.facts.with(c.whenTrue)
	})
}

func (t *translator) returnStmt(s *ast.ReturnStmt) {
	if t.inside != nil {
		t.returnValue(s)
		return
	}
	var reply *ast.TableExpr
	if len(s.Exprs) == 1 {
		reply, _ = s.Exprs[0].(*ast.TableExpr)
	}
	if reply == nil || len(reply.Fields) != t.script.Reply {
		t.fail(s, "returns something other than a table of the %d numbers of a reply, written out", t.script.Reply)
	}
	var codes []string
	for _, f := range reply.Fields {
		if f.Key != nil {
			t.fail(s, "names an element of its reply")
		}
		v := t.expr(f.Value, "")
		if v.kind != number && v.kind != unknown {
			t.fail(s, "replies %s where the contract has an integer", v.kind)
		}
		codes = append(codes, t.number(f.Value, v).code[0])
	}
	decision := make([]string, len(t.script.Decision))
	for i, place := range t.script.Decision {
		decision[i] = codes[place]
	}
	t.emit("return %s, nil", strings.Join(decision, ", "))
}

// bail emits the return of an error.
func (t *translator) bail(code string) {
	if t.inside == nil {
		t.emit("return %s%s", strings.Repeat("0, ", len(t.script.Decision)), code)
		return
	}
	if !t.inside.fails {
		t.inside.fails, t.changed = true, true
	}
	codes, ok := t.convert(nil, value{typ: typ{kind: none}}, t.inside.result)
	if t.inside.result.opt {
		codes = append(codes, ok)
	}
	t.emit("return %s", strings.Join(append(slices.Clone(codes), code), ", "))
}
