package gateway

import (
	"bytes"

	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/internal/watch"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// tellChanges tells clients that listen which of their lists another manifest
// has changed.
func (g *Gateway) tellChanges(old, next *snapshot) {
	changes := make(map[[2]*lists][listKinds]bool)
	changed := func(of *owner) [listKinds]bool {
		was, is := old.endpoints[of.path], next.endpoints[of.path]
		if was == nil || is == nil { // its clients are told so when they ask
			return [listKinds]bool{}
		}
		pair := [2]*lists{was.listsFor(of.principal), is.listsFor(of.principal)}
		out, known := changes[pair]
		if !known {
			for kind := range listKinds {
				out[kind] = !bytes.Equal(pair[0].modern[kind], pair[1].modern[kind])
			}
			changes[pair] = out
		}
		return out
	}
	g.hearers.Each(func(one *stream.Listener[hearing]) {
		lists, meta := changed(&one.Meta.owner), &one.Meta
		tellLists(lists, func(kind mcp.List) {
			if meta.hears(kind) {
				one.Send(mcp.AppendListChanged(nil, kind, meta.id))
			}
		})
	})
	legacy := make(map[mcp.List][]byte)
	for _, kind := range []mcp.List{mcp.Tools, mcp.Resources, mcp.Prompts} {
		legacy[kind] = mcp.AppendListChanged(nil, kind, nil)
	}
	g.streams.Each(func(live *stream.Session) {
		if of, ok := live.Owner().(*owner); ok {
			tellLists(changed(of), func(kind mcp.List) { live.Push(legacy[kind]) })
		}
	})
	g.rebindWatches(next)
}

// hears reports whether the client wants to know of changes of a list.
func (h *hearing) hears(kind mcp.List) bool {
	switch kind {
	case mcp.Tools:
		return h.wants.Tools
	case mcp.Prompts:
		return h.wants.Prompts
	}
	return h.wants.Resources
}

// tellLists calls tell for each kind of list that has changed; resources and
// templates are one.
func tellLists(changed [listKinds]bool, tell func(kind mcp.List)) {
	if changed[toolList] {
		tell(mcp.Tools)
	}
	if changed[resourceList] || changed[templateList] {
		tell(mcp.Resources)
	}
	if changed[promptList] {
		tell(mcp.Prompts)
	}
}

// rebindWatches makes what is watched be looked at as the new manifest says.
func (g *Gateway) rebindWatches(s *snapshot) {
	g.hub.Rebind(func(key string, now watch.Source) (watch.Source, bool) {
		as := g.watchers.any(key, func(w *watcher) bool { return s.watchedBy(w) != nil })
		if as == nil {
			return now, false
		}
		return g.watchSource(s.watchedBy(as), key), true
	})
}
