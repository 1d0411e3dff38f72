package upstream

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8"?>`

// xmlBody is a body that is an XML document (XML 1.0, fifth edition). Its tree
// is written as the answers in XML are read: attributes as "@name", text beside
// them as "#text", lists for elements that are repeated.
type xmlBody struct {
	before, after string
	// header and nodes are written between before and after, with middle between
	// them.
	header []xmlNode
	middle string
	nodes  []xmlNode
	// single says that there must be one element in all: the root.
	single bool
}

// xmlNode is an element of the manifest, or an attribute.
type xmlNode struct {
	name string
	// value is a text, which may be one hole and then stands for the element
	// whole: for nothing if it is null, for several if it is a list, for one with
	// members if it is an object. Nil if the manifest writes the members.
	value      *expr.Text
	attributes []xmlNode
	content    *expr.Text // of #text
	children   []xmlNode
	// prefixes are those that are declared there, and order is that of members,
	// for values that are objects.
	prefixes map[string]bool
	order    *memberOrder
}

// xml makes ready a body that is an XML document.
func (p *planner) xml() {
	body := &xmlBody{before: xmlDeclaration, single: true}
	p.own(body, "application/xml")
	path := p.requestPath("xml")
	members, err := split(p.req.XML)
	if err != nil || len(members) != 1 || strings.HasPrefix(members[0].Name, "@") || strings.HasPrefix(members[0].Name, "#") || members[0].Value[0] == '[' {
		p.unread(&plugins.FieldError{Message: "an XML document has one root element", Hint: "write {root: {...}}"}, path...)
		return
	}
	c := xmlCompiler{planner: p, prefixes: map[string]bool{"xml": true}}
	body.nodes = c.members(p.req.XML, path)
}

// xmlCompiler makes elements of what the manifest says.
type xmlCompiler struct {
	*planner
	prefixes map[string]bool
}

// members makes the elements of a mapping.
func (c *xmlCompiler) members(raw []byte, path []string) (nodes []xmlNode) {
	members, err := split(raw)
	if err != nil {
		c.unread(&plugins.FieldError{Message: "want a mapping of elements", Hint: "write {name: value}"}, path...)
		return nil
	}
	for _, m := range members {
		name := strings.Clone(m.Name)
		nodes = append(nodes, c.element(name, m.Value, append(slices.Clip(path), name))...)
	}
	return nodes
}

// element makes the elements of one name.
func (c *xmlCompiler) element(name string, raw []byte, path []string) []xmlNode {
	if err := c.name(name); err != nil {
		c.fail(err, path...)
		return nil
	}
	switch raw[0] {
	case 'n': // null
		return nil
	case '[':
		items, err := strictjson.Elements(raw, nil)
		if err != nil {
			c.unread(err, path...)
		}
		var nodes []xmlNode
		for i, item := range items {
			at := append(slices.Clip(path), strconv.Itoa(i))
			if item[0] == '[' {
				c.unread(&plugins.FieldError{Message: "a list of elements has no lists in it"}, at...)
				continue
			}
			nodes = append(nodes, c.element(name, item, at)...)
		}
		return nodes
	case '{':
		return []xmlNode{c.structure(name, raw, path)}
	}
	if err := c.known(name); err != nil {
		c.fail(err, path...)
	}
	return []xmlNode{{name: name, value: c.text(raw, path), prefixes: c.prefixes, order: c.orderOf(raw)}}
}

// structure makes an element with attributes and children.
func (c *xmlCompiler) structure(name string, raw []byte, path []string) xmlNode {
	members, err := strictjson.Members(raw, nil)
	if err != nil {
		c.unread(err, path...)
		return xmlNode{}
	}
	n := xmlNode{name: name}
	outer := c.prefixes
	for _, m := range members {
		if strings.HasPrefix(m.Name, "@xmlns") {
			c.declare(m.Name[1:], m.Value, append(slices.Clip(path), strings.Clone(m.Name)))
		}
	}
	if err := c.known(name); err != nil {
		c.fail(err, path...)
	}
	for _, m := range members {
		key := strings.Clone(m.Name)
		at := append(slices.Clip(path), key)
		attribute, isAttribute := strings.CutPrefix(key, "@")
		switch {
		case m.Value[0] == 'n': // null
		case isAttribute && isNamespace(attribute) && m.Value[0] != '"': // told already
		case isAttribute:
			if wrong := c.attribute(attribute, m.Value); wrong != nil {
				c.fail(wrong, at...)
				continue
			}
			n.attributes = append(n.attributes, xmlNode{name: attribute, value: c.text(m.Value, at)})
		case key == "#text":
			if m.Value[0] == '[' || m.Value[0] == '{' {
				c.fail(&plugins.FieldError{Message: "want a text, a number, true or false"}, at...)
				continue
			}
			n.content = c.text(m.Value, at)
		default:
			n.children = append(n.children, c.element(key, m.Value, at)...)
		}
	}
	c.prefixes = outer
	return n
}

// attribute checks an attribute of the manifest.
func (c *xmlCompiler) attribute(name string, raw []byte) *plugins.FieldError {
	if isNamespace(name) {
		return nil
	}
	if err := c.name(name); err != nil {
		return err
	}
	if err := c.known(name); err != nil {
		return err
	}
	if raw[0] == '[' || raw[0] == '{' {
		return &plugins.FieldError{Message: "an attribute is a text, a number, true or false"}
	}
	return nil
}

