package openapi

import (
	"cmp"
	"strconv"
	"strings"
)

const (
	// budget is how many bytes the arguments of a tool may have before they are
	// described in less detail.
	budget = 6000
	// descriptionLength is that of a tool, in characters.
	descriptionLength = 400
	titleLength       = 60
	// maxMembers is how many members of a body become arguments of their own.
	maxMembers = 300
	// maxParameters is how many parameters an operation may have.
	maxParameters = 1000
)

// Places of arguments.
const (
	inPath   = "path"
	inQuery  = "query"
	inHeader = "header"
	inCookie = "cookie"
	inBody   = "body"
	inForm   = "form"
	inFile   = "file"
)

// argument is one of a tool's.
type argument struct {
	name, place string
	// wire is its name at that place.
	wire      string
	required  bool
	style     string
	explode   string // true, false, or empty for the default
	mediaType string
	value     *node // what is always sent, unseen
	schema    *node
	// mentioned says that the request itself places it.
	mentioned bool
}

// tool is a tool in the making.
type tool struct {
	doc        *Document
	expose     Expose
	op         *Operation
	at         found
	schemas    *converter
	notes      *notes
	arguments  []*argument
	parameters int
	known      int
	path       string
	request    *node // the long form's keys beside method and path
	idempotent string
	hints      []string // sentences that end the description
	// named are what is written once the arguments have their names.
	named    []func()
	response *node
}

func newTool(d *Document, e Expose, o *Operation, at found, known *memory, level detail) *tool {
	n := &notes{}
	return &tool{doc: d, expose: e, op: o, at: at, notes: n, schemas: newConverter(d, known, level, n), request: object()}
}

// make finds out what the tool is made of.
func (t *tool) make() *skip {
	servers := t.at.operation.list("servers")
	if len(servers) == 0 {
		servers = t.at.path.list("servers")
	}
	prefix, why := t.doc.below(t.expose, servers)
	if why != "" {
		return skipFor(SkipServer, "%s", why)
	}
	if t.streams() {
		return skipFor(SkipAnswer, "text/event-stream has no end that a call could wait for")
	}
	parameters, s := t.doc.parametersOf(t.at)
	if s != nil {
		return s
	}
	var body, form []*node
	for _, p := range parameters {
		switch in := p.str("in"); {
		case t.doc.swagger && in == "body":
			body = append(body[:0], p)
		case t.doc.swagger && in == "formData":
			form = append(form, p)
		default:
			if s := t.parameter(p); s != nil {
				return s
			}
		}
	}
	if s := t.bodies(body, form); s != nil {
		return s
	}
	if s := t.makePath(prefix); s != nil {
		return s
	}
	t.nameArguments()
	for _, write := range t.named {
		write()
	}
	t.share()
	return nil
}

// fits reports whether the tool is small enough for its detail.
func (t *tool) fits() bool { return !t.schemas.exhausted() && t.size() <= budget }

// size is about that of what a model is told of the arguments.
func (t *tool) size() int {
	n := len(t.schemas.defs.json())
	for _, a := range t.arguments {
		if a.value == nil {
			n += len(a.name) + 6 + len(a.schema.json())
		}
	}
	return n
}

// nameArguments gives each argument a name that no other has. Those of the path
// come first; a later one of the same name is told apart by its place.
func (t *tool) nameArguments() {
	taken := map[string]bool{}
	for _, inThePath := range []bool{true, false} {
		for _, a := range t.arguments {
			if inThePath != (a.place == inPath) {
				continue
			}
			base := a.name
			if base == "" {
				base = argumentName(a.wire)
			}
			name := base
			if taken[name] {
				name = fitting(a.place+"_"+base, a.place+a.wire)
			}
			for n := 2; taken[name]; n++ {
				name = base[:min(len(base), maxName-4)] + "_" + strconv.Itoa(n)
			}
			taken[name] = true
			a.name = name
		}
	}
}

// property is what the manifest says of an argument.
func (t *tool) property(a *argument) *node {
	out := object()
	if a.value == nil {
		for _, m := range a.schema.members {
			if m.name != "description" || !sameText(m.value.text, a.wire) {
				out.add(m.name, m.value)
			}
		}
		if !a.required && out.get("default") == nil {
			out.set("optional", boolean(true))
		}
	} else {
		out.set("value", a.value)
	}
	if !a.mentioned {
		t.put(out, a)
	}
	return out
}

