package importer

import (
	"slices"
)

// bodyArguments makes arguments of what the body holds.
func (s *sent) bodyArguments(in *inputs, long *object) {
	switch {
	case s.upload:
		in.incomplete = true
		name := in.add("data", "", pairs("type", "string", "contentEncoding", "base64", "description", "What is sent, as base64."))
		in.input.set(name, without(in.input.object(name), "as"))
		long.set("bytes", "${{ args."+name+" }}")
		if s.mediaType != "" {
			long.set("media_type", s.mediaType)
		}
	case s.graphql != "":
		in.incomplete = true
		s.graphqlArguments(in, long)
	case len(s.form) > 0:
		in.incomplete = true
		s.formArguments(in, long)
	case !s.hasBody:
		if s.text != "" {
			in.incomplete = true
			name := in.add("body", "", pairs("type", "string", "description", "The text that is sent."))
			schema := in.input.object(name)
			schema.members = slices.DeleteFunc(schema.members, func(m member) bool { return m.key == "as" })
			long.set("text", "${{ args."+name+" }}")
		}
	default:
		s.jsonArguments(in, long)
	}
}

// jsonArguments makes arguments of the members of a JSON object; any other body
// is one argument.
func (s *sent) jsonArguments(in *inputs, long *object) {
	o, ok := s.body.(*object)
	if !ok {
		name := unused("body", in.names)
		in.input.set(name, withDescription(inferSchema(s.body, 0), "What is sent."))
		in.give(name, s.body)
		long.set("body", "${{ args."+name+" }}")
		return
	}
	where := ""
	if bodyless(s.method) {
		where = "body"
	}
	for _, m := range o.members {
		in.give(in.add(m.key, where, inferSchema(m.value, 0)), m.value)
	}
	if len(o.members) == 0 {
		long.set("body", &object{})
	}
}

// formArguments makes arguments of the fields of a form.
func (s *sent) formArguments(in *inputs, long *object) {
	mapping := &object{}
	hasFile := slices.ContainsFunc(s.form, func(f field) bool { return f.file })
	for _, f := range s.form {
		if mapping.has(f.name) {
			continue
		}
		schema := pairs("type", textType(f.value))
		if f.argument != "" {
			schema = pairs("type", "string")
		}
		where := "form"
		switch {
		case f.file:
			where, schema = "file", pairs("type", "string", "contentEncoding", "base64")
		case !s.multipart && (isListName(f.name) || times(s.form, f.name) > 1):
			schema = pairs("type", "array", "items", schema)
		case s.multipart && !hasFile:
			where = "" // its place is said in the request
		}
		name := in.add(f.name, where, withDescription(schema, f.about))
		if property := in.input.object(name); f.mediaType != "" && where == "file" {
			property.set("media_type", f.mediaType)
		}
		mapping.set(f.name, "${{ args."+name+" }}")
		if where == "" {
			in.input.set(name, without(in.input.object(name), "as"))
		}
	}
	if s.multipart && !hasFile {
		long.set("multipart", mapping)
	}
}

// times counts the fields of a name.
func times(all []field, name string) int {
	n := 0
	for i := range all {
		if all[i].name == name {
			n++
		}
	}
	return n
}

// graphqlArguments makes arguments of the variables of a GraphQL document.
func (s *sent) graphqlArguments(in *inputs, long *object) {
	document := variableText(s.graphql)
	variables, renamed := &object{}, false
	if o, ok := s.body.(*object); ok {
		for _, m := range o.members {
			name := in.add(m.key, "", inferSchema(m.value, 0))
			in.input.set(name, without(in.input.object(name), "as"))
			variables.set(m.key, "${{ args."+name+" }}")
			renamed = renamed || name != m.key
		}
	}
	if !renamed {
		long.set("graphql", document)
		return
	}
	long.set("graphql", pairs("document", document, "variables", variables))
}
