package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// place is a part of a request that values can be put in.
type place uint8

const (
	inPath place = iota
	inQueryString
	inHeader
	inCookie
	inForm
	inBody
	inFile
)

// String returns the place's name in a manifest.
func (p place) String() string {
	return [...]string{"path", "query", "header", "cookie", "form", "body", "file"}[p]
}

func places() []string {
	return []string{"path", "query", "header", "cookie", "form", "body", "file"}
}

// styles are those that OpenAPI 3 defines for a place, its default first
// (https://spec.openapis.org/oas/v3.1.1.html#style-values).
func (p place) styles() []string {
	switch p {
	case inPath:
		return []string{"simple", "label", "matrix"}
	case inQueryString, inForm:
		return []string{"form", "spaceDelimited", "pipeDelimited", "deepObject"}
	case inHeader:
		return []string{"simple"}
	case inCookie:
		return []string{"form"}
	case inBody, inFile:
	}
	return nil
}

// slot is where a value goes, and how it is written there.
type slot struct {
	place   place
	arg     string // the argument, for messages
	name    string // the name at that place
	encoded string // the name, encoded for the place
	style   string
	explode bool
	// percent says that a cookie is percent-encoded, as lists are.
	percent bool
	// taken are the names at the place that the members of an object must not
	// use again.
	taken *fixedNames
}

func (s *slot) refuse(why string) *plugins.Error {
	what := fmt.Sprintf("argument %q", s.arg)
	if s.arg == "" {
		what = fmt.Sprintf("value of %q", s.name)
	}
	where := "in the " + s.place.String() + " of the request"
	if s.place == inFile {
		where = "as a file"
	}
	return &plugins.Error{
		Kind:    plugins.KindInvalid,
		Message: fmt.Sprintf("The %s can't be sent %s: %s. Nothing was sent.", what, where, why),
	}
}

func (s *slot) refuseMember(name string) *plugins.Error {
	return s.refuse(fmt.Sprintf("the member name %q is not allowed there, or is in use", name))
}

var errNested = errors.New("nested value")

// scalar returns the text of a JSON scalar, numbers as they were written.
func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case json.Number:
		return string(v), nil
	case bool:
		if v {
			return "true", nil
		}
		return "false", nil
	case nil, []any, map[string]any:
		return "", errNested
	}
	text, err := expr.AppendText(nil, v)
	return string(text), err
}

// escape appends text as the place wants it.
func (s *slot) escape(dst []byte, text string) ([]byte, error) {
	switch s.place {
	case inHeader:
		if !isHeaderValue(text) {
			return dst, s.refuse("only visible ASCII characters are allowed there, with blanks inside only")
		}
		return append(dst, text...), nil
	case inCookie:
		if s.percent {
			break
		}
		if !isCookieValue(text) {
			return dst, s.refuse(`only visible ASCII characters except ",;\ and blanks are allowed there`)
		}
		return append(dst, text...), nil
	case inForm:
		return appendForm(dst, text), nil
	case inPath, inQueryString, inBody, inFile:
	}
	return appendPercent(dst, text), nil
}

// item appends one item of a list whose items are told apart by a delimiter.
func (s *slot) item(dst []byte, v any, delimiter string) ([]byte, error) {
	text, err := scalar(v)
	if err != nil {
		return dst, s.refuse("lists there hold only strings, numbers and booleans")
	}
	if delimiter != "" && strings.Contains(text, delimiter) {
		return dst, s.refuse(fmt.Sprintf("an item has %q in it, which separates items there", delimiter))
	}
	return s.escape(dst, text)
}

// element is item, where nothing but the delimiter shows that there is one.
func (s *slot) element(dst []byte, v any, delimiter string) ([]byte, error) {
	if s.place == inHeader && v == "" {
		return dst, s.refuse("an item is empty, and receivers of a header pass over such items")
	}
	return s.item(dst, v, delimiter)
}

// separator returns what stands between items, and the character that an item
// must not have because the receiver could not tell it from a separator. In
// URLs a comma within an item is percent-encoded (RFC 6570, section 3.2.1);
// forms are always decoded before anything is split.
func (s *slot) separator() (text, refused string) {
	switch {
	case s.style == "spaceDelimited" && s.place == inForm:
		return "+", " "
	case s.style == "spaceDelimited":
		return "%20", " "
	case s.style == "pipeDelimited":
		return "%7C", "|"
	case s.place == inHeader, s.place == inForm:
		return ",", ","
	}
	return ",", ""
}

// list appends the items of an array, or names and values of an object,
// between separators.
func (s *slot) list(dst []byte, v any, between, refused string) ([]byte, error) {
	var err error
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			if i > 0 {
				dst = append(dst, between...)
			}
			if dst, err = s.element(dst, s.flat(e), refused); err != nil {
				return dst, err
			}
		}
		return dst, nil
	case map[string]any:
		return s.memberList(dst, v, between, refused)
	}
	return s.item(dst, v, "")
}

