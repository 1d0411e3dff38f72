package config

import (
	"encoding"
	"reflect"
	"slices"
	"strings"
)

// list decodes into a slice; a single value is a list of one.
func (d *decoder) list(s site, v reflect.Value, f *field) {
	if s.node.kind == mappingNode && v.Type().Elem().Kind() == reflect.String {
		hint := flowHint(s.node)
		if hint == "" {
			hint = "write [a, b]"
		}
		d.wrong(s, "a list of texts", hint)
		return
	}
	if d.wantsList(s, v.Type().Elem()) || d.commas(s, v.Type().Elem()) {
		return
	}
	if s.node.kind != sequenceNode {
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		d.value(s, v.Index(0), f)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.node.items), len(s.node.items)))
	for i := range s.node.items {
		d.value(s.item(i), v.Index(i), f)
	}
}

// wantsList reports a value that can't be a list of one: a scalar in place of a
// list of mappings, or a mapping of names to these.
func (d *decoder) wantsList(s site, elem reflect.Type) bool {
	if elem.Kind() != reflect.Struct || isSecret(elem) || reflect.PointerTo(elem).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return false
	}
	t := d.types.of(elem)
	if t.parts != nil {
		return false
	}
	names := t.names()
	named := s.node.kind == mappingNode && len(s.node.members) > 0 && !slices.ContainsFunc(s.node.members, func(m member) bool {
		return m.value.kind != mappingNode || slices.Contains(names, m.key.raw)
	})
	if s.node.kind != scalarNode && !named {
		return false
	}
	d.wrong(s, "a list of mappings", listHint(t))
	return true
}

// commas reports a text that was meant to be several. In quotes it is what it
// looks like.
func (d *decoder) commas(s site, elem reflect.Type) bool {
	if elem.Kind() != reflect.String || s.node.kind != scalarNode || s.node.style != plain || !strings.Contains(s.node.raw, ", ") {
		return false
	}
	d.wrong(s, "a list of texts", "write ["+clip(s.node.raw)+"]")
	return true
}
