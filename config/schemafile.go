package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// schemaRef decodes a whole schema, or reads it from {file: schema.json}.
func (d *decoder) schemaRef(s site, ref *SchemaRef) {
	ref.Place = s.place()
	if s.node.kind != mappingNode {
		hint := ""
		if s.node.kind == scalarNode && strings.Contains(s.node.raw, ".") {
			hint = "write {file: " + clip(s.node.raw) + "}"
		}
		d.wrong(s, "a JSON Schema, or {file: schema.json}", hint)
		return
	}
	m := s.node.get("file")
	if m == nil || len(s.node.members) != 1 || m.value.kind != scalarNode {
		ref.Schema = d.appendJSON(nil, s, nil)
		return
	}
	if m.value.broken {
		return
	}
	path, name := m.value.text, m.value.text
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(m.value.file.path), path)
		name = filepath.Join(filepath.Dir(m.value.file.name), name)
	}
	data, err := d.storage.readFile(path, maxFileBytes)
	if err != nil {
		d.problem(s.member(m), fmt.Sprintf("can't read the schema's file: %v", err), "")
		return
	}
	f := &file{name: name, path: path}
	if strings.HasSuffix(path, ".json") {
		ref.Schema = d.schemaJSON(f, data)
	} else {
		ref.Schema = d.schemaYAML(s, f, data)
	}
	d.hashed = append(d.hashed, ref.Schema)
}

// schemaJSON reads a schema from JSON.
func (d *decoder) schemaJSON(f *file, data []byte) json.RawMessage {
	f.text = string(data)
	var out bytes.Buffer
	var all json.RawMessage
	err := json.Unmarshal(data, &all)
	if err == nil {
		err = json.Compact(&out, data)
	}
	if err != nil {
		at := span{line: 1, col: 1}
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			before := string(data[:min(max(int(syntax.Offset)-1, 0), len(data))])
			lines := splitLines(before + "x")
			at = span{line: len(lines), col: max(1, utf8.RuneCountInString(lines[len(lines)-1]))}
		}
		d.report(f.problem(at, "this is not JSON: "+err.Error(), ""))
		return nil
	}
	if out.Len() == 0 || out.Bytes()[0] != '{' {
		d.report(f.problem(span{1, 1, 2}, "want a JSON Schema, an object", ""))
		return nil
	}
	return out.Bytes()
}

// schemaYAML reads a schema from YAML. Variables are not expanded: the file is
// a schema, not a manifest.
func (d *decoder) schemaYAML(s site, f *file, data []byte) json.RawMessage {
	before := d.errors()
	root := d.parse(f, data, true)
	switch {
	case root == nil && d.errors() > before:
		return nil
	case root == nil || root.kind != mappingNode:
		d.report(f.problem(span{1, 1, 2}, "want a JSON Schema, a mapping", ""))
		return nil
	}
	return d.appendJSON(nil, site{node: root, path: s.path}, nil)
}
