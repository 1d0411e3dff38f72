package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// decoder fills Go values from nodes, by the tags of their types.
type decoder struct {
	*loader
	// root is the manifest's mapping.
	root *node
	// badDefaults are the keys of defaults that couldn't be decoded.
	badDefaults map[string]bool
	// exposed are the upstreams that describe tools, by the tools' names; copied
	// says that the mapping of tools may be added to.
	exposed map[string]string
	copied  bool
}

// site is a node and the way to it.
type site struct {
	node, key *node
	path      []string
	// name is what messages call the value: the last key of the path.
	name string
}

// member goes down to a member of the mapping.
func (s site) member(m *member) site {
	return site{m.value, m.key, append(slices.Clip(s.path), m.key.raw), m.key.raw}
}

// item goes down to an item of the list.
func (s site) item(i int) site {
	return site{s.node.items[i], nil, append(slices.Clip(s.path), strconv.Itoa(i)), s.name}
}

func (s site) place() Place { return place(s.node, s.key, strings.Join(s.path, ".")) }

// problem reports what is wrong with the value.
func (d *decoder) problem(s site, message, hint string) {
	p := s.place().Problem(message, hint)
	d.report(p)
}

// wrong reports a value of a wrong type.
func (d *decoder) wrong(s site, want, hint string) {
	name := ""
	if s.name != "" {
		name = fmt.Sprintf(" for %q", clip(s.name))
	}
	d.problem(s, fmt.Sprintf("want %s%s, found %s", want, name, describe(s.node)), hint)
}

// value decodes the node into v. f is the field's tag, nil if there is none.
func (d *decoder) value(s site, v reflect.Value, f *field) {
	if v.Kind() == reflect.Pointer {
		target := reflect.New(v.Type().Elem())
		d.value(s, target.Elem(), f)
		v.Set(target)
		return
	}
	if s.node.broken {
		return
	}
	if isJSON(v.Type()) {
		d.json(s, v)
		return
	}
	if s.node.isNull() {
		d.problem(s, fmt.Sprintf("%q has no value", clip(s.name)), "give it a value, or take the key away")
		return
	}
	before := d.errors()
	if !d.special(s, v, f) && !d.text(s, v) {
		d.kind(s, v, f)
	}
	switch {
	case d.errors() == before:
		d.validate(s, v)
	case v.Kind() == reflect.Slice:
		d.validateRest(s, v, d.problems[before:])
	}
}

// validateRest asks a list whether it makes sense of which some items have
// problems, for what it has to say of the others.
func (d *decoder) validateRest(s site, v reflect.Value, known Problems) {
	check, ok := v.Addr().Interface().(validator)
	if !ok || s.node.kind != sequenceNode {
		return
	}
	bad := make(map[string]bool)
	for _, p := range known {
		below, found := strings.CutPrefix(p.Path, strings.Join(s.path, ".")+".")
		if !found {
			return
		}
		item, _, _ := strings.Cut(below, ".")
		bad[item] = true
	}
	for _, one := range leaves(check.Validate()) {
		e, ok := one.(fieldError) //nolint:errorlint // leaves has unwrapped it
		if ok && len(e.FieldPath()) > 0 && !bad[e.FieldPath()[0]] {
			d.fail(s, e)
		}
	}
}

// isJSON tells the types that take any value as it is.
func isJSON(t reflect.Type) bool {
	return t == reflect.TypeFor[json.RawMessage]() || t.Kind() == reflect.Interface
}

// special decodes the types that aren't decoded by their fields.
func (d *decoder) special(s site, v reflect.Value, f *field) bool {
	switch to := v.Addr().Interface().(type) {
	case *Input:
		d.input(s, to)
	case *SchemaRef:
		d.schemaRef(s, to)
	case *[]Argument:
		*to = d.arguments(s)
	case *Upstream:
		d.upstream(s, to)
	case secretSetter:
		d.secret(s, to)
	case either:
		d.either(s, v, to, f)
	default:
		return false
	}
	return true
}

