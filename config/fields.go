package config

import (
	"reflect"
	"strings"
	"time"
)

// structType is what a struct's tags say of the mapping it is decoded from.
type structType struct {
	fields []field
	// place is the index of an embedded Place, nil if there is none.
	place []int
	// parts is the index of the field that takes the keys of a group of Parts,
	// nil if there is none.
	parts []int
	group string
}

// field is a key of a mapping.
type field struct {
	name, doc  string
	typ        reflect.Type
	index      []int
	required   bool
	size, path bool
	enum       []string
	def        string
	hasDefault bool
	// min is the least value, in the field's own syntax; empty if any will do.
	min string
}

// fieldTypes caches what tags say.
type fieldTypes map[reflect.Type]*structType

// of reads the tags of a struct.
func (c fieldTypes) of(t reflect.Type) *structType {
	if s, ok := c[t]; ok {
		return s
	}
	s := &structType{}
	c[t] = s
	s.add(t, nil)
	return s
}

// add collects the fields of t, which is found at the index.
func (s *structType) add(t reflect.Type, index []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		at := append(append([]int(nil), index...), i)
		tag, tagged := f.Tag.Lookup("manifest")
		name, options, _ := strings.Cut(tag, ",")
		has := func(option string) bool {
			for o := range strings.SplitSeq(options, ",") {
				if o == option {
					return true
				}
			}
			return false
		}
		_, group, inParts := strings.Cut(options, "parts=")
		switch {
		case f.Type == reflect.TypeFor[Place]():
			s.place = at
		case !f.IsExported() || name == "-":
		case inParts:
			s.parts, s.group = at, group
		case has("inline"), f.Anonymous && !tagged && f.Type.Kind() == reflect.Struct:
			s.add(f.Type, at)
		case name != "":
			d, hasDefault := f.Tag.Lookup("default")
			s.fields = append(s.fields, field{
				name: name, doc: f.Tag.Get("doc"), typ: f.Type, index: at,
				required: has("required"), size: has("size"), path: has("path"),
				enum: splitList(f.Tag.Get("enum")), def: d, hasDefault: hasDefault, min: f.Tag.Get("min"),
			})
		}
	}
}

func splitList(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// names returns the keys of the fields.
func (s *structType) names() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names
}

// The types with a meaning of their own.
func isDuration(t reflect.Type) bool { return t == reflect.TypeFor[time.Duration]() }

type secretSetter interface{ SetSecret(string) }

type validator interface{ Validate() error }

func isSecret(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[secretSetter]())
}

func indirect(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// holdsSecret reports whether a value of the type can have a secret in it.
func holdsSecret(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	if isSecret(t) {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsSecret(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsSecret(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}
