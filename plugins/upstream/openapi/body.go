package openapi

import (
	"mime"
	"slices"
	"strings"
)

// bodies makes arguments of the body: of OpenAPI 3's requestBody, or of the
// body or form of Swagger 2.0.
func (t *tool) bodies(body, form []*node) *skip {
	if t.doc.swagger {
		switch {
		case len(form) > 0:
			return t.swaggerForm(form)
		case len(body) > 0:
			return t.swaggerBody(body[0])
		}
		return nil
	}
	given := t.at.operation.get("requestBody")
	if given == nil {
		return nil
	}
	b := t.doc.follow(given)
	if !b.isObject() {
		return skipFor(SkipReference, "the request body, %s, leads nowhere", clip(given.str("$ref"), 100))
	}
	content := membersOf(b.get("content"))
	if len(content) == 0 {
		return nil
	}
	return t.content(content, b, b.is("required"))
}

// swaggerBody makes arguments of a body of Swagger 2.0, of the best type that
// the operation takes.
func (t *tool) swaggerBody(p *node) *skip {
	types := t.at.operation.texts("consumes")
	if len(types) == 0 {
		types = t.doc.root.texts("consumes")
	}
	if len(types) == 0 {
		types = []string{"application/json"}
	}
	content := make([]member, 0, len(types))
	for _, name := range types {
		content = append(content, member{name, object().set("schema", p.get("schema"))})
	}
	return t.content(content, p, p.is("required"))
}

// swaggerForm makes arguments of the fields of a form.
func (t *tool) swaggerForm(form []*node) *skip {
	types := t.at.operation.texts("consumes")
	if len(types) == 0 {
		types = t.doc.root.texts("consumes")
	}
	multipart := len(types) > 0 && !contains(types, "application/x-www-form-urlencoded") && contains(types, "multipart/form-data")
	file := false
	for _, p := range form {
		t.parameters++
		if p.str("name") == "" {
			t.notes.add("a field without a name is left out")
			continue
		}
		a := &argument{wire: p.str("name"), place: inForm, required: p.is("required"), schema: t.parameterSchema(p, p)}
		if p.str("type") == "file" {
			a.place, a.schema, file = inFile, asFile(a.schema), true
		}
		t.collectionFormat(a, p)
		t.constant(a)
		t.known++
		t.arguments = append(t.arguments, a)
	}
	if file || multipart {
		t.plainParts()
	}
	if multipart && !file {
		t.request.set("multipart", object())
	}
	return nil
}

// plainParts takes styles away, which the parts of a multipart body don't have.
func (t *tool) plainParts() {
	for _, a := range t.arguments {
		if a.place == inForm {
			a.style, a.explode = "", ""
		}
	}
}

// Kinds of bodies, the best first.
const (
	jsonBody = iota
	formBody
	multipartBody
	textBody
	xmlBody
	bytesBody
	noBody
)

// kindOfBody says how a body of a media type is made.
func kindOfBody(mediaType string) int {
	base := baseType(mediaType)
	switch {
	case base != "" && !isMediaType(base):
		return noBody
	case isJSONType(base), base == "", base == "*/*", base == "application/*":
		return jsonBody
	case base == "application/x-www-form-urlencoded":
		return formBody
	case base == "multipart/form-data":
		return multipartBody
	case base == "application/xml", base == "text/xml", strings.HasSuffix(base, "+xml"):
		return xmlBody
	case strings.HasPrefix(base, "text/"), base == "application/graphql", base == "application/x-yaml", base == "application/yaml",
		base == "application/sparql-query", base == "application/x-ndjson", base == "application/ndjson", base == "application/jsonl":
		return textBody
	case strings.HasPrefix(base, "multipart/"):
		return noBody
	case strings.Contains(base, "/"):
		return bytesBody
	}
	return noBody
}

// baseType is a media type without its parameters, in lower case.
func baseType(mediaType string) string {
	base, _, _ := strings.Cut(mediaType, ";")
	return strings.ToLower(strings.TrimSpace(base))
}

