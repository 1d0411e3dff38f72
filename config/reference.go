package config

import (
	"bytes"
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Key is one key of the manifest language.
type Key struct {
	// Path is the dotted way to the key; NAME stands for a name that the
	// manifest chooses.
	Path string
	// Type says in words what the value is.
	Type string
	// Default is the value if the key is left out; empty if there is none.
	Default string
	// Required says that the key can't be left out.
	Required bool
	// Doc is one sentence.
	Doc string
}

// Keys lists all keys of the language, in the order of the manifest.
func Keys(parts Parts) []Key {
	k := keys{loader: newLoader(Source{}, parts), open: make(map[reflect.Type]bool)}
	k.structure(reflect.TypeFor[Manifest](), nil)
	return k.all
}

type keys struct {
	loader *loader
	open   map[reflect.Type]bool
	all    []Key
}

// structure lists the keys of a struct at the path.
func (k *keys) structure(t reflect.Type, path []string) {
	if k.open[t] {
		return
	}
	k.open[t] = true
	defer delete(k.open, t)
	st := k.loader.types.of(t)
	for i := range st.fields {
		f := &st.fields[i]
		at := append(path[:len(path):len(path)], f.name)
		k.all = append(k.all, Key{Path: strings.Join(at, "."), Type: typeName(f.typ, f), Default: f.def, Required: f.required, Doc: f.doc})
		k.below(f.typ, at)
	}
	k.parts(k.loader.group(st.group, path), path)
	if t == reflect.TypeFor[Upstream]() {
		for _, kind := range k.loader.parts.Kinds {
			k.structure(indirect(kind.Settings), path)
		}
	}
}

// parts lists the keys of parts.
func (k *keys) parts(group []Part, path []string) {
	for _, p := range group {
		at := append(path[:len(path):len(path)], p.Key)
		k.all = append(k.all, Key{Path: strings.Join(at, "."), Type: typeName(p.Settings, nil), Doc: p.Doc})
		if !k.listedAtTools(p, path) {
			k.below(p.Settings, at)
		}
	}
}

// listedAtTools reports whether tools have the same key, where what is below it
// is listed.
func (k *keys) listedAtTools(p Part, path []string) bool {
	if len(path) == 0 {
		return false
	}
	switch path[0] {
	case "defaults", "resources", "prompts":
		return slices.ContainsFunc(k.loader.parts.Tool, func(t Part) bool { return t.Key == p.Key && t.Settings == p.Settings })
	default:
		return false
	}
}

// below lists the keys within a value of the type.
func (k *keys) below(t reflect.Type, path []string) {
	t = indirect(t)
	shapes, several := alternativesOf(t)
	switch {
	case isSecret(t), isJSON(t):
	case several:
		k.either(t, shapes, path)
	case t == reflect.TypeFor[[]Argument]():
		k.structure(reflect.TypeFor[Argument](), append(path[:len(path):len(path)], "NAME"))
	case t == reflect.TypeFor[Input]():
		k.structure(reflect.TypeFor[Property](), append(path[:len(path):len(path)], "NAME"))
	case t.Kind() == reflect.Struct:
		k.structure(t, path)
	case t.Kind() == reflect.Slice:
		k.below(t.Elem(), path)
	case t.Kind() == reflect.Map:
		k.below(t.Elem(), append(path[:len(path):len(path)], "NAME"))
	}
}

// either lists the keys within a value that is written in several shapes.
func (k *keys) either(t reflect.Type, shapes alternatives, path []string) {
	if k.open[t] {
		return
	}
	shapes.each(func(shape reflect.Type) {
		if shape == t {
			k.structure(t, path)
			return
		}
		k.open[t] = true
		k.below(shape, path)
		delete(k.open, t)
	})
}

// Reference returns the list of all keys as Markdown, a section for each key at
// the top.
func Reference(parts Parts) []byte {
	var out bytes.Buffer
	out.WriteString("# Manifest reference\n\nMade from the program itself. `NAME` stands for a name of your own; a list of one\nmay be written as its single value; `none` switches a policy off.\nWhat resources, prompts and defaults have in common with tools is told in full at\ntools.\n")
	section := ""
	for _, k := range Keys(parts) {
		top, rest, below := strings.Cut(k.Path, ".")
		if top != section {
			section = top
			fmt.Fprintf(&out, "\n## %s\n\n%s (%s%s)\n", top, k.Doc, k.Type, defaultNote(k))
			if !below {
				continue
			}
		}
		if !strings.Contains(lastSection(out.Bytes()), "| Key |") {
			out.WriteString("\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n")
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", rest, cell(k.Type), defaultCell(k), cell(k.Doc))
	}
	return out.Bytes()
}

// cell escapes what would end a table's cell.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func lastSection(text []byte) string {
	return string(text[bytes.LastIndex(text, []byte("\n## "))+1:])
}

func defaultNote(k Key) string {
	switch {
	case k.Required:
		return ", required"
	case k.Default != "":
		return ", default `" + k.Default + "`"
	default:
		return ""
	}
}

func defaultCell(k Key) string {
	switch {
	case k.Required:
		return "required"
	case k.Default != "":
		return "`" + k.Default + "`"
	default:
		return ""
	}
}

// typeName says in words what a type takes, for the reference.
func typeName(t reflect.Type, f *field) string {
	t = indirect(t)
	switch {
	case t == reflect.TypeFor[Input](), t == reflect.TypeFor[SchemaRef]():
		return "JSON Schema"
	case t == reflect.TypeFor[[]Argument]():
		return "map of mapping by name"
	case isJSON(t):
		return "any"
	case isSecret(t):
		return "secret"
	case isDuration(t):
		return "duration"
	case f != nil && f.size:
		return "size"
	case f != nil && f.path:
		return "path"
	case f != nil && f.enum != nil && t.Kind() == reflect.String:
		return strings.Join(f.enum, " | ")
	}
	return kindName(t, f)
}

// eitherName says what a type takes that is written in several shapes.
func eitherName(t reflect.Type, shapes alternatives) string {
	var all []string
	shapes.each(func(shape reflect.Type) {
		_, nested := alternativesOf(shape)
		switch {
		case shape == t, nested:
			all = append(all, "mapping")
		case shape.Kind() == reflect.Slice && indirect(shape.Elem()) == t:
			all = append(all, "list")
		default:
			all = append(all, typeName(shape, nil))
		}
	})
	return strings.Join(all, ", or ")
}

// kindName says it by the kind of Go type.
func kindName(t reflect.Type, f *field) string {
	if shapes, several := alternativesOf(t); several {
		return eitherName(t, shapes)
	}
	short := reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + typeName(t.Elem(), f)
	case reflect.Map:
		return fmt.Sprintf("map of %s by name", typeName(t.Elem(), nil))
	case reflect.Struct:
		switch {
		case !short:
			return "mapping"
		case len(fieldTypes{}.of(t).fields) == 0:
			return "text"
		default:
			return "text or mapping"
		}
	case reflect.Bool:
		return "true | false"
	case reflect.String:
		return "text"
	case reflect.Float32, reflect.Float64:
		return "number"
	default:
		if short {
			return "text"
		}
		return "whole number"
	}
}
