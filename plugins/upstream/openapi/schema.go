package openapi

import (
	"slices"
	"strconv"
	"strings"
)

// detail is how much of schemas a tool can afford.
type detail struct {
	depth int // levels of objects described in full
	text  int // characters of an argument's description
	inner int // characters of descriptions further in; 0 for none
	enum  int // bytes of an enum
}

// details are tried in this order, until a tool is small enough.
func details() []detail {
	return []detail{
		{6, 160, 100, 2000}, {4, 160, 80, 1200}, {3, 160, 60, 800}, {2, 140, 40, 400}, {1, 120, 0, 240}, {1, 80, 0, 160}, {0, 50, 0, 120},
	}
}

const (
	// maxSchemaNodes bounds the work on the schemas of one tool, and
	// maxExpanded their size if nothing of them were shared: a few references
	// to references stand for millions of schemas.
	maxSchemaNodes = 3000
	maxExpanded    = 100_000
	// maxWork bounds the work on the schemas of all tools of a document. Those
	// that come when it is done are described in the least detail, with at
	// most leastNodes.
	maxWork    = 20_000_000
	leastNodes = 300
	// beyondDepth is how far required members are followed beyond detail.depth.
	beyondDepth = 8
	// mostOfKinds is how many bytes alternatives may have that stand as deep as
	// there is room for.
	mostOfKinds = 4500
	// mostOfEnum is how many bytes the enum of what must be given may have; one
	// of a fewValues may have fewBytes anyway.
	mostOfEnum = 2500
	fewValues  = 30
	fewBytes   = 300
	nullType   = "null"
)

// memory is what the tools of a document have in common: the same references
// and texts are met again and again.
type memory struct {
	refs  map[string]*node
	texts map[textKey]string
	work  int
}

// levels are the details that the next tool can have.
func (m *memory) levels() []detail {
	all := details()
	if m.work > maxWork {
		return all[len(all)-1:]
	}
	return all
}

type textKey struct {
	text string
	most int
}

func newMemory() *memory { return &memory{refs: map[string]*node{}, texts: map[textKey]string{}} }

// lookup is Document.lookup for references that lead somewhere.
func (m *memory) lookup(d *Document, ref string) (*node, string) {
	if n := m.refs[ref]; n != nil {
		return n, ""
	}
	n, why := d.lookup(ref)
	if n != nil {
		m.refs[ref] = n
	}
	return n, why
}

// plain is plainText.
func (m *memory) plain(s string, most int) string {
	key := textKey{s, most}
	out, known := m.texts[key]
	if !known {
		out = plainText(s, most)
		m.texts[key] = out
	}
	return out
}

// converter makes schemas of JSON Schema 2020-12 for one tool.
type converter struct {
	doc    *Document
	known  *memory
	detail detail
	// output says that the schemas are of answers.
	output bool
	// must says that what is converted is something that must be given.
	must bool
	// nodes are the schemas that were converted; expanded counts one for each
	// place where it stands.
	nodes, expanded int
	stack           []string
	memo            map[memoKey]memo
	// names are those of definitions, by reference; defs their schemas.
	names map[string]string
	defs  *node
	notes *notes
}

type memoKey struct {
	ref   string
	depth int
	must  bool // and it is an enum
}

// memo is what a reference was made, and how many schemas it stands for.
type memo struct {
	*node
	size int
}

func newConverter(d *Document, known *memory, level detail, n *notes) *converter {
	return &converter{doc: d, known: known, detail: level, memo: map[memoKey]memo{}, names: map[string]string{}, defs: object(), notes: n}
}

// exhausted says that the schemas are too large for this detail.
func (c *converter) exhausted() bool {
	if c.known.work > maxWork && c.nodes > leastNodes {
		return true
	}
	return c.nodes > maxSchemaNodes || c.expanded > maxExpanded
}

// counts notes that there are n more schemas.
func (c *converter) counts(n int) {
	c.expanded += n
	c.known.work += n
}

// schema converts a schema that stands at that depth. It never returns nil.
func (c *converter) schema(n *node, depth int) *node {
	c.nodes++
	c.counts(1)
	switch {
	case c.exhausted():
		return object()
	case n != nil && n.kind == boolKind && n.text == "false":
		return boolean(false)
	case !n.isObject():
		return object()
	}
	if ref := n.get("$ref"); ref != nil && ref.kind == stringKind {
		return c.reference(n, ref.text, depth)
	}
	return c.plain(n, depth)
}

