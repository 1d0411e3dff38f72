package schema

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// Coerce puts right what clients commonly send in the wrong type, where the
// schema leaves no doubt about the type it wants: "true" and "false" for a
// boolean, "5" for a number or an integer, JSON text for an object or an array,
// and a number (as written) or a boolean for a string. Where several types but
// null are possible, nothing is touched.
//
// It returns the value and how many places were changed. The given value is
// never changed; if no place was, it is returned as it is.
func (s *Schema) Coerce(v any) (any, int) {
	changed := 0
	return s.root.coerce(v, &changed, strictjson.MaxDepth), changed
}

func (n *node) coerce(given any, changed *int, depth int) any {
	n, want := n.target()
	if n == nil || depth <= 0 {
		return given
	}
	switch v := given.(type) {
	case map[string]any:
		return n.coerceMembers(v, changed, depth)
	case []any:
		if out := n.coerceItems(v, changed, depth); out != nil {
			return out
		}
		return given // making an interface of v again would allocate
	case string:
		switch want {
		case kindObject, kindArray:
			inner, err := strictjson.Decode([]byte(v), depth)
			if err == nil && kindOf(inner) == want {
				*changed++
				return n.coerce(inner, changed, depth)
			}
		default:
			if scalar := parseScalar(v, want); scalar != nil {
				*changed++
				return scalar
			}
		}
	case bool:
		if want == kindString && n.kinds == kindString {
			*changed++
			if v {
				return "true"
			}
			return "false"
		}
	case json.Number:
		if want == kindString && n.kinds == kindString {
			*changed++
			return string(v)
		}
	}
	return given
}

// target follows references to the schema that says the type, and returns the
// one type but null it wants, or 0. A choice is followed if only one branch is
// for anything but null.
func (n *node) target() (*node, kinds) {
	for range maxHops {
		if n.kinds != 0 {
			break
		}
		switch {
		case n.ref != nil:
			n = n.ref
		case n.anyOf != nil && n.oneOf == nil && n.ref == nil:
			n = onlyBranch(n.anyOf)
		case n.oneOf != nil && n.anyOf == nil:
			n = onlyBranch(n.oneOf)
		default:
			return n, 0
		}
		if n == nil {
			return nil, 0
		}
	}
	want := n.kinds &^ kindNull
	if want&(want-1) != 0 {
		want = 0
	}
	return n, want
}

// onlyBranch is the one branch that isn't {"type": "null"}, if all others are.
func onlyBranch(branches []*node) *node {
	var only *node
	for _, b := range branches {
		if b.kinds == kindNull {
			continue
		}
		if only != nil {
			return nil
		}
		only = b
	}
	return only
}

func (n *node) coerceMembers(object map[string]any, changed *int, depth int) any {
	if n.byName == nil && n.additional == nil {
		return object
	}
	out, own := object, false
	for name, v := range object {
		inner := n.byName[name]
		if inner == nil {
			inner = n.additional
		}
		if inner == nil {
			continue
		}
		before := *changed
		if w := inner.coerce(v, changed, depth-1); *changed > before {
			if !own {
				out, own = maps.Clone(object), true
			}
			out[name] = w
		}
	}
	return out
}

// coerceItems returns a changed copy, or nil if there is nothing to change.
func (n *node) coerceItems(items []any, changed *int, depth int) []any {
	if n.items == nil && n.prefix == nil {
		return nil
	}
	var out []any
	for i, v := range items {
		inner := n.items
		if i < len(n.prefix) {
			inner = n.prefix[i]
		}
		if inner == nil {
			break
		}
		before := *changed
		if w := inner.coerce(v, changed, depth-1); *changed > before {
			if out == nil {
				out = slices.Clone(items)
			}
			out[i] = w
		}
	}
	return out
}

// parseScalar reads a boolean or a number in its canonical text, or returns
// nil.
func parseScalar(s string, want kinds) any {
	switch want {
	case kindBoolean:
		switch s {
		case "true":
			return true
		case "false":
			return false
		}
	case kindInteger, kindNumber:
		if isCanonical(s, want == kindNumber) {
			return json.Number(s)
		}
	}
	return nil
}

// isCanonical reports whether text is a number as everyone writes it: a minus
// sign if any, digits without a leading zero, and a fraction if allowed.
func isCanonical(s string, fraction bool) bool {
	whole, frac, hasFrac := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if hasFrac && (!fraction || !isDigits(frac)) || !isDigits(whole) || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	return s != "-0"
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return s != ""
}