// text decodes a scalar into a type that reads text.
func (d *decoder) text(s site, v reflect.Value) bool {
	to, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	if !ok {
		return false
	}
	if s.node.kind != scalarNode {
		_, isKey := v.Addr().Interface().(*IdempotencyKey)
		switch v.Kind() {
		case reflect.Struct, reflect.Slice, reflect.Map:
			if !isKey {
				return false
			}
		}
		hint := flowHint(s.node)
		if isKey {
			hint = "write header Idempotency-Key"
		}
		d.wrong(s, "a text", hint)
		return true
	}
	if v.Kind() == reflect.Struct {
		d.defaults(s, v)
	}
	if err := to.UnmarshalText([]byte(s.node.text)); err != nil {
		d.fail(s, err)
	}
	return true
}

// validate asks the value whether it makes sense.
func (d *decoder) validate(s site, v reflect.Value) {
	if check, ok := v.Addr().Interface().(validator); ok {
		if err := check.Validate(); err != nil {
			d.fail(s, err)
		}
	}
}

// kind decodes by the kind of Go type.
func (d *decoder) kind(s site, v reflect.Value, f *field) {
	switch v.Kind() {
	case reflect.Struct:
		d.object(s, v, nil)
	case reflect.Map:
		d.mapping(s, v)
	case reflect.Slice:
		d.list(s, v, f)
	case reflect.String:
		d.stringValue(s, v, f)
	default:
		d.scalar(s, v, f)
	}
}

// object decodes a mapping into a struct. extra are keys that aren't the
// struct's, but known.
func (d *decoder) object(s site, v reflect.Value, extra []string) {
	t := d.types.of(v.Type())
	if s.node.kind != mappingNode {
		d.wrong(s, "a mapping of keys and values", exampleHint(t))
		return
	}
	if t.place != nil {
		v.FieldByIndex(t.place).Set(reflect.ValueOf(s.place()))
	}
	named(s, v)
	for i := range t.fields {
		f := &t.fields[i]
		m := s.node.get(f.name)
		switch {
		case m != nil:
			d.value(s.member(m), v.FieldByIndex(f.index), f)
		case f.required && d.misspelled(s.node, t, f):
		case f.required:
			d.problem(s, strings.TrimSuffix(fmt.Sprintf("missing field %q in %s", f.name, owner(s.path)), " in "), docHint(f))
		default:
			d.fieldDefault(s, v.FieldByIndex(f.index), f)
		}
	}
	known := append(t.names(), extra...)
	group := d.group(t.group, s.path)
	if t.parts != nil {
		setParts(v.FieldByIndex(t.parts), d.settings(s, group))
		for _, p := range group {
			known = append(known, p.Key)
		}
	}
	d.unknown(s, known, v.Type())
}

// misspelled reports whether one of the mapping's keys is probably meant for
// the field: it is reported as unknown.
func (d *decoder) misspelled(n *node, t *structType, f *field) bool {
	names := t.names()
	for _, p := range d.group(t.group, nil) {
		names = append(names, p.Key)
	}
	return slices.ContainsFunc(n.members, func(m member) bool {
		return !slices.Contains(names, m.key.raw) && (nearest(m.key.raw, names) == f.name || otherWord(m.key.raw, names) == "write "+f.name)
	})
}

// unknown reports the keys that aren't known.
func (d *decoder) unknown(s site, known []string, t reflect.Type) {
	for i := range s.node.members {
		m := &s.node.members[i]
		if slices.Contains(known, m.key.raw) {
			continue
		}
		if d.errors() >= maxProblems {
			return
		}
		if d.mayHide(t, m, known) {
			hide(m.value)
		}
		message := fmt.Sprintf("unknown field %q", m.key.shownKey())
		if in := owner(s.path); in != "" {
			message += " in " + in
		}
		hint := suggest(m.key.raw, known)
		if elsewhere := d.elsewhere(m.key.raw, s.path); elsewhere != "" && (inStep(s.path) || nearest(m.key.raw, known) == "") {
			hint = elsewhere
		}
		if other := otherWord(m.key.raw, known); other != "" && !inStep(s.path) {
			hint = other
		}
		if hint == "" {
			hint = "all keys: sallyport schema --reference"
		}
		path := append(slices.Clip(s.path), m.key.raw)
		if m.key.hidden {
			path = s.path
		}
		d.report(place(m.key, nil, strings.Join(path, ".")).Problem(message, hint))
	}
}

