package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// manifest decodes the merged files.
func (d *decoder) manifest(root *node, m *Manifest) {
	d.root = root
	d.badDefaults, d.exposed = make(map[string]bool), make(map[string]string)
	d.object(site{node: root}, reflect.ValueOf(m).Elem(), nil)
	for name, up := range m.Upstreams {
		up.Name = name
	}
	for name, e := range m.Endpoints {
		e.Path = name
	}
	d.addExamples(m)
	d.inherit(m)
}

// rootKeys are the keys of a manifest.
func (l *loader) rootKeys() []string {
	return l.types.of(reflect.TypeFor[Manifest]()).names()
}

// group returns the parts whose keys may stand at the path.
func (l *loader) group(name string, path []string) []Part {
	switch name {
	case "tool":
		if len(path) > 0 && path[0] == "defaults" {
			return slices.DeleteFunc(slices.Clone(l.parts.Tool), func(p Part) bool { return p.ToolOnly })
		}
		return l.parts.Tool
	case "upstream":
		return l.parts.Upstream
	case "resource":
		return l.parts.Resource
	case "prompt":
		return l.parts.Prompt
	case "complete":
		return l.parts.Complete
	case "auth":
		return l.parts.Auth
	case "server":
		return l.parts.Server
	default:
		return nil
	}
}

// settings decodes the keys of parts.
func (d *decoder) settings(s site, group []Part) map[string]Setting {
	out := make(map[string]Setting)
	for i := range group {
		if m := s.node.get(group[i].Key); m != nil {
			before := d.errors()
			out[group[i].Key] = d.setting(s.member(m), &group[i])
			if s.path[0] == "defaults" && d.errors() > before {
				d.badDefaults[group[i].Key] = true
			}
		}
	}
	return out
}

// setting decodes the value of one part's key.
func (d *decoder) setting(s site, p *Part) Setting {
	if s.node.isNone() && s.path[0] != "auth" {
		return Setting{Place: s.place(), Off: true}
	}
	if p.Merge && (s.path[0] == "tools" || s.path[0] == "resources") && !d.badDefaults[p.Key] {
		if from := d.root.get("defaults"); from != nil {
			s.node = merged(s.node, from.value.get(p.Key))
		}
	}
	v := reflect.New(p.Settings).Elem()
	before, told := d.errors(), len(d.problems)
	d.value(s, v, &field{name: p.Key})
	setting := Setting{Place: s.place(), Value: v.Interface(), Broken: d.errors() > before}
	for i := told; setting.Broken && i < len(d.problems); i++ {
		setting.told = append(setting.told, d.problems[i].Path)
	}
	return setting
}

// merged lays a mapping over another, key by key.
func merged(over *node, under *member) *node {
	if over.kind != mappingNode || under == nil || under.value.kind != mappingNode {
		return over
	}
	both := *over
	both.members = slices.Clone(over.members)
	for _, m := range under.value.members {
		if over.get(m.key.raw) == nil {
			both.members = append(both.members, m)
		}
	}
	return &both
}

// inherit gives tools, resources and prompts the defaults that they don't have
// themselves.
func (d *decoder) inherit(m *Manifest) {
	for _, tool := range m.Tools {
		tool.Parts = inherited(tool.Parts, m.Defaults.Parts)
		for own, from := range map[**bool]*bool{
			&tool.Annotations.ReadOnly:    m.Defaults.Annotations.ReadOnly,
			&tool.Annotations.Destructive: m.Defaults.Annotations.Destructive,
			&tool.Annotations.Idempotent:  m.Defaults.Annotations.Idempotent,
			&tool.Annotations.OpenWorld:   m.Defaults.Annotations.OpenWorld,
		} {
			if *own == nil {
				*own = from
			}
		}
	}
	resources, prompts := d.shared(m, d.parts.Resource), d.shared(m, d.parts.Prompt)
	for _, resource := range m.Resources {
		resource.Parts = inherited(resource.Parts, resources)
	}
	for _, prompt := range m.Prompts {
		prompt.Parts = inherited(prompt.Parts, prompts)
	}
}

// shared are the defaults whose keys are in the group, with the same settings.
func (d *decoder) shared(m *Manifest, group []Part) map[string]Setting {
	out := make(map[string]Setting)
	for i := range group {
		setting, written := m.Defaults.Parts[group[i].Key]
		same := slices.ContainsFunc(d.parts.Tool, func(p Part) bool {
			return p.Key == group[i].Key && p.Settings == group[i].Settings
		})
		if written && same {
			out[group[i].Key] = setting
		}
	}
	return out
}

// inherited adds to a thing's own settings the defaults that it doesn't have.
func inherited(own, defaults map[string]Setting) map[string]Setting {
	if own == nil {
		own = make(map[string]Setting)
	}
	for key, setting := range defaults {
		if _, has := own[key]; !has {
			own[key] = setting
		}
	}
	return own
}

