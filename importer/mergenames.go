package importer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// chooseUpstream is the name of the document's service in a manifest that was
// never merged into: the upstream that was asked for, the one that is at the
// document's URL, or else a name that is free. Another's credentials must not go
// to the service, nor its requests to another.
func (d *Draft) chooseUpstream(s *sheet, o OpenAPIOptions) string {
	there := s.top("upstreams")
	names := map[string]bool{}
	for _, name := range keysOf(there) {
		names[name] = true
	}
	for _, name := range []string{o.Upstream, identifier(o.Upstream)} {
		if name != "" && names[name] {
			return name
		}
	}
	own := d.upstream.settings.text("url")
	for i := 0; there != nil && i+1 < len(there.Content); i += 2 {
		v, err := valueOf(there.Content[i+1])
		settings, isObject := v.(*object)
		if err == nil && isObject && own != "" && settings.text("openapi") == "" && usualText(settings.text("url")) == usualText(own) {
			return there.Content[i].Value
		}
	}
	return unused(d.upstream.name, names)
}

// usualText is a URL with the default of the variable that it is written as.
func usualText(url string) string {
	if m := withDefault.FindStringSubmatch(url); m != nil {
		url = m[1]
	}
	return strings.TrimRight(url, "/")
}

// withDefault is a text that is one variable, with a default.
var withDefault = regexp.MustCompile(`^\$\{[A-Za-z_][A-Za-z0-9_]*:?-([^{}$]*)\}$`)

// top is the mapping below a key of the manifest, or nil.
func (s *sheet) top(key string) *yaml.Node {
	for i := 0; i+1 < len(s.root.Content); i += 2 {
		if s.root.Content[i].Value == key {
			return s.root.Content[i+1]
		}
	}
	return nil
}

// keysOf are the names in a mapping.
func keysOf(n *yaml.Node) []string {
	var out []string
	for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
		out = append(out, n.Content[i].Value)
	}
	return out
}

// findUpstream finds the upstream of the last import, whose name may be another
// now.
func (d *Draft) findUpstream(s *sheet, lock *Lock, o OpenAPIOptions) error {
	names := keysOf(s.top("upstreams"))
	if len(names) == 0 || slices.Contains(names, lock.Upstream) {
		return nil
	}
	name := d.chooseUpstream(s, o)
	if !slices.Contains(names, name) {
		return fmt.Errorf("upstream %s of the last import isn't in the manifest any more: say which one it is by --upstream", lock.Upstream)
	}
	lock.Upstream = name
	return nil
}

// nameUpstream names the upstream, and writes it into tools if there is more
// than one to choose from.
func (d *Draft) nameUpstream(s *sheet, name string) {
	d.upstream.name = name
	if !slices.ContainsFunc(keysOf(s.top("upstreams")), func(other string) bool { return other != name }) {
		return
	}
	for i := range d.tools {
		definition := &object{members: slices.Clone(d.tools[i].definition.members)}
		definition.set("upstream", name)
		d.tools[i].definition = ordered(definition)
	}
}

// nameFormer writes into tools which upstream they ask, if it was the only one
// and another one comes.
func (m *merge) nameFormer(coming string) {
	names, tools := keysOf(m.sheet.top("upstreams")), m.sheet.top("tools")
	if len(names) != 1 || names[0] == coming || tools == nil || !isBlock(tools) {
		return
	}
	all := m.sheet.entries(m.sheet.root, len(m.sheet.lines))
	limit := all[slices.IndexFunc(all, func(e entry) bool { return e.value == tools })].limit
	for _, e := range m.sheet.entries(tools, limit) {
		keys := keysOf(e.value)
		at := slices.Index(keys, "request")
		if at < 0 || slices.Contains(keys, "upstream") {
			continue
		}
		m.note(e.key.Value, Updated, "upstream", "there is more than one now")
		if isBlock(e.value) {
			key := e.value.Content[2*at]
			margin := strings.Repeat(" ", key.Column-1)
			m.sheet.replace(key.Line-1, key.Line-1, appendEntry([]byte(margin), "upstream", names[0], margin, plain))
			continue
		}
		if v, err := valueOf(e.value); err == nil {
			o, _ := v.(*object)
			o.set("upstream", names[0])
			m.sheet.write(e, ordered(o), stanza)
		}
	}
}

// matchNames gives tools of the same operation the name that they have in the
// manifest: names are what clients know. The same operation is the one with the
// same operationId, else the one at the same path.
func (m *merge) matchNames(d *Draft, lock *Lock, current *yaml.Node) {
	there := keysOf(current)
	byID, byOperation := map[string]string{}, map[string]string{}
	for i := range lock.tools {
		t := &lock.tools[i]
		if !slices.Contains(there, t.name) {
			if name := renamed(t, lock, current); name != "" {
				m.note(name, Kept, "", "your name for "+t.name)
				t.name = name
			}
		}
		byOperation[t.operation] = t.name
		if t.id != "" {
			byID[t.id] = t.name
		}
	}
	used, named := map[string]bool{}, make([]bool, len(d.tools))
	take := func(nameOf func(t *tool) string) {
		for i := range d.tools {
			t := &d.tools[i]
			if name := nameOf(t); name != "" && !named[i] && !used[name] {
				t.name, named[i], used[name] = name, true, true
			}
		}
	}
	take(func(t *tool) string { return byID[t.id] })
	take(func(t *tool) string { return byOperation[t.operation] })
	take(func(t *tool) string { return m.free(t.name, used, byOperation) })
}

// free is a name that no tool of the lock has for another operation.
func (m *merge) free(name string, used map[string]bool, byOperation map[string]string) string {
	taken := map[string]bool{}
	for _, other := range byOperation {
		taken[other] = true
	}
	for other := range used {
		taken[other] = true
	}
	return unused(name, taken)
}

// renamed finds the tool of the manifest that is the lock's under another name:
// the only unknown one with the same request.
func renamed(t *tool, lock *Lock, current *yaml.Node) string {
	request, _ := t.definition.get("request")
	found := ""
	for i := 0; current != nil && i+1 < len(current.Content); i += 2 {
		name := current.Content[i].Value
		if slices.ContainsFunc(lock.tools, func(other tool) bool { return other.name == name }) {
			continue
		}
		v, err := valueOf(current.Content[i+1])
		o, ok := v.(*object)
		if err != nil || !ok {
			continue
		}
		if own, there := o.get("request"); there && equal(own, request) {
			if found != "" {
				return ""
			}
			found = name
		}
	}
	return found
}
