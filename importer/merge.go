package importer

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Update merges a draft made of a newer document into a manifest. The lock tells
// what was generated before: what still equals it follows the document, what
// differs was edited by hand and stays. It returns the new text and the lock to
// store; without a lock everything there counts as written by hand.
func Update(manifest []byte, lock *Lock, d *Draft, o OpenAPIOptions) ([]byte, *Lock, []Change, error) {
	s, err := newSheet(manifest)
	if err != nil {
		return nil, nil, nil, err
	}
	m := &merge{sheet: s, changes: map[string]*Change{}}
	base := &object{}
	if lock == nil {
		lock = &Lock{Upstream: d.chooseUpstream(s, o)}
		m.nameFormer(lock.Upstream)
	} else {
		if err := d.findUpstream(s, lock, o); err != nil {
			return nil, nil, nil, err
		}
		m.matchNames(d, lock, s.top("tools"))
		base = (&Draft{upstream: upstream{name: lock.Upstream, settings: lock.settings}, tools: lock.tools}).root()
	}
	d.nameUpstream(s, lock.Upstream)
	m.mapping(s.root, len(s.lines), base, d.root(), nil)
	next := d.Lock(o)
	for _, t := range lock.tools {
		if slices.Contains(m.orphans, t.name) {
			next.tools = append(next.tools, t)
		}
	}
	return s.text(), next, m.sorted(), nil
}

// merge is a three-way merge into a sheet.
type merge struct {
	sheet   *sheet
	changes map[string]*Change
	order   []string
	// orphans are tools that stay although their operation is gone.
	orphans []string
}

// where names what a path is about, and the key in it.
func where(path []string) (about, key string) {
	switch {
	case len(path) > 1 && path[0] == "tools":
		return path[1], strings.Join(path[2:], ".")
	case len(path) > 1:
		return path[0] + "." + path[1], strings.Join(path[2:], ".")
	}
	return strings.Join(path, "."), ""
}

// note adds to what is told of a tool.
func (m *merge) note(about, kind, key, note string) {
	id := about + "\x00" + kind
	c, ok := m.changes[id]
	if !ok {
		c = &Change{Where: about, Kind: kind}
		m.changes[id] = c
		m.order = append(m.order, id)
	}
	if key != "" {
		c.Keys = append(c.Keys, key)
	}
	if note != "" {
		c.Note = note
	}
}

// sorted are the changes in the order in which they were met.
func (m *merge) sorted() []Change {
	out := make([]Change, 0, len(m.order))
	for _, id := range m.order {
		out = append(out, *m.changes[id])
	}
	return out
}

// layoutAt is how the entries at a path are written.
func layoutAt(path []string) layout {
	switch {
	case len(path) == 1 && path[0] == "tools":
		return list
	case len(path) == 2 && path[0] == "tools":
		return stanza
	case path[0] == "upstreams":
		if len(path) <= 2 {
			return spread
		}
		return plain
	case len(path) == 3 && path[0] == "tools":
		return stanza.below(path[2])
	}
	return plain
}

// mapping merges a block mapping.
func (m *merge) mapping(n *yaml.Node, limit int, base, next *object, path []string) {
	all := m.sheet.entries(n, limit)
	find := func(key string) *entry {
		i := slices.IndexFunc(all, func(e entry) bool { return e.key.Value == key })
		if i < 0 {
			return nil
		}
		return &all[i]
	}
	if base == nil {
		base = &object{}
	}
	before := -1 // the line behind which a new entry goes
	for _, b := range base.members {
		if e := find(b.key); e != nil && !next.has(b.key) {
			m.dropped(*e, b.value, append(slices.Clone(path), b.key))
		}
	}
	for _, v := range next.members {
		here := append(slices.Clone(path), v.key)
		e := find(v.key)
		old, known := base.get(v.key)
		switch {
		case e != nil:
			m.entry(*e, old, known, v.value, here)
			before = e.to
		case known:
			about, key := where(here)
			m.note(about, LeftOut, key, m.absence(here))
		default:
			at := before
			switch {
			case at >= 0:
			case len(path) <= 1:
				at = all[len(all)-1].to
			default:
				at = all[0].from
			}
			m.insert(n, at, v, here)
			before = at
		}
	}
}

// absence says why an entry isn't in the manifest.
func (m *merge) absence(path []string) string {
	key := "# " + path[len(path)-1] + ":"
	if path[0] == "upstreams" && slices.ContainsFunc(m.sheet.lines, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), key) }) {
		return "it is commented out"
	}
	return "you removed it"
}

