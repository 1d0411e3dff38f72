package expr

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// Template is a JSON document whose strings may have holes. The result is
// built as JSON, never as text. It is safe for concurrent use.
type Template struct {
	root node
	args []string
	all  bool
	uses map[string]bool
	// dynamic says that there is a hole.
	dynamic bool
}

// node is a value of the document: literal JSON, a text with holes, an array
// or an object.
type node struct {
	literal  []byte
	text     *Text
	elements []node
	members  []templateMember
	kind     nodeKind
}

type nodeKind uint8

const (
	nodeLiteral nodeKind = iota
	nodeText
	nodeArray
	nodeObject
)

type templateMember struct {
	name  string
	value node
	// argument is the argument that the whole value is: the member is left
	// out when the call leaves the argument out.
	argument string
}

// ParseJSON compiles a JSON document. Errors are *plugins.FieldError (several:
// plugins.FieldErrors) whose path leads to the string.
func ParseJSON(raw json.RawMessage, scope Scope) (*Template, error) {
	if err := strictjson.Check(raw, 0); err != nil {
		return nil, &plugins.FieldError{Message: err.Error()}
	}
	p := templateParser{scope: scope, out: &Template{uses: map[string]bool{}}}
	p.out.root = p.node(raw, nil)
	if len(p.errs) > 0 {
		return nil, oneOrMore(p.errs)
	}
	return p.out, nil
}

type templateParser struct {
	scope Scope
	out   *Template
	errs  plugins.FieldErrors
}

func (p *templateParser) node(raw []byte, path []string) node {
	raw = trimSpace(raw)
	switch raw[0] {
	case '"':
		return p.text(raw, path)
	case '[':
		return p.array(raw, path)
	case '{':
		return p.object(raw, path)
	}
	return node{literal: slices.Clone(raw)}
}

func trimSpace(raw []byte) []byte {
	return []byte(strings.Trim(string(raw), " \t\r\n"))
}

func (p *templateParser) fail(err error, path []string) node {
	for _, field := range fieldErrors(err) {
		field.Path = slices.Concat(path, field.Path)
		p.errs = append(p.errs, field)
	}
	return node{literal: []byte("null")}
}

func (p *templateParser) text(raw []byte, path []string) node {
	s, err := strictjson.Unquote(raw)
	if err != nil {
		return p.fail(err, path)
	}
	text, err := ParseText(s, p.scope)
	if err != nil {
		return p.fail(err, path)
	}
	if _, ok := text.Literal(); ok {
		return node{literal: strictjson.AppendString(nil, s)}
	}
	p.out.dynamic = true
	names, all := text.Arguments()
	p.out.args = append(p.out.args, names...)
	p.out.all = p.out.all || all
	for _, name := range allNames() {
		p.out.uses[name] = p.out.uses[name] || text.Uses(name)
	}
	return node{kind: nodeText, text: text}
}

func (p *templateParser) array(raw []byte, path []string) node {
	elements, err := strictjson.Elements(raw, nil)
	if err != nil {
		return p.fail(err, path)
	}
	n := node{kind: nodeArray}
	for i, e := range elements {
		n.elements = append(n.elements, p.node(e, append(path, strconv.Itoa(i))))
	}
	return n
}

func (p *templateParser) object(raw []byte, path []string) node {
	members, err := strictjson.Members(raw, nil)
	if err != nil {
		return p.fail(err, path)
	}
	n := node{kind: nodeObject}
	for _, m := range members {
		value := p.node(m.Value, append(path, m.Name))
		member := templateMember{name: strings.Clone(m.Name), value: value}
		if value.kind == nodeText {
			if q, ok := value.text.Hole(); ok {
				member.argument, _ = q.plain.argument()
			}
		}
		n.members = append(n.members, member)
	}
	return n
}

// Arguments returns the names of the arguments that the document mentions, and
// whether it uses args as a whole.
func (t *Template) Arguments() (names []string, whole bool) { return t.args, t.all }

// Uses reports whether the document refers to one of the scope's names.
func (t *Template) Uses(name string) bool { return t.uses[name] }

// UsesCaller reports whether the document may depend on who calls.
func (t *Template) UsesCaller() bool { return t.Uses(NameCaller) }

// Dynamic reports whether the document has holes.
func (t *Template) Dynamic() bool { return t.dynamic }

// Append appends the document as JSON. A member of an object that is one hole
// with an argument is left out when the call leaves the argument out. The error
// is an *Error.
func (t *Template) Append(dst []byte, v *Values) ([]byte, error) { return t.root.append(dst, v) }

// Value returns the document as a value, as strictjson.Decode would.
func (t *Template) Value(v *Values) (any, error) {
	if t.root.kind == nodeText {
		return t.root.text.Value(v)
	}
	raw, err := t.Append(nil, v)
	if err != nil {
		return nil, err
	}
	out, err := strictjson.Decode(raw, 1000)
	if err != nil {
		return nil, failure(err)
	}
	return out, nil
}

func (n *node) append(dst []byte, v *Values) ([]byte, error) {
	switch n.kind {
	case nodeText:
		value, err := n.text.Value(v)
		if err != nil {
			return dst, err
		}
		if dst, err = strictjson.Append(dst, value); err != nil {
			return dst, failure(err)
		}
		return dst, nil
	case nodeArray:
		return n.appendArray(dst, v)
	case nodeObject:
		return n.appendObject(dst, v)
	case nodeLiteral:
	}
	return append(dst, n.literal...), nil
}

func (n *node) appendArray(dst []byte, v *Values) ([]byte, error) {
	dst = append(dst, '[')
	for i := range n.elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = n.elements[i].append(dst, v); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func (n *node) appendObject(dst []byte, v *Values) ([]byte, error) {
	dst = append(dst, '{')
	first := true
	for i := range n.members {
		m := &n.members[i]
		if m.argument != "" {
			if _, given := v.Args[m.argument]; !given {
				continue
			}
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(strictjson.AppendString(dst, m.name), ':')
		var err error
		if dst, err = m.value.append(dst, v); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}