// isMediaType reports whether a text without parameters is a media type or a
// range of such (RFC 9110, section 8.3.1).
func isMediaType(base string) bool {
	kind, sub, found := strings.Cut(base, "/")
	return found && isToken(kind) && isToken(sub)
}

// typeOf is a media type as it is sent: without parameters that can't be.
func typeOf(mediaType string) string {
	if _, _, err := mime.ParseMediaType(mediaType); err != nil {
		return baseType(mediaType)
	}
	return mediaType
}

// isJSONType reports whether a media type is JSON (RFC 6839, section 3.1).
func isJSONType(mediaType string) bool {
	base := baseType(mediaType)
	return base == "application/json" || strings.HasSuffix(base, "+json") || base == "text/json"
}

// bestOf chooses the media type of a body. JSON as such is better than a format
// made of it.
func bestOf(content []member) (best member, how int) {
	best, how = content[0], noBody
	for _, m := range content {
		k := kindOfBody(m.name)
		if k < how || k == how && k == jsonBody && m.name == "application/json" {
			best, how = m, k
		}
	}
	return best, how
}

// content makes arguments of the best of a body's media types.
func (t *tool) content(content []member, body *node, required bool) *skip {
	best, how := bestOf(content)
	if t.op.Method == "TRACE" || t.op.Method == "GET" && !required || t.op.Method == "HEAD" {
		t.notes.add("the body of a %s is not sent", t.op.Method)
		t.leaveOut(best)
		return nil
	}
	s := best.value.get("schema")
	switch how {
	case jsonBody:
		return t.jsonContent(best.name, s, body, required)
	case formBody, multipartBody:
		return t.fields(best.value, s, required, how == multipartBody)
	case textBody:
		return t.whole("text", s, body, required, best.name)
	case bytesBody:
		if t.isBase64(s) {
			return t.whole("text", s, body, required, best.name)
		}
		return t.whole("bytes", s, body, required, best.name)
	case xmlBody:
		return t.xmlContent(best.name, s, body, required)
	}
	if !required {
		t.notes.add("the body is left out: %s can't be sent", clip(best.name, 60))
		t.leaveOut(best)
		return nil
	}
	return skipFor(SkipBody, "%s can't be sent", clip(best.name, 60))
}

// isBase64 reports whether a body is not bytes, but a text that stands for such.
func (t *tool) isBase64(s *node) bool {
	n := t.doc.follow(s)
	format := n.str("format")
	return format == "byte" || format == "base64" || n.str("contentEncoding") == "base64"
}

// leaveOut counts what a body has that the tool doesn't know.
func (t *tool) leaveOut(content member) {
	if t.isEmpty(content.value.get("schema")) {
		return
	}
	s := t.schemas.inlined(t.schemas.schema(content.value.get("schema"), 0))
	t.parameters += max(1, len(membersOf(s.get("properties"))))
}

// jsonContent makes arguments of the members of a JSON object, or one argument
// of any other JSON.
func (t *tool) jsonContent(mediaType string, s, body *node, required bool) *skip {
	flat := withoutNull(t.schemas.inlined(t.schemas.schema(s, 0)))
	members := membersOf(flat.get("properties"))
	if len(members) > maxMembers {
		t.notes.add("the body has %d members, which are one argument", len(members))
		t.parameters += len(members) - 1
		return t.whole(inBody, s, body, required, mediaType)
	}
	if len(members) == 0 || flat.get("anyOf") != nil || flat.get("allOf") != nil || flat.str("type") != "object" {
		return t.whole(inBody, s, body, required, mediaType)
	}
	t.members(flat, inBody)
	t.undeclared(s, flat, inBody)
	t.alternatives(s)
	if flat.get("additionalProperties").isObject() {
		t.notes.add("the body may hold further members, which are left out")
	}
	if base := baseType(mediaType); base != "application/json" && strings.Contains(base, "/") && !strings.Contains(base, "*") {
		t.request.set("media_type", text(typeOf(mediaType)))
	}
	return nil
}

