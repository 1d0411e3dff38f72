package openapi

// leastShared is how many bytes a definition must save.
const leastShared = 120

// share moves schemas that several references lead to into definitions, where
// that is smaller.
func (t *tool) share() {
	refs := map[*node]string{}
	for key, n := range t.schemas.memo {
		if n.kind == objectKind && n.get("$ref") == nil {
			refs[n.node] = key.ref
		}
	}
	counts := map[*node]int{}
	var visit func(n *node)
	visit = func(n *node) {
		if _, shared := refs[n]; shared {
			counts[n]++
			if counts[n] > 1 {
				return
			}
		}
		for i := range n.members {
			visit(n.members[i].value)
		}
		for _, item := range n.items {
			visit(item)
		}
	}
	for _, a := range t.arguments {
		visit(a.schema)
	}
	visit(t.schemas.defs)
	r := sharer{schemas: t.schemas, refs: refs, counts: counts, done: map[*node]*node{}}
	for _, m := range t.schemas.defs.members {
		r.own = append(r.own, m.value)
	}
	defs := t.schemas.defs.members
	for i := range defs {
		t.schemas.defs.members[i].value = r.inside(defs[i].value)
	}
	for _, a := range t.arguments {
		a.schema = r.replace(a.schema)
	}
}

// sharer replaces what is used several times by references.
type sharer struct {
	schemas *converter
	refs    map[*node]string
	counts  map[*node]int
	done    map[*node]*node
	own     []*node // what are definitions already
}

func (r *sharer) replace(n *node) *node {
	ref, shared := r.refs[n]
	if !shared || r.counts[n] < 2 {
		return r.inside(n)
	}
	if out := r.done[n]; out != nil {
		return out
	}
	out := r.inside(n)
	if size := len(out.json()); (size-30)*(r.counts[n]-1) > leastShared {
		key := ref
		for i := 0; r.schemas.defs.get(r.schemas.names[key]) != nil; i++ {
			key += "'" // the same schema in another detail
		}
		name := r.schemas.name(key)
		r.schemas.defs.set(name, out)
		out = definition(name)
	}
	r.done[n] = out
	return out
}

// inside replaces what is used several times within a schema.
func (r *sharer) inside(n *node) *node {
	if len(n.members) == 0 && len(n.items) == 0 {
		return n
	}
	out := &node{kind: n.kind, line: n.line, text: n.text}
	for _, m := range n.members {
		out.members = append(out.members, member{m.name, r.replace(m.value)})
	}
	for _, item := range n.items {
		out.items = append(out.items, r.replace(item))
	}
	return out
}
