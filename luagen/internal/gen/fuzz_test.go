package gen

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzManifest reads whatever bytes as a manifest. Generate must say what is wrong, or
// write Go.
func FuzzManifest(f *testing.F) {
	for _, path := range []string{"plain", "unknownNames", "replyOrder", "separators", "newerContract", "noParams"} {
		data, err := os.ReadFile("testdata/golden/" + path + "/contract/manifest.json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(""))
	f.Add([]byte("null"))
	f.Add([]byte(`{"scripts": [null, 7, {"name": null}]}`))
	f.Add([]byte(`{"contractVersion": "\ufeff", "replyTuple": ["allowed", null], "scripts": []}`))

	files := fstest.MapFS{}
	for _, name := range []string{"gate.check.lua", "gate.read.lua", "drip.check.lua", "drip.read.lua", "lane.check.lua",
		"leaky-queue_v2.check.lua", "leaky-queue_v2.read.lua", "tally.check.lua", "gate.transfer.lua", "lease.grant.lua"} {
		for _, dir := range []string{"plain", "unknownNames", "separators", "noParams", "newerContract"} {
			if data, err := os.ReadFile("testdata/golden/" + dir + "/contract/scripts/" + name); err == nil {
				files["scripts/"+name] = &fstest.MapFile{Data: data}
				break
			}
		}
	}
	f.Fuzz(func(t *testing.T, manifest []byte) {
		contract := fstest.MapFS{manifestFile: {Data: manifest}}
		for name, file := range files {
			contract[name] = file
		}
		out, err := Generate(contract, Options{})
		if err != nil {
			if message := err.Error(); !strings.HasPrefix(message, manifestFile) {
				t.Errorf("the message does not begin with the file: %s", message)
			}
			if strings.Contains(err.Error(), "fault of luagen") {
				t.Error(err)
			}
			return
		}
		for _, f := range out.Files {
			checkGo(t, f)
		}
	})
}

// FuzzScript takes whatever bytes as the text of a check script. Every text must come
// back out of the generated Go byte for byte, and what luagen makes of the text for
// readers, its leading comment and its work, must not get in the way.
func FuzzScript(f *testing.F) {
	for _, path := range glob(f, "testdata/golden/*/contract/scripts/*.lua") {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		"", "\n", "--", "-- \n--\n", "#!lua flags=allow-oom\nreturn 1", "--\n-- # Heading\n--   * list\n--\t- tab\n--\n",
		"-- go:build ignore\n//go:build ignore\n*/", "-- [link]: http://example.test\n-- Deprecated: no.\n",
		"local function f() return f() end f()", "for i = 1, ARGV[3] do for j = i, ARGV[3] do redis.call('GET', j) end end",
		"\ufeff-- mark first", "-- \u202eright to left", "--- [nk]: http://", "-- 1. one\n-- two\n-- 3) [three]: http://x", "`" + "\r", strings.Repeat("(", 100),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		out, err := Generate(contractOf(t, text), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range out.Files {
			checkGo(t, f)
		}
		consts := constants(t, out.Files[1])
		if got := consts["gateCheckSource"]; got != string(text) {
			t.Errorf("the constant holds %q, want %q", got, text)
		}
		if want := fmt.Sprintf("%x", sha1.Sum(text)); !strings.Contains(string(out.Files[1].Data), want) {
			t.Errorf("the file does not hold the script's SHA-1, %s", want)
		}
	})
}

// contractOf is a contract of one strategy, whose check has that text.
func contractOf(t *testing.T, text []byte) fstest.MapFS {
	t.Helper()
	manifest, err := json.Marshal(map[string]any{
		"contractVersion": "1", "generatedFrom": "fuzz@1", "frozen": false, "nowArgv": "", "replyTuple": decisionFields,
		"scripts": []any{map[string]any{
			"name": "gate.check", "strategy": "gate", "role": "check", "file": "gate.check.lua", "keys": []string{"key"},
			"argv": []string{"now", "limit", "cost"}, "sha256": fmt.Sprintf("%x", sha256.Sum256(text)),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{manifestFile: {Data: manifest}, "scripts/gate.check.lua": {Data: text}}
}

// constants evaluates the string constants of a file, as the compiler would.
func constants(t *testing.T, f File) map[string]string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, f.Name, f.Data, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok || general.Tok != token.CONST {
			continue
		}
		for _, spec := range general.Specs {
			spec := spec.(*ast.ValueSpec)
			value, ok := spec.Values[0].(*ast.BasicLit)
			if !ok {
				continue
			}
			evaluated, err := types.Eval(token.NewFileSet(), nil, token.NoPos, value.Value)
			if err != nil {
				t.Fatal(err)
			}
			values[spec.Names[0].Name] = constant.StringVal(evaluated.Value)
		}
	}
	return values
}