// dropped handles an entry that the newer document doesn't have.
func (m *merge) dropped(e entry, old any, path []string) {
	about, key := where(path)
	v, err := valueOf(e.value)
	unedited := err == nil && equal(v, old) && !hasComments(e)
	isTool := len(path) == 2 && path[0] == "tools"
	switch {
	case len(path) < 2 || path[0] == "upstreams" && len(path) == 2:
	case unedited && m.only(e, path):
		if isTool {
			m.orphans = append(m.orphans, about)
		}
		m.note(about, Gone, key, "the document no longer has it, but nothing would be left: remove it yourself")
	case unedited && isTool:
		m.note(about, Removed, "", "the document no longer has its operation")
		m.sheet.replace(e.from, m.blanksAfter(e), nil)
	case unedited:
		m.note(about, Updated, key, "")
		m.sheet.replace(e.from, e.to, nil)
	case isTool:
		m.orphans = append(m.orphans, about)
		m.note(about, Gone, "", "edited by hand, but the document no longer has its operation: remove it yourself")
	default:
		m.note(about, Kept, conflict(key, v, old, nil), "")
	}
}

// only reports whether an entry is the last one of its mapping: an empty block
// would be null.
func (m *merge) only(e entry, path []string) bool {
	n := m.sheet.root
	for _, key := range path[:len(path)-1] {
		i := slices.Index(keysOf(n), key)
		if i < 0 {
			return false
		}
		n = n.Content[2*i+1]
	}
	return len(n.Content) == 2 && n.Content[0] == e.key
}

// blanksAfter is the line behind an entry and the blank lines after it.
func (m *merge) blanksAfter(e entry) int {
	end := e.to
	for end < e.limit && strings.TrimSpace(m.sheet.lines[end]) == "" {
		end++
	}
	return end
}

// entry merges an entry that is in the manifest and in the newer document.
func (m *merge) entry(e entry, old any, known bool, next any, path []string) {
	about, key := where(path)
	v, err := valueOf(e.value)
	if err == nil && equal(v, next) {
		return
	}
	oldObject, oldIs := old.(*object)
	nextObject, nextIs := next.(*object)
	if nextIs && (oldIs || len(path) < 2) && isBlock(e.value) {
		m.mapping(e.value, e.limit, oldObject, nextObject, path)
		return
	}
	if err != nil || !known {
		m.note(about, Kept, conflict(key, v, next, next), "")
		return
	}
	merged, kept := mergeValue(v, old, next, key)
	for _, k := range kept {
		m.note(about, Kept, k, "")
	}
	switch {
	case equal(merged, v):
	case innerComments(e):
		m.note(about, Kept, key, "there are comments in it")
	default:
		m.note(about, Updated, key, "")
		m.sheet.write(e, merged, layoutAt(path))
	}
}

// mergeValue merges a value that stands on one line, or that is no mapping.
func mergeValue(current, old, next any, path string) (merged any, kept []string) {
	if equal(current, old) {
		return next, nil
	}
	c, isC := current.(*object)
	o, isO := old.(*object)
	n, isN := next.(*object)
	if !isC || !isO || !isN {
		return current, []string{conflict(path, current, old, next)}
	}
	out := &object{}
	for _, m := range c.members {
		below := strings.TrimPrefix(path+"."+m.key, ".")
		before, known := o.get(m.key)
		after, there := n.get(m.key)
		switch {
		case known && there:
			v, keptBelow := mergeValue(m.value, before, after, below)
			out.members = append(out.members, member{m.key, v})
			kept = append(kept, keptBelow...)
		case known && equal(m.value, before):
		default:
			out.members = append(out.members, m)
			kept = append(kept, conflict(below, m.value, before, after))
		}
	}
	for _, m := range n.members {
		if !c.has(m.key) {
			if o.has(m.key) {
				kept = append(kept, path+"."+m.key+" (you removed it)")
				continue
			}
			out.members = append(out.members, m)
		}
	}
	return out, kept
}

// insert writes a new entry behind a line.
func (m *merge) insert(n *yaml.Node, at int, v member, path []string) {
	margin := strings.Repeat(" ", n.Content[0].Column-1)
	text := appendEntry([]byte(margin), v.key, v.value, margin, layoutAt(path))
	about, key := where(path)
	isTool := len(path) == 2 && path[0] == "tools"
	if isTool || len(path) == 1 {
		text = append([]byte("\n"), text...)
	}
	switch {
	case isTool, len(path) == 2:
		m.note(about, Added, "", "")
	case len(path) == 1:
		if o, ok := v.value.(*object); ok && v.key == "tools" {
			for _, t := range o.members {
				m.note(t.key, Added, "", "")
			}
		}
	default:
		m.note(about, Updated, key, "")
	}
	m.sheet.replace(at, at, text)
}
