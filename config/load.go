package config

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// maxProblems bounds how many problems are reported at once.
const maxProblems = 500

// smallest is the manifest shown to who has none.
const smallest = `version: 1
upstreams:
  crm: {url: "http://127.0.0.1:9000"}
tools:
  get_customer:
    description: Retrieve a customer's details by ID.
    request: GET /customers/{customer_id}
    input:
      customer_id: {type: string, description: The unique customer identifier}`

// Load reads a manifest, with what it includes, and checks it. The error is a
// Problems: everything that is wrong, in one pass. A manifest that is returned
// may have Warnings. With an error the manifest holds what could be read, with
// the rest marked as Broken: for further checks, and for nothing else.
func Load(src Source, parts Parts) (*Manifest, error) {
	l := newLoader(src, parts)
	root := l.readAll()
	m := &Manifest{}
	if root != nil {
		l.decodeManifest(root, m)
	}
	if errs, _ := l.problems.Count(); errs > 0 {
		l.markBroken(m)
		return m, l.problems.Sorted()
	}
	m.Warnings, m.openSecrets = l.problems.Sorted(), l.openSecrets
	m.Hash = l.hash()
	m.Files, m.Folders = l.watched()
	return m, nil
}

// loader holds what one Load knows.
type loader struct {
	lookup   func(string) (string, bool)
	parts    Parts
	storage  *storage
	problems Problems
	// rootFolder bounds includes.
	rootFolder string
	shown      string // how rootFolder is shown
	examples   []string
	files      []*file
	loaded     map[string]bool
	folders    map[string]bool
	hashed     [][]byte // schemas read from files
	// named are files that the manifest names for others to read: content of
	// resources, certificates.
	named map[string]bool
	types fieldTypes
	// openSecrets are the places of secrets that are written in the manifest.
	openSecrets []Place
}

func newLoader(src Source, parts Parts) *loader {
	lookup := src.Env
	if lookup == nil {
		lookup = os.LookupEnv
	}
	l := &loader{
		lookup: lookup, parts: parts.known(), storage: newStorage(src.Overlay),
		loaded: make(map[string]bool), folders: make(map[string]bool), named: make(map[string]bool),
		types: make(fieldTypes),
	}
	l.shown, l.examples = filepath.Clean(src.Path), src.Examples
	l.rootFolder = absolute(src.Path)
	return l
}

// known are the parts that have settings; without, there is nothing to decode.
func (p Parts) known() Parts {
	known := func(group []Part) []Part {
		return slices.DeleteFunc(slices.Clone(group), func(p Part) bool { return p.Settings == nil })
	}
	return Parts{Tool: known(p.Tool), Resource: known(p.Resource), Prompt: known(p.Prompt), Complete: known(p.Complete), Upstream: known(p.Upstream), Kinds: known(p.Kinds), Auth: known(p.Auth), Server: known(p.Server)}
}

// report adds a problem.
func (l *loader) report(p Problem) {
	if len(l.problems) < maxProblems {
		l.problems = append(l.problems, p)
	}
}

// errors returns the number of problems so far.
func (l *loader) errors() int { return len(l.problems) }

// decodeManifest fills the manifest from the merged root, and checks it.
func (l *loader) decodeManifest(root *node, m *Manifest) {
	d := decoder{loader: l}
	d.manifest(root, m)
	// Checks of one value with another would only repeat what is known.
	l.check(m)
}

// watched returns the files and folders whose change may change the manifest.
func (l *loader) watched() (files, folders []string) {
	read := maps.Clone(l.storage.read)
	for path := range l.named {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			read[path] = true
		}
	}
	return slices.Sorted(maps.Keys(read)), slices.Sorted(maps.Keys(l.folders))
}