// reference converts what a reference leads to.
func (c *converter) reference(n *node, ref string, depth int) *node {
	target, why := c.known.lookup(c.doc, ref)
	if target == nil {
		c.notes.add("a schema is left open, because %s can't be followed: %s", clip(ref, 100), why)
		return c.described(object(), n, depth)
	}
	if name := c.names[ref]; name != "" && c.defs.get(name) != nil {
		return definition(name)
	}
	if slices.Contains(c.stack, ref) {
		if c.detail.depth < 3 || depth > c.detail.depth {
			return object().set("type", typeNode(c.doc, target))
		}
		return definition(c.name(ref))
	}
	if len(c.stack) > maxNesting/4 {
		return object()
	}
	key := memoKey{ref, depth, c.must && target.get("enum") != nil}
	known := c.memo[key]
	out := known.node
	c.counts(known.size)
	if out == nil {
		before := c.expanded
		c.stack = append(c.stack, ref)
		out = c.schema(target, depth)
		c.stack = c.stack[:len(c.stack)-1]
		if name := c.names[ref]; name != "" {
			if out.str("$ref") != "" {
				out = object() // nothing but a circle
			}
			c.defs.set(name, out)
			out = definition(name)
		}
		c.memo[key] = memo{out, c.expanded - before}
	}
	if n.str("description") != "" && n.str("description") != target.str("description") {
		return c.described(out.clone(), n, depth)
	}
	return out
}

func definition(name string) *node { return object().set("$ref", text("#/$defs/"+name)) }

// typeNode is the type of a schema, for where nothing more is said of it.
func typeNode(d *Document, n *node) *node {
	for range maxRefs {
		next := d.follow(n)
		if next == nil {
			break
		}
		n = next
		if all := n.list("allOf"); len(all) > 0 && n.get("type") == nil && n.get("properties") == nil {
			n = all[0]
			continue
		}
		break
	}
	if types, _ := typesOf(n); len(types) == 1 {
		return text(types[0])
	}
	return listOf([]string{"object", "array", "string", "number", "boolean", nullType})
}

// name gives what a reference leads to a name among the definitions.
func (c *converter) name(ref string) string {
	if name := c.names[ref]; name != "" {
		return name
	}
	base := legalName(ref[strings.LastIndexByte(ref, '/')+1:])
	if base == "" {
		base = "Schema"
	}
	taken := func(name string) bool {
		for _, other := range c.names {
			if other == name {
				return true
			}
		}
		return false
	}
	name := base
	for i := 2; taken(name); i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	c.names[ref] = name
	return name
}

// described adds the description of n.
func (c *converter) described(out, n *node, depth int) *node {
	most := c.detail.inner
	if depth <= 1 {
		most = c.detail.text
	}
	description := n.str("description")
	if description == "" && depth <= 1 {
		description = n.str("title")
	}
	if most > 0 && description != "" {
		if s := c.known.plain(description, most); s != "" {
			if named := namedValues.FindString(out.str("description")); named != "" {
				s = sentence(s) + " " + named // of an enum that couldn't be afforded
			}
			out.set("description", text(s))
		}
	}
	return out
}

// plain converts a schema that is no reference.
func (c *converter) plain(n *node, depth int) *node {
	if out := c.combined(n, depth); out != nil {
		return out
	}
	types, nullable := typesOf(n)
	out := object()
	if len(types) > 0 || nullable {
		out.set("type", typeList(types, nullable))
	}
	c.described(out, n, depth)
	c.values(out, n, types, nullable)
	if len(types) == 0 || contains(types, "string") {
		c.stringKeywords(out, n)
	}
	if contains(types, "number") || contains(types, "integer") {
		numberKeywords(out, n)
	}
	if contains(types, "array") {
		c.arrayKeywords(out, n, depth)
	}
	if contains(types, "object") {
		c.objectKeywords(out, n, depth)
	}
	setDefault(out, n)
	return out
}

func typeList(types []string, nullable bool) *node {
	if nullable {
		types = append(slices.Clone(types), nullType)
	}
	if len(types) == 1 {
		return text(types[0])
	}
	return listOf(types)
}

// combined converts schemas that are made of others; nil if n is none.
func (c *converter) combined(n *node, depth int) *node {
	if all := n.list("allOf"); len(all) > 0 {
		return c.allOf(n, all, depth)
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		if options := n.list(keyword); len(options) > 0 && !onlyRequire(options) {
			return c.anyOf(n, options, keyword, depth)
		}
	}
	return nil
}

// onlyRequire reports whether alternatives say no more than which members must
// be there.
func onlyRequire(options []*node) bool {
	for _, o := range options {
		for i := range o.members {
			switch o.members[i].name {
			case "required", "type", "title", "description", "not":
			default:
				return false
			}
		}
		if o.get("required") == nil && o.get("not") == nil {
			return false
		}
	}
	return true
}
