package gen

import (
	"go/build"
	"go/token"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// initialisms are the words that Go spells in capitals.
var initialisms = map[string]string{"gcra": "GCRA"}

// Names that the index file declares, and the method that every configuration has.
var (
	declared = []string{"All", "New", "ContractVersion", "GeneratedFrom"}
	methods  = []string{"Plan"}
)

var namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9]*([_-][A-Za-z0-9]+)*$`)

const nameRule = "want letters and digits, a letter first, parts joined by _ or -"

// indexName is the name of the index file before its extension.
const indexName = "strategies"

// goName turns a manifest name into an exported Go name: tokenBucket and token_bucket
// are both TokenBucket.
func goName(name string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' }) {
		if upper, ok := initialisms[word]; ok {
			b.WriteString(upper)
			continue
		}
		r, size := utf8.DecodeRuneInString(word)
		b.WriteRune(unicode.ToUpper(r))
		b.WriteString(word[size:])
	}
	return b.String()
}

// varName is the unexported prefix of what a strategy's file declares.
func varName(name string) string {
	exported := goName(name)
	if word, ok := initialisms[name]; ok && word == exported {
		return name
	}
	r, size := utf8.DecodeRuneInString(exported)
	return string(unicode.ToLower(r)) + exported[size:]
}

// fileName is the file that a strategy is generated into.
func fileName(strategy string) string { return strategy + ".lua.go" }

// checkNames refuses names that Go would misread or that meet as Go names, and says so
// here, where the manifest's name is known, rather than leaving it to the compiler.
func checkNames(strategies []*strategy, p *problems) {
	goNames := map[string]string{}
	for _, s := range strategies {
		where := manifestFile + ": strategy " + s.Name
		switch {
		case !namePattern.MatchString(s.Name):
			p.errorf(manifestFile, "strategy name %q cannot become a Go name: %s", s.Name, nameRule)
			continue
		case strings.EqualFold(s.Name, indexName):
			p.errorf(where, "the name is taken: %s.lua.go is the file that lists all strategies", indexName)
		case readsAsConstraint(s.Name):
			p.errorf(where, "Go would read the file name %s as a build constraint, since it ends in _%s",
				fileName(s.Name), s.Name[strings.LastIndexByte(s.Name, '_')+1:])
		case slices.Contains(declared, s.GoName):
			p.errorf(where, "its Go name %s is taken by the generated package itself", s.GoName)
		}
		folded := strings.ToLower(s.GoName)
		if other, ok := goNames[folded]; ok {
			p.errorf(where, "its Go name %s meets that of strategy %s, or differs from it in case alone", s.GoName, other)
		}
		goNames[folded] = s.Name
		checkFieldNames(s, p)
	}
}

func checkFieldNames(s *strategy, p *problems) {
	where := manifestFile + ": script " + s.Check.Name + ": argv"
	fields := map[string]string{}
	for _, param := range s.Params {
		switch {
		case !namePattern.MatchString(param.Name) || !token.IsIdentifier(param.Field):
			p.errorf(where, "name %q cannot become a Go field: %s", param.Name, nameRule)
			continue
		case slices.Contains(methods, param.Field):
			p.errorf(where, "field %s of parameter %q is taken by the method of that name", param.Field, param.Name)
		}
		if other, ok := fields[param.Field]; ok {
			p.errorf(where, "parameters %q and %q would both be field %s", other, param.Name, param.Field)
		}
		fields[param.Field] = param.Name
	}
}

// readsAsConstraint asks go/build, which looks at the part of a file name before the
// first dot, whether it would leave the file out on a system that does not exist.
func readsAsConstraint(strategy string) bool {
	if strings.HasSuffix(strategy, "_test") {
		return true
	}
	nowhere := build.Context{
		GOOS: "nowhere", GOARCH: "nothing", Compiler: "gc",
		OpenFile: func(string) (io.ReadCloser, error) {
			return io.NopCloser(strings.NewReader("package p\n")), nil
		},
	}
	included, err := nowhere.MatchFile(".", fileName(strategy))
	return err != nil || !included
}
