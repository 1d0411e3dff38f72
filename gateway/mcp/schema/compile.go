package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Drafts, in the order of their age.
const (
	draft07   = 7
	draft2019 = 2019
	draft2020 = 2020
)

type compiler struct {
	doc     any
	draft   int
	nodes   map[string]*node // by JSON pointer
	outside bool             // a keyword was met that nodes don't know
}

// compile makes the node of the schema at a pointer, once.
func (c *compiler) compile(v any, ptr string) (*node, error) {
	if n, ok := c.nodes[ptr]; ok {
		return n, nil
	}
	if len(c.nodes) >= maxSubschemas {
		return nil, &Error{Message: "the schema has more than 10000 subschemas"}
	}
	n := &node{minLen: -1, maxLen: -1, minItems: -1, maxItems: -1, minProps: -1, maxProps: -1}
	c.nodes[ptr] = n
	switch v := v.(type) {
	case bool:
		n.never = !v
		return n, nil
	case map[string]any:
		if ref, given := v["$ref"]; given && c.draft == draft07 {
			return n, c.reference(n, ref, ptr) // other keywords don't count beside it
		}
		k := keywords{c: c, n: n, object: v, ptr: ptr}
		for _, name := range sortedNames(v) {
			if err := k.add(name, v[name]); err != nil {
				return nil, err
			}
		}
		k.finish()
		return n, nil
	}
	return nil, errorAt(ptr, "a schema is an object, true or false")
}

// reference resolves a $ref to a place in the same text. All others are left
// to the complete implementation, which knows anchors and identifiers and
// refuses what it can't find.
func (c *compiler) reference(n *node, value any, ptr string) error {
	ref, ok := value.(string)
	if !ok {
		return keywordError(ptr, "$ref", "must be a string")
	}
	target, canonical, ok := c.lookup(ref)
	if !ok {
		c.outside = true
		return nil
	}
	var err error
	n.ref, err = c.compile(target, canonical)
	return err
}

// lookup finds what a reference of the form #/a/b stands for.
func (c *compiler) lookup(ref string) (target any, ptr string, ok bool) {
	fragment, isLocal := strings.CutPrefix(ref, "#")
	fragment, err := url.PathUnescape(fragment)
	if !isLocal || err != nil || fragment != "" && fragment[0] != '/' {
		return nil, "", false
	}
	target = c.doc
	if fragment == "" {
		return target, "", true
	}
	var canonical strings.Builder
	for token := range strings.SplitSeq(fragment[1:], "/") {
		name := strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		if target, ok = inside(target, name); !ok {
			return nil, "", false
		}
		canonical.WriteString("/" + escape(name))
	}
	return target, canonical.String(), true
}

// inside finds the member of an object or the item of an array that one part
// of a JSON pointer names (RFC 6901, section 4).
func inside(v any, name string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		member, ok := v[name]
		return member, ok
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v) && strconv.Itoa(i) == name {
			return v[i], true
		}
	}
	return nil, false
}

// refuseLoops finds schemas that apply themselves to the same value.
func (c *compiler) refuseLoops() error {
	state := make(map[*node]int, len(c.nodes)) // 1: being visited, 2: done
	var visit func(n *node) bool
	visit = func(n *node) bool {
		if n == nil || state[n] == 2 {
			return true
		}
		if state[n] == 1 {
			return false
		}
		state[n] = 1
		for _, group := range [][]*node{n.allOf, n.anyOf, n.oneOf, {n.ref, n.not, n.cond, n.then, n.otherwise}} {
			for _, next := range group {
				if !visit(next) {
					return false
				}
			}
		}
		state[n] = 2
		return true
	}
	for _, ptr := range sortedNames(c.nodes) {
		if !visit(c.nodes[ptr]) {
			return errorAt(ptr, "$ref loops back to the same schema")
		}
	}
	return nil
}

// toRegexp compiles a pattern. ECMA 262 knows more than RE2 does.
func toRegexp(pattern string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("pattern is not supported: %w (patterns are RE2 expressions: no look-around, no back-references, \\x{e4} instead of \\u00e4)", err)
	}
	return re, nil
}

// toCount reads the value of a keyword like minLength.
func toCount(v any) (int, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	x := parseNumber(string(n))
	zero := number{small: true}
	if !x.isInteger() || x.compare(zero) < 0 {
		return 0, false
	}
	if x.small {
		return int(x.i), true
	}
	d := parseDecimal(x.text)
	if d.exp > 18 {
		return math.MaxInt, true
	}
	value := 0
	for i := range int(d.exp) {
		value *= 10
		if i < d.len() {
			value += int(d.digit(i) - '0')
		}
	}
	return value, true
}

// toNames reads an array of different strings.
func toNames(v any) ([]string, bool) {
	items, ok := v.([]any)
	if !ok {
		return nil, false
	}
	names := make([]string, 0, len(items))
	for _, item := range items {
		name, isText := item.(string)
		if !isText {
			return nil, false
		}
		names = append(names, name)
	}
	sorted := slices.Sorted(slices.Values(names))
	return names, len(slices.Compact(sorted)) == len(names)
}
