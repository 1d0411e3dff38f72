package upstream

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// Prepare compiles the request of one tool.
func (u *httpUpstream) Prepare(op plugins.Operation) (plugins.Operator, error) {
	req, err := requestOf(op)
	if err != nil {
		return nil, err
	}
	p := newPlanner(u, op, req)
	p.fillIns()
	p.path()
	p.queryMap()
	p.headerMap()
	p.bodies()
	p.arguments()
	p.idempotency()
	p.staticHead()
	p.op.conditional = (req.Method == "GET" || req.Method == "HEAD") && !p.headNames["if-none-match"] && !p.headNames["if-modified-since"]
	if len(p.errs) > 0 {
		return nil, p.errs
	}
	return p.op, nil
}

func requestOf(op plugins.Operation) (*Request, error) {
	var req *Request
	switch r := op.Request.(type) {
	case Request:
		req = &r
	case *Request:
		one := *r
		req = &one
	}
	if req == nil {
		return nil, &plugins.FieldError{
			Path: []string{"request"}, Message: "the tool has no request for its upstream",
			Hint: "write a method and a path, e.g. GET /customers/{customer_id}",
		}
	}
	if err := req.Validate(); err != nil {
		return nil, under(err, "request")
	}
	if req.Method == "" {
		req.Method = "POST"
	}
	return req, nil
}

// planner makes an operation and collects what is wrong with it.
type planner struct {
	op       *operation
	upstream *httpUpstream
	tool     *plugins.Tool
	req      *Request
	scope    expr.Scope
	// value says that the request is for suggestions.
	value bool
	// mentioned are the arguments that the request itself places.
	mentioned map[string]bool
	all       bool // args as a whole is mentioned
	// broken says that some expression or path can't be read, so that it isn't
	// known which arguments the request places.
	broken bool
	// filled are the templates of the arguments that the gateway fills in.
	filled    map[string]*expr.Template
	headNames map[string]bool
	// accept is the Accept of the body's kind; empty for the usual one.
	accept string
	// formNames and cookieNames are like the operation's queryNames.
	formNames, cookieNames *fixedNames
	errs                   plugins.FieldErrors
}

func newPlanner(u *httpUpstream, asked plugins.Operation, req *Request) *planner {
	tool := asked.Tool
	op := &operation{
		upstream: u, tool: tool, method: req.Method,
		prefix: req.Method + " " + u.base.path, open: !asked.Value && isOpen(tool.InputSchema),
		queryNames: newFixedNames(), places: map[string]string{}, known: map[string]bool{},
	}
	p := &planner{
		op: op, upstream: u, tool: tool, req: req, value: asked.Value,
		scope:     expr.Scope{Names: []string{expr.NameArgs, expr.NameCaller}, Value: asked.Value},
		mentioned: map[string]bool{}, filled: map[string]*expr.Template{}, headNames: map[string]bool{}, formNames: newFixedNames(), cookieNames: newFixedNames(),
	}
	names := make([]string, 0, len(tool.Arguments))
	for i := range tool.Arguments {
		op.known[tool.Arguments[i].Name] = true
		if tool.Arguments[i].Value == nil {
			names = append(names, tool.Arguments[i].Name)
		}
	}
	if !op.open {
		p.scope.Arguments = names
	}
	return p
}

// isOpen reports whether an input schema allows arguments it doesn't name.
func isOpen(schema []byte) bool {
	var s struct {
		Additional json.RawMessage `json:"additionalProperties"`
	}
	if len(schema) == 0 || json.Unmarshal(schema, &s) != nil {
		return false
	}
	return string(s.Additional) != "false"
}

// unread is fail for a text of the manifest that can't be read.
func (p *planner) unread(err error, path ...string) {
	p.broken = true
	from := len(p.errs)
	p.fail(err, path...)
	for _, e := range p.errs[from:] {
		for i := range p.tool.Arguments {
			if a := &p.tool.Arguments[i]; a.Value != nil && e.Message == fmt.Sprintf("there is no argument %q", a.Name) {
				e.Hint = "the gateway fills it in itself; write its `value` here"
			}
		}
	}
}

// fail collects errors of the part of the tool that path leads to.
func (p *planner) fail(err error, path ...string) {
	p.errs = append(p.errs, under(err, path...)...)
}

// under puts a path before those of field errors.
func under(err error, path ...string) plugins.FieldErrors {
	var out plugins.FieldErrors
	switch err := err.(type) { //nolint:errorlint // both are made here, unwrapped
	case plugins.FieldErrors:
		for _, e := range err {
			out = append(out, under(e, path...)...)
		}
	case *plugins.FieldError:
		e := *err
		e.Path = append(slices.Clone(path), e.Path...)
		out = append(out, &e)
	default:
		out = append(out, &plugins.FieldError{Path: path, Message: err.Error()})
	}
	return out
}

func (p *planner) requestPath(key ...string) []string {
	return append([]string{"request"}, p.req.at(key...)...)
}

// argument returns the declared argument that a placeholder names, by its own
// name or by the one it has in the path.
func (p *planner) argument(name string) *plugins.Argument {
	for i := range p.tool.Arguments {
		if a := &p.tool.Arguments[i]; a.In == "path" && a.As == name {
			return a
		}
	}
	for i := range p.tool.Arguments {
		if a := &p.tool.Arguments[i]; a.Name == name {
			return a
		}
	}
	return &plugins.Argument{Name: name}
}

