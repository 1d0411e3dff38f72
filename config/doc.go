// Package config turns YAML files into a [Manifest]: typed, strict, every value
// with its file, line and column.
//
// [Load] reads a file, what it includes, or a folder; expands environment
// variables in scalars; decodes by the struct tags of manifest.go and of the
// settings types that [Parts] bring along; and returns either a manifest or all
// [Problems] at once. The same structs give the JSON Schema for editors
// ([Schema]) and the reference ([Reference]).
//
// A struct field is decoded by its tags:
//
//	manifest:"name,options"  the key; required, size (bytes: 1MiB), path (made
//	                         absolute from the file's folder), inline, and
//	                         parts=GROUP for a map[string]Setting that takes the
//	                         keys of that group of Parts
//	default:"5s"             the value if the key is absent, as in a manifest
//	enum:"a,b"               the texts allowed
//	min:"1"                  the least number, duration or size
//	doc:"One sentence."      for schema and reference
//
// Strings, booleans, numbers, durations, lists (one value is a list of one),
// maps, structs and pointers are decoded as expected. A type may also have
// methods: UnmarshalText takes a scalar, which for a struct is its short form;
// SetSecret takes a secret (a text, {file: path} or {env: VAR}); Validate is
// called after decoding; JSONSchema describes an odd type to editors. Errors of
// these methods that offer FieldPath, FieldMessage, FieldHint and FieldOffset
// are shown at that place. json.RawMessage takes any value as JSON, verbatim.
//
// A type that is written in several shapes has a method on its pointer
//
//	Either() (scalar, list, mapping any)
//
// which returns pointers to what a scalar, a list and a mapping are decoded
// into, or nil for a shape the value can't have; the pointer may be to the type
// itself, for one that is decoded by its own fields. Where there is no other way
// to read it, one value is a list of one. An embedded Place is set, and Validate
// is called on what was pointed to, and then on the type:
//
//	type parallel struct {
//		most  int    // parallel: 4
//		steps []step // parallel: [...]
//	}
//
//	func (p *parallel) Either() (scalar, list, mapping any) {
//		return &p.most, &p.steps, nil
//	}
//
// Types may contain themselves.
package config
