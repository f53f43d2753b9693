// Package protoscan reads the outline of a proto file: its services, rpcs, messages
// with their fields, and enums, each as text in which neither comments nor white space count.
//
// It is a scanner to tell a reader what changed. It resolves no name and judges no
// compatibility; that is buf's work.
package protoscan

import (
	"fmt"
	"strings"
)

// File is the outline of a proto file.
type File struct {
	// Text is the whole file, normalised: equal texts declare the same.
	Text string
	// RPCs are the rpcs by service and name, as in RateLimiter.Check.
	RPCs map[string]string
	// Messages are the messages by name, a nested one after its parents, as in Outer.Inner.
	Messages map[string]Message
	// Enums are the enums, named like messages.
	Enums map[string]string
	// Services are the services by name, each as its own options.
	Services map[string]string
	// Rest is everything else: syntax, package, imports, options.
	Rest string
}

// Message is one message, without those declared inside.
type Message struct {
	// Fields are the fields by name, those of a oneof included.
	Fields map[string]string
	// Rest is everything else: options and what is reserved.
	Rest string
}

// maxDepth bounds how deep declarations nest; the contract's own nest two deep.
const maxDepth = 32

// Scan reads a proto file. The error is a file that ends too early or closes what it
// never opened.
func Scan(source []byte) (File, error) {
	tokens, err := lex(string(source))
	if err != nil {
		return File{}, err
	}
	s := scanner{tokens: tokens, file: File{
		Text: join(tokens), RPCs: map[string]string{}, Messages: map[string]Message{}, Enums: map[string]string{}, Services: map[string]string{},
	}}
	s.file.Rest, err = s.body("", nil, 0)
	if err == nil && s.at < len(s.tokens) {
		err = fmt.Errorf("line %d: %q closes nothing", s.tokens[s.at].line, "}")
	}
	if err != nil {
		return File{}, err
	}
	return s.file, nil
}

type scanner struct {
	tokens []token
	at     int
	file   File
}

// body reads declarations up to the end of the block, or of the file. Fields go to
// fields, which is nil where there are none; what has no name of its own is returned.
func (s *scanner) body(scope string, fields map[string]string, depth int) (string, error) {
	if depth > maxDepth {
		return "", fmt.Errorf("line %d: declarations nest deeper than %d", s.tokens[s.at-1].line, maxDepth)
	}
	var rest strings.Builder
	for s.at < len(s.tokens) && s.text(0) != "}" {
		keyword, name := s.text(0), scope+s.text(1)
		switch {
		case keyword == "message" && s.text(2) == "{":
			message := Message{Fields: map[string]string{}}
			var err error
			if message.Rest, err = s.block(name+".", message.Fields, depth); err != nil {
				return "", err
			}
			s.file.Messages[name] = message
		case keyword == "oneof" && s.text(2) == "{" && fields != nil:
			members := map[string]string{}
			options, err := s.block(scope, members, depth)
			if err != nil {
				return "", err
			}
			for field, text := range members {
				fields[field] = "oneof " + name + " " + text
			}
			rest.WriteString(options)
		case keyword == "service" && s.text(2) == "{":
			options, err := s.block(name+".", nil, depth)
			if err != nil {
				return "", err
			}
			s.file.Services[name] = options
		default:
			statement, err := s.statement()
			if err != nil {
				return "", err
			}
			text, field := join(statement), fieldName(statement)
			switch {
			case keyword == "rpc" && fields == nil:
				s.file.RPCs[name] = text
			case keyword == "enum" && statement[len(statement)-1].text == "}":
				s.file.Enums[name] = text
			case field != "" && fields != nil:
				fields[field] = text
			default:
				rest.WriteString(text + "\n")
			}
		}
	}
	return rest.String(), nil
}

// block reads a declaration that has a body: keyword, name, body.
func (s *scanner) block(scope string, fields map[string]string, depth int) (string, error) {
	opened := s.tokens[s.at].line
	s.at += 3
	rest, err := s.body(scope, fields, depth+1)
	if err != nil {
		return "", err
	}
	if s.at == len(s.tokens) {
		return "", fmt.Errorf("line %d: a block is never closed", opened)
	}
	s.at++
	return rest, nil
}

// statement reads up to a semicolon, or up to the end of a body in braces. Braces after
// an equals sign are no body: they are the value of an option.
func (s *scanner) statement() ([]token, error) {
	start, depth, value := s.at, 0, false
	for ; s.at < len(s.tokens); s.at++ {
		ends := false
		switch s.text(0) {
		case "{", "[", "(":
			depth++
		case "]", ")":
			depth--
		case "}":
			depth--
			if depth < 0 {
				return nil, fmt.Errorf("line %d: a statement ends without %q", s.tokens[start].line, ";")
			}
			ends = depth == 0 && !value
		case "=":
			value = value || depth == 0
		case ";":
			ends = depth == 0
		}
		if ends {
			s.at++
			return s.tokens[start:s.at], nil
		}
	}
	return nil, fmt.Errorf("line %d: a statement is never closed", s.tokens[start].line)
}

// text returns the token that is ahead tokens away, or nothing past the end.
func (s *scanner) text(ahead int) string {
	if s.at+ahead >= len(s.tokens) {
		return ""
	}
	return s.tokens[s.at+ahead].text
}

// fieldName returns the word before a statement's equals sign, unless that sets an option.
func fieldName(statement []token) string {
	if statement[0].text == "option" {
		return ""
	}
	for i, t := range statement {
		switch {
		case t.text == "=" && i > 1:
			return statement[i-1].text
		case t.text == "[":
			return ""
		}
	}
	return ""
}
