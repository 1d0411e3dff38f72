package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
)

// exampleFile is the shape of a file of examples.
const exampleFile = "a file of examples is\ntools:\n  NAME:\n    examples: [...]"

// addExamples adds the examples of the source's files and folders to the tools
// of the manifest, behind their own.
func (d *decoder) addExamples(m *Manifest) {
	for _, shown := range d.examples {
		for _, f := range d.readExamples(shown) {
			if f.root != nil && f.root.kind == mappingNode {
				d.examplesOf(m, site{node: f.root})
			}
		}
	}
}

// readExamples reads a file of examples, or the *.yaml and *.yml of a folder.
func (d *decoder) readExamples(shown string) []*file {
	path := absolute(shown)
	var all []*file
	read := func(p, name string) {
		if f := d.readManifest(p, name, nil); f != nil {
			all = append(all, f)
		}
	}
	if isFile, isFolder := d.storage.exists(path); isFile || !isFolder {
		read(path, shown)
		return all
	}
	d.folders[path] = true
	found := false
	for _, name := range d.storage.list(path) {
		isFile, _ := d.storage.exists(filepath.Join(path, name))
		if isFile && isYAML(name) && !strings.HasPrefix(name, ".") {
			found = true
			read(filepath.Join(path, name), filepath.Join(shown, name))
		}
	}
	if !found {
		f := &file{name: shown, path: path}
		d.report(f.problem(span{1, 1, 2}, "there is no *.yaml with examples in this folder", exampleFile))
	}
	return all
}

// examplesOf takes the examples of all tools out of a file.
func (d *decoder) examplesOf(m *Manifest, root site) {
	for i := range root.node.members {
		s := root.member(&root.node.members[i])
		switch {
		case s.name == "version":
		case s.name != "tools":
			d.report(place(s.key, nil, s.name).Problem(fmt.Sprintf("%q can't stand in a file of examples", clip(s.name)), exampleFile))
		case s.node.kind != mappingNode:
			d.wrong(s, "a mapping of tools", exampleFile)
		default:
			for n := range s.node.members {
				d.examplesOfTool(m, s.member(&s.node.members[n]))
			}
		}
	}
}

// examplesOfTool adds the examples of one tool.
func (d *decoder) examplesOfTool(m *Manifest, s site) {
	t := m.Tools[s.name]
	switch {
	case t == nil && unexposed(m): // what hides it is told
		return
	case t == nil:
		hint := "take its examples away, or add the tool to the manifest"
		if meant := nearest(s.name, slices.Collect(maps.Keys(m.Tools))); meant != "" {
			hint = fmt.Sprintf("did you mean %q?", clip(meant))
		}
		d.report(place(s.key, nil, strings.Join(s.path, ".")).Problem(fmt.Sprintf("there are examples of %q, but no such tool", clip(s.name)), hint))
		return
	case s.node.kind != mappingNode:
		d.wrong(s, "a mapping with examples", exampleFile)
		return
	}
	for i := range s.node.members {
		below := s.member(&s.node.members[i])
		if below.name != "examples" {
			d.report(place(below.key, nil, strings.Join(below.path, ".")).Problem(fmt.Sprintf("%q can't stand in a file of examples", clip(below.name)), exampleFile))
			continue
		}
		var more []Example
		d.value(below, reflect.ValueOf(&more).Elem(), nil)
		t.Examples = append(t.Examples, more...)
	}
}

// unexposed reports whether the description of an upstream could not be read.
func unexposed(m *Manifest) bool {
	for _, up := range m.Upstreams {
		if up.Unexposed {
			return true
		}
	}
	return false
}
