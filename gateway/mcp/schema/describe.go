package schema

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

func itoa(n int) string { return strconv.Itoa(n) }

// escape makes a token of an RFC 6901 JSON pointer.
func escape(segment string) string {
	if !strings.ContainsAny(segment, "~/") {
		return segment
	}
	return strings.ReplaceAll(strings.ReplaceAll(segment, "~", "~0"), "/", "~1")
}

// shorten cuts text to a number of characters.
func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	length := 0
	for i := range s {
		if length == limit {
			return s[:i] + "…"
		}
		length++
	}
	return s
}

// count is a number with its noun.
func count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	if one == "property" {
		one = "propertie"
	}
	return itoa(n) + " " + one + "s"
}

// describeValue says what a value is, briefly whatever its size.
func describeValue(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean " + strconv.FormatBool(v)
	case string:
		if n := utf8.RuneCountInString(v); n > 40 {
			return "string of " + itoa(n) + " characters " + quote(v)
		}
		return "string " + quote(v)
	case []any:
		return "array of " + count(len(v), "item")
	case map[string]any:
		return "object with " + count(len(v), "property")
	}
	if n, ok := numberOf(v); ok {
		return "number " + shorten(n.String(), 40)
	}
	return "no JSON value"
}

// quote shows at most 40 characters of a string, without invisible ones.
func quote(s string) string { return strconv.Quote(shorten(s, 40)) }

// show is a constant as JSON text.
func show(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	default:
		text, err := strictjson.Append(nil, v)
		if err != nil {
			return "a value"
		}
		return shorten(string(text), 40)
	}
}

// describe says what a schema expects of a value of some kind; 0 stands for
// any kind.
func (n *node) describe(kind kinds) string { return n.describeIn(kind, 4) }

func (n *node) describeIn(kind kinds, levels int) string {
	switch {
	case n.never:
		return "nothing"
	case n.isConst:
		return "exactly " + show(n.constant)
	case n.isEnum:
		return "one of " + listing(n.enum)
	}
	wanted := n.kinds
	if wanted == 0 {
		wanted = kind
	}
	if wanted == 0 && levels > 0 {
		if choices := n.choices(); choices != nil {
			return describeEach(choices, levels-1)
		}
	}
	var parts []string
	for _, k := range kindNames() {
		if wanted&k.kind != 0 {
			parts = append(parts, n.describeKind(k.kind, k.name))
		}
	}
	if parts == nil {
		return "a value that obeys the schema"
	}
	return strings.Join(parts, " or ")
}

// choices are the schemas that stand for one without a type of its own.
func (n *node) choices() []*node {
	switch {
	case n.ref != nil:
		return []*node{n.ref}
	case n.anyOf != nil:
		return n.anyOf
	case n.oneOf != nil:
		return n.oneOf
	case len(n.allOf) == 1:
		return n.allOf
	}
	return nil
}

func describeAll(choices []*node) string { return describeEach(choices, 3) }

func describeEach(choices []*node, levels int) string {
	var parts []string
	length := 0
	for i, choice := range choices {
		part := choice.describeIn(0, levels)
		if length += len(part); i > 0 && length > 400 {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " or ")
}

// listing shows constants, up to a bound.
func listing(values []any) string {
	const most = 30
	var b strings.Builder
	for i, v := range values {
		if i == most || b.Len() > 600 {
			b.WriteString(", … (" + itoa(len(values)) + " in all)")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(show(v))
	}
	return b.String()
}

// describeKind is one type with the limits that belong to it.
func (n *node) describeKind(kind kinds, name string) string {
	switch kind {
	case kindString:
		if n.format != "" {
			name += " in " + shorten(n.format, 40) + " format"
		}
		name += between(n.minLen, n.maxLen, "character")
		if n.pattern != nil {
			name += " matching " + shorten(n.pattern.String(), 200)
		}
	case kindNumber, kindInteger:
		return name + n.describeLimits()
	case kindArray:
		name += between(n.minItems, n.maxItems, "item")
		if n.items != nil && n.items.kinds != 0 && n.prefix == nil {
			name += " (each " + n.items.describeIn(0, 0) + ")"
		}
	case kindObject:
		name += between(n.minProps, n.maxProps, "property")
	}
	return name
}

func (n *node) describeLimits() string {
	var parts []string
	for _, limit := range []struct {
		sign string
		n    *number
	}{{">= ", n.min}, {"> ", n.above}, {"<= ", n.max}, {"< ", n.below}, {"a multiple of ", n.multipleOf}} {
		if limit.n != nil {
			parts = append(parts, limit.sign+shorten(limit.n.String(), 40))
		}
	}
	if parts == nil {
		return ""
	}
	return " " + strings.Join(parts, " and ")
}

// between puts two limits of a size into words.
func between(least, most int, what string) string {
	switch {
	case most == math.MaxInt && least <= 0, most < 0 && least <= 0:
		return ""
	case most < 0:
		return " of at least " + count(least, what)
	case least == most:
		return " of exactly " + count(least, what)
	case least <= 0:
		return " of at most " + count(most, what)
	}
	return " of " + itoa(least) + " to " + count(most, what)
}
