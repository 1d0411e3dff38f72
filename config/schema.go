package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// described is what types offer that describe themselves.
type described interface{ JSONSchema() map[string]any }

// object is a JSON object; it is written with its members sorted.
type object = map[string]any

// Schema returns the JSON Schema (draft-07, which editors know) of the manifest
// language with the given parts. The same parts give the same bytes.
func Schema(parts Parts) ([]byte, error) {
	g := schemas{
		loader: newLoader(Source{}, parts), names: make(map[reflect.Type]string), definitions: make(object),
	}
	root := g.structure(reflect.TypeFor[Manifest](), nil, "")
	root["$schema"] = "http://json-schema.org/draft-07/schema#"
	if properties, ok := root["properties"].(object); ok {
		properties["version"] = describedAs(orVariable(object{"const": manifestVersion}), "Version of the manifest language; always 1.")
		for key, pattern := range map[string]string{"tools": toolName.String(), "prompts": toolName.String(), "resources": uriScheme.String()} {
			if mapping, isObject := properties[key].(object); isObject {
				mapping["propertyNames"] = object{"pattern": pattern}
			}
		}
	}
	root["title"] = "sallyport manifest"
	g.definitions["variable"] = object{
		"description": "A text with environment variables: ${VAR}, ${VAR:-default}, ${VAR:?message}; $$ is a dollar.",
		"type":        "string", "pattern": `\$\{[A-Za-z_][A-Za-z0-9_]*(:[-?].*)?\}`,
	}
	g.definitions["secret"] = object{
		"description": "A secret: a text, {file: path} or {env: VAR}.",
		"anyOf": []any{
			object{"type": []any{"string", "number"}},
			single("file", "Path of a file that holds it."),
			single("env", "Environment variable that holds it."),
		},
	}
	root["definitions"] = g.definitions
	// An included file needs no version: one that holds nothing but what may be
	// included is taken for such.
	root["if"] = object{"propertyNames": object{"enum": []any{"include", "prompts", "resources", "tools", "upstreams"}}}
	root["then"] = object{}
	root["else"] = object{"required": root["required"]}
	delete(root, "required")
	return json.MarshalIndent(root, "", "  ")
}

func single(key, doc string) object {
	return object{
		"type": "object", "properties": object{key: object{"type": "string", "description": doc}},
		"required": []any{key}, "additionalProperties": false,
	}
}

// schemas makes schemas of types.
type schemas struct {
	loader *loader
	// names are those of the types that have been described in definitions.
	names       map[reflect.Type]string
	definitions object
}

// once describes a type with a name in definitions, and returns a reference:
// it may contain itself, and is used more than once.
func (g schemas) once(t reflect.Type, describe func() object) object {
	if t.Name() == "" {
		return describe()
	}
	name, known := g.names[t]
	if !known {
		name = g.definitionName(t)
		g.names[t] = name
		g.definitions[name] = describe()
	}
	return object{"$ref": "#/definitions/" + name}
}

// definitionName makes a name for a type that no other has.
func (g schemas) definitionName(t reflect.Type) string {
	base := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return '_'
	}, t.String())
	name := base
	for n := 2; name == "secret" || name == "variable" || slices.Contains(slices.Collect(maps.Values(g.names)), name); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	return name
}

func orVariable(s object) object {
	return object{"anyOf": []any{s, object{"$ref": "#/definitions/variable"}}}
}

// of returns the schema of a type; f is the field's tag, nil if there is none.
func (g schemas) of(t reflect.Type, f *field) object {
	t = indirect(t)
	if s := g.special(t); s != nil {
		return s
	}
	switch {
	case isJSON(t):
		return object{}
	case isSecret(t):
		return object{"$ref": "#/definitions/secret"}
	case isDuration(t):
		return orVariable(object{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`})
	case f != nil && f.size:
		return orVariable(object{"anyOf": []any{
			object{"type": "integer", "minimum": leastSize(f)},
			object{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$`},
		}})
	}
	return g.kind(t, f)
}

// leastSize is the least number of bytes of a size.
func leastSize(f *field) int64 {
	n, bad := parseSize(f.min)
	if bad != nil {
		return 0
	}
	return n
}

// special describes the types that aren't described by their fields.
func (g schemas) special(t reflect.Type) object {
	if d, ok := reflect.New(t).Interface().(described); ok {
		return d.JSONSchema()
	}
	if shapes, ok := alternativesOf(t); ok {
		return g.once(t, func() object { return g.either(t, shapes) })
	}
	switch t {
	case reflect.TypeFor[[]Argument]():
		return object{"type": "object", "additionalProperties": object{"anyOf": []any{g.kind(reflect.TypeFor[Argument](), nil), object{"type": "null"}}}}
	case reflect.TypeFor[Input]():
		property := g.structure(reflect.TypeFor[Property](), nil, "")
		property["additionalProperties"] = true
		return object{"type": "object", "additionalProperties": object{"anyOf": []any{property, object{"type": "boolean"}}}}
	case reflect.TypeFor[SchemaRef]():
		return object{"type": "object"}
	case reflect.TypeFor[Upstream]():
		return g.upstream()
	}
	if !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return nil
	}
	short := object{"type": []any{"string", "number", "boolean"}}
	switch t.Kind() {
	case reflect.Struct:
		if len(g.loader.types.of(t).fields) == 0 {
			return short
		}
		return object{"anyOf": []any{short, g.kind(t, nil)}}
	case reflect.Slice, reflect.Map:
		return object{"anyOf": []any{short, g.kind(t, nil)}}
	default:
		return short
	}
}

