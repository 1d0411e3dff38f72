package importer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins/upstream/openapi"
)

// Lock remembers what was generated, so that a later merge knows what people
// changed since. It lies beside the manifest and holds nothing that the manifest
// doesn't.
type Lock struct {
	// Include, Exclude, Prefix, Upstream and URL are what the import was asked
	// for, for the next one.
	Include, Exclude []string
	Prefix           string
	Upstream         string
	// Variables is what environment variables were named after, if the upstream
	// is called otherwise by now.
	Variables string
	URL       string

	settings *object
	tools    []tool
}

// lockAbout is the first member of a lock.
const lockAbout = "What sallyport import openapi wrote, so that --update can tell your edits from it. Keep it beside the manifest."

// LockPath is where the lock of a manifest lies.
func LockPath(manifest string) string {
	return strings.TrimSuffix(manifest, filepath.Ext(manifest)) + ".openapi.lock"
}

// Lock is the draft's, to be stored beside the manifest.
func (d *Draft) Lock(o OpenAPIOptions) *Lock {
	settings := d.upstream.settings
	if d.generated != nil {
		settings = d.generated
	}
	return &Lock{
		Include: o.Expose.Include, Exclude: o.Expose.Exclude, Prefix: o.Expose.Prefix, Upstream: d.upstream.name, URL: o.URL,
		Variables: d.variables, settings: settings, tools: d.tools,
	}
}

// Encode writes the lock as JSON, a line for each tool: a change of the
// document is a small change of the file.
func (l *Lock) Encode() ([]byte, error) {
	head := pairs("about", lockAbout, "version", json.Number("1"))
	if len(l.Include) > 0 {
		head.set("include", plainList(l.Include))
	}
	if len(l.Exclude) > 0 {
		head.set("exclude", plainList(l.Exclude))
	}
	for _, m := range []member{{"prefix", l.Prefix}, {"url", l.URL}, {"upstream", l.Upstream}, {"variables", l.otherVariables()}, {"settings", l.settings}} {
		if m.value != "" {
			head.members = append(head.members, m)
		}
	}
	out := []byte("{\n")
	for _, m := range head.members {
		line, err := encode(&object{members: []member{m}})
		if err != nil {
			return nil, err
		}
		out = append(append(out, "  "...), line[1:len(line)-1]...)
		out = append(out, ",\n"...)
	}
	out = append(out, "  \"tools\": {"...)
	for i, t := range l.tools {
		entry := pairs("operation", t.operation)
		if t.id != "" {
			entry.set("id", t.id)
		}
		entry.set("stanza", t.definition)
		line, err := encode(pairs(t.name, entry))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, "\n    "...), line[1:len(line)-1]...)
	}
	return append(out, "\n  }\n}\n"...), nil
}

// otherVariables is the name of the variables, if it isn't the upstream's.
func (l *Lock) otherVariables() string {
	if l.Variables == l.Upstream {
		return ""
	}
	return l.Variables
}

func plainList(texts []string) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = text
	}
	return out
}

// ReadLock reads a lock.
func ReadLock(data []byte) (*Lock, error) {
	v, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("read lock: %w", err)
	}
	o, ok := v.(*object)
	if !ok || o.object("tools") == nil || o.object("settings") == nil || o.text("upstream") == "" {
		return nil, errors.New("read lock: it is not one that import openapi wrote")
	}
	if version, _ := o.get("version"); version != json.Number("1") {
		return nil, errors.New("read lock: it is of a later version of sallyport")
	}
	l := &Lock{
		Include: texts(o.list("include")), Exclude: texts(o.list("exclude")), Prefix: o.text("prefix"),
		URL: o.text("url"), Upstream: o.text("upstream"), settings: o.object("settings"),
		Variables: cmp.Or(o.text("variables"), o.text("upstream")),
	}
	for _, m := range o.object("tools").members {
		entry, _ := m.value.(*object)
		stanza := entry.object("stanza")
		if stanza == nil {
			return nil, fmt.Errorf("read lock: tool %q has no stanza", clean(m.key))
		}
		l.tools = append(l.tools, tool{name: m.key, operation: entry.text("operation"), id: entry.text("id"), definition: stanza})
	}
	return l, nil
}

func texts(list []any) []string {
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// Expose fills in what the import was asked for before, where nothing else is
// asked for now.
func (l *Lock) Expose(now openapi.Expose) openapi.Expose {
	if len(now.Include) == 0 {
		now.Include = l.Include
	}
	if len(now.Exclude) == 0 {
		now.Exclude = l.Exclude
	}
	if now.Prefix == "" {
		now.Prefix = l.Prefix
	}
	return now
}
