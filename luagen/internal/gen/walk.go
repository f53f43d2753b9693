package gen

import "github.com/yuin/gopher-lua/ast"

// exprs lists a statement's own expressions, without those of the blocks inside it.
func exprs(s ast.Stmt) []ast.Expr {
	switch s := s.(type) {
	case *ast.LocalAssignStmt:
		return withoutFunctions(s.Exprs)
	case *ast.AssignStmt:
		return append(withoutFunctions(s.Rhs), s.Lhs...)
	case *ast.FuncCallStmt:
		return []ast.Expr{s.Expr}
	case *ast.ReturnStmt:
		return s.Exprs
	case *ast.IfStmt:
		return []ast.Expr{s.Condition}
	case *ast.WhileStmt:
		return []ast.Expr{s.Condition}
	case *ast.RepeatStmt:
		return []ast.Expr{s.Condition}
	case *ast.NumberForStmt:
		return []ast.Expr{s.Init, s.Limit, s.Step}
	case *ast.GenericForStmt:
		return s.Exprs
	}
	return nil
}

// everyExpr lists a statement's own expressions, the functions that it declares
// included.
func everyExpr(s ast.Stmt) []ast.Expr {
	switch s := s.(type) {
	case *ast.LocalAssignStmt:
		return s.Exprs
	case *ast.AssignStmt:
		return append(append([]ast.Expr{}, s.Rhs...), s.Lhs...)
	case *ast.FuncDefStmt:
		return []ast.Expr{s.Func}
	}
	return exprs(s)
}

// withoutFunctions leaves out the functions that a statement declares: they run where
// they are called.
func withoutFunctions(list []ast.Expr) []ast.Expr {
	var rest []ast.Expr
	for _, e := range list {
		if _, ok := e.(*ast.FunctionExpr); !ok {
			rest = append(rest, e)
		}
	}
	return rest
}

// blocks lists the blocks inside a statement.
func blocks(s ast.Stmt) [][]ast.Stmt {
	switch s := s.(type) {
	case *ast.IfStmt:
		return [][]ast.Stmt{s.Then, s.Else}
	case *ast.WhileStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.RepeatStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.NumberForStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.GenericForStmt:
		return [][]ast.Stmt{s.Stmts}
	case *ast.DoBlockStmt:
		return [][]ast.Stmt{s.Stmts}
	}
	return nil
}

// walkExpr calls visit for an expression and, where it returns true, for all inside.
func walkExpr(e ast.Expr, visit func(ast.Expr) bool) {
	if e == nil || !visit(e) {
		return
	}
	switch e := e.(type) {
	case *ast.AttrGetExpr:
		walkExpr(e.Object, visit)
		walkExpr(e.Key, visit)
	case *ast.TableExpr:
		for _, f := range e.Fields {
			walkExpr(f.Key, visit)
			walkExpr(f.Value, visit)
		}
	case *ast.FuncCallExpr:
		walkExpr(e.Func, visit)
		walkExpr(e.Receiver, visit)
		for _, arg := range e.Args {
			walkExpr(arg, visit)
		}
	case *ast.LogicalOpExpr:
		walkExpr(e.Lhs, visit)
		walkExpr(e.Rhs, visit)
	case *ast.RelationalOpExpr:
		walkExpr(e.Lhs, visit)
		walkExpr(e.Rhs, visit)
	case *ast.StringConcatOpExpr:
		walkExpr(e.Lhs, visit)
		walkExpr(e.Rhs, visit)
	case *ast.ArithmeticOpExpr:
		walkExpr(e.Lhs, visit)
		walkExpr(e.Rhs, visit)
	case *ast.UnaryMinusOpExpr:
		walkExpr(e.Expr, visit)
	case *ast.UnaryNotOpExpr:
		walkExpr(e.Expr, visit)
	case *ast.UnaryLenOpExpr:
		walkExpr(e.Expr, visit)
	}
}