// memberList appends names and values of an object between separators.
func (s *slot) memberList(dst []byte, object map[string]any, between, refused string) ([]byte, error) {
	equals, value := between, s.element
	if s.explode {
		equals, value = "=", s.item
	}
	var err error
	for i, name := range members(object) {
		if i > 0 {
			dst = append(dst, between...)
		}
		if s.place == inHeader && strings.Contains(name, "=") {
			return dst, s.refuse(`a member's name has "=" in it`)
		}
		if dst, err = s.element(dst, name, refused); err != nil {
			return dst, err
		}
		dst = append(dst, equals...)
		if dst, err = value(dst, object[name], refused); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// members returns the names of an object's members that aren't null, sorted.
func members(object map[string]any) []string {
	names := make([]string, 0, len(object))
	for name, v := range object {
		if v != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// isEmpty reports whether nothing is sent of a value: null, a list without
// items, an object without members that aren't null.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, member := range v {
			if member != nil {
				return false
			}
		}
		return true
	}
	return false
}

// appendPath appends a value to a segment of the path, whose names p knows.
func (s *slot) appendPath(dst []byte, p *pairs, v any) ([]byte, error) {
	items, _ := v.([]any)
	if isEmpty(v) || v == "" || len(items) == 1 && items[0] == "" {
		return dst, s.refuse("it is empty")
	}
	switch s.style {
	case "label":
		if s.explode {
			// A dot stands for itself in URLs: encoded or not, it is the same.
			return s.list(append(dst, '.'), v, ".", ".")
		}
		return s.list(append(dst, '.'), v, ",", "")
	case "matrix":
		return s.appendMatrix(dst, p, v)
	}
	between, refused := s.separator()
	return s.list(dst, v, between, refused)
}

func (s *slot) appendMatrix(dst []byte, p *pairs, v any) ([]byte, error) {
	var err error
	items, isList := v.([]any)
	object, isObject := v.(map[string]any)
	switch {
	case s.explode && isList:
		for _, e := range items {
			dst = append(append(append(dst, ';'), s.encoded...), '=')
			if dst, err = s.item(dst, s.flat(e), ""); err != nil {
				return dst, err
			}
		}
		return dst, nil
	case s.explode && isObject:
		for _, name := range members(object) {
			if name == "" || !p.admit(s.taken, name) {
				return dst, s.refuseMember(name)
			}
		}
		return s.list(append(dst, ';'), object, ";", "")
	}
	dst = append(append(append(dst, ';'), s.encoded...), '=')
	return s.list(dst, v, ",", "")
}

// pairs writes name=value pairs with what stands before the first and between
// the others.
type pairs struct {
	first, between string
	count          int
	// sent are the names that the call gave; nil if none.
	sent names
}

func (p *pairs) start(dst []byte) []byte {
	p.count++
	if p.count == 1 {
		return append(dst, p.first...)
	}
	return append(dst, p.between...)
}

// appendPairs appends a value as pairs to a query, a form or a cookie header.
// Empty lists and null are left out, as in RFC 6570.
func (s *slot) appendPairs(dst []byte, p *pairs, v any) ([]byte, error) {
	if isEmpty(v) {
		return dst, nil
	}
	var err error
	switch v := v.(type) {
	case []any:
		if s.style == "deepObject" {
			return s.appendDeep(dst, p, "", v)
		}
		if !s.explode {
			break
		}
		for _, e := range v {
			dst = append(append(p.start(dst), s.encoded...), '=')
			if dst, err = s.item(dst, s.flat(e), ""); err != nil {
				return dst, err
			}
		}
		return dst, nil
	case map[string]any:
		if s.style == "deepObject" || s.explode {
			return s.appendObject(dst, p, v)
		}
	}
	dst = append(append(p.start(dst), s.encoded...), '=')
	if s.place == inCookie && !isScalar(v) {
		// A comma is no octet of a cookie (RFC 6265, section 4.1.1).
		encoding := *s
		encoding.percent = true
		return encoding.list(dst, v, "%2C", ",")
	}
	between, refused := s.separator()
	return s.list(dst, v, between, refused)
}

func isScalar(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

// appendObject appends a pair for each member of an object.
func (s *slot) appendObject(dst []byte, p *pairs, object map[string]any) ([]byte, error) {
	var err error
	for _, name := range members(object) {
		if s.style == "deepObject" {
			if name == "" || strings.ContainsAny(name, "[]") || !p.admitMember(s.taken, s.name+"["+name+"]") {
				return dst, s.refuseMember(name)
			}
			if dst, err = s.appendDeep(dst, p, s.bracket(name), object[name]); err != nil {
				return dst, err
			}
			continue
		}
		dst = p.start(dst)
		switch {
		case s.place == inCookie && !isToken(name), !p.admit(s.taken, name):
			return dst, s.refuseMember(name)
		default:
			if dst, err = s.escape(dst, name); err != nil {
				return dst, err
			}
		}
		if dst, err = s.item(append(dst, '='), object[name], ""); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// appendHeader appends a value to a header line.
func (s *slot) appendHeader(dst []byte, v any) ([]byte, error) {
	between, refused := s.separator()
	return s.list(dst, v, between, refused)
}
