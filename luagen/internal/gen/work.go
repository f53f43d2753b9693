package gen

import (
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// term is a part of a check's work: Steps times the value of each parameter in Per.
type term struct {
	Steps int64
	Per   []string
}

// assumedWork stands in for a script that could not be read: it errs on the side of
// refusing large costs.
var assumedWork = []term{{Steps: 10}, {Steps: 1, Per: []string{"cost"}}}

// measureWork estimates what a check script costs Redis: a step for each
// command that it calls, and for each turn of a loop, whose number of turns is told from
// the ARGV names that flow into its bounds or its condition. Branches count as if all of
// them were taken; a loop over what Redis answered counts as one turn.
func measureWork(chunk []ast.Stmt, argv []string) []term {
	if chunk == nil {
		return assumedWork
	}
	a := &workAnalysis{
		argv:      argv,
		flows:     map[string][]string{},
		callers:   map[string]bool{},
		functions: map[string]*ast.FunctionExpr{},
	}
	a.learn(chunk) // twice, since a loop may use what its end assigns
	a.learn(chunk)
	return a.stmts(chunk, nil, nil)
}

// workAnalysis knows names by their text alone. A script that gives one name to two
// things is only overestimated.
type workAnalysis struct {
	argv      []string
	flows     map[string][]string // variable -> the ARGV names that flow into it
	callers   map[string]bool     // names that stand for redis.call
	functions map[string]*ast.FunctionExpr
}

// learn gathers assignments and functions.
func (a *workAnalysis) learn(stmts []ast.Stmt) {
	for _, s := range stmts {
		switch s := s.(type) {
		case *ast.LocalAssignStmt:
			for i, name := range s.Names {
				if i < len(s.Exprs) {
					a.assign(name, s.Exprs[i])
				}
			}
		case *ast.AssignStmt:
			for i, left := range s.Lhs {
				if name, ok := left.(*ast.IdentExpr); ok && i < len(s.Rhs) {
					a.assign(name.Value, s.Rhs[i])
				}
			}
		}
		for _, e := range exprs(s) {
			walkExpr(e, a.learnCall)
		}
		for _, inner := range blocks(s) {
			a.learn(inner)
		}
	}
}

// learnCall lets what is passed to a local function flow into its parameters.
func (a *workAnalysis) learnCall(e ast.Expr) bool {
	call, ok := e.(*ast.FuncCallExpr)
	if !ok {
		return true
	}
	if name, ok := call.Func.(*ast.IdentExpr); ok && a.functions[name.Value] != nil {
		for i, param := range a.functions[name.Value].ParList.Names {
			if i < len(call.Args) {
				a.flow(param, call.Args[i])
			}
		}
	}
	return true
}

func (a *workAnalysis) assign(name string, e ast.Expr) {
	if isRedisCall(e) {
		a.callers[name] = true
	}
	if f, ok := e.(*ast.FunctionExpr); ok {
		a.functions[name] = f
		a.learn(f.Stmts)
		return
	}
	a.flow(name, e)
}

func (a *workAnalysis) flow(name string, e ast.Expr) {
	for _, arg := range a.inflow(e) {
		if !slices.Contains(a.flows[name], arg) {
			a.flows[name] = append(a.flows[name], arg)
		}
	}
}

// inflow lists the ARGV names that flow into an expression. What Redis answers is
// state, and stands for none.
func (a *workAnalysis) inflow(e ast.Expr) []string {
	var names []string
	walkExpr(e, func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.IdentExpr:
			names = append(names, a.flows[e.Value]...)
		case *ast.AttrGetExpr:
			object, _ := e.Object.(*ast.IdentExpr)
			index, _ := e.Key.(*ast.NumberExpr)
			if object != nil && object.Value == "ARGV" && index != nil {
				if n, err := strconv.Atoi(index.Value); err == nil && n >= 1 && n <= len(a.argv) {
					names = append(names, a.argv[n-1])
				}
			}
		case *ast.FuncCallExpr:
			return !a.callsRedis(e)
		}
		return true
	})
	return names
}

// stmts adds up the work of statements that run once for each value of per.
func (a *workAnalysis) stmts(stmts []ast.Stmt, per, inside []string) []term {
	var terms []term
	for _, s := range stmts {
		for _, e := range exprs(s) {
			terms = merge(terms, a.expr(e, per, inside))
		}
		turns := [][]string{per}
		if counts := a.turnsOf(s); len(counts) > 0 {
			turns = nil
			for _, name := range counts { // their sum, where several are in the bounds
				loop := append(slices.Clone(per), name)
				turns = append(turns, loop)
				terms = merge(terms, []term{{Steps: 1, Per: loop}})
			}
		}
		for _, inner := range blocks(s) {
			for _, per := range turns {
				terms = merge(terms, a.stmts(inner, per, inside))
			}
		}
	}
	return terms
}

// turnsOf lists the counts among the ARGV names that decide how often a loop turns.
func (a *workAnalysis) turnsOf(s ast.Stmt) []string {
	var names []string
	switch s := s.(type) {
	case *ast.NumberForStmt:
		names = append(a.inflow(s.Init), a.inflow(s.Limit)...)
	case *ast.WhileStmt:
		names = a.inflow(s.Condition)
	case *ast.RepeatStmt:
		names = a.inflow(s.Condition)
	}
	names = slices.DeleteFunc(names, notACount)
	slices.Sort(names)
	return slices.Compact(names)
}

// callDepth bounds how deep local functions are followed into each other.
const callDepth = 8

// expr counts the commands in an expression, through calls of local functions; inside
// names the functions being counted, so that a recursive one ends.
func (a *workAnalysis) expr(e ast.Expr, per, inside []string) []term {
	var terms []term
	walkExpr(e, func(e ast.Expr) bool {
		call, ok := e.(*ast.FuncCallExpr)
		if !ok {
			return true
		}
		if a.callsRedis(call) {
			terms = merge(terms, []term{{Steps: 1, Per: per}})
		} else if name, ok := call.Func.(*ast.IdentExpr); ok && len(inside) < callDepth && !slices.Contains(inside, name.Value) {
			if f := a.functions[name.Value]; f != nil {
				terms = merge(terms, a.stmts(f.Stmts, per, append(slices.Clone(inside), name.Value)))
			}
		}
		return true
	})
	return terms
}

func (a *workAnalysis) callsRedis(call *ast.FuncCallExpr) bool {
	name, ok := call.Func.(*ast.IdentExpr)
	return isRedisCall(call.Func) || ok && a.callers[name.Value]
}

func isRedisCall(e ast.Expr) bool {
	get, ok := e.(*ast.AttrGetExpr)
	if !ok {
		return false
	}
	object, _ := get.Object.(*ast.IdentExpr)
	key, _ := get.Key.(*ast.StringExpr)
	return object != nil && key != nil && object.Value == "redis" && (key.Value == "call" || key.Value == "pcall")
}

// notACount reports whether a parameter measures time or speed; loops turn by counts.
func notACount(name string) bool {
	return name == "now" || strings.HasSuffix(name, "Ms") || strings.HasSuffix(name, "PerSec")
}

// merge adds terms of the same factors together, keeping the order of first sight.
func merge(into, more []term) []term {
	for _, t := range more {
		i := slices.IndexFunc(into, func(o term) bool { return slices.Equal(o.Per, t.Per) })
		if i < 0 {
			into = append(into, t)
		} else {
			into[i].Steps += t.Steps
		}
	}
	return into
}
