package gen

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/yuin/gopher-lua/ast"

	"github.com/throttlekit/throttlekit-go/luagen/internal/golua"
)

// local is a check script's form in Go, or why there is none.
type local struct {
	Source string
	Math   bool
	Why    string
}

// translate makes the check's form in Go, and says in a notice where it can't.
func (s *strategy) translate(chunk []ast.Stmt, reply []string, p *problems) {
	if chunk == nil {
		s.Local.Why = "the script could not be read"
		p.noticef(s.Check.File, "could not be read, so it gets no in-process form")
		return
	}
	decision := make([]int, len(decisionFields))
	for i, field := range decisionFields {
		if decision[i] = slices.Index(reply, field); decision[i] < 0 {
			return // the manifest's fault, which is reported
		}
	}
	f, err := golua.Translate(golua.Script{
		File: path.Base(s.Check.File), Source: s.Check.Source, Chunk: chunk,
		Argv: s.Argv, Reply: len(reply), Decision: decision, Name: varName(s.Name) + "Local",
	})
	var outside *golua.Unsupported
	if errors.As(err, &outside) {
		s.Local.Why = fmt.Sprintf("%s:%d %s", s.Check.File, outside.Line, outside.What)
		p.noticef(fmt.Sprintf("%s:%d", s.Check.File, outside.Line), "%s; it gets no in-process form", outside.What)
		return
	}
	s.Local.Source, s.Local.Math = f.Source, f.Math
}
