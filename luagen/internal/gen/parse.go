package gen

import (
	"strings"

	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// parseScript parses a script, or says in a notice why it can't and returns nil: Redis's
// Lua decides what is Lua, and a script that this parser does not know still runs.
func parseScript(s luaScript, p *problems) []ast.Stmt {
	source := s.Source
	if hasShebang(source) { // Redis's, and no Lua
		source = "--" + source
	}
	chunk, err := parse.Parse(strings.NewReader(source), s.File)
	if err != nil {
		p.noticef(s.File, "this luagen's Lua parser cannot read it (%s); its work is assumed to grow with the cost",
			strings.Join(strings.Fields(err.Error()), " "))
		return nil
	}
	if chunk == nil {
		chunk = []ast.Stmt{}
	}
	return chunk
}

func hasShebang(source string) bool { return strings.HasPrefix(source, "#!") }
