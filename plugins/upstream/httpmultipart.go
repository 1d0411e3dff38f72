package upstream

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// multipartBody is a body of parts (RFC 7578).
type multipartBody struct{ parts []bodyPart }

// bodyPart is a part, or several of one name.
type bodyPart struct {
	field
	kind partKind
	// header is what stands in Content-Disposition, up to the file's name.
	header string
	// mediaType is that of the manifest; empty for that of the content.
	mediaType string
	// filename and dynamicType are the manifest's; nil if there are none.
	filename, dynamicType *expr.Text
	schema                fileSchema
}

type partKind uint8

const (
	plainPart partKind = iota // text, or JSON for objects
	filePart
	jsonPart
)

// multipart reports whether the body is of parts.
func (op *operation) multipart() bool {
	_, ok := op.content.(*multipartBody)
	return ok
}

// hasFile reports whether an argument is a file.
func (p *planner) hasFile() bool {
	return slices.ContainsFunc(p.tool.Arguments, func(a plugins.Argument) bool { return a.In == "file" })
}

// multipart makes ready the parts that the request itself lists. Those of
// arguments follow.
func (p *planner) multipart() {
	body := &multipartBody{}
	p.own(body, "multipart/form-data")
	p.op.contentKey = "multipart"
	if p.headNames["content-type"] {
		p.fail(&plugins.FieldError{Message: "the Content-Type of a multipart body has its boundary, which is new for each request", Hint: "take the header away"}, p.requestPath("headers", "Content-Type")...)
	}
	if p.req.Multipart != nil {
		members, err := split(p.req.Multipart)
		if err != nil {
			p.unread(&plugins.FieldError{Message: "want a mapping of parts", Hint: "write {name: value}"}, p.requestPath("multipart")...)
			return
		}
		for _, m := range members {
			p.listedPart(body, strings.Clone(m.Name), m.Value, "multipart")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.req.Form)) {
		p.plainPart(body, name, p.req.Form[name], p.requestPath("form", name))
	}
}

// split returns the members of an object of the manifest.
func split(raw []byte) ([]strictjson.Member, error) {
	if err := strictjson.Check(raw, 0); err != nil {
		return nil, err
	}
	return strictjson.Members(raw, nil)
}

// listedPart makes ready one part: a value, or a mapping that says what it is.
func (p *planner) listedPart(body *multipartBody, name string, raw []byte, key string) {
	path := p.requestPath(key, name)
	if raw[0] != '{' {
		p.plainPart(body, name, raw, path)
		return
	}
	members, err := strictjson.Members(raw, nil)
	if err != nil {
		p.unread(err, path...)
		return
	}
	part := bodyPart{field: field{slot: slot{place: inForm, name: name}}}
	kinds, known := 0, true
	for _, m := range members {
		at := append(slices.Clone(path), strings.Clone(m.Name))
		switch m.Name {
		case "file", "text", "json":
			kinds++
			p.partValue(&part, m.Name, m.Value, at)
		case "filename":
			part.filename = p.partText(m.Value, name, at)
		case "media_type":
			part.dynamicType = p.partText(m.Value, name, at)
			if text, ok := part.dynamicType.Literal(); ok {
				part.mediaType, part.dynamicType = text, nil
				if !isMediaType(text) {
					p.fail(&plugins.FieldError{Message: fmt.Sprintf("%q is not a media type", text), Hint: "write type/subtype, e.g. image/png"}, at...)
				}
			}
		default:
			known = false
			p.fail(&plugins.FieldError{Message: fmt.Sprintf("unknown field %q in a part", m.Name), Hint: partHint(m.Name), Offset: -1}, at...)
		}
	}
	if kinds == 0 && !known {
		p.broken = true
		return
	}
	if kinds != 1 {
		p.fail(&plugins.FieldError{Message: "a part that is a mapping has one of file, text and json", Hint: `write {file: "${{ args.data }}", filename: a.png}, or {json: {...}} for an object`}, path...)
		return
	}
	p.addPart(body, &part, path)
}

func partHint(name string) string {
	if s := expr.Suggest(name, []string{"file", "text", "json", "filename", "media_type"}); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	return "a part has file, text or json, e.g. {json: {...}} for an object, and perhaps filename and media_type"
}