// path makes ready the path and the query that is written behind it.
func (p *planner) path() {
	if p.req.Path == "" {
		p.baseOnly()
		return
	}
	declared := p.scope.Arguments
	if declared != nil {
		declared = slices.Clone(declared)
		for _, a := range p.tool.Arguments {
			if a.Value != nil {
				declared = append(declared, a.Name)
			}
			if a.In == "path" && a.As != "" {
				declared = append(declared, a.As)
			}
		}
		if p.value {
			declared = append(declared, expr.NameValue)
		}
	}
	parsed, err := expr.ParsePath(p.req.Path, declared)
	if err != nil {
		errs := under(err, p.requestPath("path")...)
		for _, e := range errs {
			e.Offset += p.req.short
		}
		p.errs, p.broken = append(p.errs, errs...), true
		return
	}
	for _, pieces := range parsed.Segments {
		s := segment{}
		for _, e := range pieces {
			if e.Name == "" {
				p.colon(e.Literal)
				s.pieces = append(s.pieces, piece{literal: e.Literal})
				continue
			}
			s.dynamic = true
			s.pieces = append(s.pieces, piece{field: p.placeholder(inPath, e.Name)})
		}
		s.nameMatrix()
		p.op.segments = append(p.op.segments, s)
	}
	p.baseQuery()
	p.pathQuery(parsed.Query)
}

// colon refuses :id in place of {id}, as other languages write it.
func (p *planner) colon(segment string) {
	name, ok := strings.CutPrefix(segment, ":")
	if at := strings.Index(p.req.Path, "/:"+name); ok && at >= 0 && slices.Contains(p.scope.Arguments, name) {
		p.fail(&plugins.FieldError{Message: fmt.Sprintf("%q would stay as it is written", segment), Hint: "write {" + name + "}", Offset: p.req.short + at + 1}, p.requestPath("path")...)
	}
}

// baseOnly makes ready the upstream's URL itself.
func (p *planner) baseOnly() {
	if p.upstream.base.path == "" {
		p.op.prefix += "/"
	}
	p.baseQuery()
}

func (p *planner) baseQuery() {
	if base := p.upstream.base.query; base != "" {
		p.op.query = append(p.op.query, queryPart{literal: base})
		p.takeNames(base)
	}
}

func (p *planner) takeNames(query string) {
	for _, pair := range strings.Split(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil && name != "" {
			p.op.queryNames.add(plain)
		}
	}
}

// placeholder makes the field of a placeholder.
func (p *planner) placeholder(in place, name string) *field {
	a, typed := p.argument(name), p.value && name == expr.NameValue
	if typed {
		a = &plugins.Argument{Name: name}
	} else {
		p.mentioned[a.Name] = true
		p.op.places[a.Name] = in.String() + " {" + name + "}"
	}
	f := p.field(in, a)
	p.checkFillIn(a, f)
	f.typed = typed
	f.name, f.encoded = name, string(appendPercent(nil, name))
	if in == inQueryString && a.Style == "" && a.Explode == nil {
		f.explode = false
	}
	return f
}

// nameMatrix notes the names of matrix parameters in a segment, where the
// members of objects must not use them again.
func (s *segment) nameMatrix() {
	taken := newFixedNames()
	for _, e := range s.pieces {
		if f := e.field; f != nil {
			f.taken = taken
			if f.style == "matrix" {
				taken.add(f.name)
			}
			continue
		}
		for _, pair := range strings.Split(e.literal, ";")[1:] {
			name, _, _ := strings.Cut(pair, "=")
			if plain, err := url.PathUnescape(name); err == nil {
				taken.add(plain)
			}
		}
	}
}

// templateField makes the field of a value of the manifest.
func (p *planner) templateField(in place, name string, raw json.RawMessage, key string) *field {
	path := p.requestPath(key, name)
	t, err := expr.ParseJSON(raw, p.scope)
	if err != nil {
		p.unread(err, path...)
		return nil
	}
	p.mention(t, in.String()+" "+name)
	f := &field{slot: slot{place: in, name: name, style: in.styles()[0], explode: in == inQueryString || in == inForm}, template: t}
	f.encoded = encodeName(in, name)
	f.taken = p.taken(in)
	p.op.evaluates = p.op.evaluates || t.Dynamic()
	return f
}

// mentioning is a text or document of the manifest with holes.
type mentioning interface {
	Arguments() (names []string, whole bool)
	UsesCaller() bool
}

// mention notes the arguments that a template places.
func (p *planner) mention(t mentioning, where string) {
	names, all := t.Arguments()
	p.all = p.all || all
	p.op.usesCaller = p.op.usesCaller || t.UsesCaller()
	for _, name := range names {
		p.mentioned[name] = true
		if p.op.places[name] == "" {
			p.op.places[name] = where
		}
	}
}

func (p *planner) taken(in place) *fixedNames {
	switch in {
	case inQueryString:
		return p.op.queryNames
	case inForm:
		return p.formNames
	case inCookie:
		return p.cookieNames
	case inPath, inHeader, inBody, inFile:
	}
	return nil
}

func encodeName(in place, name string) string {
	switch in {
	case inQueryString, inPath:
		return string(appendPercent(nil, name))
	case inForm:
		return string(appendForm(nil, name))
	case inHeader, inCookie, inBody, inFile:
	}
	return name
}
