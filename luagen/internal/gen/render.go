package gen

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"unicode"
	"unicode/utf8"

	"github.com/throttlekit/throttlekit-go/sdk/script"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"allowed": allowed,
	"comment": comment,
	"literal": literal,
	"number":  script.Number,
	"quote":   strconv.Quote,
	"strings": stringList,
	"upper":   upperBound,
	"varName": varName,
}).ParseFS(templateFiles, "templates/*.tmpl"))

// render executes the templates: one file that lists all, and one per strategy.
func render(pkg string, m *manifest, strategies []*strategy) ([]File, error) {
	index, err := execute("strategies.go.tmpl", map[string]any{
		"Package": pkg, "Manifest": m, "Strategies": strategies, "Wrappers": newWrappers(m.ReplyTuple),
	})
	if err != nil {
		return nil, err
	}
	files := []File{{Name: fileName(indexName), Data: index}}
	for _, s := range strategies {
		data, err := execute("strategy.go.tmpl", map[string]any{
			"Package": pkg, "Manifest": m, "S": s, "Summary": leadingComment(s.Check.Source),
		})
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: fileName(s.Name), Data: data})
	}
	return files, nil
}

func execute(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := templates.ExecuteTemplate(&b, name, data); err != nil {
		return nil, err
	}
	source, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("luagen wrote Go that does not parse, which is a fault of luagen: %s: %w", name, err)
	}
	return source, nil
}

// literal writes a script's text as a Go literal that holds the same bytes: raw where
// Go allows it, since a reader then sees the script as it is.
func literal(text string) string {
	if utf8.ValidString(text) && !strings.ContainsAny(text, "`\r\x00\ufeff") {
		return "`" + text + "`"
	}
	return strconv.Quote(text)
}

// leadingComment returns the comment that a script begins with, its markers removed.
func leadingComment(source string) []string {
	var lines []string
	for line := range strings.Lines(source) {
		text, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "--")
		if !ok || strings.HasPrefix(text, "[[") || strings.HasPrefix(text, "[=") || strings.ContainsFunc(text, unseen) {
			break
		}
		if len(lines) > 0 || strings.TrimSpace(text) != "" {
			lines = append(lines, strings.TrimPrefix(text, " "))
		}
	}
	// Go reads an indented text that begins with an item as a list, and gofmt would
	// rewrite it; such a comment is left out.
	if len(lines) > 0 && listItem.MatchString(lines[0]) {
		return nil
	}
	return lines
}

var listItem = regexp.MustCompile(`^\s*([-*+•]|[0-9]+[.)])\s`)

// unseen reports whether a character cannot be shown, and so not be trusted, in a
// comment: among others a byte that is no UTF-8, a byte order mark, which Go refuses,
// and what turns the direction of the text round.
func unseen(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) }

// comment wraps text into lines of a Go comment, indented by a tab.
func comment(text string) string {
	const width = 84
	var b strings.Builder
	line := "\t//"
	for _, word := range strings.Fields(text) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = "\t//"
		}
		line += " " + word
	}
	b.WriteString(line)
	return b.String()
}

// allowed says in a sentence which values a parameter may have.
func allowed(p param) string {
	var s string
	switch {
	case p.DefaultFrom != "":
		s = "0 stands for the value of " + goName(p.DefaultFrom) + "; else "
	case p.Default != 0:
		s = "0 stands for " + script.Number(p.Default) + "; else "
	}
	if p.Min > 0 {
		s += "at least " + quantity(p, p.Min)
	} else {
		s += "above 0"
	}
	if p.Max < script.MaxParam {
		s += ", at most " + quantity(p, p.Max)
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func quantity(p param, v float64) string {
	if p.Unit == "Milliseconds" {
		return script.Number(v) + " ms"
	}
	return script.Number(v)
}

// upperBound writes a greatest value the way a reader knows it.
func upperBound(v float64) string {
	if v == script.MaxParam {
		return "script.MaxParam"
	}
	return script.Number(v)
}

func stringList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return "[]string{" + strings.Join(quoted, ", ") + "}"
}