// upstream decodes an upstream: the policies on it, and all other keys as
// settings of its kind.
func (d *decoder) upstream(s site, up *Upstream) {
	if s.node.kind != mappingNode {
		d.wrong(s, "a mapping of keys and values", `write {url: "https://…"}`)
		return
	}
	up.Place = s.place()
	up.Parts = d.settings(s, d.parts.Upstream)
	policies := make([]string, len(d.parts.Upstream))
	for i, p := range d.parts.Upstream {
		policies[i] = p.Key
	}
	kind, names := d.upstreamKind(s.node)
	if kind == nil {
		for _, m := range s.node.members {
			if m.value.kind != scalarNode {
				hide(m.value)
			}
		}
		for _, m := range s.node.members {
			if near := nearest(m.key.raw, names); near != "" {
				d.report(place(m.key, nil, up.Path+"."+m.key.raw).Problem(
					fmt.Sprintf("unknown field %q in %s", clip(m.key.raw), owner(s.path)), fmt.Sprintf("did you mean %q?", near)))
				return
			}
			if other := otherWord(m.key.raw, names); other != "" {
				d.report(place(m.key, nil, up.Path+"."+m.key.raw).Problem(fmt.Sprintf("unknown field %q in %s", clip(m.key.raw), owner(s.path)), other))
				return
			}
		}
		hint := ""
		if slices.Contains(names, "url") {
			hint = `write url: "https://…"`
		}
		d.problem(s, owner(s.path)+" lacks "+strings.Join(names, " or "), hint)
		return
	}
	own := *s.node
	own.members = slices.DeleteFunc(slices.Clone(own.members), func(m member) bool { return slices.Contains(policies, m.key.raw) })
	below := s
	below.node = &own
	v := reflect.New(kind.Settings)
	up.Kind = kind.Key
	before := d.errors()
	if e := v.Elem(); e.Kind() == reflect.Struct {
		d.object(below, e, policies)
		if d.errors() == before {
			d.validate(below, e)
		}
	} else {
		d.value(below, e, nil)
	}
	failed := d.errors() > before
	up.Settings = Setting{Place: up.Place, Value: v.Elem().Interface(), Broken: failed || own.holdsBroken()}
	up.Unexposed = kind.Expose != nil
	if kind.Expose != nil && !failed && describes(own.members, s.path) {
		d.expose(s, up, kind)
	}
}

// describes reports whether all that an upstream exposes hangs on could be read:
// all but its credentials.
func describes(settings []member, path []string) bool {
	return !slices.ContainsFunc(settings, func(m member) bool { return m.value.holdsBroken() && !concealsAll(m.key.raw, path) })
}

// upstreamKind returns the first kind whose key the upstream has, and the keys
// of all kinds.
func (d *decoder) upstreamKind(n *node) (*Part, []string) {
	var found *Part
	names := make([]string, len(d.parts.Kinds))
	for i := range d.parts.Kinds {
		names[i] = d.parts.Kinds[i].Key
		if found == nil && n.get(names[i]) != nil {
			found = &d.parts.Kinds[i]
		}
	}
	return found, names
}

// input decodes the declared arguments in their order.
func (d *decoder) input(s site, in *Input) {
	if s.node.kind != mappingNode {
		d.wrong(s, "a mapping of argument names to JSON Schemas", "write {customer_id: {type: string}}")
		return
	}
	in.Place = s.place()
	if properties := wholeSchema(s.node); properties != nil {
		d.problem(s, "this is a whole JSON Schema, but input holds the arguments themselves",
			"write here what is under properties, or write input_schema in place of input")
		s = s.member(properties)
	}
	for i := range s.node.members {
		m := &s.node.members[i]
		if m.key.raw == "$defs" {
			in.Defs = d.definitions(s.member(m))
			continue
		}
		in.Properties = append(in.Properties, d.property(s.member(m)))
	}
}

// definitions decodes what schemas of arguments refer to.
func (d *decoder) definitions(s site) json.RawMessage {
	if s.node.kind != mappingNode {
		d.wrong(s, "a mapping of names to JSON Schemas", "")
		return nil
	}
	return d.appendJSON(nil, s, nil)
}

// wholeSchema returns the properties of a mapping that is a JSON Schema of an
// object rather than a mapping of arguments to schemas; nil if it is none.
func wholeSchema(n *node) *member {
	properties := n.get("properties")
	if properties == nil || properties.value.kind != mappingNode {
		return nil
	}
	kind, required, dialect := n.get("type"), n.get("required"), n.get("$schema")
	if kind != nil && kind.value.kind == scalarNode || required != nil && required.value.kind == sequenceNode ||
		dialect != nil && dialect.value.kind == scalarNode {
		return properties
	}
	return nil
}

// property takes our keywords out of an argument's schema.
func (d *decoder) property(s site) Property {
	p := Property{Place: s.place(), Name: s.name}
	if _, isBool := boolText(s.node.text); s.node.kind == scalarNode && isBool && s.node.coreType() == "bool" {
		p.Schema = d.appendJSON(nil, s, nil)
		return p
	}
	if s.node.kind != mappingNode {
		d.wrong(s, "a JSON Schema", "write {type: string}")
		return p
	}
	ours := make(map[string]bool)
	v := reflect.ValueOf(&p).Elem()
	t := d.types.of(v.Type())
	for i := range t.fields {
		f := &t.fields[i]
		if m := s.node.get(f.name); m != nil {
			d.value(s.member(m), v.FieldByIndex(f.index), f)
			ours[f.name] = true
		}
	}
	if m := s.node.get("required"); m != nil && m.value.kind == scalarNode {
		d.wrong(s.member(m), "a list of property names", "arguments are required unless they have a default or optional: true")
	}
	// What the gateway fills in has no default: nobody can leave it out.
	p.HasDefault, ours["default"] = s.node.get("default") != nil && p.Value == nil, p.Value != nil
	p.Schema = d.appendJSON(nil, s, ours)
	return p
}
