package openapi

import (
	"fmt"
	"slices"
	"strings"
)

// notes are what a tool leaves out or simplifies, each told once.
type notes struct{ all []string }

const maxNotes = 20

func (n *notes) add(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if len(n.all) < maxNotes && !contains(n.all, s) {
		n.all = append(n.all, s)
	}
}

// skip says why an operation becomes no tool.
type skip struct{ reason, detail string }

func (s *skip) String() string {
	if s.detail == "" {
		return s.reason
	}
	return s.reason + ": " + s.detail
}

func skipFor(reason, format string, args ...any) *skip {
	return &skip{reason, fmt.Sprintf(format, args...)}
}

// found is an operation with what its path says of all of its operations.
type found struct {
	path, operation *node
}

// Tools makes tools of the operations. It returns every operation, in the
// document's order, with its tool or why there is none.
func (d *Document) Tools(e Expose) []Operation {
	operations, nodes := d.operations()
	for i := range operations {
		o := &operations[i]
		switch {
		case !e.exposes(o):
			o.Skip = SkipExcluded
		case !canSend(o.Method):
			o.Skip = skipFor(SkipMethod, "%s can't be sent", clip(o.Method, 20)).String()
		case isBodiless(o.Method) && !e.names(o):
			o.Skip = skipFor(SkipMethod, "%s, unless it is included by name", o.Method).String()
		case !nodes[i].operation.isObject():
			o.Skip = skipFor(SkipBroken, "the operation is no mapping").String()
		}
	}
	known, made := newMemory(), make([]*node, len(operations))
	for i := range operations {
		if operations[i].Skip == "" {
			made[i] = d.tool(e, &operations[i], nodes[i], known)
		}
	}
	nameTools(operations, e)
	for i := range operations {
		o := &operations[i]
		if o.Skip != "" {
			o.Name = ""
			continue
		}
		o.Definition = made[i].json()
	}
	return operations
}

func canSend(method string) bool {
	switch method {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE":
		return true
	}
	return false
}

// isBodiless tells the methods that answer nothing a model could use.
func isBodiless(method string) bool {
	return method == "HEAD" || method == "OPTIONS" || method == "TRACE"
}

// operations finds all operations, without a look at what they are.
func (d *Document) operations() ([]Operation, []found) {
	var operations []Operation
	var nodes []found
	paths := d.root.get("paths")
	for _, p := range membersOf(paths) {
		if !strings.HasPrefix(p.name, "/") {
			continue
		}
		item := d.pathItem(p.value)
		for _, m := range methodsOf(item) {
			o := Operation{
				ID: strings.Clone(m.value.str("operationId")), Method: strings.Clone(m.name), Path: strings.Clone(p.name),
				Line: int(m.value.line), Tags: cloned(m.value.texts("tags")), Deprecated: m.value.is("deprecated"),
				Summary: strings.Clone(plainText(m.value.str("summary"), 120)), Security: cloned(d.required(m.value)),
			}
			operations = append(operations, o)
			nodes = append(nodes, found{item, m.value})
		}
	}
	return operations, nodes
}

// cloned are texts that don't keep the document they are a part of.
func cloned(texts []string) []string {
	for i := range texts {
		texts[i] = strings.Clone(texts[i])
	}
	return texts
}

// pathItem resolves a path item; what stands beside a reference counts too.
func (d *Document) pathItem(n *node) *node {
	target := d.follow(n)
	if target == nil || target == n {
		return n
	}
	both := n.without("$ref")
	for _, m := range membersOf(target) {
		if both.get(m.name) == nil {
			both.add(m.name, m.value)
		}
	}
	return both
}

// methodsOf are the operations of a path item by their methods, in capitals.
func methodsOf(item *node) []member {
	var out []member
	for _, m := range membersOf(item) {
		switch m.name {
		case "get", "put", "post", "delete", "options", "head", "patch", "trace", "query":
			out = append(out, member{strings.ToUpper(m.name), m.value})
		case "additionalOperations": // of OpenAPI 3.2
			for _, more := range membersOf(m.value) {
				out = append(out, member{more.name, more.value})
			}
		}
	}
	return out
}

// tool makes the definition of one operation's tool, in as much detail as it
// can afford. It notes why, if there is none.
func (d *Document) tool(e Expose, o *Operation, at found, known *memory) (definition *node) {
	defer func() {
		if p := recover(); p != nil { // a document must not bring the others down
			o.Skip, definition = skipFor(SkipBroken, "%v", p).String(), nil
		}
	}()
	levels := known.levels()
	for i, level := range levels {
		t := newTool(d, e, o, at, known, level)
		s := t.make()
		if s == nil && i+1 < len(levels) && !t.fits() {
			continue
		}
		if s == nil {
			s = t.check()
		}
		o.Notes, o.Parameters, o.Known = t.notes.all, t.parameters, t.known
		if s != nil {
			o.Skip, o.Known = s.String(), 0
			return nil
		}
		t.response = t.answer()
		return t.definition()
	}
	return nil
}

// parametersOf are the parameters of an operation: those of its path, unless
// the operation has one of that name at that place.
func (d *Document) parametersOf(at found) ([]*node, *skip) {
	var out []*node
	place := func(p *node) string { return p.str("in") + " " + p.str("name") }
	for _, from := range []*node{at.path, at.operation} {
		for _, p := range from.list("parameters") {
			if len(out) >= maxParameters {
				return nil, skipFor(SkipParameter, "there are more than %d", maxParameters)
			}
			target := d.follow(p)
			if !p.isObject() {
				continue
			}
			if !target.isObject() {
				return nil, skipFor(SkipReference, "a parameter, %s, leads nowhere", clip(p.str("$ref"), 100))
			}
			if same := slices.IndexFunc(out, func(other *node) bool { return place(other) == place(target) }); same >= 0 {
				out[same] = target
			} else {
				out = append(out, target)
			}
		}
	}
	return out, nil
}
