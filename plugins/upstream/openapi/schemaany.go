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
	case slices.ContainsFunc(alternatives, isOpen), depth >= c.detail.depth && isVague(alternatives):
		out = c.kinds(n, options, alternatives, nullable)
	default:
		if nullable {
			alternatives = append(alternatives, object().set("type", text(nullType)))
		}
		out.set("anyOf", list(alternatives...))
	}
	return c.described(out, n, depth)
}

// kinds tells of alternatives that can't be described no more than which there
// are: by the member whose values tell them apart. Alternatives that have none
// are listed, unless one of them allows everything.
func (c *converter) kinds(n *node, options, alternatives []*node, nullable bool) *node {
	name, values := c.kindOf(n, options)
	if len(values) == 0 {
		out := object()
		if !slices.ContainsFunc(alternatives, isOpen) {
			if nullable {
				alternatives = append(alternatives, object().set("type", text(nullType)))
			}
			out.set("anyOf", list(alternatives...))
		}
		return out
	}
	kind := object().set("type", text("string"))
	if size := len(listOf(values).json()); size <= 2*mostOfEnum {
		kind.set("enum", listOf(values))
	} else {
		c.tooMany(kind, listOf(values).items)
	}
	return object().set("type", typeList([]string{"object"}, nullable)).
		set("properties", object().set(name, kind)).set("required", listOf([]string{name}))
}

// kindOf finds the member that tells alternatives apart, and its values: that
// which the document calls so, or else the first of which every alternative
// lists the values.
func (c *converter) kindOf(n *node, options []*node) (name string, values []string) {
	var names []string
	if name = n.get("discriminator").str("propertyName"); name != "" {
		names = []string{name}
	} else if len(options) > 0 {
		for _, m := range membersOf(c.doc.follow(options[0]).get("properties")) {
			names = append(names, m.name)
		}
	}
	for _, name = range names {
		values = nil
		for _, o := range options {
			own := c.valuesOf(o, name)
			if len(own) == 0 {
				values = nil
				break
			}
			values = union(values, own)
		}
		if len(values) > 1 {
			return name, values
		}
	}
	return "", nil
}

// valuesOf are the texts that a member may be, by the schema of an object or by
// one of those that it is made of.
func (c *converter) valuesOf(n *node, name string) []string {
	n = c.doc.follow(n)
	p := c.doc.follow(n.get("properties").get(name))
	if v := p.get("const"); v != nil && v.kind == stringKind {
		return []string{v.text}
	}
	if values := p.list("enum"); allTexts(values) {
		return p.texts("enum")
	}
	for _, part := range n.list("allOf") {
		part = c.doc.follow(part)
		if part.get("properties").get(name) != nil && part.get("allOf") == nil {
			if values := c.valuesOf(part, name); len(values) > 0 {
				return values
			}
		}
	}
	return nil
}

// alternatives are the converted options that differ from each other, each with
// what stands beside them; null apart.
func (c *converter) alternatives(n *node, options []*node, keyword string, depth int) (out []*node, nullable bool) {
	nullable = n.is("nullable")
	rest := n.without(keyword, "description", "title", "default", "nullable", "discriminator")
	for _, o := range options {
		if c.exhausted() {
			break
		}
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

// isVague reports whether alternatives are too many to be told, or one of them
// is any object.
func isVague(alternatives []*node) bool {
	return len(list(alternatives...).json()) > mostOfKinds || slices.ContainsFunc(alternatives, func(n *node) bool {
		return n.str("type") == "object" && len(n.without("type", "description", "default").members) == 0
	})
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
