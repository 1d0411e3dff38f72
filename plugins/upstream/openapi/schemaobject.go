package openapi

import (
	"slices"
	"strings"
)

func (c *converter) arrayKeywords(out, n *node, depth int) {
	items := n.get("items")
	if items != nil && items.kind == listKind { // a tuple of older drafts
		if len(items.items) > 0 {
			items = items.items[0]
		} else {
			items = nil
		}
	}
	if items != nil {
		if one := c.schema(items, depth+1); one.kind == boolKind || len(one.members) > 0 {
			if one.get("default") != nil {
				one = one.without("default") // nobody fills in items
			}
			out.set("items", one)
		}
	}
	least, most := count(n, "minItems"), count(n, "maxItems")
	if least != nil && least.text != "0" {
		out.set("minItems", least)
	}
	if most != nil && len(most.text) < 7 && (least == nil || len(least.text) < len(most.text) || least.text <= most.text) {
		out.set("maxItems", most)
	}
	if n.is("uniqueItems") {
		out.set("uniqueItems", boolean(true))
	}
}

// objectKeywords converts the members of an object. Beyond the depth that a
// tool can afford only those are named that must be there.
func (c *converter) objectKeywords(out, n *node, depth int) {
	properties, required, left := c.properties(n, depth)
	if len(properties.members) > 0 {
		out.set("properties", properties)
	}
	if more := n.get("additionalProperties"); more != nil && more.kind == boolKind && more.text == "false" && !left {
		// What is neither declared nor allowed can't be required.
		required = slices.DeleteFunc(required, func(name string) bool { return properties.get(name) == nil })
	}
	if len(required) > 0 && depth <= c.detail.depth+beyondDepth && !c.output {
		out.set("required", listOf(required))
	}
	if !left {
		c.additional(out, n, depth, len(properties.members) > 0)
	}
	if least := count(n, "minProperties"); least != nil && least.text != "0" && !c.output {
		out.set("minProperties", least)
	}
	if most := count(n, "maxProperties"); most != nil && !c.output {
		out.set("maxProperties", most)
	}
}

// properties converts the members of an object, and finds the names of those
// that must be there; left says that others are left out.
func (c *converter) properties(n *node, depth int) (properties *node, required []string, left bool) {
	properties, required = object(), requiredOf(n)
	needed, hidden := map[string]bool{}, map[string]bool{}
	for _, name := range required {
		needed[name] = true
	}
	bare := depth > c.detail.depth
	for _, p := range membersOf(n.get("properties")) {
		must := needed[p.name] || isTrue(p.value.get("required"))
		if c.isHidden(p.value) || p.value.kind == boolKind && p.value.text == "false" {
			hidden[p.name] = true
			continue
		}
		if bare && (!must || depth > c.detail.depth+beyondDepth) || c.exhausted() {
			left = true
			continue
		}
		one := c.needed(p.value, depth+1, must)
		if !must && depth > 0 && c.detail.inner == 0 && c.lostEnum(p.value, one) {
			left = true // better nothing than anything
			continue
		}
		properties.add(p.name, one)
		if must && !needed[p.name] {
			required = append(required, p.name)
		}
	}
	required = slices.DeleteFunc(required, func(s string) bool { return hidden[s] })
	return properties, required, left
}

// needed converts a schema; must says whether there must be a value.
func (c *converter) needed(n *node, depth int, must bool) *node {
	before := c.must
	c.must = must
	out := c.schema(n, depth)
	c.must = before
	return out
}

// lostEnum reports whether a schema, or that of its items, has an enum that
// couldn't be afforded.
func (c *converter) lostEnum(n, converted *node) bool {
	n = c.doc.follow(n)
	if converted.get("items") != nil && n.get("items") != nil {
		n, converted = c.doc.follow(n.get("items")), converted.get("items")
	}
	return n.get("enum") != nil && converted.isObject() && converted.get("enum") == nil && converted.get("$ref") == nil
}

// additional converts what is said of members without a name.
func (c *converter) additional(out, n *node, depth int, named bool) {
	more := n.get("additionalProperties")
	switch {
	case c.output || more == nil || n.get("patternProperties") != nil:
	case more.kind == boolKind && more.text == "false":
		if named || n.get("properties") != nil {
			out.set("additionalProperties", boolean(false))
		}
	case more.isObject() && len(more.members) > 0:
		if one := c.schema(more, depth+1); len(one.members) > 0 {
			out.set("additionalProperties", one)
		}
	}
}

