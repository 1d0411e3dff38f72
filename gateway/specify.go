package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// specify makes of a tool in a manifest what parts may know of it. Its Input
// is nil if the schema has problems.
func (b *builder) specify(source *config.Tool) *plugins.Tool {
	spec := &plugins.Tool{
		Kind: kindTool, Name: source.Name, Title: source.Title, Description: source.Description,
		Requires: source.Requires, IdempotencyHeader: source.Idempotency.Header,
	}
	switch {
	case source.Broken:
		return spec
	case source.InputSchema != nil:
		b.specifySchema(spec, source)
	case source.Input != nil:
		specifyInput(spec, source.Input.Properties, source.Input.Defs)
	default:
		specifyInput(spec, nil, nil)
	}
	if spec.InputSchema == nil {
		return spec
	}
	compiled, err := schema.Compile(spec.InputSchema)
	if err != nil {
		b.faultSchema(source, err)
		return spec
	}
	spec.Input = compiled
	return spec
}

// faultSchema tells of a schema that can't be compiled. A property of `input`
// that is wrong is taken out, to find out whether others are.
func (b *builder) faultSchema(source *config.Tool, err error) {
	b.faultInput(source, err)
	if source.Input == nil {
		return
	}
	properties := slices.Clone(source.Input.Properties)
	for range properties {
		var e *schema.Error
		if !errors.As(err, &e) || len(e.Path) < 2 || e.Path[0] != "properties" {
			return
		}
		for i := range properties {
			if properties[i].Name == e.Path[1] {
				properties[i].Schema = []byte("true")
			}
		}
		rest := &plugins.Tool{}
		specifyInput(rest, properties, source.Input.Defs)
		if _, err = schema.Compile(rest.InputSchema); err == nil {
			return
		}
		b.faultInput(source, err)
	}
}

// faultInput places mistakes in the input schema where that is written.
func (b *builder) faultInput(source *config.Tool, err error) {
	if source.Input == nil {
		if source.InputSchema != nil {
			b.fault(source.InputSchema.Place, err)
		}
		return
	}
	mistakes := schema.Errors{}
	if one := (*schema.Error)(nil); !errors.As(err, &mistakes) && errors.As(err, &one) {
		mistakes = schema.Errors{one}
	}
	for _, e := range mistakes {
		path := e.Path
		if len(path) > 0 && path[0] == "properties" {
			path = path[1:] // input is the properties themselves
		}
		b.problems = append(b.problems, source.Input.ProblemAt(path, e.Message, e.Hint, 0))
	}
	if len(mistakes) == 0 {
		b.fault(source.Input.Place, err)
	}
}

// specifyInput builds the input schema of declared arguments: an object that
// takes no others. Arguments that the gateway fills in are not in it.
func specifyInput(spec *plugins.Tool, properties []config.Property, defs []byte) {
	dst := []byte(`{"type":"object"`)
	var required []byte
	listed := 0
	for i := range properties {
		p := &properties[i]
		if p.Value != nil {
			spec.Arguments = append(spec.Arguments, argumentOf(p, p.Optional))
			continue
		}
		if listed++; listed == 1 {
			dst = append(dst, `,"properties":{`...)
		} else {
			dst = append(dst, ',')
		}
		dst = strictjson.AppendString(dst, p.Name)
		dst = append(append(dst, ':'), p.Schema...)
		optional := p.Optional || p.HasDefault
		if !optional {
			if required != nil {
				required = append(required, ',')
			}
			required = strictjson.AppendString(required, p.Name)
		}
		spec.Arguments = append(spec.Arguments, argumentOf(p, optional))
	}
	if listed > 0 {
		dst = append(dst, '}')
	}
	if required != nil {
		dst = append(append(append(dst, `,"required":[`...), required...), ']')
	}
	if bytes.Contains(dst, []byte(`"#/$defs/`)) && defs != nil {
		dst = append(append(dst, `,"$defs":`...), defs...)
	}
	spec.InputSchema = append(dst, `,"additionalProperties":false}`...)
}

