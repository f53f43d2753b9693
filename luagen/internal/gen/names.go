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
		switch {
		case !namePattern.MatchString(s.Name):
			p.errorf(s.Where, "%q cannot become a Go name, %s", s.Name, nameRule)
			continue
		case strings.EqualFold(s.Name, indexName):
			p.errorf(s.Where, "%q is taken, since %s lists all strategies, want another name", s.Name, fileName(indexName))
		case readsAsConstraint(s.Name):
			p.errorf(s.Where, "%q ends in _%s, and Go would take the file name %s for a build constraint or a test, want another ending",
				s.Name, s.Name[strings.LastIndexByte(s.Name, '_')+1:], fileName(s.Name))
		case slices.Contains(declared, s.GoName):
			p.errorf(s.Where, "%q would be %s in Go, which the generated package declares itself, want another name", s.Name, s.GoName)
		}
		folded := strings.ToLower(s.GoName)
		if other, ok := goNames[folded]; ok {
			p.errorf(s.Where, "%q would be %s in Go and meet strategy %q, want names that differ in more than case, _ and -",
				s.Name, s.GoName, other)
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
			p.errorf(where, "%q cannot become a Go field, %s", param.Name, nameRule)
			continue
		case slices.Contains(methods, param.Field):
			p.errorf(where, "%q would be field %s, and the generated struct has a method of that name, want another name", param.Name, param.Field)
		}
		if other, ok := fields[param.Field]; ok {
			p.errorf(where, "%q and %q would both be field %s, want names that differ in more than _, - and Ms", other, param.Name, param.Field)
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