// mayHide reports whether an unknown key may stand for one that holds a secret.
func (d *decoder) mayHide(t reflect.Type, m *member, known []string) bool {
	meant := nearest(m.key.raw, known)
	for _, f := range d.types.of(t).fields {
		switch {
		case meant != "" && f.name != meant:
		case f.typ == reflect.TypeFor[Server](): // its secrets are concealed already
		case meant == "" && m.value.kind == scalarNode && !isSecret(indirect(f.typ)):
		case holdsSecret(f.typ, make(map[reflect.Type]bool)):
			return true
		}
	}
	return false
}

// mapping decodes into a map with text as keys.
func (d *decoder) mapping(s site, v reflect.Value) {
	if s.node.kind != mappingNode {
		hint := ""
		if s.node.kind == sequenceNode {
			hint = "write what each is called as its key: {NAME: …}"
			if indirect(v.Type().Elem()).Kind() == reflect.Struct {
				hint = "write what each is called as its key: {NAME: {…}}"
			}
		}
		d.wrong(s, "a mapping of keys and values", hint)
		return
	}
	if v.Type().Key().Kind() != reflect.String {
		d.problem(s, fmt.Sprintf("a value of type %s can't be decoded", v.Type()), "")
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(s.node.members)))
	for i := range s.node.members {
		m := &s.node.members[i]
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(s.member(m), elem, nil)
		v.SetMapIndex(reflect.ValueOf(m.key.raw).Convert(v.Type().Key()), elem)
	}
}

// stringValue decodes any scalar as the text it is written as.
func (d *decoder) stringValue(s site, v reflect.Value, f *field) {
	if s.node.kind != scalarNode {
		d.wrong(s, "a text", textHint(s, f))
		return
	}
	text := s.node.text
	if f != nil && f.enum != nil && !slices.Contains(f.enum, text) {
		hint := ""
		if near := nearest(text, f.enum); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		d.problem(s, fmt.Sprintf("want one of %s for %q, found %s", strings.Join(f.enum, ", "), s.name, describe(s.node)), hint)
		return
	}
	if f != nil && f.path && text != "" {
		text = d.path(s, text)
	}
	v.SetString(text)
}

// path makes a path that is relative to its file absolute, and notes it.
func (d *decoder) path(s site, text string) string {
	if strings.Contains(text, "://") {
		d.problem(s, fmt.Sprintf("want a file for %q, found a URL", s.name), "download it, and write the path of the file")
		return text
	}
	if !filepath.IsAbs(text) && s.node.file != nil {
		text = filepath.Join(filepath.Dir(s.node.file.path), text)
	}
	d.named[text] = true
	return text
}

// textHint helps with a mapping or list in the place of a text, or of a path.
func textHint(s site, f *field) string {
	if file := s.node.get("file"); f != nil && f.path && file != nil && file.value.kind == scalarNode {
		return "write " + s.name + ": " + clip(file.value.raw)
	}
	return flowHint(s.node)
}

// fieldDefault gives a field that isn't written its default.
func (d *decoder) fieldDefault(s site, v reflect.Value, f *field) {
	if !f.hasDefault {
		d.nested(s, v, f)
		return
	}
	n := &node{file: s.node.file, line: s.node.line, col: s.node.col, raw: f.def, text: f.def, size: 1, height: 1}
	if strings.HasPrefix(f.def, "[") || strings.HasPrefix(f.def, "{") {
		first, _, err := decodeDocuments([]byte(f.def))
		if err == nil && first != nil {
			b := builder{file: s.node.file, lookup: d.lookup, report: d.report}
			n = b.build(first.Content[0], 1)
		}
	}
	key := &node{file: n.file, line: n.line, col: n.col, raw: f.name, text: f.name}
	d.value(s.member(&member{key, n}), v, f)
}

// nested gives the fields of a struct that isn't written their defaults.
func (d *decoder) nested(s site, v reflect.Value, f *field) {
	if v.Kind() == reflect.Struct && !isSecret(v.Type()) && v.CanSet() {
		s.path = append(slices.Clip(s.path), f.name)
		d.defaults(s, v)
	}
}

// defaults gives all fields of a struct their defaults.
func (d *decoder) defaults(s site, v reflect.Value) {
	t := d.types.of(v.Type())
	for i := range t.fields {
		d.fieldDefault(s, v.FieldByIndex(t.fields[i].index), &t.fields[i])
	}
}
