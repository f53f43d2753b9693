package golua

import (
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// tableBinding is what a table of the script is for.
type tableBinding struct {
	where place
	name  string // the Go variable's mark, of a list
	size  int    // of a list: how many of Lua's elements one of Go's is
	view  bool   // it holds what HGETALL replied, by its fields' numbers
}

// tableUse is what all passes know of a table.
type tableUse struct {
	view, list bool
}

func (t *translator) use(where place) *tableUse {
	if t.uses == nil {
		t.uses = map[place]*tableUse{}
	}
	u := t.uses[where]
	if u == nil {
		u = &tableUse{}
		t.uses[where] = u
	}
	return u
}

func (t *translator) newTable(where place, name string) value {
	tab := &tableBinding{where: where}
	if u := t.use(where); u.view {
		tab.view = true
	} else if u.list {
		// A few members live on the stack, so that small costs allocate nothing.
		few, id := t.unit("few"), t.unit(name)
		t.emit("var %s [4]script.Scored", mark(few))
		t.define(":=", []int{id}, mark(few)+"[:0]")
		tab.name, tab.size = mark(id), 2
	}
	return value{typ: typ{kind: table}, tab: tab}
}

// resetTable is batch = {}: what was in it was used up.
func (t *translator) resetTable(at ast.PositionHolder, b *binding, e ast.Expr) {
	empty, ok := e.(*ast.TableExpr)
	if !ok || len(empty.Fields) > 0 || b.value.tab.view || b.in != t.current() {
		t.fail(at, "assigns to a table")
	}
	if b.value.tab.name != "" {
		t.define("=", []int{unitOf(b.value.tab.name)}, b.value.tab.name+"[:0]")
	}
}

func unitOf(mark string) int {
	m := marks.FindStringSubmatch(mark)
	if m == nil || m[0] != mark {
		return -1
	}
	id, _ := strconv.Atoi(m[1])
	return id
}

// tableElement reads from a view of the hash.
func (t *translator) tableElement(e *ast.AttrGetExpr, object value, hint string) value {
	if !object.tab.view {
		if u := t.use(object.tab.where); !u.list && !t.settled {
			return value{} // perhaps it becomes one in a later pass
		}
		t.fail(e, "reads from a table that is no copy of HGETALL's reply")
	}
	t.snapshot(e)
	index := t.number(e, t.expr(e.Key, ""))
	return t.hget(e, index.code[0], hint, typ{opt: true, isNil: true})
}

// snapshot makes sure that what a reply to HGETALL told is still so: it is read where
// it is kept, not copied.
func (t *translator) snapshot(at ast.PositionHolder) {
	if t.facts.written {
		t.fail(at, "looks at an earlier reply to HGETALL after a write")
	}
}

// flatElement tells whether HGETALL replied anything.
func (t *translator) flatElement(e *ast.AttrGetExpr, object, index value) value {
	if index.known == nil || *index.known != 1 && *index.known != 2 {
		t.fail(e, "picks from a reply to HGETALL other than by filling a table with it, in a loop of that alone")
	}
	t.snapshot(e)
	// Its text is that of a field; only whether it is there may matter.
	return value{typ: typ{kind: list, opt: true, isNil: true}, ok: "s.HLen() > 0", prec: precAtom}
}

// fillsFromHash recognises the loop
//
//	for i = 1, #flat, 2 do
//	  ring[tonumber(flat[i])] = flat[i + 1]
//	end
//
// after which the table is the hash, by the numbers of its fields. No two fields are
// the same number, so that the order of the reply does not matter.
func (t *translator) fillsFromHash(s *ast.NumberForStmt) bool {
	step, ok := s.Step.(*ast.NumberExpr)
	if !ok || step.Value != "2" || len(s.Stmts) != 1 {
		return false
	}
	first, ok := s.Init.(*ast.NumberExpr)
	size, ok2 := s.Limit.(*ast.UnaryLenOpExpr)
	assign, ok3 := s.Stmts[0].(*ast.AssignStmt)
	if !ok || !ok2 || !ok3 || first.Value != "1" || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 {
		return false
	}
	reply, ok := size.Expr.(*ast.IdentExpr)
	left, ok2 := assign.Lhs[0].(*ast.AttrGetExpr)
	if !ok || !ok2 {
		return false
	}
	into, ok := left.Object.(*ast.IdentExpr)
	if !ok {
		return false
	}
	from, tab := t.lookup(reply.Value), t.lookup(into.Value)
	if from == nil || tab == nil || from.value.kind != flat || tab.value.kind != table {
		return false
	}
	call, ok := left.Key.(*ast.FuncCallExpr)
	if !ok || len(call.Args) != 1 || !isElementOf(call.Args[0], reply.Value, s.Name, 0) || !isElementOf(assign.Rhs[0], reply.Value, s.Name, 1) {
		return false
	}
	if f := t.callee(call); f.kind != library || f.lit != "tonumber" {
		return false
	}
	t.snapshot(s)
	u := t.use(tab.value.tab.where)
	if u.list || tab.in != t.current() || t.inside != nil || t.depth > 0 {
		t.fail(s, "fills a table that is also something else, or fills it again")
	}
	if u.view && tab.value.tab.view && t.filled[tab] {
		t.fail(s, "fills a table twice")
	}
	t.filled[tab] = true
	t.emit("if s.HNaN() {")
	t.bail("script.ErrIndex")
	t.emit("}")
	if !u.view {
		u.view, t.changed = true, true
	}
	return true
}

// isElementOf reports whether e is list[turn] or, with an offset, list[turn + 1].
func isElementOf(e ast.Expr, list, turn string, offset int) bool {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return false
	}
	object, ok := get.Object.(*ast.IdentExpr)
	if !ok || object.Value != list {
		return false
	}
	key := get.Key
	if offset != 0 {
		sum, ok := key.(*ast.ArithmeticOpExpr)
		if !ok || sum.Operator != "+" {
			return false
		}
		by, ok := sum.Rhs.(*ast.NumberExpr)
		if !ok || by.Value != itoa(offset) {
			return false
		}
		key = sum.Lhs
	}
	name, ok := key.(*ast.IdentExpr)
	return ok && name.Value == turn
}