// argumentOf is a declared argument as parts know it.
func argumentOf(p *config.Property, optional bool) plugins.Argument {
	return plugins.Argument{
		Name: p.Name, In: p.In, As: p.As, Style: p.Style, Explode: p.Explode, MediaType: p.MediaType,
		Value: p.Value, Optional: optional, Schema: p.Schema,
	}
}

// specifySchema takes an input schema as written; its top-level properties are
// the arguments.
func (b *builder) specifySchema(spec *plugins.Tool, source *config.Tool) {
	raw := source.InputSchema.Schema
	if len(raw) == 0 {
		return // it could not be read, and that is told
	}
	members, err := strictjson.Members(raw, nil)
	if err != nil || !hasTypeObject(members) {
		b.problems = append(b.problems, source.InputSchema.Problem(
			`want a schema of an object`, `add "type: object" at its top`))
		return
	}
	spec.InputSchema = compact(raw)
	required := make(map[string]bool)
	for i := range members {
		if members[i].Name == "required" {
			names, elementsErr := strictjson.Elements(members[i].Value, nil)
			for _, n := range names {
				if name, unquoteErr := strictjson.Unquote(n); unquoteErr == nil && elementsErr == nil {
					required[name] = true
				}
			}
		}
	}
	for i := range members {
		if members[i].Name == "properties" {
			spec.Arguments = schemaArguments(members[i].Value, required, source.In)
		}
	}
	b.checkPlaces(spec, source)
}

// hasTypeObject reports whether a schema says type: object.
func hasTypeObject(members []strictjson.Member) bool {
	for i := range members {
		if members[i].Name == "type" {
			return string(members[i].Value) == `"object"`
		}
	}
	return false
}

func schemaArguments(properties []byte, required map[string]bool, places map[string]string) []plugins.Argument {
	members, err := strictjson.Members(properties, nil)
	if err != nil {
		return nil
	}
	arguments := make([]plugins.Argument, 0, len(members))
	for i := range members {
		name := members[i].Name
		arguments = append(arguments, plugins.Argument{
			Name: name, In: places[name], Optional: !required[name], Schema: members[i].Value,
		})
	}
	return arguments
}

// checkPlaces refuses places of arguments that the schema doesn't declare.
func (b *builder) checkPlaces(spec *plugins.Tool, source *config.Tool) {
	for _, name := range slices.Sorted(maps.Keys(source.In)) {
		declared := false
		for i := range spec.Arguments {
			declared = declared || spec.Arguments[i].Name == name
		}
		if !declared {
			b.problems = append(b.problems, source.ProblemAt([]string{"in", name},
				fmt.Sprintf("input_schema has no property %q", name), "", 0))
		}
	}
}

func compact(raw []byte) []byte {
	var out bytes.Buffer
	if err := json.Compact(&out, raw); err != nil {
		return raw
	}
	return out.Bytes()
}

// annotationsOf are a tool's hints: those of the manifest, or else what the
// request's method says (RFC 9110, section 9.2).
func annotationsOf(written config.Annotations, operator plugins.Operator, steps bool) mcp.ToolAnnotations {
	hints := mcp.ToolAnnotations{
		ReadOnly: written.ReadOnly, Destructive: written.Destructive,
		Idempotent: written.Idempotent, OpenWorld: written.OpenWorld,
	}
	method, safe := "", !steps // a tool without a request changes nothing
	if operator != nil {
		method, safe = operator.Method(), operator.Safe()
	}
	hint(&hints.ReadOnly, safe)
	hint(&hints.Destructive, method == "DELETE" || method == "PUT" || method == "PATCH")
	hint(&hints.Idempotent, safe || method == "PUT" || method == "DELETE")
	return hints
}

// hint sets a hint that the manifest left open.
func hint(h **bool, value bool) {
	if *h == nil {
		*h = &value
	}
}

// admitted is the end of the server's own policies.
func admitted(context.Context, *plugins.Call) (*mcp.Result, error) { return nil, nil }
