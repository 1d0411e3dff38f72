package config

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// maxFolders bounds how many folders a pattern with ** looks into.
const maxFolders = 1000

// readAll reads the manifest's files and merges them to one mapping.
func (l *loader) readAll() *node {
	root := l.rootFolder
	isFile, isFolder := l.storage.exists(root)
	var tops []*file
	if isFolder && !isFile {
		tops = l.readFolder(root)
	} else {
		l.rootFolder = filepath.Dir(root)
		name := l.shown
		l.shown = filepath.Dir(l.shown)
		if f := l.readManifest(root, name, nil); f != nil {
			tops = append(tops, f)
		}
	}
	merged := &node{kind: mappingNode, size: 1, height: 1}
	for _, f := range tops {
		if f.root != nil {
			l.merge(merged, f, false)
		}
	}
	if merged.file == nil {
		return nil
	}
	return merged
}

// readFolder reads the *.yaml and *.yml of the root folder.
func (l *loader) readFolder(folder string) []*file {
	l.folders[folder] = true
	var all []*file
	for _, name := range l.storage.list(folder) {
		if !isYAML(name) || strings.HasPrefix(name, ".") {
			continue
		}
		p := filepath.Join(folder, name)
		if isFile, _ := l.storage.exists(p); !isFile {
			continue
		}
		if shown := filepath.Join(l.shown, name); !l.within(p) {
			l.report((&file{name: shown, path: p}).problem(span{1, 1, 2}, "this link leaves the folder of the manifest", "copy the file into the folder"))
			continue
		}
		if f := l.readManifest(p, filepath.Join(l.shown, name), nil); f != nil {
			all = append(all, f)
		}
	}
	if len(all) == 0 && l.errors() == 0 {
		f := &file{name: l.shown, path: folder}
		l.report(f.problem(span{1, 1, 2}, "there is no *.yaml in this folder", "the smallest manifest is\n"+smallest))
	}
	return all
}

// within reports whether a path stays in the root folder when its links are
// followed.
func (l *loader) within(p string) bool {
	return inside(l.storage.real(l.rootFolder), l.storage.real(p))
}

