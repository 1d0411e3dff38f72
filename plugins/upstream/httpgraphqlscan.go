package upstream

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/plugins"
)

func isOpening(text string) bool { return text == "(" || text == "[" || text == "{" }

func isGraphName(text string) bool {
	return text != "" && (text[0] == '_' || isAlphanumeric(text[0]) && (text[0] < '0' || text[0] > '9'))
}

// scanGraphQL splits a document into tokens
// (https://spec.graphql.org/draft/#sec-Appendix-Grammar-Summary.Lexical-Tokens).
func scanGraphQL(text string) (tokens []graphToken, err *plugins.FieldError) {
	for i := graphIgnored(text, 0); i < len(text); i = graphIgnored(text, i) {
		n := 1
		switch c := text[i]; {
		case c == '"':
			if n = graphStringLen(text[i:]); n < 0 {
				return nil, &plugins.FieldError{Message: "the string is not closed", Offset: i}
			}
			tokens = append(tokens, graphToken{`"`, i})
			i += n
			continue
		case c == '_' || c == '-' || isAlphanumeric(c):
			n = graphWordLen(text[i:])
		case strings.HasPrefix(text[i:], "..."):
			n = 3
		case strings.IndexByte("!$&():=@[]{}|", c) < 0:
			character, _ := utf8.DecodeRuneInString(text[i:])
			return nil, &plugins.FieldError{Message: fmt.Sprintf("%q can't stand in a GraphQL document", character), Offset: i}
		}
		tokens = append(tokens, graphToken{text[i : i+n], i})
		i += n
	}
	return tokens, nil
}

// graphIgnored returns where, from i, the next token begins.
func graphIgnored(text string, i int) int {
	for i < len(text) {
		switch c := text[i]; {
		case strings.IndexByte(" \t\n\r,", c) >= 0:
			i++
		case strings.HasPrefix(text[i:], "\ufeff"):
			i += len("\ufeff")
		case c == '#':
			for i < len(text) && text[i] != '\n' && text[i] != '\r' {
				i++
			}
		default:
			return i
		}
	}
	return i
}

// graphWordLen is the length of the name or number at the start of the text.
func graphWordLen(text string) int {
	isNumber := text[0] <= '9'
	n := 1
	for n < len(text) && (text[n] == '_' || isAlphanumeric(text[n]) || isNumber && strings.IndexByte("+-.", text[n]) >= 0) {
		n++
	}
	return n
}

// graphStringLen is the length of the string or block string at the start of
// the text; -1 if it is not closed.
func graphStringLen(text string) int {
	const block = `"""`
	if strings.HasPrefix(text, block) {
		for i := len(block); i < len(text); i++ {
			if strings.HasPrefix(text[i:], `\"""`) {
				i += len(block)
			} else if strings.HasPrefix(text[i:], block) {
				return i + len(block)
			}
		}
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		case '\n', '\r':
			return -1
		}
	}
	return -1
}
