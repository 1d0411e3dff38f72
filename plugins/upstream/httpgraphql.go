package upstream

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// maxGraphQL bounds a GraphQL document, in bytes.
const maxGraphQL = 1 << 20

// GraphQL is a document with its variables; in the short form the document
// alone.
type GraphQL struct {
	Document  string          `manifest:"document" doc:"The document, e.g. query($id: ID!) { customer(id: $id) { name } }. Arguments come in as variables only."`
	File      string          `manifest:"file,path" doc:"File with the document instead, e.g. customer.graphql."`
	Variables json.RawMessage `manifest:"variables" doc:"Variables by name; strings may hold ${{ jq }}, e.g. {id: \"${{ args.customer_id }}\"}. Default: the arguments of the same names."`
	Operation string          `manifest:"operation" doc:"Name of the operation, where the document has several."`

	// short says that the document was written alone.
	short bool
}

// UnmarshalText reads the short form.
func (g *GraphQL) UnmarshalText(text []byte) error {
	*g = GraphQL{Document: string(text), short: true}
	return nil
}

// Validate refuses what has no document, or two.
func (g GraphQL) Validate() error {
	switch {
	case g.Document == "" && g.File == "":
		return &plugins.FieldError{Message: "there is no document", Hint: "write document: the query, or file: its name"}
	case g.Document != "" && g.File != "":
		return &plugins.FieldError{Path: []string{"file"}, Message: "there is a document already", Hint: "take one of document and file away", Offset: -1}
	}
	return nil
}

// graphBody is a GraphQL request (https://graphql.github.io/graphql-over-http/).
type graphBody struct {
	// before and after stand around the variables.
	before, after string
	// variables are those that the manifest writes; nil if they are fields.
	variables *expr.Template
	fields    []field
}

// graphQL makes ready a body that is a GraphQL request.
func (p *planner) graphQL() {
	g := p.req.GraphQL
	body := &graphBody{}
	p.own(body, "application/json")
	p.op.protocol = "graphql"
	p.accept = "application/graphql-response+json, application/json;q=0.9, */*;q=0.8"
	at := func(key string) []string {
		if g.short {
			return p.requestPath("graphql")
		}
		return p.requestPath("graphql", key)
	}
	if err := g.Validate(); err != nil {
		p.unread(err, p.requestPath("graphql")...)
		return
	}
	key, text := "document", g.Document
	if g.File != "" {
		key = "file"
		content, err := readDocument(g.File)
		if err != nil {
			p.unread(err, at(key)...)
			return
		}
		text = content
	}
	op, wrong := readOperation(text, g.Operation)
	if wrong != nil {
		if key == "file" && wrong.Path == nil {
			line := 1 + strings.Count(text[:max(0, wrong.Offset)], "\n")
			wrong.Message, wrong.Offset = fmt.Sprintf("line %d: %s", line, wrong.Message), 0
		}
		if wrong.Path != nil { // the operation
			key = "operation"
		}
		p.unread(&plugins.FieldError{Message: wrong.Message, Hint: wrong.Hint, Offset: wrong.Offset}, at(key)...)
		return
	}
	p.op.safe = op.kind == "query"
	body.before = `{"query":` + string(strictjson.AppendString(nil, text))
	if op.name != "" {
		body.after = `,"operationName":` + string(strictjson.AppendString(nil, op.name))
	}
	body.after += "}"
	if g.Variables != nil {
		p.writtenVariables(body, op, at("variables"))
		return
	}
	for i := range op.variables {
		p.variable(body, &op.variables[i], at(key), key == "file")
	}
}

func readDocument(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxGraphQL {
		return "", &plugins.FieldError{Message: "the file is larger than 1 MiB"}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", &plugins.FieldError{Message: "the file can't be read: " + reason(err)}
	}
	return string(content), nil
}

// writtenVariables makes ready variables that the manifest writes.
func (p *planner) writtenVariables(body *graphBody, op *graphOperation, path []string) {
	members, err := split(p.req.GraphQL.Variables)
	if err != nil {
		p.unread(&plugins.FieldError{Message: "want a mapping of variables", Hint: `write {id: "${{ args.id }}"}`}, path...)
		return
	}
	var given []string
	for _, m := range members {
		given = append(given, strings.Clone(m.Name))
		if !op.declares(m.Name) {
			p.fail(&plugins.FieldError{
				Message: "the operation declares no variable $" + m.Name, Hint: variableHint(m.Name, op), Offset: -1,
			}, append(slices.Clone(path), strings.Clone(m.Name))...)
		}
	}
	for _, v := range op.variables {
		if v.required && !slices.Contains(given, v.name) {
			p.fail(&plugins.FieldError{Message: fmt.Sprintf("the operation needs the variable $%s (%s)", v.name, v.kind), Hint: "write it here"}, path...)
		}
	}
	t, err := expr.ParseJSON(p.req.GraphQL.Variables, p.scope)
	if err != nil {
		p.unread(err, path...)
		return
	}
	p.mention(t, "graphql variables (expression)")
	body.variables, p.op.evaluates = t, p.op.evaluates || t.Dynamic()
}

func variableHint(name string, op *graphOperation) string {
	names := op.names()
	if s := expr.Suggest(name, names); s != "" {
		return fmt.Sprintf("did you mean %q?", s)
	}
	if len(names) > 0 {
		return "it declares " + strings.Join(names, ", ")
	}
	return "declare it in the document: " + op.kind + "($" + name + ": String)"
}

// variable makes ready a variable that is the argument of its name.
func (p *planner) variable(body *graphBody, v *graphVariable, path []string, inFile bool) {
	fail := func(message, hint string) {
		e := &plugins.FieldError{Message: message, Hint: hint, Offset: v.offset}
		if inFile {
			e.Offset = 0
		}
		p.fail(e, path...)
	}
	var names []string
	for i := range p.tool.Arguments {
		a := &p.tool.Arguments[i]
		name := a.Name
		if a.As != "" {
			name = a.As
		}
		if a.In != "" {
			continue
		}
		if name != v.name {
			names = append(names, name)
			continue
		}
		if v.required && a.Optional && !hasDefault(a.Schema) {
			fail(fmt.Sprintf("$%s (%s) must be given, but the argument %q is optional", v.name, v.kind, a.Name), "take `optional` away, or make the variable "+strings.TrimSuffix(v.kind, "!"))
		}
		p.mentioned[a.Name] = true
		p.op.places[a.Name] = "graphql $" + v.name
		body.fields = append(body.fields, *p.field(inBody, &plugins.Argument{Name: a.Name, As: v.name, Value: a.Value, Optional: a.Optional}))
		return
	}
	hint := fmt.Sprintf("declare it in `input`, or write `variables: {%s: ...}`", v.name)
	if s := expr.Suggest(v.name, names); s != "" {
		hint = fmt.Sprintf("did you mean %q?", s)
	}
	fail("there is no argument for the variable $"+v.name, hint)
}

func hasDefault(schema []byte) bool {
	members, err := split(schema)
	return err == nil && slices.ContainsFunc(members, func(m strictjson.Member) bool { return m.Name == "default" })
}

// write writes the request.
func (g *graphBody) write(b *builder) error {
	b.body = append(b.body, g.before...)
	switch {
	case g.variables != nil:
		b.body = append(b.body, `,"variables":`...)
		var err error
		if b.body, err = g.variables.Append(b.body, b.values); err != nil {
			return evaluation(err)
		}
	case len(g.fields) > 0:
		b.body = append(b.body, `,"variables":`...)
		if err := b.members(g.fields); err != nil {
			return err
		}
	}
	b.body = append(b.body, g.after...)
	return nil
}
