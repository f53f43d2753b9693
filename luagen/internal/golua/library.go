package golua

import (
	"math"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// callee is what a call calls.
func (t *translator) callee(e *ast.FuncCallExpr) value {
	if e.Func == nil {
		return value{typ: typ{kind: library}, lit: "string." + e.Method, stable: true}
	}
	return t.expr(e.Func, "")
}

func (t *translator) callExpr(e *ast.FuncCallExpr, hint string) value {
	f := t.callee(e)
	if f.kind == closure {
		return t.call(e, f.fn, hint, false)
	}
	if f.kind != library {
		t.fail(e, "calls %s", f.kind)
	}
	if f.lit == "redis.call" {
		return t.command(e, hint, false)
	}
	args := e.Args
	if e.Receiver != nil { // text:find(...)
		args = append([]ast.Expr{e.Receiver}, args...)
	}
	if fn := libraryFuncs[f.lit]; fn != nil {
		return fn(t, e, args, hint)
	}
	t.fail(e, "calls %s, which is not translated", f.lit)
	return value{}
}

var libraryFuncs map[string]func(t *translator, e ast.Expr, args []ast.Expr, hint string) value

func init() {
	libraryFuncs = map[string]func(t *translator, e ast.Expr, args []ast.Expr, hint string) value{
		"math.floor":    rounding("math.Floor", math.Floor),
		"math.ceil":     rounding("math.Ceil", math.Ceil),
		"math.abs":      rounding("math.Abs", math.Abs),
		"math.max":      extreme("script.Max"),
		"math.min":      extreme("script.Min"),
		"tonumber":      toNumber,
		"tostring":      toString,
		"string.format": formatText,
		"string.find":   find,
		"string.sub":    sub,
	}
}

func (t *translator) want(e ast.Expr, args []ast.Expr, n int) {
	if len(args) != n {
		t.fail(e, "calls a function of %d with %d arguments", n, len(args))
	}
}

func rounding(name string, f func(float64) float64) func(*translator, ast.Expr, []ast.Expr, string) value {
	return func(t *translator, e ast.Expr, args []ast.Expr, _ string) value {
		t.want(e, args, 1)
		v := t.number(e, t.expr(args[0], ""))
		if v.known != nil {
			return constant(f(*v.known))
		}
		r := atom(number, name+"("+v.code[0]+")")
		r.stable = v.stable
		return r
	}
}

func extreme(name string) func(*translator, ast.Expr, []ast.Expr, string) value {
	return func(t *translator, e ast.Expr, args []ast.Expr, _ string) value {
		if len(args) == 0 {
			t.fail(e, "asks for the extreme of nothing")
		}
		r := t.number(e, t.expr(args[0], ""))
		for _, arg := range args[1:] {
			v := t.number(e, t.expr(arg, ""))
			stable := r.stable && v.stable
			r = atom(number, name+"("+r.code[0]+", "+v.code[0]+")")
			r.stable = stable
		}
		return r
	}
}

// toNumber is exact without any text: see the package's comment.
func toNumber(t *translator, e ast.Expr, args []ast.Expr, hint string) value {
	t.want(e, args, 1)
	v := t.expr(args[0], hint)
	switch {
	case v.kind == unknown:
		return value{typ: typ{kind: number}.maybe(v.typ), code: []string{"0"}, prec: precAtom, ok: "true"}
	case v.kind == none:
		v.typ = typ{kind: none, opt: true, isNil: true}
		return v
	case v.kind == literal:
		if x, ok := readNumber(v.lit); ok {
			return constant(x)
		}
	case v.kind == number || v.kind == numeric || v.one():
		v.kind, v.parts = number, nil
		if v.opt { // what is no number is nil, false too
			v.isNil, v.isFalse = true, false
		}
		v.of = nil
		return v
	}
	t.fail(e, "reads a number out of %s that is not the text of one", v.kind)
	return value{}
}

func toString(t *translator, e ast.Expr, args []ast.Expr, _ string) value {
	t.want(e, args, 1)
	v := t.there(e, t.expr(args[0], ""))
	if v.kind == unknown {
		return value{}
	}
	return t.textOf(e, v)
}

// readFormat splits a format into fixed parts and verbs.
func (t *translator) readFormat(e ast.Expr, s string) (parts []part) {
	for s != "" {
		i := strings.IndexByte(s, '%')
		if i < 0 {
			return append(parts, part{fixed: s})
		}
		if i > 0 {
			parts = append(parts, part{fixed: s[:i]})
		}
		s = s[i:]
		verb := ""
		for _, known := range []string{"%%", digits14, digits17, "%d", "%.0f", "%s"} {
			if strings.HasPrefix(s, known) {
				verb = known
			}
		}
		switch verb {
		case "":
			t.fail(e, "formats by something other than %%.14g, %%.17g, %%d, %%.0f and %%s")
		case "%%":
			parts = append(parts, part{fixed: "%"})
		default:
			parts = append(parts, part{format: verb})
		}
		s = s[len(verb):]
	}
	return parts
}

func formatText(t *translator, e ast.Expr, args []ast.Expr, _ string) value {
	if len(args) == 0 {
		t.fail(e, "formats nothing")
	}
	f := t.expr(args[0], "")
	if f.kind != literal {
		t.fail(e, "formats by a format that is not written out")
	}
	args = args[1:]
	var pieces []value
	for _, p := range t.readFormat(e, f.lit) {
		if p.format == "" {
			pieces = append(pieces, value{typ: typ{kind: literal}, lit: p.fixed, stable: true})
			continue
		}
		if len(args) == 0 {
			t.fail(e, "formats fewer values than its format has")
		}
		v := t.there(e, t.expr(args[0], ""))
		args = args[1:]
		if p.format == "%s" {
			pieces = append(pieces, t.textOf(e, v))
			continue
		}
		pieces = append(pieces, rounded(p.format, t.number(e, v)))
	}
	return t.join(e, pieces)
}

// rounded is the text of a number in some format, kept as the number that reading the
// text back gives.
func rounded(format string, v value) value {
	r := value{typ: numberText(format), prec: precAtom, stable: v.stable}
	code := v.code[0]
	switch format {
	case digits17, plain:
		r.code, r.prec = []string{code}, v.prec
	case digits14:
		if v.known != nil && *v.known == math.Trunc(*v.known) && math.Abs(*v.known) < 1e14 {
			r.code = []string{code}
			break
		}
		r.code = []string{"script.Digits14(" + code + ")"}
	case "%d":
		r.code = []string{"float64(script.Integer(" + code + "))"}
	case "%.0f":
		r.code = []string{"math.RoundToEven(" + code + ")"}
	}
	return r
}
