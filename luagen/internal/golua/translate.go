package golua

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/yuin/gopher-lua/ast"
)

// Script is a check script to translate.
type Script struct {
	// File is the script's name in messages and comments.
	File string
	// Source is its text, and Chunk what a parser made of it.
	Source string
	Chunk  []ast.Stmt
	// Argv names its ARGV, in order; now and cost among them.
	Argv []string
	// Reply is how many numbers it replies.
	Reply int
	// Decision are the places of the numbers that script.Local returns among those, in
	// its order.
	Decision []int
	// Name is the name of the Go function.
	Name string
}

// Function is a script in Go.
type Function struct {
	Source string // a function declaration, not yet formatted
	Math   bool   // whether it uses package math
}

// Unsupported is the error of a script that holds something outside the subset.
type Unsupported struct {
	Line int
	What string
}

func (u *Unsupported) Error() string { return fmt.Sprintf("line %d %s", u.Line, u.What) }

// passes bounds how often a script is gone through. Each pass but the last learns
// something about the type of a variable, of which there are few.
const passes = 50

// Translate turns a script into Go, or returns an *[Unsupported].
//
// It goes through the script again and again, each time with what it learnt of the
// variables' types, until there is nothing more to learn; what was emitted last is the
// result.
func Translate(s Script) (*Function, error) {
	t := &translator{script: s, lines: strings.Split(s.Source, "\n"),
		variables: map[place]*variable{}, functions: map[*ast.FunctionExpr]*function{}, writes: map[ast.Stmt]bool{}}
	for range passes {
		t.changed = false
		source, err := t.pass()
		if t.changed {
			continue
		}
		if !t.settled {
			// What is unknown now stays so: it is of what nobody ever writes.
			t.settled = true
			continue
		}
		if err != nil {
			return nil, err
		}
		return &Function{Source: source, Math: usesMath.MatchString(source)}, nil
	}
	return nil, &Unsupported{1, "holds types that do not settle"}
}

// usesMath finds Go's package; Lua's, in the comments, has names in lower case.
var usesMath = regexp.MustCompile(`\bmath\.[A-Z]`)

// translator is what is kept from pass to pass, and what belongs to one.
type translator struct {
	script    Script
	lines     []string
	variables map[place]*variable
	functions map[*ast.FunctionExpr]*function
	uses      map[place]*tableUse
	store     store
	writes    map[ast.Stmt]bool // loops whose body writes
	changed   bool
	settled   bool // all is learnt that can be of what is known to be there

	// Of one pass.
	units  []unit
	out    *block
	names  []map[string]bool // by open Go block
	scopes []map[string]*binding
	facts  facts
	inside *function // nil in the script itself
	depth  int       // of loops
	filled map[*binding]bool
}

// place identifies a declaration: the node that declares, and which of its names.
type place struct {
	node any
	i    int
}

// variable is what all passes know of a local.
type variable struct {
	typ      typ
	assigned bool // again, after its declaration
}

// function is what all passes know of a local function.
type function struct {
	params []typ
	result typ
	fails  bool // returns an error, too
	writes bool
}

// binding is what a name stands for in one pass.
type binding struct {
	variable *variable
	value    value
	in       *function
	flag     int // the unit that tells whether there is a value, when it has its own
}

// facts are what is known at a point of the script.
type facts struct {
	there   map[int]bool // units of type bool that are true
	written bool         // a write may have happened
	dry     bool         // a dry run has ended before this point
}

func (f facts) copy() facts {
	there := make(map[int]bool, len(f.there))
	for id := range f.there {
		there[id] = true
	}
	f.there = there
	return f
}

func (f facts) with(units []int) facts {
	f = f.copy()
	for _, id := range units {
		f.there[id] = true
	}
	return f
}

// meet is what is known where two ways come together.
func (f facts) meet(o facts) facts {
	f = f.copy()
	for id := range f.there {
		if !o.there[id] {
			delete(f.there, id)
		}
	}
	f.written, f.dry = f.written || o.written, f.dry && o.dry
	return f
}

// fail ends the pass.
func (t *translator) fail(at ast.PositionHolder, format string, args ...any) {
	panic(&Unsupported{at.Line(), fmt.Sprintf(format, args...)})
}

func (t *translator) pass() (source string, err error) {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *Unsupported:
			err = e
		default:
			panic(e)
		}
	}()
	t.units, t.out, t.inside, t.depth = nil, &block{}, nil, 0
	t.names = []map[string]bool{{}}
	t.scopes = []map[string]*binding{{}}
	t.facts = facts{there: map[int]bool{}}
	t.filled = map[*binding]bool{}
	if !t.stmts(t.script.Chunk) {
		t.bail("script.NoReply()")
	}
	var b strings.Builder
	numbers := len(t.script.Decision)
	fmt.Fprintf(&b, "func %s(s *script.State, in script.Input) (%serror) {\n", t.script.Name, strings.Repeat("float64, ", numbers))
	if holds := t.store.holds(); holds != "" {
		fmt.Fprintf(&b, "if !s.%s() {\nreturn %sscript.ErrKind\n}\n", holds, strings.Repeat("0, ", numbers))
	}
	t.out.print(&b, t.units)
	b.WriteString("}\n")
	return b.String(), nil
}