// put says where an argument goes, where the rules of the manifest don't.
func (t *tool) put(out *node, a *argument) {
	standard := inBody
	if method := t.op.Method; method != "POST" && method != "PUT" && method != "PATCH" {
		standard = inQuery
	}
	if a.place == inPath {
		standard = inPath
	}
	if a.place != standard {
		out.set("in", text(a.place))
	}
	if a.wire != a.name && (a.place != inPath || a.style == "matrix") {
		out.set("as", text(a.wire))
		if a.place == inPath {
			out.set("in", text(inPath))
		}
	}
	if a.style != "" {
		out.set("style", text(a.style))
	}
	if a.explode != "" {
		out.set("explode", boolean(a.explode == "true"))
	}
	if a.mediaType != "" {
		out.set("media_type", text(a.mediaType))
	}
}

// definition writes the tool in the words of the manifest.
func (t *tool) definition() *node {
	out := object()
	title, description := t.describe()
	if title != "" {
		out.set("title", text(title))
	}
	out.set("description", text(description))
	if len(t.request.members) == 0 {
		out.set("request", text(t.op.Method+" "+t.path))
	} else {
		long := object().set("method", text(t.op.Method)).set("path", text(t.path))
		long.members = append(long.members, t.request.members...)
		out.set("request", long)
	}
	if len(t.arguments) > 0 {
		input := object()
		for _, a := range t.arguments {
			input.add(a.name, t.property(a))
		}
		if len(t.schemas.defs.members) > 0 {
			input.set("$defs", t.schemas.defs)
		}
		out.set("input", input)
	}
	if t.idempotent != "" {
		out.set("idempotency_key", text("header "+t.idempotent))
	}
	if len(t.op.Tags) > 0 {
		out.set("tags", listOf(t.op.Tags))
	}
	if len(membersOf(t.response)) > 0 {
		out.set("response", t.response)
	}
	return out
}

// describe makes the title and the description.
func (t *tool) describe() (title, description string) {
	summary := strings.TrimRight(plainText(t.at.operation.str("summary"), 160), ".")
	if summary == "" {
		summary = strings.TrimRight(plainText(t.at.path.str("summary"), 160), ".")
	}
	room := descriptionLength - len(summary)
	for _, hint := range t.hints {
		room -= len(hint) + 1
	}
	body := plainText(t.at.operation.str("description"), max(room, 120))
	if body == "" {
		body = plainText(t.at.path.str("description"), max(room, 120))
	}
	var parts []string
	if t.op.Deprecated {
		parts = append(parts, "Deprecated.")
	}
	switch {
	case summary == "" && body == "":
		parts = append(parts, sentence(t.readable()))
	case body == "" || sameText(summary, body):
		parts = append(parts, sentence(cmp.Or(summary, body)))
	case summary == "" || says(body, summary):
		parts = append(parts, sentence(body))
	default:
		parts = append(parts, sentence(summary), sentence(body))
	}
	parts = append(parts, t.hints...)
	description = strings.Join(parts, " ")
	if len(summary) <= titleLength && !sameText(summary, description) && summary != "" {
		title = summary
	}
	return title, description
}

// readable tells an operation that nobody described.
func (t *tool) readable() string {
	words := strings.Trim(legalName(t.op.ID), "_")
	if words == "" {
		return t.op.Method + " " + t.op.Path
	}
	var b strings.Builder
	for i := range len(words) {
		c := words[i]
		upper := c >= 'A' && c <= 'Z'
		if i > 0 && upper && words[i-1]|0x20 == words[i-1] && words[i-1] != '_' {
			b.WriteByte(' ')
		}
		switch {
		case c == '_':
			b.WriteByte(' ')
		case upper && i > 0:
			b.WriteByte(c | 0x20)
		case i == 0 && isLetter(c):
			b.WriteByte(c &^ 0x20)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + " (" + t.op.Method + " " + t.op.Path + ")"
}
