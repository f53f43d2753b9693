package golua

import (
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// textOf is a value as .. and tostring write it.
func (t *translator) textOf(at ast.PositionHolder, v value) value {
	v = t.there(at, v)
	switch v.kind {
	case unknown, text, bytes, literal:
		return v
	case number:
		return rounded(digits14, v)
	}
	t.fail(at, "writes %s into a text", v.kind)
	return value{}
}

func (t *translator) concat(e *ast.StringConcatOpExpr) value {
	left := t.textOf(e, t.expr(e.Lhs, ""))
	right := t.textOf(e, t.expr(e.Rhs, ""))
	return t.join(e, []value{left, right})
}

// join puts texts together. What is known of their parts stays known.
func (t *translator) join(at ast.PositionHolder, pieces []value) value {
	r := value{typ: typ{kind: text}, prec: precAtom, stable: true}
	lit, isLit := "", true
	for _, p := range pieces {
		r.stable = r.stable && p.stable
		switch p.kind {
		case unknown:
			return value{}
		case bytes:
			return t.joinBytes(at, pieces)
		case literal:
			lit += p.lit
			r.addFixed(p.lit)
		case text:
			isLit = false
			for _, part := range p.parts {
				if part.format == "" {
					r.addFixed(part.fixed)
				} else {
					r.parts = append(r.parts, part)
				}
			}
			r.code = append(r.code, p.code...)
			r.prec = p.prec
		}
	}
	if isLit {
		return value{typ: typ{kind: literal}, lit: lit, stable: true}
	}
	return r
}

func (v *value) addFixed(s string) {
	if n := len(v.parts); n > 0 && v.parts[n-1].format == "" {
		v.parts[n-1].fixed += s
	} else if s != "" {
		v.parts = append(v.parts, part{fixed: s})
	}
}

func (t *translator) joinBytes(at ast.PositionHolder, pieces []value) value {
	var codes []string
	stable := true
	for _, p := range pieces {
		codes = append(codes, t.bytes(at, p))
		stable = stable && p.stable
	}
	return value{typ: typ{kind: bytes}, code: []string{strings.Join(codes, " + ")}, prec: precSum, stable: stable}
}

// bytes writes a text out, for want of something better that is known of it.
func (t *translator) bytes(at ast.PositionHolder, v value) string {
	switch v.kind {
	case unknown:
		return `""`
	case literal:
		return strconv.Quote(v.lit)
	case bytes:
		return v.code[0]
	case text:
		var codes []string
		n := 0
		for _, p := range v.parts {
			if p.format == "" {
				codes = append(codes, strconv.Quote(p.fixed))
				continue
			}
			writer := map[string]string{digits14: "script.Write14", digits17: "script.Write17", plain: "script.Number"}[p.format]
			if writer == "" {
				t.fail(at, "writes out a number of format %s", p.format)
			}
			codes = append(codes, writer+"("+v.code[n]+")")
			n++
		}
		return strings.Join(codes, " + ")
	}
	t.fail(at, "uses %s as a text", v.kind)
	return ""
}

// numberLetters are what the text of a number is made of, inf and nan included.
const numberLetters = "0123456789+-.einfa"

// find finds a separator that no number can hold, between the parts of a text.
func find(t *translator, e ast.Expr, args []ast.Expr, _ string) value {
	if len(args) != 2 && len(args) != 4 {
		t.fail(e, "calls string.find with %d arguments, and 2 or 4 are translated", len(args))
	}
	v := t.there(e, t.expr(args[0], ""))
	what := t.expr(args[1], "")
	if what.kind != literal || what.lit == "" || strings.ContainsAny(what.lit[:1], numberLetters) {
		t.fail(e, "looks for something other than a written-out text that no number can hold")
	}
	if len(args) == 4 {
		from := t.expr(args[2], "")
		_, isTrue := args[3].(*ast.TrueExpr)
		if from.known == nil || *from.known != 1 || !isTrue {
			t.fail(e, "looks for a text other than plainly and from the beginning")
		}
	} else if strings.ContainsAny(what.lit, "^$*+?.([%-") {
		t.fail(e, "looks for a pattern")
	}
	if v.kind == unknown {
		return value{}
	}
	if v.kind != text || v.of == nil || v.of.variable.assigned {
		t.fail(e, "looks into %s that is no unchanging local made of numbers", v.kind)
	}
	for i, p := range v.parts {
		if p.format == "" && strings.Contains(p.fixed, what.lit[:1]) {
			if p.fixed != what.lit {
				break
			}
			return value{typ: typ{kind: position}, of: v.of, at: i, stable: true}
		}
	}
	t.fail(e, "looks for %q, which is not one of the fixed parts of the text", what.lit)
	return value{}
}

// sub cuts a text where find found a separator.
func sub(t *translator, e ast.Expr, args []ast.Expr, _ string) value {
	if len(args) != 2 && len(args) != 3 {
		t.fail(e, "calls string.sub with %d arguments", len(args))
	}
	v := t.there(e, t.expr(args[0], ""))
	from := t.expr(args[1], "")
	var to value
	if len(args) == 3 {
		to = t.expr(args[2], "")
	}
	if v.kind == unknown || from.kind == unknown || len(args) == 3 && to.kind == unknown {
		return value{}
	}
	switch {
	case v.kind != text:
	case len(args) == 3 && from.known != nil && *from.known == 1 && to.kind == position && to.of == v.of && to.offset == -1:
		return v.slice(0, to.at)
	case len(args) == 2 && from.kind == position && from.of == v.of && from.offset == float64(len(v.parts[from.at].fixed)):
		return v.slice(from.at+1, len(v.parts))
	}
	t.fail(e, "cuts a text elsewhere than before or behind a separator that string.find found")
	return value{}
}

func (v value) slice(from, to int) value {
	first := typ{kind: text, parts: v.parts[:from]}.numbers()
	r := v
	r.parts = v.parts[from:to]
	r.code = v.code[first : first+r.typ.numbers()]
	r.of = nil
	return r
}
