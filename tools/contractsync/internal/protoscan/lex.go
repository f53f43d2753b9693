package protoscan

import (
	"fmt"
	"strings"
)

// token is a word (names, numbers and the dots between them), a string with its quotes,
// or one other character.
type token struct {
	text string
	line int
}

// lex cuts source into tokens. White space and comments are between them and gone.
func lex(source string) ([]token, error) {
	var tokens []token
	line := 1
	for i := 0; i < len(source); {
		rest := source[i:]
		n, word := 1, true
		switch {
		case rest[0] == '\n':
			line++
			word = false
		case strings.IndexByte(" \t\r\f\v", rest[0]) >= 0:
			word = false
		case strings.HasPrefix(rest, "//"):
			n, word = strings.IndexByte(rest, '\n'), false
			if n < 0 {
				n = len(rest)
			}
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return nil, fmt.Errorf("line %d: a comment is never closed", line)
			}
			n, word = end+4, false
			line += strings.Count(rest[:n], "\n")
		case rest[0] == '"' || rest[0] == '\'':
			if n = stringLength(rest); n == 0 {
				return nil, fmt.Errorf("line %d: a string is never closed", line)
			}
		case isWordByte(rest[0]):
			for n < len(rest) && isWordByte(rest[n]) {
				n++
			}
		}
		if word {
			tokens = append(tokens, token{rest[:n], line})
		}
		i += n
	}
	return tokens, nil
}

// stringLength returns the length of the string that s begins with, quotes included, or
// 0 when it is not closed in its line.
func stringLength(s string) int {
	for i := 1; i < len(s) && s[i] != '\n'; i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return 0
}

func isWordByte(b byte) bool {
	return b == '_' || b == '.' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// join makes text in which only the tokens count.
func join(tokens []token) string {
	words := make([]string, len(tokens))
	for i, t := range tokens {
		words[i] = t.text
	}
	return strings.Join(words, " ")
}