// pushes translates two statements that append a score and a member to a list, which
// ZADD takes later:
//
//	batch[#batch + 1] = score
//	batch[#batch + 1] = member
//
// or with a count of the script's own, which is then held against the list's length when
// the check runs:
//
//	batch[size + 1] = score
//	batch[size + 2] = member
func (t *translator) pushes(one, two ast.Stmt) bool {
	first, second := t.pushed(one), t.pushed(two)
	if first.list == nil || first.list != second.list || (first.index == nil) != (second.index == nil) {
		return false
	}
	tab := first.list.value.tab
	u := t.use(tab.where)
	if u.view {
		t.fail(one, "appends to a table that is also something else")
	}
	if !u.list {
		u.list, t.changed = true, true
	}
	if tab.name == "" {
		tab.name = "nil" // in the next pass it is a list
	}
	if first.index != nil {
		a, b := t.number(one, t.expr(first.index, "")), t.number(two, t.expr(second.index, ""))
		size := "float64(2*len(" + tab.name + "))"
		t.emit("if %s != %s + 1 || %s != %s + 2 {", a.code[0], size, b.code[0], size)
		t.bail("script.ErrOrder")
		t.emit("}")
	}
	s := t.number(one, t.expr(first.value, ""))
	m := t.textOf(two, t.expr(second.value, ""))
	if m.kind == unknown {
		return true
	}
	t.learnStore(two, &t.store.member, widened(m.typ), "a member")
	if id := unitOf(tab.name); id >= 0 {
		t.define("=", []int{id}, "append("+tab.name+", "+t.scored(two, s, m)+")")
	}
	return true
}

// push is list[#list + 1] = value, or list[index] = value.
type push struct {
	list         *binding
	index, value ast.Expr // no index where it is the list's own length
}

func (t *translator) pushed(s ast.Stmt) push {
	assign, ok := s.(*ast.AssignStmt)
	if !ok || len(assign.Lhs) != 1 || len(assign.Rhs) != 1 {
		return push{}
	}
	get, ok := assign.Lhs[0].(*ast.AttrGetExpr)
	if !ok {
		return push{}
	}
	object, ok := get.Object.(*ast.IdentExpr)
	if !ok {
		return push{}
	}
	b := t.lookup(object.Value)
	if b == nil || b.value.kind != table {
		return push{}
	}
	p := push{b, get.Key, assign.Rhs[0]}
	if sum, ok := get.Key.(*ast.ArithmeticOpExpr); ok && sum.Operator == "+" {
		size, ok := sum.Lhs.(*ast.UnaryLenOpExpr)
		by, ok2 := sum.Rhs.(*ast.NumberExpr)
		if ok && ok2 && by.Value == "1" {
			if of, ok := size.Expr.(*ast.IdentExpr); ok && of.Value == object.Value {
				p.index = nil
			}
		}
	}
	return p
}

// words is a table of texts that are written out, which a script picks from.
func (t *translator) words(e *ast.TableExpr) value {
	v := value{typ: typ{kind: words}, stable: true}
	for _, f := range e.Fields {
		word, ok := f.Value.(*ast.StringExpr)
		if f.Key != nil || !ok {
			t.fail(e, "makes a table of something other than texts written out")
		}
		v.elems = append(v.elems, value{typ: typ{kind: literal}, lit: word.Value, stable: true})
	}
	return v
}

func (t *translator) word(e *ast.AttrGetExpr, object, index value, hint string) value {
	if hint == "" {
		hint = "word"
	}
	args := []string{t.number(e, index).code[0]}
	for _, w := range object.elems {
		args = append(args, strconv.Quote(w.lit))
	}
	ty := typ{kind: bytes, opt: true, isNil: true}
	units, flag := t.variableUnits(hint, ty)
	t.define(":=", append(units[:1:1], flag), "script.Pick("+strings.Join(args, ", ")+")")
	v := valueOf(ty, units, flag)
	v.stable, v.fresh = true, true
	return v
}

func (t *translator) assignElement(s *ast.AssignStmt, get *ast.AttrGetExpr) {
	t.fail(s, "writes into a table otherwise than by filling it from HGETALL or appending pairs for ZADD")
}