func isYAML(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// readManifest reads and parses one file; nil if it can't be read, or was read
// before. at is the place of the include that names it, if any.
func (l *loader) readManifest(p, name string, at *Place) *file {
	resolved := l.storage.real(p)
	if l.loaded[resolved] {
		return nil
	}
	l.loaded[resolved] = true
	f := &file{name: name, path: p}
	if at != nil && !l.within(p) {
		l.report(at.Problem(name+" leaves the folder of the manifest", "an include stays in the root file's folder"))
		return nil
	}
	data, err := l.storage.readFile(p, maxFileBytes)
	if err != nil {
		if at != nil {
			l.report(at.Problem(fmt.Sprintf("can't read %s: %v", filepath.Base(p), err), ""))
		} else {
			l.report(f.problem(span{1, 1, 2}, "can't read the manifest: "+err.Error(), ""))
		}
		return nil
	}
	before := l.errors()
	l.files = append(l.files, f)
	f.root = l.parse(f, data, false)
	if f.root != nil {
		f.conceal(f.root, nil)
	}
	switch {
	case f.root == nil && l.errors() == before && at == nil:
		l.report(f.problem(span{1, 1, 2}, "the manifest is empty", "the smallest manifest is\n"+smallest))
	case f.root != nil && f.root.isNull() && at == nil:
		l.report(f.problem(f.root.token(), "the manifest is empty", "the smallest manifest is\n"+smallest))
		f.root = nil
	case f.root != nil && f.root.kind != mappingNode && !f.root.isNull():
		f.root.hide() // a file that isn't a manifest may be a key
		l.report(f.problem(f.root.token(), "want a mapping of keys and values, found "+describe(f.root), "begin with version: 1"))
		f.root = nil
	}
	return f
}

// merge lays a file's keys into the manifest, with those of the files that it
// includes.
func (l *loader) merge(into *node, f *file, included bool) {
	if into.file == nil {
		into.file, into.line, into.col = f, f.root.line, f.root.col
	}
	for _, m := range f.root.members {
		key := m.key.raw
		named := includable(key)
		if included && !named && key != "version" && key != "include" {
			if slices.Contains(l.rootKeys(), key) {
				l.report(place(m.key, nil, key).Problem(fmt.Sprintf("%q can't stand in an included file", key), "move it to the root file"))
				continue
			}
		}
		switch before := into.get(key); {
		case before == nil:
			if named && m.value.kind == mappingNode { // copied: more may be added
				c := *m.value
				c.members = slices.Clone(c.members)
				m.value = &c
			}
			into.members = append(into.members, m)
		case named && before.value.kind == mappingNode && m.value.kind == mappingNode:
			l.mergeNamed(before.value, m.value, key)
		case key == "version":
			l.checkVersion(&m)
		case key == "include":
		default:
			l.report(twice(m.key, before.key, key, fmt.Sprintf("%q is written twice", clip(key))))
		}
	}
	if m := f.root.get("include"); m != nil {
		l.include(into, f, m)
	}
}

// includable tells the keys that an included file may hold: those of things
// with names.
func includable(key string) bool {
	switch key {
	case "tools", "resources", "prompts", "upstreams", "endpoints":
		return true
	}
	return false
}

// mergeNamed adds tools, resources, prompts or upstreams, whose names must differ.
func (l *loader) mergeNamed(into, from *node, key string) {
	known := make(map[string]*node, len(into.members))
	for _, m := range into.members {
		known[m.key.raw] = m.key
	}
	for _, m := range from.members {
		if first := known[m.key.raw]; first != nil {
			what := owner([]string{key, clip(m.key.raw)})
			l.report(twice(m.key, first, key+"."+m.key.raw, what+" is defined twice"))
			continue
		}
		into.members = append(into.members, m)
	}
}

// include reads the files that match the patterns of a file.
func (l *loader) include(into *node, f *file, m *member) {
	patterns := m.value.items
	if m.value.kind == scalarNode {
		patterns = []*node{m.value}
	}
	for _, pattern := range patterns {
		if pattern.kind != scalarNode || pattern.isNull() || pattern.broken {
			continue // the decoder says what is wrong
		}
		at := place(pattern, nil, "include")
		found, err := l.glob(filepath.Dir(f.path), pattern.text)
		if err != nil {
			l.report(at.Problem(err.Error(), ""))
			continue
		}
		for _, p := range found {
			rel, err := filepath.Rel(l.rootFolder, p)
			if err != nil {
				rel = filepath.Base(p)
			}
			if more := l.readManifest(p, filepath.Join(l.shown, rel), &at); more != nil && more.root != nil && more.root.kind == mappingNode {
				l.merge(into, more, true)
			}
		}
	}
}

// glob returns the files that a pattern names, sorted. A name without wildcard
// must exist; readManifest says if it doesn't.
func (l *loader) glob(folder, pattern string) ([]string, error) {
	clean := path.Clean(filepath.ToSlash(pattern))
	switch {
	case path.IsAbs(clean) || filepath.IsAbs(pattern):
		return nil, errors.New("an include is a path relative to this file, not an absolute one")
	case !inside(l.rootFolder, filepath.Join(folder, filepath.FromSlash(clean))):
		return nil, errors.New("an include can't leave the root file's folder")
	}
	if _, err := path.Match(clean, strings.Repeat("x", len(clean))); err != nil {
		return nil, errors.New("this is not a pattern: a bracket isn't closed")
	}
	g := glob{loader: l}
	g.walk(folder, strings.Split(clean, "/"))
	slices.Sort(g.found)
	return slices.Compact(g.found), nil
}

// glob is the search for one pattern's files.
type glob struct {
	loader  *loader
	found   []string
	folders int
}

// walk matches the first of the segments against the names in a folder.
func (g *glob) walk(folder string, segments []string) {
	if g.folders++; g.folders > maxFolders {
		return
	}
	first, rest := segments[0], segments[1:]
	if !strings.ContainsAny(first, `*?[\`) {
		g.enter(filepath.Join(folder, first), rest, true)
		return
	}
	g.loader.folders[folder] = true
	if first == "**" && len(rest) > 0 {
		g.walk(folder, rest)
	}
	for _, name := range g.loader.storage.list(folder) {
		ok, err := path.Match(first, name)
		if err != nil || !ok || (strings.HasPrefix(name, ".") && !strings.HasPrefix(first, ".")) {
			continue
		}
		if first == "**" && len(rest) > 0 {
			rest = segments
		}
		g.enter(filepath.Join(folder, name), rest, false)
	}
}

// enter goes on with what a segment matched; exact says it had no wildcard.
func (g *glob) enter(p string, rest []string, exact bool) {
	isFile, isFolder := g.loader.storage.exists(p)
	switch {
	case len(rest) == 0 && (isFile || exact):
		g.found = append(g.found, p)
	case len(rest) > 0 && isFolder && g.loader.within(p):
		g.walk(p, rest)
	case len(rest) > 0 && exact && !isFolder && !strings.ContainsAny(strings.Join(rest, ""), `*?[\`):
		g.found = append(g.found, filepath.Join(append([]string{p}, rest...)...))
	}
}
