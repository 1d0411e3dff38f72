package upstream

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// bodies makes ready the body of the long form.
func (p *planner) bodies() {
	if keys := p.req.bodies(); len(keys) > 0 {
		p.op.contentKey = keys[0]
	}
	switch {
	case p.req.Body != nil:
		p.jsonBody()
	case p.req.Multipart != nil, p.hasFile() && p.op.contentKey == "", p.hasFile() && p.req.Form != nil:
		p.multipart()
	case p.req.Form != nil:
		p.op.bodyKind, p.op.contentType = formBody, "application/x-www-form-urlencoded"
		for _, name := range slices.Sorted(maps.Keys(p.req.Form)) {
			p.formNames.add(name)
			if f := p.templateField(inForm, name, p.req.Form[name], "form"); f != nil {
				p.op.form = append(p.op.form, *f)
			}
		}
	case p.req.XML != nil:
		p.xml()
	case p.req.SOAP != nil:
		p.soap()
	case p.req.GraphQL != nil:
		p.graphQL()
	case p.req.Text != nil:
		p.text()
	case p.req.Bytes != nil:
		p.bytes()
	}
	if p.req.MediaType == "" {
		return
	}
	p.op.contentType = p.req.MediaType
	if p.headNames["content-type"] {
		p.fail(&plugins.FieldError{Message: "the header Content-Type says it already", Hint: "take one of them away", Offset: -1}, p.requestPath("media_type")...)
	}
}

func (p *planner) jsonBody() {
	p.op.bodyKind, p.op.contentType = jsonTemplate, "application/json"
	t, err := expr.ParseJSON(p.req.Body, p.scope)
	if err != nil {
		p.unread(err, p.requestPath("body")...)
		return
	}
	p.mention(t, "body (expression)")
	p.op.body, p.op.evaluates = t, p.op.evaluates || t.Dynamic()
}

// own makes the body one that content writes.
func (p *planner) own(c content, mediaType string) {
	p.op.bodyKind, p.op.content, p.op.contentType = ownBody, c, mediaType
}

// arguments puts every declared argument where it goes.
func (p *planner) arguments() {
	for i := range p.tool.Arguments {
		a := &p.tool.Arguments[i]
		switch {
		case a.In != "":
			at := slices.Index(places(), a.In)
			if at < 0 {
				p.argumentFail(a, "in", fmt.Sprintf("%q is not a place", a.In), "one of "+strings.Join(places(), ", "))
				continue
			}
			p.put(a, place(at))
		case p.mentioned[a.Name]:
			p.checkStyle(a)
		case p.broken:
		case p.all && a.Value == nil:
		case p.value: // what is given so far is sent only where it is mentioned
		default:
			p.put(a, p.defaultPlace())
		}
	}
	p.op.rest = p.defaultPlace()
}

func (p *planner) defaultPlace() place {
	if inQuery(p.req.Method) {
		return inQueryString
	}
	return inBody
}

func (p *planner) argumentFail(a *plugins.Argument, key, message, hint string) {
	path := []string{"input", a.Name}
	if key != "" {
		path = append(path, key)
	}
	p.errs = append(p.errs, &plugins.FieldError{Path: path, Message: message, Hint: hint})
}

// checkStyle refuses a style on an argument that only expressions place.
func (p *planner) checkStyle(a *plugins.Argument) {
	if a.Style != "" && !strings.Contains(p.op.places[a.Name], "{") {
		p.argumentFail(a, "style", "the style has no effect: the request places the argument by an expression", "")
	}
}

// put places one argument.
func (p *planner) put(a *plugins.Argument, in place) {
	f := p.field(in, a)
	if in != inPath {
		p.checkFillIn(a, f)
	}
	switch in {
	case inPath:
		if !p.mentioned[a.Name] && !p.broken {
			p.argumentFail(a, "", fmt.Sprintf("the path has no placeholder {%s}", f.name), "write {"+f.name+"} in the path")
		}
		return
	case inQueryString:
		if p.op.queryNames.has(f.name) {
			p.argumentFail(a, "", fmt.Sprintf("the query has a parameter %q already", f.name), "")
		}
		p.op.queryNames.add(f.name)
		p.op.query = append(p.op.query, queryPart{values: f})
	case inHeader:
		if err := p.headerName(f.name, true); err != nil {
			p.argumentFail(a, "", err.Message, err.Hint)
		}
		p.op.headers = append(p.op.headers, *f)
	case inCookie:
		if !isToken(f.name) {
			p.argumentFail(a, "", fmt.Sprintf("%q is not the name of a cookie", f.name), "")
		}
		if p.cookieNames.has(f.name) {
			p.argumentFail(a, "", fmt.Sprintf("the request has a cookie %q already", f.name), "")
		}
		p.cookieNames.add(f.name)
		p.op.cookies = append(p.op.cookies, *f)
	case inForm:
		p.putForm(a, f)
	case inFile:
		p.putPart(a, f)
	case inBody:
		p.putBody(a, f)
	}
	if p.op.places[a.Name] == "" {
		p.op.places[a.Name] = in.String() + " " + f.name
	}
}