// isNamespace reports whether an attribute declares a namespace.
func isNamespace(name string) bool { return name == "xmlns" || strings.HasPrefix(name, "xmlns:") }

// declare notes a namespace that an element declares (Namespaces in XML 1.0,
// section 3).
func (c *xmlCompiler) declare(name string, raw []byte, path []string) {
	prefix, prefixed := strings.CutPrefix(name, "xmlns:")
	uri, err := strictjson.Unquote(raw)
	switch {
	case !isNamespace(name):
		return // some other attribute, which is checked as such
	case err != nil || strings.Contains(uri, "${{"):
		c.fail(&plugins.FieldError{Message: "a namespace is a text without holes"}, path...)
	case prefixed && (!isNCName(prefix) || strings.HasPrefix(strings.ToLower(prefix), "xml")):
		c.fail(&plugins.FieldError{Message: fmt.Sprintf("%q is not a prefix that can be declared", prefix), Offset: -1}, path...)
	case prefixed && uri == "":
		c.fail(&plugins.FieldError{Message: "a prefix stands for a namespace, which is not empty"}, path...)
	case prefixed:
		prefixes := map[string]bool{prefix: true}
		for known := range c.prefixes {
			prefixes[known] = true
		}
		c.prefixes = prefixes
	}
}

// name checks a name of the manifest.
func (c *xmlCompiler) name(name string) *plugins.FieldError {
	prefix, local, prefixed := strings.Cut(name, ":")
	if !isNCName(prefix) || prefixed && !isNCName(local) {
		return &plugins.FieldError{Message: fmt.Sprintf("%q is not a name in XML", name), Hint: "a name begins with a letter or _, and goes on with letters, digits, _ - and .", Offset: -1}
	}
	return nil
}

// known refuses a prefix that stands for no namespace.
func (c *xmlCompiler) known(name string) *plugins.FieldError {
	prefix, _, prefixed := strings.Cut(name, ":")
	if prefixed && !c.prefixes[prefix] {
		return &plugins.FieldError{
			Message: fmt.Sprintf("the prefix %q is not declared", prefix), Offset: -1,
			Hint: fmt.Sprintf(`write "@xmlns:%s": the namespace, on the element or one around it`, prefix),
		}
	}
	return nil
}

// text makes ready the text of an element or attribute.
func (c *xmlCompiler) text(raw []byte, path []string) *expr.Text {
	source := string(raw) // a number, true or false
	if raw[0] == '"' {
		var err error
		if source, err = strictjson.Unquote(raw); err != nil {
			c.unread(err, path...)
			return &expr.Text{}
		}
	}
	text, err := expr.ParseText(source, c.scope)
	if err != nil {
		c.unread(err, path...)
		return &expr.Text{}
	}
	c.mention(text, c.op.contentKey+" (expression)")
	if literal, ok := text.Literal(); !ok {
		c.op.evaluates = true
	} else if !isXMLText(literal) {
		c.fail(&plugins.FieldError{Message: "the text has a character that XML can't hold"}, path...)
	}
	return text
}

// orderPath is a hole that is an argument, or a member of one, and nothing else.
var orderPath = regexp.MustCompile(`^"\$\{\{\s*args((?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*\}\}"$`)

// orderOf is the order of the members of what a hole stands for.
func (c *xmlCompiler) orderOf(raw []byte) *memberOrder {
	m := orderPath.FindSubmatch(raw)
	if m == nil {
		return nil
	}
	names := strings.Split(string(m[1][1:]), ".")
	for i := range c.tool.Arguments {
		if c.tool.Arguments[i].Name != names[0] {
			continue
		}
		order := readOrder(c.tool.Arguments[i].Schema, maxOrderDepth)
		for _, name := range names[1:] {
			order = order.member(name)
		}
		return order
	}
	return nil
}

// isNCName reports whether s is a name without a colon (XML 1.0, section 2.3).
func isNCName(s string) bool {
	for i, c := range s {
		if !isNameStart(c) && (i == 0 || c != '-' && c != '.' && (c < '0' || c > '9') && c != 0xb7 && (c < 0x300 || c > 0x36f) && c != 0x203f && c != 0x2040) {
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

func isNameStart(c rune) bool {
	for _, r := range [...][2]rune{
		{'A', 'Z'}, {'a', 'z'}, {'_', '_'}, {0xc0, 0xd6}, {0xd8, 0xf6}, {0xf8, 0x2ff}, {0x370, 0x37d}, {0x37f, 0x1fff}, {0x200c, 0x200d},
		{0x2070, 0x218f}, {0x2c00, 0x2fef}, {0x3001, 0xd7ff}, {0xf900, 0xfdcf}, {0xfdf0, 0xfffc}, {0x10000, 0xeffff},
	} {
		if c >= r[0] && c <= r[1] {
			return true
		}
	}
	return false
}

// isXMLText reports whether XML can hold all characters (XML 1.0, section 2.2).
func isXMLText(s string) bool {
	for _, c := range s {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xfffe || c == 0xffff {
			return false
		}
	}
	return utf8.ValidString(s)
}
