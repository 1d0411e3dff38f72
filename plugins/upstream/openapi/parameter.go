package openapi

import (
	"slices"
	"strings"
)

// parameter makes an argument of a parameter of the path, the query, a header
// or a cookie.
func (t *tool) parameter(p *node) *skip {
	name, place := p.str("name"), p.str("in")
	if place == inHeader && isIgnoredHeader(name) || t.isCredential(name, place) {
		return nil
	}
	t.parameters++
	if place == "querystring" {
		return t.queryString(p, p.is("required"))
	}
	if done, s := t.refused(name, place, p.is("required")); done {
		return s
	}
	if t.isTwice(name, place) {
		t.notes.add("the document declares %q twice", clip(name, 60))
		t.parameters--
		return nil
	}
	a := &argument{wire: name, place: place, required: p.is("required") || place == inPath}
	source := p
	if !t.doc.swagger {
		source = p.get("schema")
	}
	if content := membersOf(p.get("content")); len(content) > 0 && source == nil {
		source = content[0].value.get("schema")
		if isJSONType(content[0].name) {
			a.mediaType = "application/json"
		}
	}
	a.schema = t.parameterSchema(p, source)
	if t.doc.swagger {
		t.collectionFormat(a, p)
	} else if a.mediaType == "" {
		t.style(a, p)
	}
	t.constant(a)
	t.known++
	t.arguments = append(t.arguments, a)
	return nil
}

// refused looks after parameters that become no arguments; done says that this
// is one.
func (t *tool) refused(name, place string, required bool) (done bool, s *skip) {
	switch {
	case name == "":
		t.notes.add("a parameter without a name is left out")
		return true, nil
	case place == inHeader:
		return t.header(name, required)
	case place == inCookie && !isToken(name):
		return true, t.unsendable("the cookie", name, required)
	case place != inPath && place != inQuery && place != inCookie:
		return true, t.unsendable("a parameter in "+clip(place, 20)+",", name, required)
	}
	return false, nil
}

// isTwice reports whether there is an argument of that place and name already.
func (t *tool) isTwice(name, place string) bool {
	return slices.ContainsFunc(t.arguments, func(a *argument) bool {
		return a.place == place && (a.wire == name || place == inHeader && strings.EqualFold(a.wire, name))
	})
}

// unsendable leaves a parameter out, or the operation if it can't do without.
func (t *tool) unsendable(what, name string, required bool) *skip {
	if required {
		return skipFor(SkipParameter, "%s %q can't be sent", what, clip(name, 60))
	}
	t.notes.add("%s %q can't be sent and is left out", what, clip(name, 60))
	return nil
}

// header looks after headers that aren't made of arguments; done says that
// nothing is left to do.
func (t *tool) header(name string, required bool) (done bool, s *skip) {
	lower := strings.ToLower(name)
	switch {
	case lower == "x-request-id", lower == "traceparent", lower == "tracestate", lower == "baggage":
		t.notes.add("the header %s is written by the gateway", name)
		t.known++
		return true, nil
	case isIdempotencyKey(lower) && (t.op.Method == "POST" || t.op.Method == "PATCH") && t.idempotent == "":
		t.idempotent = name
		t.known++
		return true, nil
	case lower == "host", lower == "content-length", lower == "accept-encoding", lower == "connection", lower == "cookie":
		t.notes.add("the header %s is written by the gateway", name)
		return true, nil
	case !isToken(name) || isRefusedHeader(lower):
		return true, t.unsendable("the header", name, required)
	}
	return false, nil
}

func isIdempotencyKey(lower string) bool {
	return lower == "idempotency-key" || lower == "x-idempotency-key"
}

// isIgnoredHeader tells the headers that the specification keeps for bodies and
// security schemes (section "Parameter Object").
func isIgnoredHeader(name string) bool {
	switch strings.ToLower(name) {
	case "accept", "content-type", "authorization":
		return true
	}
	return false
}

// isRefusedHeader tells the headers that the HTTP upstream doesn't make of
// arguments.
func isRefusedHeader(lower string) bool {
	switch lower {
	case "transfer-encoding", "proxy-connection", "keep-alive", "te", "upgrade", "trailer", "expect", "http2-settings",
		"forwarded", "content-encoding", "x-http-method", "x-http-method-override", "x-method-override":
		return true
	}
	return strings.HasPrefix(lower, "x-forwarded-") || strings.HasPrefix(lower, "proxy-")
}

