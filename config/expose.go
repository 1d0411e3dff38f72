package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
)

var errOutside = errors.New("it is neither in the folder of the manifest nor in that of the description")

// expose adds the tools that an upstream describes to those of the manifest, as
// if they were written there: what the manifest says of one lies over them.
func (d *decoder) expose(s site, up *Upstream, kind *Part) {
	// The first file read is the description itself, which may be anywhere. What
	// it refers to must be beside it or the manifest: it is not the author's.
	folder := ""
	read := func(path string) ([]byte, error) {
		path = absolute(path)
		if folder == "" {
			folder = filepath.Dir(path)
		} else if !d.within(path) && !inside(d.storage.real(folder), d.storage.real(path)) {
			return nil, errOutside
		}
		data, err := d.storage.readDescription(path)
		if err == nil {
			d.hashed = append(d.hashed, data)
		}
		return data, err
	}
	exposure, err := kind.Expose(up.Settings.Value, read)
	if err != nil {
		d.fail(s, err)
		up.Settings.Broken = true
		return
	}
	up.Settings.Value, up.Unexposed = exposure.Settings, false
	for _, warning := range exposure.Warnings {
		for _, p := range up.Problems(warning) {
			p.Severity = SeverityWarning
			d.report(p.By("exposure"))
		}
	}
	name := s.path[len(s.path)-1]
	tools := d.toolsNode()
	for i := range exposure.Tools {
		t := &exposure.Tools[i]
		if other := d.exposed[t.Name]; other != "" {
			d.report(up.ProblemAt([]string{"expose"}, fmt.Sprintf("the tool %q is exposed by upstream %q too", clip(t.Name), other),
				"give the names of one of them a prefix: expose: {prefix: "+clip(name)+"_}", 0))
			continue
		}
		d.exposed[t.Name] = name
		up.Exposes = append(up.Exposes, t.Name)
		d.addExposed(tools, t, name, up)
	}
	slices.Sort(up.Exposes)
}

// LiesOverUnknown reports whether a tool says too little to stand for itself,
// and may lie over one that is not known because a description could not be
// read: what it lacks is no mistake of its own.
func (m *Manifest) LiesOverUnknown(t *Tool) bool {
	for _, key := range []string{"request", "steps"} {
		if _, written := t.Parts[key]; written {
			return false
		}
	}
	for _, up := range m.Upstreams {
		if up.Unexposed {
			return true
		}
	}
	return false
}

// toolsNode is the manifest's mapping of tools, in a copy that may be added to.
func (d *decoder) toolsNode() *node {
	at := slices.IndexFunc(d.root.members, func(m member) bool { return m.key.raw == "tools" })
	if at < 0 {
		key := &node{file: d.root.file, line: d.root.line, col: d.root.col, raw: "tools", text: "tools"}
		d.root.members = append(d.root.members, member{key, &node{file: key.file, kind: mappingNode, line: key.line, col: key.col}})
		at = len(d.root.members) - 1
	} else if !d.copied {
		both := *d.root.members[at].value
		both.members = slices.Clone(both.members)
		d.root.members[at].value = &both
	}
	d.copied = true
	return d.root.members[at].value
}

// addExposed adds one tool.
func (d *decoder) addExposed(tools *node, t *ExposedTool, upstream string, up *Upstream) {
	name := t.File
	if rel, err := filepath.Rel(d.rootFolder, t.File); err == nil && filepath.IsAbs(t.File) {
		name = filepath.Join(d.shown, rel)
	}
	b := jsonBuilder{file: &file{name: name, path: t.File}, line: max(t.Line, 1)}
	under, err := b.build(t.Definition)
	if err != nil || under.kind != mappingNode {
		d.report(up.Problem(fmt.Sprintf("the definition of %q can't be read", clip(t.Name)), ""))
		return
	}
	if under.get("upstream") == nil {
		under.members = append(under.members, member{b.scalar("upstream", doubleQuoted), b.scalar(upstream, doubleQuoted)})
	}
	own := tools.get(t.Name)
	if own == nil {
		tools.members = append(tools.members, member{b.scalar(t.Name, plain), under})
		return
	}
	own.value = laid(own.value, under, "tool")
}

