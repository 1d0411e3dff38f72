package schema

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// headerKeyword marks a property that clients repeat in an HTTP header.
const headerKeyword = "x-mcp-header"

// HeaderParam is an argument that a client of revision 2026-07-28 repeats in
// the header Mcp-Param-<Header>.
type HeaderParam struct {
	Header string   // the part behind Mcp-Param-, as annotated
	Path   []string // names from the arguments down to the property
	Type   string   // string, integer or boolean
}

// Headers collects the x-mcp-header annotations of an input schema, in the
// order of their paths. Clients drop tools that break the rules for them, so a
// breach is an error, and all breaches are reported at once, as Errors:
// the name must be an RFC 9110 token, unique whatever its case; the property
// must be of exactly one of the types string, integer and boolean; and it must
// be reachable through properties alone.
func Headers(raw []byte) ([]HeaderParam, error) {
	doc, err := strictjson.Decode(raw, maxDepth)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	w := headerWalk{seen: map[string]string{}}
	w.walk(doc, "", nil, true)
	if len(w.errs) > 0 {
		return nil, w.errs
	}
	return w.found, nil
}

type headerWalk struct {
	found []HeaderParam
	seen  map[string]string // header in lower case -> place
	errs  Errors
}

// walk visits a schema; open says that only properties led to it.
func (w *headerWalk) walk(v any, ptr string, path []string, open bool) {
	object, ok := v.(map[string]any)
	if !ok {
		return
	}
	if value, annotated := object[headerKeyword]; annotated {
		w.annotation(value, object["type"], ptr, path, open)
	}
	for _, keyword := range sortedNames(object) {
		for _, sub := range subschemas(keyword, object[keyword]) {
			if keyword == "properties" && open {
				name := strings.TrimPrefix(sub.ptr, "/properties/")
				name = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
				w.walk(sub.value, ptr+sub.ptr, append(slices.Clip(path), name), true)
			} else {
				w.walk(sub.value, ptr+sub.ptr, nil, false)
			}
		}
	}
}

func (w *headerWalk) annotation(value, kind any, ptr string, path []string, open bool) {
	wrong := func(msg string) { w.errs = append(w.errs, keywordError(ptr, headerKeyword, msg)) }
	header, ok := value.(string)
	kindName, _ := kind.(string)
	lower := strings.ToLower(header)
	switch {
	case !open || len(path) == 0:
		wrong("is only allowed on a property that is reached through properties alone, not through items, $defs, choices or conditions")
	case !ok || !isToken(header):
		wrong("must be a header name: letters, digits and !#$%&'*+-.^_`|~")
	case kindName != "string" && kindName != "integer" && kindName != "boolean":
		wrong("needs a property of type string, integer or boolean")
	case w.seen[lower] != "":
		wrong("is the same header as at " + w.seen[lower])
	default:
		w.seen[lower] = ptr
		w.found = append(w.found, HeaderParam{Header: header, Path: path, Type: kindName})
	}
}

// isToken applies RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && c-'0' > 9 && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// maxSafeInteger is the largest integer a header can repeat.
const maxSafeInteger = 1<<53 - 1

// Match reports whether a header's value repeats the argument as it was sent
// (before any coercion), which is neither absent nor null: a string as it is,
// a boolean as true or false, an integer by value, so that 42.0 equals 42,
// within ±(2^53-1). A value between =?base64? and ?= is decoded first, and
// what isn't canonical Base64 of UTF-8 matches nothing.
func (p HeaderParam) Match(headerValue string, arg any) bool {
	text, ok := decodeHeader(strings.Trim(headerValue, " \t"))
	if !ok {
		return false
	}
	switch arg := arg.(type) {
	case string:
		return text == arg
	case bool:
		return text == "true" && arg || text == "false" && !arg
	}
	want, ok := numberOf(arg)
	if p.Type != "integer" || !ok || !want.isInteger() || !isDecimal(text) {
		return false
	}
	low, high := number{small: true, i: -maxSafeInteger}, number{small: true, i: maxSafeInteger}
	return want.compare(low) >= 0 && want.compare(high) <= 0 && parseNumber(text).compare(want) == 0
}

// isDecimal accepts 42, -42 and 42.0, but no exponents.
func isDecimal(s string) bool {
	whole, frac, hasFrac := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return isDigits(whole) && (!hasFrac || isDigits(frac))
}

// decodeHeader undoes the Base64 form of a header value. Without both its
// prefix and its suffix, text is literal.
func decodeHeader(s string) (string, bool) {
	const prefix, suffix = "=?base64?", "?="
	if len(s) < len(prefix)+len(suffix) || !strings.HasPrefix(s, prefix) || !strings.HasSuffix(s, suffix) {
		return s, true
	}
	encoded := s[len(prefix) : len(s)-len(suffix)]
	if strings.ContainsAny(encoded, "\r\n") {
		return "", false // the decoder would skip them
	}
	data, err := base64.StdEncoding.Strict().DecodeString(encoded)
	return string(data), err == nil && utf8.Valid(data)
}
