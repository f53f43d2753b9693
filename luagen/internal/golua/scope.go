package golua

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

func (t *translator) push() { t.scopes = append(t.scopes, map[string]*binding{}) }
func (t *translator) pop()  { t.scopes = t.scopes[:len(t.scopes)-1] }

func (t *translator) lookup(name string) *binding {
	for i := len(t.scopes) - 1; i >= 0; i-- {
		if b := t.scopes[i][name]; b != nil {
			return b
		}
	}
	return nil
}

func (t *translator) bind(name string, b *binding) { t.scopes[len(t.scopes)-1][name] = b }

// variable returns what is known of a declaration.
func (t *translator) variable(at place) *variable {
	v := t.variables[at]
	if v == nil {
		v = &variable{}
		t.variables[at] = v
	}
	return v
}

// learn joins a type into what is known.
func (t *translator) learn(at ast.PositionHolder, what string, known *typ, more typ) {
	joined, ok := join(*known, more)
	if !ok {
		t.fail(at, "makes %s sometimes %s and sometimes %s", what, known.kind, more.kind)
	}
	if !joined.equal(*known) {
		*known = joined
		t.changed = true
	}
}

// declare makes a local of a value.
func (t *translator) declare(at ast.PositionHolder, where place, name string, v value) {
	info := t.variable(where)
	b := &binding{variable: info, in: t.current(), flag: -1}
	defer t.bind(name, b)
	if !v.kind.runtime() && v.kind != none && v.kind != unknown && v.kind != literal {
		if info.assigned && v.kind != table {
			t.fail(at, "changes %s, which is %s", name, v.kind)
		}
		b.value = v
		return
	}
	if v.kind == literal && !info.assigned {
		b.value = v
		return
	}
	t.learn(at, name, &info.typ, widened(v.typ))
	switch {
	case !info.assigned && v.kind == none:
		b.value = v
		return
	case !info.assigned && v.stable && (v.opt || v.kind == text && len(v.code) != 1 || v.kind == text && atomic(v.code[0]) || v.kind == numeric && v.fresh),
		v.fresh && info.typ.equal(v.typ) && (!v.opt || len(v.flags) == 1):
		b.value = v
		b.value.stable = !info.assigned
		if v.opt {
			b.flag = v.flags[0]
		}
		b.value.fresh = false
		return
	}
	units, flag := t.variableUnits(name, info.typ)
	codes, ok := t.convert(at, v, info.typ)
	for i, id := range units {
		t.define(":=", []int{id}, typed(codes[i]))
	}
	if flag >= 0 {
		t.define(":=", []int{flag}, ok)
		if ok == "true" || t.isThere(v) {
			t.facts.there[flag] = true
		}
	}
	b.flag = flag
	b.value = valueOf(info.typ, units, flag)
	b.value.stable = !info.assigned
}

// atomic reports whether code is a name, which costs nothing to say again.
func atomic(code string) bool { return !strings.ContainsAny(code, "( ") }

// widened is the type of a variable that holds a value of a type.
func widened(ty typ) typ {
	if ty.kind == literal {
		ty.kind = bytes
	}
	return ty
}

// variableUnits makes the Go variables for one of the script's.
func (t *translator) variableUnits(name string, ty typ) (units []int, flag int) {
	types := ty.goTypes()
	for i := range types {
		wish := name
		if len(types) > 1 {
			wish = name + string(rune('A'+i))
		}
		units = append(units, t.unit(wish))
	}
	flag = -1
	if ty.opt {
		flag = t.unit(flagName(name))
	}
	return units, flag
}

func valueOf(ty typ, units []int, flag int) value {
	v := value{typ: ty, prec: precAtom}
	for _, id := range units {
		v.code = append(v.code, mark(id))
	}
	if flag >= 0 {
		v.ok, v.flags = mark(flag), []int{flag}
	}
	return v
}

// isThere reports whether a value is known to be one.
func (t *translator) isThere(v value) bool {
	if v.kind == none {
		return false
	}
	if !v.opt {
		return true
	}
	for _, id := range v.flags {
		if !t.facts.there[id] {
			return false
		}
	}
	return len(v.flags) > 0
}

// convert writes a value as one of a type that it was joined into.
func (t *translator) convert(at ast.PositionHolder, v value, to typ) (codes []string, ok string) {
	ok = "true"
	if v.opt && !t.isThere(v) {
		ok = v.ok
	}
	types := to.goTypes()
	switch {
	case v.kind == none || v.kind == unknown:
		for _, ty := range types {
			codes = append(codes, map[string]string{"float64": "0.0", "bool": "false", "string": `""`}[ty])
		}
		return codes, "false"
	case to.kind == bytes:
		return []string{t.bytes(at, v)}, ok
	case len(types) != len(v.code):
		t.fail(at, "puts %s where %s is", v.kind, to.kind)
	}
	return v.code, ok
}

// assign changes a local.
func (t *translator) assign(at ast.PositionHolder, name string, v value) (units []int, codes []string, after func()) {
	b := t.lookup(name)
	if b == nil {
		t.fail(at, "assigns to the global %s", name)
	}
	if b.in != t.current() {
		t.fail(at, "assigns to %s from inside a function", name)
	}
	if !b.variable.assigned {
		b.variable.assigned = true
		t.changed = true
	}
	ty := widened(v.typ)
	if !ty.kind.runtime() && ty.kind != none && ty.kind != unknown {
		t.fail(at, "assigns %s to %s", v.kind, name)
	}
	t.learn(at, name, &b.variable.typ, ty)
	if t.changed { // this pass is not the last: what it emits does not matter
		return nil, nil, func() {}
	}
	codes, ok := t.convert(at, v, b.variable.typ)
	for _, code := range b.value.code {
		id := unitOf(code)
		units = append(units, id)
	}
	there := t.isThere(v)
	if b.flag >= 0 {
		units, codes = append(units, b.flag), append(codes, ok)
	}
	return units, codes, func() {
		if b.flag < 0 {
			return
		}
		if there || ok == "true" {
			t.facts.there[b.flag] = true
		} else {
			delete(t.facts.there, b.flag)
		}
	}
}

func (t *translator) current() *function { return t.inside }

// loopFacts are what holds in every turn of a loop: what is known of changing variables
// may end with the first.
func (t *translator) loopFacts() {
	t.facts = t.facts.copy()
	for _, scope := range t.scopes {
		for _, b := range scope {
			if b.variable != nil && b.variable.assigned && b.flag >= 0 {
				delete(t.facts.there, b.flag)
			}
		}
	}
}
