package gen

import (
	"slices"

	"github.com/yuin/gopher-lua/ast"
)

// readsPlainly reports whether a check script does nothing with its arguments but read
// KEYS[n] and tonumber(ARGV[n]). Such a script cannot tell a number from the text of
// it, nor one table from another, so that a script which runs it for many keys may
// convert the parameters once and use the same two tables for all.
func readsPlainly(chunk []ast.Stmt) bool {
	p := &plainReader{plain: true}
	p.stmts(chunk)
	return p.plain
}

// watched are the names by which a script gets at its arguments, none of which may mean
// anything else in it.
var watched = []string{"KEYS", "ARGV", "tonumber"}

type plainReader struct{ plain bool }

func (p *plainReader) stmts(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.LocalAssignStmt:
			p.names(s.Names)
		case *ast.NumberForStmt:
			p.names([]string{s.Name})
		case *ast.GenericForStmt:
			p.names(s.Names)
		case *ast.FuncDefStmt:
			p.target(s.Name.Func)
			p.target(s.Name.Receiver)
		case *ast.AssignStmt:
			for _, left := range s.Lhs {
				p.target(left)
			}
		}
		for _, e := range everyExpr(s) {
			walkExpr(e, p.expr)
		}
		for _, inner := range blocks(s) {
			p.stmts(inner)
		}
	}
}

// names refuses declarations of what is watched.
func (p *plainReader) names(declared []string) {
	for _, name := range declared {
		p.plain = p.plain && !slices.Contains(watched, name)
	}
}

// target refuses an assignment to what is watched, or into it.
func (p *plainReader) target(e ast.Expr) {
	walkExpr(e, func(e ast.Expr) bool {
		if name, ok := e.(*ast.IdentExpr); ok {
			p.names([]string{name.Value})
		}
		return true
	})
}

func (p *plainReader) expr(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.FuncCallExpr:
		name, ok := e.Func.(*ast.IdentExpr)
		if ok && name.Value == "tonumber" && len(e.Args) == 1 {
			// The one place for ARGV[n]; what else stands here is looked at as ever.
			if !isElement(e.Args[0], "ARGV") {
				walkExpr(e.Args[0], p.expr)
			}
			return false
		}
	case *ast.AttrGetExpr:
		if isElement(e, "KEYS") {
			return false
		}
	case *ast.FunctionExpr:
		p.names(e.ParList.Names)
		p.stmts(e.Stmts)
	case *ast.IdentExpr:
		p.names([]string{e.Value})
	}
	return true
}

// isElement reports whether e is list[n], with n written out.
func isElement(e ast.Expr, list string) bool {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return false
	}
	object, ok := get.Object.(*ast.IdentExpr)
	_, written := get.Key.(*ast.NumberExpr)
	return ok && object.Value == list && written
}