// either describes a type that is written in several shapes.
func (g schemas) either(t reflect.Type, shapes alternatives) object {
	var all []any
	shapes.each(func(shape reflect.Type) {
		if shape == t {
			all = append(all, g.structure(t, nil, ""))
			return
		}
		all = append(all, g.of(shape, nil))
	})
	return object{"anyOf": all}
}

// kind describes by the kind of Go type.
func (g schemas) kind(t reflect.Type, f *field) object {
	switch t.Kind() {
	case reflect.Struct:
		return g.once(t, func() object { return g.structure(t, nil, "") })
	case reflect.Map:
		return object{"type": "object", "additionalProperties": g.of(t.Elem(), nil)}
	case reflect.Slice:
		item := g.of(t.Elem(), f)
		list := object{"type": "array", "items": item}
		return object{"anyOf": []any{item, list}}
	case reflect.String:
		if f != nil && f.enum != nil {
			values := make([]any, len(f.enum))
			for i, v := range f.enum {
				values[i] = v
			}
			return orVariable(object{"type": "string", "enum": values})
		}
		return object{"type": []any{"string", "number", "boolean"}}
	case reflect.Bool:
		return orVariable(object{"type": "boolean"})
	case reflect.Float32, reflect.Float64:
		s := object{"type": "number"}
		if f != nil && f.min != "" {
			if n, ok := jsonNumber(f.min); ok {
				s["minimum"] = json.Number(n)
			}
		}
		return orVariable(s)
	default:
		s := object{"type": "integer"}
		if f != nil && f.min != "" {
			if n, err := parseInt(f.min, 64); err == nil {
				s["minimum"] = n
			}
		}
		return orVariable(s)
	}
}

// structure describes a struct. policies are parts that may stand beside its
// fields, and group those of its own.
func (g schemas) structure(t reflect.Type, policies []Part, doc string) object {
	properties := object{}
	var required []any
	st := g.loader.types.of(t)
	for i := range st.fields {
		f := &st.fields[i]
		s := g.of(f.typ, f)
		if f.doc != "" {
			s = describedAs(s, f.doc)
		}
		if f.hasDefault {
			s["default"] = defaultJSON(f)
		}
		properties[f.name] = s
		if f.required {
			required = append(required, f.name)
		}
	}
	path := []string{"tools", "x"}
	if t == reflect.TypeFor[Defaults]() {
		path = []string{"defaults"}
	}
	for _, p := range append(g.loader.group(st.group, path), policies...) {
		properties[p.Key] = g.part(p, st.group != "auth")
	}
	s := object{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	if doc != "" {
		s["description"] = doc
	}
	return s
}

// part describes the value of a part's key.
func (g schemas) part(p Part, canBeOff bool) object {
	s := g.of(p.Settings, nil)
	if canBeOff {
		s = object{"anyOf": []any{s, object{"const": "none", "description": "Switched off."}}}
	}
	return describedAs(s, p.Doc)
}

// upstream describes an upstream: any of the kinds, with policies.
func (g schemas) upstream() object {
	kinds := make([]any, 0, len(g.loader.parts.Kinds))
	for _, k := range g.loader.parts.Kinds {
		s := g.structure(indirect(k.Settings), g.loader.parts.Upstream, k.Doc)
		if required, _ := s["required"].([]any); len(required) == 0 {
			s["required"] = []any{k.Key}
		}
		kinds = append(kinds, s)
	}
	if len(kinds) == 1 {
		if only, ok := kinds[0].(object); ok {
			return only
		}
	}
	return object{"anyOf": kinds}
}

// describedAs adds a description; beside $ref others are ignored in draft-07.
func describedAs(s object, doc string) object {
	if _, ref := s["$ref"]; ref {
		s = object{"allOf": []any{s}}
	}
	s["description"] = doc
	return s
}

// defaultJSON is a default as JSON: a number or boolean, or a text.
func defaultJSON(f *field) any {
	t := indirect(f.typ)
	switch {
	case strings.HasPrefix(f.def, "["), strings.HasPrefix(f.def, "{"):
		first, _, err := decodeDocuments([]byte(f.def))
		if err != nil || first == nil {
			return f.def
		}
		b := builder{file: &file{}, verbatim: true, report: func(Problem) {}}
		d := decoder{loader: newLoader(Source{}, Parts{})}
		return json.RawMessage(d.appendJSON(nil, site{node: b.build(first.Content[0], 1)}, nil))
	case isDuration(t), f.size:
		return f.def
	}
	if b, ok := boolText(f.def); ok && t.Kind() == reflect.Bool {
		return b
	}
	if n, ok := jsonNumber(f.def); ok && t.Kind() != reflect.String && t.Kind() != reflect.Slice && t.Kind() != reflect.Struct {
		return json.Number(n)
	}
	return f.def
}
