package openapi

import "strings"

// fields makes arguments of the fields of a form, or of the parts of a
// multipart body.
func (t *tool) fields(mediaType, s *node, required, multipart bool) *skip {
	flat := withoutNull(t.schemas.inlined(t.schemas.schema(s, 0)))
	if len(membersOf(flat.get("properties"))) == 0 {
		if t.isEmpty(s) {
			return nil
		}
		if !required {
			t.notes.add("a form of unknown fields is left out")
			t.parameters++
			return nil
		}
		return skipFor(SkipBody, "a form of unknown fields")
	}
	files := 0
	for _, a := range t.members(flat, inForm) {
		encoding := mediaType.get("encoding").get(a.wire)
		if !multipart {
			t.style(a, asNode(encoding))
			continue
		}
		if isFile(a.schema) {
			a.place, a.schema = inFile, asFile(a.schema)
			files++
		}
		if contentType := encoding.str("contentType"); isMediaType(baseType(contentType)) && !strings.ContainsAny(contentType, ",*") {
			a.mediaType = typeOf(contentType)
		}
	}
	t.undeclared(s, flat, inForm)
	if multipart && files == 0 {
		t.request.set("multipart", object())
	}
	return nil
}

// isEmpty reports whether a schema says that there are no members.
func (t *tool) isEmpty(s *node) bool {
	n := t.doc.follow(s)
	properties := n.get("properties")
	return properties.isObject() && len(properties.members) == 0 && !n.get("additionalProperties").isObject() && n.get("allOf") == nil
}

func asNode(n *node) *node {
	if n == nil {
		return object()
	}
	return n
}

// isFile reports whether a part is made of bytes, or of several of such.
func isFile(s *node) bool {
	if s.str("type") == "array" {
		s = asNode(s.get("items"))
	}
	return s.str("format") == formatBinary || s.get("contentMediaType") != nil && s.get("contentEncoding") == nil
}

// asFile is the schema of a file, or of a list of such: models write bytes as
// base64.
func asFile(s *node) *node {
	if s.str("type") == "array" {
		return s.clone().set("items", asFile(asNode(s.get("items"))))
	}
	return s.without("format", "contentMediaType", "minLength", "maxLength", "pattern").set("contentEncoding", text("base64"))
}

// xmlContent makes arguments of the members of an object that is sent as XML.
func (t *tool) xmlContent(mediaType string, s, body *node, required bool) *skip {
	flat := withoutNull(t.schemas.inlined(t.schemas.schema(s, 0)))
	if len(membersOf(flat.get("properties"))) == 0 || flat.get("anyOf") != nil {
		return t.whole("text", nil, body, required, mediaType)
	}
	target := asNode(t.doc.follow(s))
	if !isNamed(flat, target) {
		return t.whole("text", nil, body, required, mediaType)
	}
	root := target.get("xml").str("name")
	if root == "" {
		ref := s.str("$ref")
		root = ref[strings.LastIndexByte(ref, '/')+1:]
	}
	if !isElement(root) {
		root = "body"
	}
	element := object()
	if namespace := target.get("xml").str("namespace"); namespace != "" && !strings.Contains(namespace, "${{") {
		element.set("@xmlns", text(namespace))
	}
	for _, a := range t.members(flat, inBody) {
		a.mentioned, a.name, a.value = true, legalName(a.wire), nil
		property := asNode(t.doc.follow(asNode(target.get("properties").get(a.wire))))
		t.named = append(t.named, func() { t.xmlElement(element, a, property) })
	}
	t.request.set("xml", object().set(root, element))
	if mediaType != "application/xml" {
		t.request.set("media_type", text(typeOf(mediaType)))
	}
	return nil
}

// isElement reports whether a text can be the name of an element.
func isElement(name string) bool {
	for i := range len(name) {
		c := name[i]
		if first := isLetter(c) || c == '_'; !first && (i == 0 || !isWord(c) && c != '-' && c != '.') {
			return false
		}
	}
	return name != ""
}

// isNamed reports whether the members of an object have names that XML can
// have.
func isNamed(flat, target *node) bool {
	for _, m := range membersOf(flat.get("properties")) {
		how := target.get("properties").get(m.name).get("xml")
		if name := how.str("name"); !isElement(m.name) && name == "" || name != "" && !isElement(name) {
			return false
		}
	}
	return true
}

// xmlElement writes an argument into the element tree.
func (t *tool) xmlElement(element *node, a *argument, property *node) {
	how := asNode(property.get("xml"))
	name := how.str("name")
	if name == "" {
		name = a.wire
	}
	value := text(`${{ args["` + a.name + `"] }}`)
	switch {
	case how.is("attribute"):
		element.set("@"+name, value)
	case a.schema.str("type") == "array" && how.is("wrapped"):
		item := property.get("items").get("xml").str("name")
		if !isElement(item) {
			item = name
		}
		element.set(name, object().set(item, value))
	default:
		element.set(name, value)
	}
}
