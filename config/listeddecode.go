package config

import (
	"reflect"
	"strings"
)

// named gives what is decoded from a member of a mapping of named things its
// name.
func named(s site, v reflect.Value) {
	switch to := v.Addr().Interface().(type) {
	case *Tool:
		to.Name = s.name
	case *Resource:
		to.URI = s.name
		to.Template = strings.Contains(s.name, "{")
	case *Prompt:
		to.Name = s.name
	}
}

// setParts puts the settings of a group where the struct takes them: into its
// map, or a single one into its only setting.
func setParts(v reflect.Value, settings map[string]Setting) {
	only, single := v.Addr().Interface().(*Setting)
	if !single {
		v.Set(reflect.ValueOf(settings))
		return
	}
	for _, setting := range settings {
		*only = setting
	}
}

// arguments decodes the declared arguments of a prompt in their order.
func (d *decoder) arguments(s site) []Argument {
	if s.node.kind != mappingNode {
		d.wrong(s, "a mapping of argument names to what they are", "write {customer_id: {description: …}}")
		return nil
	}
	out := make([]Argument, len(s.node.members))
	for i := range s.node.members {
		below := s.member(&s.node.members[i])
		out[i].Name = below.name
		out[i].Place = below.place()
		if !below.node.isNull() && !below.node.broken {
			d.value(below, reflect.ValueOf(&out[i]).Elem(), nil)
		}
	}
	return out
}
