package openapi

import "slices"

// anyOf converts alternatives. Of oneOf it makes anyOf: real alternatives
// overlap where their authors didn't mean it, and the service knows better.
func (c *converter) anyOf(n *node, options []*node, keyword string, depth int) *node {
	alternatives, nullable := c.alternatives(n, options, keyword, depth)
	out := object()
	switch {
	case len(alternatives) == 0:
		if nullable {
			out.set("type", text(nullType))
		}
	case len(alternatives) == 1 && !nullable:
		out = alternatives[0].clone()
	case len(alternatives) == 1 && alternatives[0].get("type") != nil && alternatives[0].get("const") == nil:
		out = withNull(alternatives[0])
	case slices.ContainsFunc(alternatives, isOpen):
	default:
		if nullable {
			alternatives = append(alternatives, object().set("type", text(nullType)))
		}
		out.set("anyOf", list(alternatives...))
	}
	return c.described(out, n, depth)
}

// alternatives are the converted options that differ from each other, each with
// what stands beside them; null apart.
func (c *converter) alternatives(n *node, options []*node, keyword string, depth int) (out []*node, nullable bool) {
	nullable = n.is("nullable")
	rest := n.without(keyword, "description", "title", "default", "nullable", "discriminator")
	for _, o := range options {
		if o.isObject() && len(o.members) > 0 && isNull(o) {
			nullable = true
			continue
		}
		var one *node
		if saysMore(rest) {
			one = c.allOf(object(), []*node{rest, o}, depth)
		} else {
			one = c.schema(o, depth+1)
		}
		if one.get("$ref") == nil && len(one.texts("type")) > 1 && contains(one.texts("type"), nullType) {
			nullable = true
			one = withoutNull(one)
		}
		if !slices.ContainsFunc(out, one.equal) {
			out = append(out, one)
		}
	}
	return joinScalars(out), nullable
}

// isOpen reports whether a converted schema allows everything.
func isOpen(n *node) bool {
	return n.kind == objectKind && len(n.without("description", "default").members) == 0
}

// saysMore reports whether a schema holds more than its alternatives.
func saysMore(n *node) bool {
	for i := range n.members {
		switch n.members[i].name {
		case "properties", "required", "additionalProperties", "items", "enum":
			return true
		}
	}
	return false
}

func isNull(n *node) bool {
	values := n.list("enum")
	return n.str("type") == nullType || len(n.texts("type")) == 1 && n.texts("type")[0] == nullType ||
		n.get("type") == nil && len(values) == 1 && values[0].kind == nullKind
}

// joinScalars joins alternatives that are no more than types.
func joinScalars(alternatives []*node) []*node {
	var types []string
	var rest []*node
	for _, a := range alternatives {
		if a.isObject() && len(a.members) == 1 && a.str("type") != "" {
			types = append(types, a.str("type"))
		} else {
			rest = append(rest, a)
		}
	}
	if contains(types, "number") {
		types = slices.DeleteFunc(types, func(s string) bool { return s == "integer" })
	}
	if len(types) < 2 {
		return alternatives
	}
	return append([]*node{object().set("type", listOf(types))}, rest...)
}

func withNull(n *node) *node {
	out := n.clone()
	types := append(slices.Clone(n.texts("type")), nullType)
	out.set("type", listOf(slices.Compact(types)))
	if values := n.get("enum"); values != nil {
		out.set("enum", list(append(slices.Clone(values.items), &node{})...))
	}
	return out
}

func withoutNull(n *node) *node {
	out := n.clone()
	types := slices.DeleteFunc(slices.Clone(n.texts("type")), func(s string) bool { return s == nullType })
	if len(types) == 0 || len(types) == len(n.texts("type")) {
		return n
	}
	out.set("type", typeList(types, false))
	if values := n.get("enum"); values != nil {
		out.set("enum", list(slices.DeleteFunc(slices.Clone(values.items), func(v *node) bool { return v.kind == nullKind })...))
	}
	return out
}
