package openapi

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

const (
	// maxNesting is how deep a document may be nested.
	maxNesting = 256
	byteMark   = "\ufeff"
)

var errTooDeep = errors.New("nested too deep")

// jsonReader reads JSON into nodes. It is lenient where nothing is lost: of
// members of the same name the last counts, and text after the value is passed
// over. Examples, which make up the greater part of large documents, are not
// kept.
type jsonReader struct {
	text string
	at   int
	line int32
	// free are nodes to be given out: one allocation for many.
	free []node
}

func readJSON(data string) (*node, error) {
	r := &jsonReader{text: strings.TrimPrefix(data, byteMark), line: 1}
	n, err := r.value(0, false)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", r.line, err)
	}
	return n, nil
}

func (r *jsonReader) node(k kind) *node {
	if len(r.free) == 0 {
		r.free = make([]node, 256)
	}
	n := &r.free[0]
	r.free = r.free[1:]
	n.kind, n.line = k, r.line
	return n
}

func (r *jsonReader) blank() {
	for ; r.at < len(r.text); r.at++ {
		switch r.text[r.at] {
		case '\n':
			r.line++
		case ' ', '\t', '\r':
		default:
			return
		}
	}
}

// value reads a value; named says that it holds names rather than keywords.
func (r *jsonReader) value(depth int, named bool) (*node, error) {
	if depth > maxNesting {
		return nil, errTooDeep
	}
	r.blank()
	if r.at >= len(r.text) {
		return nil, errors.New("the text ends too early")
	}
	switch c := r.text[r.at]; c {
	case '{':
		return r.object(depth, named)
	case '[':
		return r.array(depth)
	case '"':
		s, err := r.string()
		n := r.node(stringKind)
		n.text = s
		return n, err
	default:
		return r.word()
	}
}

// word reads a number, a boolean or null.
func (r *jsonReader) word() (*node, error) {
	start := r.at
	for r.at < len(r.text) && strings.IndexByte(" \t\r\n,:]}[{\"", r.text[r.at]) < 0 {
		r.at++
	}
	word := r.text[start:r.at]
	k := numberKind
	switch {
	case word == "null":
		k = nullKind
	case word == "true" || word == "false":
		k = boolKind
	case !isNumber(word):
		return nil, fmt.Errorf("%s is no JSON value", strconv.Quote(clip(word, 20)))
	}
	n := r.node(k)
	n.text = word
	return n, nil
}

func (r *jsonReader) array(depth int) (*node, error) {
	n := r.node(listKind)
	r.at++
	for {
		r.blank()
		if r.skip(']') {
			return n, nil
		}
		item, err := r.value(depth+1, false)
		if err != nil {
			return nil, err
		}
		n.items = append(n.items, item)
		r.blank()
		if !r.skip(',') && (r.at >= len(r.text) || r.text[r.at] != ']') {
			return nil, errors.New("a comma or ] is missing")
		}
	}
}

func (r *jsonReader) skip(c byte) bool {
	if r.at < len(r.text) && r.text[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *jsonReader) object(depth int, named bool) (*node, error) {
	n := r.node(objectKind)
	r.at++
	for {
		r.blank()
		if r.skip('}') {
			return n, nil
		}
		if r.at >= len(r.text) || r.text[r.at] != '"' {
			return nil, errors.New("the name of a member is missing")
		}
		line := r.line
		name, err := r.string()
		if err != nil {
			return nil, err
		}
		r.blank()
		if !r.skip(':') {
			return nil, errors.New("a colon is missing")
		}
		value, err := r.value(depth+1, !named && holdsNames(name))
		if err != nil {
			return nil, err
		}
		value.line = line
		if named || !isNoise(name) {
			n.add(name, value)
		}
		r.blank()
		if !r.skip(',') && (r.at >= len(r.text) || r.text[r.at] != '}') {
			return nil, errors.New("a comma or } is missing")
		}
	}
}

// add is set without looking for a member of that name where that would cost
// much: get finds the first.
func (n *node) add(name string, value *node) {
	if len(n.members) < 64 {
		n.set(name, value)
		return
	}
	n.members = append(n.members, member{name, value})
}

// holdsNames reports whether the members of that member are named by authors.
func holdsNames(name string) bool {
	switch name {
	case "properties", "patternProperties", "$defs", "definitions", "schemas", "parameters", "responses", "headers",
		"requestBodies", "securitySchemes", "securityDefinitions", "paths", "pathItems", "content", "variables", "mapping",
		"encoding", "scopes", "dependentSchemas":
		return true
	}
	return false
}

// isNoise tells keywords that no tool needs.
func isNoise(name string) bool {
	switch name {
	case "example", "examples", "externalDocs", "callbacks", "webhooks", "links", "contact", "license":
		return true
	}
	return strings.HasPrefix(name, "x-") && name != "x-nullable"
}

// string reads a string. What needs no unescaping is a part of the document.
func (r *jsonReader) string() (string, error) {
	start := r.at + 1
	for i := start; i < len(r.text); i++ {
		switch r.text[i] {
		case '"':
			r.at = i + 1
			return r.text[start:i], nil
		case '\n':
			r.line++
		case '\\':
			return r.escaped(start, i)
		}
	}
	return "", errors.New("a string has no end")
}

func (r *jsonReader) escaped(start, i int) (string, error) {
	for ; i < len(r.text) && r.text[i] != '"'; i++ {
		if r.text[i] == '\\' {
			i++
		}
		if i < len(r.text) && r.text[i] == '\n' {
			r.line++
		}
	}
	if i >= len(r.text) {
		return "", errors.New("a string has no end")
	}
	r.at = i + 1
	if s, err := strictjson.UnquoteAlias([]byte(r.text[start-1 : r.at])); err == nil {
		return s, nil
	}
	// Lone surrogates and raw control characters are mended.
	mended := strings.NewReplacer(`\n`, "\n", `\"`, `"`, `\\`, `\`, `\/`, "/", `\t`, "\t").Replace(r.text[start:i])
	return strings.ToValidUTF8(mended, ""), nil
}

// isNumber reports whether a word is a number as JSON has it (RFC 8259,
// section 6).
func isNumber(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, rest := digits(s)
	if whole == "" || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		if whole, rest = digits(fraction); whole == "" {
			return false
		}
	}
	if rest == "" {
		return true
	}
	if rest[0] != 'e' && rest[0] != 'E' {
		return false
	}
	rest = rest[1:]
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	whole, rest = digits(rest)
	return whole != "" && rest == ""
}

// digits cuts s behind its first digits.
func digits(s string) (first, rest string) {
	i := 0
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return s[:i], s[i:]
}