// partValue makes ready what a part holds.
func (p *planner) partValue(part *bodyPart, kind string, raw json.RawMessage, path []string) {
	t, err := expr.ParseJSON(raw, p.scope)
	if err != nil {
		p.unread(err, path...)
		return
	}
	p.mention(t, "part "+part.name)
	part.template, p.op.evaluates = t, p.op.evaluates || t.Dynamic()
	switch kind {
	case "file":
		part.kind, part.place, part.schema = filePart, inFile, p.heldFile(raw)
	case "json":
		part.kind = jsonPart
	}
}

// argumentHole is a hole that is an argument and nothing else.
var argumentHole = regexp.MustCompile(`^"\$\{\{\s*args\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}"$`)

// heldFile is what is known of a file that the request mentions: a text is
// base64, unless the schema of the argument that it is says otherwise.
func (p *planner) heldFile(raw []byte) fileSchema {
	var schema []byte
	if m := argumentHole.FindSubmatch(raw); m != nil {
		for i := range p.tool.Arguments {
			if p.tool.Arguments[i].Name == string(m[1]) {
				schema = p.tool.Arguments[i].Schema
			}
		}
	}
	return p.fileSchema(schema, fileBase64)
}

// fileSchema reads the schema of a file, and notes whether resources may be
// read for it: what they hold depends on who calls.
func (p *planner) fileSchema(schema []byte, other fileForm) fileSchema {
	s := readFileSchema(schema, other)
	if s.form == fileURI || mayNest(schema) {
		p.op.reads, p.op.usesCaller = true, true
	}
	return s
}

// partText makes ready a text of a part; one without holes if it can't be read.
func (p *planner) partText(raw []byte, name string, path []string) *expr.Text {
	source, err := strictjson.Unquote(raw)
	if err != nil {
		err = &plugins.FieldError{Message: "want a text"}
	}
	var text *expr.Text
	if err == nil {
		text, err = expr.ParseText(source, p.scope)
	}
	if err != nil {
		p.unread(err, path...)
		return &expr.Text{}
	}
	p.mention(text, "part "+name)
	if _, literal := text.Literal(); !literal {
		p.op.evaluates = true
	}
	return text
}

// plainPart adds a part whose kind its value tells.
func (p *planner) plainPart(body *multipartBody, name string, raw json.RawMessage, path []string) {
	part := bodyPart{field: field{slot: slot{place: inForm, name: name}}}
	p.partValue(&part, "", raw, path)
	p.addPart(body, &part, path)
}

// putPart adds the part of an argument.
func (p *planner) putPart(a *plugins.Argument, f *field) {
	body, ok := p.op.content.(*multipartBody)
	if !ok {
		p.argumentFail(a, "in", fmt.Sprintf("a file is a part of a multipart body, but the request has `%s`", p.op.contentKey), "write `multipart` instead, or place the argument by an expression")
		return
	}
	part := bodyPart{field: *f, mediaType: a.MediaType}
	if f.place == inFile {
		part.kind, part.schema = filePart, p.fileSchema(a.Schema, fileText)
	}
	if a.MediaType != "" && !isMediaType(a.MediaType) {
		p.argumentFail(a, "media_type", fmt.Sprintf("%q is not a media type", a.MediaType), "write type/subtype, e.g. image/png")
	}
	p.addPart(body, &part, []string{"input", a.Name})
}

// addPart adds a part, if there is none of its name.
func (p *planner) addPart(body *multipartBody, part *bodyPart, path []string) {
	if slices.ContainsFunc(body.parts, func(other bodyPart) bool { return other.name == part.name }) {
		p.fail(&plugins.FieldError{Message: fmt.Sprintf("the body has a part %q already", part.name)}, path...)
		return
	}
	part.header = `Content-Disposition: form-data; name="` + escapeDisposition(part.name) + `"`
	body.parts = append(body.parts, *part)
}

// escapeDisposition escapes a name for Content-Disposition
// (https://html.spec.whatwg.org/#multipart-form-data, RFC 7578, section 4.2).
func escapeDisposition(name string) string {
	return strings.NewReplacer("\r", "%0D", "\n", "%0A", `"`, "%22").Replace(name)
}
