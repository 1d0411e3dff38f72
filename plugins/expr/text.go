package expr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	holeStart = "${{"
	holeEnd   = "}}"
)

// Text is a string that may have holes. It is safe for concurrent use.
type Text struct {
	source string
	parts  []part
}

// part is a piece of a text: literal, or a hole.
type part struct {
	literal string
	query   *Query
}

// ParseText compiles a string with holes. The error is a *plugins.FieldError
// whose Offset is a byte of the string; of several mistakes, in one hole or in
// many, plugins.FieldErrors.
func ParseText(s string, scope Scope) (*Text, error) {
	t := &Text{source: s}
	var errs plugins.FieldErrors
	for at := 0; ; {
		i := strings.Index(s[at:], holeStart)
		if i < 0 {
			errs = append(errs, braced(s[at:], at, &scope)...)
			t.literal(s[at:])
			break
		}
		errs = append(errs, braced(s[at:at+i], at, &scope)...)
		t.literal(s[at : at+i])
		start := at + i + len(holeStart)
		n := holeLen(s[start:])
		if n < 0 {
			errs = append(errs, &plugins.FieldError{Message: "the hole is not closed", Hint: "end it with }}", Offset: at + i})
			break
		}
		inner := s[start : start+n]
		trimmed := strings.TrimLeft(inner, " \t\r\n")
		q, err := ParseQuery(strings.TrimRight(trimmed, " \t\r\n"), scope)
		for _, e := range fieldErrors(err) {
			e.Offset += start + len(inner) - len(trimmed)
			errs = append(errs, e)
		}
		t.parts = append(t.parts, part{query: q})
		at = start + n + len(holeEnd)
	}
	if len(errs) > 0 {
		return nil, oneOrMore(errs)
	}
	return t, nil
}

// bracedPattern is an expression as other template languages have it.
var bracedPattern = regexp.MustCompile(`\{\{-?\s*([a-z]+|)((?:\.[a-zA-Z_]\w*|\[\d+\])*)\s*-?\}\}`)

// braced refuses an expression in braces without a dollar, which would go out as
// it is written. Other text in braces is none of ours. The text begins at a byte
// of the whole.
func braced(text string, at int, scope *Scope) plugins.FieldErrors {
	found := bracedPattern.FindAllStringSubmatchIndex(text, -1)
	errs := make(plugins.FieldErrors, 0, len(found))
	for _, m := range found {
		base, members := text[m[2]:m[3]], text[m[4]:m[5]]
		meant := base + members
		switch argument := strings.TrimPrefix(members, "."); {
		case base == "" && scope.Body && members != "":
		case base == "" && slices.Contains(scope.Arguments, argument):
			meant = NameArgs + members
		case base == NameItem || base == NameValue && members == "" || base != "" && members != "":
			if !slices.Contains(scope.names(), base) {
				continue
			}
		default:
			continue
		}
		errs = append(errs, &plugins.FieldError{
			Message: text[m[0]:m[1]] + " would stay as it is written", Hint: "write ${{ " + meant + " }}", Offset: at + m[0],
		})
	}
	return errs
}

// fieldErrors are the mistakes that an error of this package is.
func fieldErrors(err error) plugins.FieldErrors {
	var all plugins.FieldErrors
	var one *plugins.FieldError
	switch {
	case err == nil:
	case errors.As(err, &all):
	case errors.As(err, &one):
		all = plugins.FieldErrors{one}
	default:
		all = plugins.FieldErrors{{Message: err.Error()}}
	}
	return all
}

func (t *Text) literal(s string) {
	if s != "" {
		t.parts = append(t.parts, part{literal: s})
	}
}

// holeLen returns the length of the jq text up to the end of the hole, -1 if
// there is none. Braces and strings of jq itself are passed over.
func holeLen(s string) int {
	// open holds the brackets still open; a '"' among them is a string, and
	// a '(' above a '"' is an interpolation.
	var open []byte
	for i := 0; i < len(s); i++ {
		inString := len(open) > 0 && open[len(open)-1] == '"'
		switch c := s[i]; {
		case inString && c == '\\':
			if i++; i < len(s) && s[i] == '(' {
				open = append(open, '(')
			}
		case inString && c == '"':
			open = open[:len(open)-1]
		case inString:
		case c == '"', c == '{', c == '[', c == '(':
			open = append(open, c)
		case c == '}' && len(open) == 0 && strings.HasPrefix(s[i:], holeEnd):
			return i
		case (c == '}' || c == ']' || c == ')') && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	return -1
}

// Source returns the text as it was written.
func (t *Text) Source() string { return t.source }

// Literal returns the text if it has no hole.
func (t *Text) Literal() (string, bool) {
	for _, p := range t.parts {
		if p.query != nil {
			return "", false
		}
	}
	return t.source, true
}

// Hole returns the expression of a text that is one hole and nothing else.
func (t *Text) Hole() (*Query, bool) {
	if len(t.parts) == 1 && t.parts[0].query != nil {
		return t.parts[0].query, true
	}
	return nil, false
}

// Uses reports whether a hole refers to one of the scope's names.
func (t *Text) Uses(name string) bool {
	return slices.ContainsFunc(t.parts, func(p part) bool { return p.query != nil && p.query.Uses(name) })
}

// UsesCaller reports whether the text may depend on who calls.
func (t *Text) UsesCaller() bool { return t.Uses(NameCaller) }

// Arguments returns the names of the arguments that the holes mention, and
// whether one uses args as a whole.
func (t *Text) Arguments() (names []string, whole bool) {
	for _, p := range t.parts {
		if p.query != nil {
			names = append(names, p.query.uses.args...)
			whole = whole || p.query.uses.allArgs
		}
	}
	return names, whole
}

// Append renders the text: strings as they are, numbers as written, null as
// nothing, arrays and objects as compact JSON. The error is an *Error.
func (t *Text) Append(dst []byte, v *Values) ([]byte, error) {
	for _, p := range t.parts {
		if p.query == nil {
			dst = append(dst, p.literal...)
			continue
		}
		out, err := p.query.hole(v)
		if err != nil {
			return dst, err
		}
		if dst, err = AppendText(dst, out); err != nil {
			return dst, failure(err)
		}
	}
	return dst, nil
}

// Value evaluates the text: a text that is one hole keeps its JSON type, any
// other is a string. The error is an *Error.
func (t *Text) Value(v *Values) (any, error) {
	if q, ok := t.Hole(); ok {
		return q.hole(v)
	}
	if s, ok := t.Literal(); ok {
		return s, nil
	}
	out, err := t.Append(nil, v)
	if err != nil {
		return nil, err
	}
	return string(out), nil
}

// hole evaluates the expression of a hole.
func (q *Query) hole(v *Values) (any, error) {
	out, err := q.Run(context.Background(), v)
	if err == nil && out == nil && v.Demanding {
		return nil, &Error{Message: "A value that is needed is missing.", Cause: fmt.Errorf("%w: %s", ErrNull, q.Text())}
	}
	return out, err
}

// AppendText renders a JSON value as text: strings as they are, numbers as
// written, null as nothing, arrays and objects as compact JSON.
func AppendText(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return dst, nil
	case string:
		return append(dst, v...), nil
	case json.Number:
		return append(dst, v...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case *big.Int:
		return v.Append(dst, 10), nil
	}
	return strictjson.Append(dst, v)
}