// laid lays what the manifest says of an exposed tool over its definition. The
// keys of a tool, of its answer and of its arguments are laid one by one; all
// else takes the place of what was there.
func laid(over, under *node, what string) *node {
	if over.kind != mappingNode || under.kind != mappingNode {
		return over
	}
	both := *over
	both.members = slices.Clone(over.members)
	for i := range both.members {
		m := &both.members[i]
		from := under.get(m.key.raw)
		if from == nil {
			continue
		}
		switch key := m.key.raw; {
		case what == "tool" && (key == "response" || key == "annotations" || key == "in" || key == "input"):
			m.value = laid(m.value, from.value, key)
		case what == "response" && key == "errors", what == "input" && key != "$defs":
			m.value = laid(m.value, from.value, "argument")
		}
	}
	for _, m := range under.members {
		if key := m.key.raw; over.get(key) == nil && !superseded(over, key, what) {
			both.members = append(both.members, m)
		}
	}
	return &both
}

// superseded reports whether what the manifest says leaves no room for a key of
// the definition that it lies over.
func superseded(over *node, key, what string) bool {
	switch what {
	case "tool":
		return key == "input" && over.get("input_schema") != nil
	case "response":
		return (key == "schema" || key == "schema_check") && reshapes(over)
	case "argument":
		filled := over.get("value") != nil // clients neither give it nor leave it out
		replaced := over.get("type") != nil || over.get("$ref") != nil
		return replaced && !isPlacing(key) || filled && (key == "optional" || key == "default")
	}
	return false
}

// reshapes reports whether a response makes another answer than the one that
// the description has a schema of.
func reshapes(response *node) bool {
	for _, key := range []string{"as", "select", "paginate", "content"} {
		if response.get(key) != nil {
			return true
		}
	}
	return false
}

// isPlacing tells the keywords of an argument that are ours: a type of its own
// doesn't change where it goes.
func isPlacing(key string) bool {
	switch key {
	case "in", "as", "style", "explode", "optional", "media_type", "description":
		return true
	}
	return false
}

// jsonBuilder makes nodes of JSON, all of them at one line of a file.
type jsonBuilder struct {
	file *file
	line int
}

func (b *jsonBuilder) build(raw json.RawMessage) (*node, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return b.value(dec)
}

func (b *jsonBuilder) scalar(text string, how style) *node {
	return &node{file: b.file, line: b.line, col: 1, raw: text, text: text, style: how, size: 1, height: 1}
}

func (b *jsonBuilder) value(dec *json.Decoder) (*node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, fmt.Errorf("definition: %w", err)
	}
	switch v := token.(type) {
	case json.Delim:
		n := b.scalar("", plain)
		n.flow = true
		if v == '[' {
			return n, b.items(dec, n)
		}
		return n, b.members(dec, n)
	case string:
		return b.scalar(v, doubleQuoted), nil
	case json.Number:
		return b.scalar(v.String(), plain), nil
	case bool:
		return b.scalar(strconv.FormatBool(v), plain), nil
	}
	return b.scalar("null", plain), nil
}

func (b *jsonBuilder) items(dec *json.Decoder, n *node) error {
	n.kind = sequenceNode
	for dec.More() {
		item, err := b.value(dec)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
		n.grow(item)
	}
	_, err := dec.Token()
	return err
}

func (b *jsonBuilder) members(dec *json.Decoder, n *node) error {
	n.kind = mappingNode
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return fmt.Errorf("definition: %w", err)
		}
		value, err := b.value(dec)
		if err != nil {
			return err
		}
		text, _ := key.(string)
		n.members = append(n.members, member{b.scalar(text, doubleQuoted), value})
		n.grow(value)
	}
	_, err := dec.Token()
	return err
}