func membersOf(n *node) []member {
	if n.isObject() {
		return n.members
	}
	return nil
}

func isTrue(n *node) bool { return n != nil && n.kind == boolKind && n.text == "true" }

// requiredOf are the names of an object's required members.
func requiredOf(n *node) []string {
	var out []string
	seen := map[string]bool{}
	for _, item := range n.list("required") {
		if item.isScalar() && !seen[item.text] {
			seen[item.text] = true
			out = append(out, item.text)
		}
	}
	return out
}

// isHidden reports whether a member is none of requests, or of answers.
func (c *converter) isHidden(n *node) bool {
	keyword := "readOnly"
	if c.output {
		keyword = "writeOnly"
	}
	if n.is(keyword) {
		return true
	}
	ref := n.str("$ref")
	if ref == "" {
		return false
	}
	target, _ := c.known.lookup(c.doc, ref)
	return target.is(keyword)
}

// allOf joins the parts of a schema with what stands beside them. Parts that
// can't be joined stay apart.
func (c *converter) allOf(n *node, parts []*node, depth int) *node {
	rest := n.without("allOf", "description", "title", "default", "discriminator", "nullable")
	var converted []*node
	for _, part := range parts {
		converted = append(converted, c.inlined(c.schema(part, depth)))
	}
	if len(rest.members) > 0 {
		one := c.schema(rest, depth)
		if alternatives := one.get("anyOf"); alternatives == nil || len(one.members) > 1 || len(rest.members) > 1 {
			converted = append(converted, one)
		} else {
			converted = append([]*node{one}, converted...)
		}
	}
	out := object()
	var apart []*node
	for _, one := range converted {
		if !c.merge(out, one) && !slices.ContainsFunc(apart, one.equal) {
			apart = append(apart, one)
		}
	}
	if len(apart) > 0 {
		out.set("allOf", list(apart...))
	}
	if n.is("nullable") && out.get("type") != nil && len(apart) == 0 {
		out = withNull(withoutNull(out))
	}
	c.described(out, n, depth)
	setDefault(out, n)
	return out
}

// inlined returns the definition that a schema refers to, for it to be joined
// with others. A definition that is still being made stays a reference.
func (c *converter) inlined(n *node) *node {
	if name, ok := strings.CutPrefix(n.str("$ref"), "#/$defs/"); ok {
		if target := c.defs.get(name); target != nil {
			return target
		}
	}
	return n
}

// merge adds a converted schema to out; false if that would change what one of
// the two means.
func (c *converter) merge(out, one *node) bool {
	if one.kind != objectKind || c.exhausted() {
		return false
	}
	joined := out.clone()
	for _, m := range one.members {
		old := joined.get(m.name)
		switch {
		case old == nil, m.name == "description":
			joined.set(m.name, m.value)
		case m.name == "properties":
			joined.set(m.name, c.mergeProperties(old, m.value))
		case m.name == "required":
			joined.set(m.name, listOf(union(joined.texts("required"), one.texts("required"))))
		case m.name == "type":
			common := intersection(joined.texts("type"), one.texts("type"))
			if len(common) == 0 {
				return false
			}
			joined.set("type", typeList(common, false))
		case m.name == "additionalProperties":
			if !old.equal(m.value) {
				return false
			}
		case m.name == "default", old.equal(m.value):
			joined.set(m.name, m.value)
		default:
			return false
		}
	}
	out.members = joined.members
	return true
}

// mergeProperties joins members by name. One that both have is described by
// both.
func (c *converter) mergeProperties(a, b *node) *node {
	c.counts(len(a.members) + len(b.members))
	out := a.clone()
	for _, m := range b.members {
		old := out.get(m.name)
		switch {
		case old == nil:
			out.add(m.name, m.value)
		case old.kind != objectKind || m.value.kind != objectKind:
			out.set(m.name, m.value)
		default:
			both := old.clone()
			if !c.merge(both, m.value) {
				both = m.value // the later one is the more special
			}
			out.set(m.name, both)
		}
	}
	return out
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func intersection(a, b []string) []string {
	var out []string
	for _, s := range a {
		if contains(b, s) || s == "integer" && contains(b, "number") {
			out = append(out, s)
		}
	}
	if contains(a, "number") && contains(b, "integer") && !contains(out, "integer") {
		out = append(out, "integer")
	}
	return out
}