func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !isWord(c) && strings.IndexByte("!#$%&'*+-.^`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isCredential reports whether a parameter is the key of a security scheme,
// which the upstream's `auth` writes.
func (t *tool) isCredential(name, place string) bool {
	schemes := t.doc.root.get("components").get("securitySchemes")
	if t.doc.swagger {
		schemes = t.doc.root.get("securityDefinitions")
	}
	for _, m := range membersOf(schemes) {
		s := t.doc.follow(m.value)
		same := s.str("name") == name || place == inHeader && strings.EqualFold(s.str("name"), name)
		if s.str("type") == "apiKey" && s.str("in") == place && same {
			return true
		}
	}
	return false
}

// parameterSchema converts the schema of a parameter, which is described by the
// parameter itself.
func (t *tool) parameterSchema(p, source *node) *node {
	out := t.schemas.needed(source, 1, p.is("required") || p.str("in") == inPath)
	if out.kind != objectKind {
		out = object()
	}
	out = out.clone()
	if len(out.texts("type")) > 1 {
		out = withoutNull(out)
	}
	if source != p {
		out = t.schemas.described(out, p, 1)
	}
	name := p.str("name")
	if description := out.str("description"); sameText(description, name) {
		out = out.without("description")
	}
	if p.is("deprecated") {
		out.set("description", text(strings.TrimSpace("Deprecated. "+out.str("description"))))
	}
	if p.is("required") && out.get("default") != nil {
		// With a default the argument could be left out, but not the parameter.
		out.set("description", text(strings.TrimSpace(sentence(out.str("description"))+" Usually "+clip(string(out.get("default").json()), 60)+".")))
		out = out.without("default")
	}
	return out
}

// constant hides an argument that can have one value only.
func (t *tool) constant(a *argument) {
	value := a.schema.get("const")
	if values := a.schema.list("enum"); len(values) == 1 {
		value = values[0]
	}
	if !a.required || !value.isScalar() || strings.Contains(value.text, "${{") || a.place == inPath || len(a.schema.list("type")) > 1 ||
		a.schema.get("anyOf") != nil || a.schema.str("type") == "array" || a.schema.str("type") == "object" {
		return
	}
	a.value = value
}

// style notes how a parameter of OpenAPI 3 is written, where that differs from
// the default of its place.
func (t *tool) style(a *argument, p *node) {
	style, standard := t.styleOf(a, p.str("style"))
	composite := mayBe(a.schema, "array") || mayBe(a.schema, "object")
	if style == "deepObject" && !composite {
		style = standard
	}
	if style != standard && (composite || a.place == inPath) {
		a.style = style
	}
	explode, usual := p.get("explode"), style == "form" || style == "deepObject"
	if explode.isScalar() && explode.kind == boolKind && composite && style != "deepObject" && (explode.text == "true") != usual {
		a.explode = explode.text
	}
	if p.is("allowReserved") {
		t.notes.add("%q is always percent-encoded", clip(a.wire, 60))
	}
}

// styleOf is the style of a parameter, and that of its place.
func (t *tool) styleOf(a *argument, written string) (style, standard string) {
	standard = "form"
	styles := "form spaceDelimited pipeDelimited deepObject"
	switch a.place {
	case inPath:
		standard, styles = "simple", "simple label matrix"
	case inHeader:
		standard, styles = "simple", "simple"
	case inCookie:
		styles = "form"
	}
	switch {
	case written == "", written == "cookie":
		return standard, standard
	case !contains(strings.Fields(styles), written):
		t.notes.add("the style %s of %q is none of its place", clip(written, 30), clip(a.wire, 60))
		return standard, standard
	}
	return written, standard
}

// mayBe reports whether a converted schema allows a type.
func mayBe(s *node, kind string) bool {
	types := s.texts("type")
	return len(types) == 0 && s.get("enum") == nil && s.get("const") == nil || contains(types, kind)
}

// collectionFormat notes how a parameter of Swagger 2.0 is written.
func (t *tool) collectionFormat(a *argument, p *node) {
	if a.schema.str("type") != "array" {
		return
	}
	format := p.str("collectionFormat")
	inPairs := a.place == inQuery || a.place == inForm
	switch {
	case inPairs && format == "multi":
	case inPairs && format == "ssv":
		a.style = "spaceDelimited"
	case inPairs && format == "pipes":
		a.style = "pipeDelimited"
	case format == "" || format == "csv":
		if inPairs {
			a.explode = "false"
		}
	case a.place == inQuery && format == "tsv":
		t.joined(a, `\t`)
	default:
		t.notes.add("the items of %q are separated by commas, not as %s says", clip(a.wire, 60), clip(format, 20))
		if inPairs {
			a.explode = "false"
		}
	}
}

// joined puts the items of a list into one text by an expression.
func (t *tool) joined(a *argument, separator string) {
	query := t.request.get("query")
	if query == nil {
		query = object()
		t.request.set("query", query)
	}
	a.mentioned, a.name = true, legalName(a.wire)
	t.named = append(t.named, func() {
		query.set(a.wire, text(`${{ if args["`+a.name+`"] == null then null else args["`+a.name+`"] | map(tostring) | join("`+separator+`") end }}`))
	})
}

// queryString makes arguments of a parameter that is the query as a whole
// (OpenAPI 3.2).
func (t *tool) queryString(p *node, required bool) *skip {
	content := p.get("content")
	if !content.isObject() || len(content.members) == 0 || !strings.HasPrefix(content.members[0].name, "application/x-www-form-urlencoded") {
		return t.unsendable("a query as a whole,", p.str("name"), required)
	}
	s := t.schemas.inlined(t.schemas.schema(content.members[0].value.get("schema"), 0))
	names := s.texts("required")
	members := membersOf(s.get("properties"))
	if len(members) == 0 {
		return t.unsendable("a query as a whole,", p.str("name"), required)
	}
	t.parameters += len(members) - 1
	for _, m := range members {
		if t.isTwice(m.name, inQuery) {
			continue
		}
		a := &argument{wire: m.name, place: inQuery, required: contains(names, m.name), schema: asObject(m.value)}
		t.constant(a)
		t.known++
		t.arguments = append(t.arguments, a)
	}
	return nil
}

func asObject(n *node) *node {
	if n.kind != objectKind {
		return object()
	}
	return n
}