// members makes an argument of each member of an object.
func (t *tool) members(flat *node, place string) []*argument {
	names, properties := flat.texts("required"), flat.get("properties").members
	out := make([]*argument, 0, len(properties))
	for _, m := range properties {
		a := &argument{wire: m.name, place: place, required: contains(names, m.name), schema: asObject(m.value)}
		if contains(names, m.name) && a.schema.get("default") != nil {
			a.schema = a.schema.without("default")
		}
		if a.required {
			t.constant(a)
		}
		t.parameters, t.known = t.parameters+1, t.known+1
		t.arguments = append(t.arguments, a)
		out = append(out, a)
	}
	return out
}

// undeclared makes arguments of what a body must have and doesn't declare.
func (t *tool) undeclared(s, flat *node, place string) {
	for _, name := range flat.texts("required") {
		if flat.get("properties").get(name) == nil && !t.declares(s, name, maxRefs) {
			t.parameters, t.known = t.parameters+1, t.known+1
			t.arguments = append(t.arguments, &argument{wire: name, place: place, required: true, schema: object()})
		}
	}
}

// declares reports whether a schema, or one that it is made of, has a member of
// that name, be it one that is none of requests.
func (t *tool) declares(s *node, name string, deep int) bool {
	n := t.doc.follow(s)
	if deep == 0 || n.get("properties").get(name) != nil {
		return true
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf"} {
		if slices.ContainsFunc(n.list(keyword), func(part *node) bool { return t.declares(part, name, deep-1) }) {
			return true
		}
	}
	return false
}

// alternatives tells which members must be given of several, where the document
// says so.
func (t *tool) alternatives(s *node) {
	n := t.doc.follow(s)
	for _, one := range [][2]string{{"anyOf", "Needs "}, {"oneOf", "Give either "}} {
		options := n.list(one[0])
		if len(options) < 2 || !onlyRequire(options) {
			continue
		}
		var choices []string
		for _, o := range options {
			if names := requiredOf(o); len(names) > 0 && len(names) < 6 && o.get("not") == nil {
				choices = append(choices, and(names))
			}
		}
		if len(choices) == len(options) && len(choices) < 8 {
			t.hints = append(t.hints, one[1]+strings.Join(choices, ", or ")+".")
		}
	}
}

// and joins names as people do.
func and(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// whole makes one argument of a body.
func (t *tool) whole(key string, s, body *node, required bool, mediaType string) *skip {
	a := &argument{name: "body", wire: "body", place: inBody, required: required, mentioned: true}
	a.schema = asObject(t.schemas.schema(s, 1)).clone()
	if key != inBody {
		a.schema = a.schema.without("contentEncoding", "contentMediaType", "format")
		if a.schema.str("type") != "string" {
			a.schema = object().set("type", text("string"))
		}
	}
	if key == "bytes" || t.isBase64(s) && key == "text" {
		a.schema.set("contentEncoding", text("base64"))
	}
	if description := body.str("description"); description != "" && a.schema.str("description") == "" {
		a.schema = t.schemas.described(a.schema, body, 1)
	}
	if required {
		a.schema = a.schema.without("default")
	}
	t.parameters, t.known = t.parameters+1, t.known+1
	t.arguments = append(t.arguments, a)
	t.named = append(t.named, func() { t.request.set(key, text("${{ args."+a.name+empty(key, a)+" }}")) })
	t.request.set(key, text(""))
	base := baseType(mediaType)
	if strings.Contains(base, "/") && !strings.Contains(base, "*") && (key != inBody || base != "application/json") && base != "text/plain" {
		t.request.set("media_type", text(typeOf(mediaType)))
	}
	return nil
}

// empty is the rest of an expression for a whole body: what is sent if it is left
// out, for that is null, and there is no request with half a body.
func empty(key string, a *argument) string {
	switch {
	case a.required:
	case key == "text" || key == "bytes":
		return ` // ""`
	case a.schema.str("type") == "array":
		return " // []"
	case mayBe(a.schema, "object"):
		return " // {}"
	}
	return ""
}
