package config

import (
	"reflect"
	"strings"
)

// either is what a type offers that is written in several shapes: pointers to
// what a scalar, a list and a mapping are decoded into, nil for what it can't
// be.
type either interface {
	Either() (scalar, list, mapping any)
}

// either decodes into what fits the shape of the value. One value is a list of
// one where it can't be anything else.
func (d *decoder) either(s site, v reflect.Value, to either, f *field) {
	if t := v.Type(); t.Kind() == reflect.Struct {
		if at := d.types.of(t).place; at != nil {
			v.FieldByIndex(at).Set(reflect.ValueOf(s.place()))
		}
	}
	scalar, list, mapping := to.Either()
	target := pointed(list)
	switch s.node.kind {
	case scalarNode:
		if isTarget(scalar) {
			target = pointed(scalar)
		}
	case mappingNode:
		if isTarget(mapping) {
			target = pointed(mapping)
		}
	}
	switch {
	case !target.IsValid():
		d.wrong(s, shapes(scalar, list, mapping), flowHint(s.node))
	case target.Type() == v.Type():
		d.kind(s, v, f)
	default:
		d.value(s, target, f)
	}
}

// isTarget reports whether one of the three is given.
func isTarget(pointer any) bool { return pointed(pointer).IsValid() }

// pointed returns what a pointer in an interface points to; invalid if there is
// none.
func pointed(pointer any) reflect.Value {
	v := reflect.ValueOf(pointer)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return reflect.Value{}
	}
	return v.Elem()
}

// shapes says in words what a value may be.
func shapes(scalar, list, mapping any) string {
	var all []string
	for _, one := range []struct {
		pointer any
		name    string
	}{{scalar, "a single value"}, {list, "a list"}, {mapping, "a mapping"}} {
		if isTarget(one.pointer) {
			all = append(all, one.name)
		}
	}
	if len(all) == 0 {
		return "nothing here"
	}
	last := len(all) - 1
	if last == 0 {
		return all[0]
	}
	return strings.Join(all[:last], ", ") + " or " + all[last]
}

// alternatives are the types behind a type that is written in several shapes,
// nil for a shape it can't have.
type alternatives struct{ scalar, list, mapping reflect.Type }

// alternativesOf returns the shapes of a type that has several.
func alternativesOf(t reflect.Type) (alternatives, bool) {
	e, ok := reflect.New(t).Interface().(either)
	if !ok {
		return alternatives{}, false
	}
	typeOf := func(pointer any) reflect.Type {
		if v := pointed(pointer); v.IsValid() {
			return v.Type()
		}
		return nil
	}
	scalar, list, mapping := e.Either()
	return alternatives{typeOf(scalar), typeOf(list), typeOf(mapping)}, true
}

// each calls what with the types there are.
func (a alternatives) each(what func(reflect.Type)) {
	for _, t := range []reflect.Type{a.scalar, a.list, a.mapping} {
		if t != nil {
			what(t)
		}
	}
}