func (p *planner) putForm(a *plugins.Argument, f *field) {
	switch {
	case p.op.multipart():
		p.putPart(a, f)
		return
	case p.op.bodyKind == jsonMembers || p.op.bodyKind == jsonTemplate:
		p.argumentFail(a, "", "a request has a JSON body or a form, not both", "give all arguments `in: form`, or none")
		return
	case p.op.bodyKind == ownBody:
		p.nowhere(a)
		return
	case p.formNames.has(f.name):
		p.argumentFail(a, "", fmt.Sprintf("the form has a field %q already", f.name), "")
	case p.req.Method == "TRACE":
		p.argumentFail(a, "", "TRACE has no body", "")
	}
	p.formNames.add(f.name)
	p.op.bodyKind, p.op.contentType = formBody, "application/x-www-form-urlencoded"
	p.op.form = append(p.op.form, *f)
}

func (p *planner) putBody(a *plugins.Argument, f *field) {
	switch {
	case p.op.bodyKind == jsonTemplate:
		p.argumentFail(a, "", "the argument goes nowhere: `body` does not mention it", fmt.Sprintf("write ${{ args.%s }} in `body`, or give it another place with `in:`", a.Name))
		return
	case p.op.bodyKind == formBody:
		p.argumentFail(a, "", "the argument goes nowhere: the request has a form", "give it `in: form`")
		return
	case p.op.multipart():
		p.argumentFail(a, "", "the argument goes nowhere: the request has a multipart body", "give it `in: form`, for a part of text, or `in: file`")
		return
	case p.op.bodyKind == ownBody:
		p.nowhere(a)
		return
	case p.req.Method == "TRACE":
		p.argumentFail(a, "", "TRACE has no body", "")
	case slices.ContainsFunc(p.op.members, func(m field) bool { return m.name == f.name }):
		p.argumentFail(a, "", fmt.Sprintf("the body has a member %q already", f.name), "")
	}
	p.op.bodyKind = jsonMembers
	if p.op.contentType == "" {
		p.op.contentType = "application/json"
	}
	p.op.members = append(p.op.members, *f)
}

// nowhere refuses an argument that a body of its own kind doesn't mention.
func (p *planner) nowhere(a *plugins.Argument) {
	if p.op.contentKey == "graphql" && p.req.GraphQL.Variables == nil {
		p.argumentFail(a, "", "the argument goes nowhere: the GraphQL operation declares no variable $"+a.Name, "declare it there and use it, or give the argument another place with `in:`")
		return
	}
	p.argumentFail(a, "", fmt.Sprintf("the argument goes nowhere: `%s` does not mention it", p.op.contentKey),
		fmt.Sprintf("write ${{ args.%s }} in `%s`, or give it another place with `in:`", a.Name, p.op.contentKey))
}

// field makes the field of an argument.
func (p *planner) field(in place, a *plugins.Argument) *field {
	f := &field{slot: slot{place: in, arg: a.Name, name: a.Name, style: a.Style}, optional: a.Optional}
	if a.Value != nil {
		f.arg, f.template = "", p.filled[a.Name]
		f.needed = !a.Optional && f.template != nil && f.template.Dynamic()
	}
	f.asJSON = isJSON(a.MediaType) && in != inBody && in != inFile && !p.op.multipart()
	if a.As != "" {
		f.name = a.As
	}
	f.encoded, f.taken = encodeName(in, f.name), p.taken(in)
	p.style(f, a)
	return f
}

// style settles how lists and objects are written.
func (p *planner) style(f *field, a *plugins.Argument) {
	styles := f.place.styles()
	switch {
	case f.place == inFile, f.place == inForm && p.op.multipart():
		if a.Style != "" || a.Explode != nil {
			p.argumentFail(a, "style", "a multipart body has no styles", "lists repeat their part, objects are parts of JSON")
		}
		return
	case f.place == inBody:
		if a.Style != "" || a.Explode != nil {
			p.argumentFail(a, "style", "a JSON body has no styles", "")
		}
		return
	case f.style == "":
		f.style = styles[0]
	case !slices.Contains(styles, f.style):
		p.argumentFail(a, "style", fmt.Sprintf("%q is not a style of the %s", f.style, f.place), "one of "+strings.Join(styles, ", "))
	}
	if f.style == "deepObject" && !mayNest(a.Schema) {
		p.argumentFail(a, "style", "deepObject is a style of objects and lists, which the schema doesn't allow", "declare the argument with type: object, or take another style")
	}
	f.explode = f.style == "form" || f.style == "deepObject"
	if a.Explode != nil {
		f.explode = *a.Explode
	}
}

// mayNest reports whether a schema's type allows objects or lists.
func mayNest(schema []byte) bool {
	var one struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(schema, &one) == nil {
		return one.Type == "" || one.Type == "object" || one.Type == "array"
	}
	var several struct {
		Type []string `json:"type"`
	}
	return json.Unmarshal(schema, &several) != nil || slices.Contains(several.Type, "object") || slices.Contains(several.Type, "array")
}
