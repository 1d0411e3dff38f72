package steps

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// maxFaults bounds how much of what is wrong with an answer is told.
const maxFaults = 5

// form checks what a person filled in. Its zero value asks for nothing.
type form struct {
	schema   *schema.Schema
	names    []string
	defaults map[string]any
}

// emptyForm asks for nothing but consent.
func emptyForm() ([]byte, *form) {
	return []byte(`{"type":"object","properties":{}}`), &form{}
}

// form compiles `schema` of a question: property name to schema, as in `input`.
// Each is required unless it has a default or says optional: true.
func (b *builder) form(raw json.RawMessage, path []string) ([]byte, *form) {
	if absent(raw) {
		return emptyForm()
	}
	properties, err := strictjson.Members(raw, nil)
	if err != nil {
		b.wrong("want a mapping of property names to schemas", "write e.g. {sure: {type: boolean}}", path...)
		return emptyForm()
	}
	if isWholeSchema(properties) {
		b.wrong("want the properties themselves, found a schema of an object", "write e.g. {sure: {type: boolean}}", path...)
		return emptyForm()
	}
	f := &form{defaults: make(map[string]any)}
	out, required := []byte(`{"type":"object","properties":{`), []string(nil)
	for i := range properties {
		p := &properties[i]
		if i > 0 {
			out = append(out, ',')
		}
		out = append(strictjson.AppendString(out, p.Name), ':')
		var optional bool
		if out, optional = b.property(out, f, p, under(path, p.Name)); !optional {
			required = append(required, p.Name)
		}
	}
	out = append(out, '}')
	if required != nil {
		out = append(out, `,"required":[`...)
		for i, name := range required {
			if i > 0 {
				out = append(out, ',')
			}
			out = strictjson.AppendString(out, name)
		}
		out = append(out, ']')
	}
	out = append(out, '}')
	b.compileForm(f, out, path)
	return out, f
}

// isWholeSchema reports whether the properties are the keywords of a schema.
func isWholeSchema(members []strictjson.Member) bool {
	return slices.ContainsFunc(members, func(m strictjson.Member) bool {
		return m.Name == "type" && string(m.Value) == `"object"`
	})
}

// property appends the schema of a property without our own keys, and reports
// whether an answer may leave it out.
func (b *builder) property(out []byte, f *form, p *strictjson.Member, path []string) ([]byte, bool) {
	f.names = append(f.names, strings.Clone(p.Name))
	members, err := strictjson.Members(p.Value, nil)
	if err != nil {
		b.wrong("want a schema, a mapping", "write e.g. {type: string}", path...)
		return append(out, `{"type":"string"}`...), true
	}
	optional, n := false, 0
	out = append(out, '{')
	for i := range members {
		switch m := &members[i]; m.Name {
		case "optional":
			if optional = string(m.Value) == "true"; !optional && string(m.Value) != "false" {
				b.wrong("want true or false", "", under(path, m.Name)...)
			}
			continue
		case "in", "as", "style", "explode":
			b.wrong(m.Name+" makes no sense in a question", "it places arguments in requests", under(path, m.Name)...)
			continue
		case "default":
			optional = true
			value, err := strictjson.Decode(m.Value, 0)
			if err != nil {
				b.fail(err, under(path, m.Name)...)
			}
			f.defaults[p.Name] = value
		}
		if n++; n > 1 {
			out = append(out, ',')
		}
		out = append(strictjson.AppendString(out, members[i].Name), ':')
		out = append(out, members[i].Value...)
	}
	return append(out, '}'), optional
}

// compileForm compiles the schema, and refuses what can't be asked.
func (b *builder) compileForm(f *form, raw []byte, path []string) {
	if err := mcp.CheckElicitationSchema(raw); err != nil {
		b.failForm(err, path)
		return
	}
	var err error
	if f.schema, err = schema.Compile(raw); err != nil {
		b.failForm(err, path)
		return
	}
	for _, v := range f.schema.Validate(f.defaults, nil) {
		name, _, _ := strings.Cut(strings.TrimPrefix(v.Pointer, "/"), "/")
		if _, ours := f.defaults[name]; ours && v.Fault != schema.FaultMissing {
			b.wrong("the default breaks its own schema: expected "+v.Expected+", got "+v.Got, "", under(path, name, "default")...)
		}
	}
}

// failForm places mistakes where the properties are written.
func (b *builder) failForm(err error, path []string) {
	all := schema.Errors{}
	if one := (*schema.Error)(nil); !errors.As(err, &all) && errors.As(err, &one) {
		all = schema.Errors{one}
	}
	for _, e := range all {
		at := e.Path
		if len(at) > 0 && at[0] == "properties" {
			at = at[1:]
		}
		b.wrong(e.Message, e.Hint, under(path, at...)...)
	}
	if len(all) == 0 {
		b.fail(err, path...)
	}
}

// read takes what was filled in: of the properties that were asked for, in
// their types, with the defaults of those left out. The text tells a person
// what is wrong with it; empty if nothing is.
func (f *form) read(content []byte) (map[string]any, string) {
	value, err := strictjson.Decode(content, 0)
	if err != nil {
		return nil, "it can't be read"
	}
	given, ok := value.(map[string]any)
	if !ok {
		return nil, "it is no form"
	}
	out := make(map[string]any, len(f.names))
	for _, name := range f.names {
		if v, there := given[name]; there && v != nil {
			out[name] = v
		} else if v, there := f.defaults[name]; there {
			out[name] = v
		}
	}
	if f.schema == nil {
		return out, ""
	}
	coerced, _ := f.schema.Coerce(out)
	if out, ok = coerced.(map[string]any); !ok {
		return nil, "it is no form"
	}
	bad := f.schema.Validate(out, nil)
	if len(bad) == 0 {
		return out, ""
	}
	lines := make([]string, 0, maxFaults)
	for _, v := range bad[:min(len(bad), maxFaults)] {
		lines = append(lines, describeViolation(&v))
	}
	return nil, strings.Join(lines, "; ")
}

// describeViolation says it in a person's words.
func describeViolation(v *schema.Violation) string {
	name := strings.NewReplacer("~1", "/", "~0", "~").Replace(strings.TrimPrefix(v.Pointer, "/"))
	if v.Fault == schema.FaultMissing {
		return name + " is missing"
	}
	return fmt.Sprintf("%s must be %s", name, v.Expected)
}
