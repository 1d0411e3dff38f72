package gateway

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// maxRoleSets bounds the sets of roles whose lists are known at once.
	maxRoleSets = 256
	// maxLists bounds the prepared lists themselves.
	maxLists = 64
)

// listKind is one of the lists.
type listKind int

// The lists, in the order in which their items are counted.
const (
	toolList listKind = iota
	resourceList
	templateList
	promptList
	listKinds
)

// name is the list's name in the protocol.
func (k listKind) name() mcp.List {
	return [...]mcp.List{mcp.Tools, mcp.Resources, mcp.ResourceTemplates, mcp.Prompts}[k]
}

// targets are all that is listed.
func (e *endpoint) targets() iter.Seq[*target] {
	return func(yield func(*target) bool) {
		for _, some := range e.listed {
			for _, t := range some {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// list sorts what the endpoint shows.
func (e *endpoint) list() {
	add := func(kind listKind, t *target) {
		if e.shows(t) {
			e.listed[kind] = append(e.listed[kind], t)
		}
	}
	for _, t := range e.tools {
		if !t.source.Internal {
			add(toolList, &t.target)
		}
	}
	for _, r := range e.resources {
		add(resourceList, &r.target)
	}
	for _, r := range e.templates {
		add(templateList, &r.target)
	}
	for _, p := range e.prompts {
		add(promptList, &p.target)
	}
	e.byRole = true
	for kind := range e.listed {
		slices.SortFunc(e.listed[kind], func(x, y *target) int { return cmp.Compare(x.order, y.order) })
	}
	for t := range e.targets() {
		for _, a := range t.admitters {
			_, ok := a.(plugins.RoleAdmitter)
			e.byRole = e.byRole && ok
		}
	}
}

// capabilities are what the manifest makes the gateway offer: what is not
// among them is not served.
func (e *endpoint) capabilities() mcp.Capabilities {
	c := mcp.Capabilities{
		Tools:       len(e.listed[toolList]) > 0,
		Prompts:     len(e.listed[promptList]) > 0,
		Resources:   len(e.listed[resourceList])+len(e.listed[templateList]) > 0,
		ListChanged: true, Logging: e.logs,
	}
	for _, r := range slices.Concat(slices.Collect(maps.Values(e.resources)), e.templates) {
		if e.shows(&r.target) {
			c.Subscribe = c.Subscribe || r.source.Watch > 0
			c.Completions = c.Completions || len(r.completers) > 0
		}
	}
	for _, p := range e.prompts {
		c.Completions = c.Completions || e.shows(&p.target) && len(p.completers) > 0
	}
	for _, t := range e.listed[toolList] {
		c.Tasks = c.Tasks || e.waits(t)
	}
	return c
}

// offersList reports whether the method of a list is offered.
func (e *endpoint) offersList(kind listKind) bool {
	switch kind {
	case toolList:
		return e.offers.Tools
	case promptList:
		return e.offers.Prompts
	}
	return e.offers.Resources
}

// waits reports whether a call of the target may wait for an upstream's job.
func (s *snapshot) waits(t *target) bool {
	if t.polls {
		return true
	}
	for _, p := range t.programs {
		for _, name := range p.Tools() {
			if next := s.tools[name]; next != nil && s.waits(&next.target) {
				return true
			}
		}
	}
	return false
}

// listCache holds encoded lists. Callers who see the same get the same bytes.
type listCache struct {
	mu     sync.RWMutex
	byRole map[string]*lists
	// byVisible holds the lists by what is in them: identity providers give
	// callers many roles that nothing asks for.
	byVisible map[string]*lists
}

// lists are the encoded results for one set of what is visible.
type lists struct {
	modern, legacy [listKinds][]byte
	// visible tells of each target, in the order of targets: 1 or 0.
	visible []byte
}

// listsFor returns the lists for a principal.
func (e *endpoint) listsFor(p *plugins.Principal) *lists {
	key := ""
	if e.byRole {
		key = roleKey(p.Roles)
		e.lists.mu.RLock()
		known := e.lists.byRole[key]
		e.lists.mu.RUnlock()
		if known != nil {
			return known
		}
	}
	visible := e.visibleTo(p)
	e.lists.mu.Lock()
	defer e.lists.mu.Unlock()
	known := e.lists.byVisible[string(visible)]
	if known == nil {
		known = e.encodeLists(visible)
		if e.lists.byVisible == nil || len(e.lists.byVisible) >= maxLists {
			e.lists.byRole, e.lists.byVisible = nil, make(map[string]*lists)
		}
		e.lists.byVisible[string(visible)] = known
	}
	if !e.byRole {
		return known
	}
	if e.lists.byRole == nil || len(e.lists.byRole) >= maxRoleSets {
		e.lists.byRole = make(map[string]*lists)
	}
	e.lists.byRole[key] = known
	return known
}

// roleKey names a set of roles. What parts them is no UTF-8, so no role holds
// it: a token may well name a role "a\x00b", or "a,b".
func roleKey(roles []string) string {
	switch len(roles) {
	case 0:
		return ""
	case 1:
		return roles[0]
	}
	sorted := slices.Clone(roles)
	slices.Sort(sorted)
	return strings.Join(sorted, "\xff")
}

// visibleTo tells of each target whether the principal may see it: 1 or 0.
func (e *endpoint) visibleTo(p *plugins.Principal) []byte {
	var visible []byte
	for t := range e.targets() {
		if t.admits(p) {
			visible = append(visible, 1)
		} else {
			visible = append(visible, 0)
		}
	}
	return visible
}

func (e *endpoint) encodeLists(visible []byte) *lists {
	out := &lists{visible: visible}
	for kind := range listKinds {
		modern, legacy := e.definitions(kind, visible)
		out.modern[kind] = e.encoder.ListResult(kind.name(), modern, true, e.cacheScope(), "")
		out.legacy[kind] = e.encoder.ListResult(kind.name(), legacy, false, e.cacheScope(), "")
	}
	return out
}

// definitions are the encoded definitions that a list shows.
func (e *endpoint) definitions(kind listKind, visible []byte) (modern, legacy [][]byte) {
	for _, t := range e.seen(kind, visible) {
		modern = append(modern, t.modern)
		legacy = append(legacy, t.legacy)
	}
	return modern, legacy
}

// seen are the visible ones of a list's targets.
func (e *endpoint) seen(kind listKind, visible []byte) []*target {
	start := 0
	for before := range kind {
		start += len(e.listed[before])
	}
	var out []*target
	for i, t := range e.listed[kind] {
		if visible[start+i] == 1 {
			out = append(out, t)
		}
	}
	return out
}

// page encodes a page of a list: what comes after a name.
func (e *endpoint) page(kind listKind, visible []byte, after string, modern bool) []byte {
	rest := e.seen(kind, visible)
	from, found := slices.BinarySearchFunc(rest, after, func(t *target, name string) int { return cmp.Compare(t.order, name) })
	if found {
		from++
	}
	rest = rest[from:]
	next := ""
	if size := e.manifest.Server.PageSize; size > 0 && len(rest) > size {
		rest = rest[:size]
		next = mcp.EncodeCursor(rest[size-1].order)
	}
	definitions := make([][]byte, len(rest))
	for i, t := range rest {
		definitions[i] = t.legacy
		if modern {
			definitions[i] = t.modern
		}
	}
	return e.encoder.ListResult(kind.name(), definitions, modern, e.cacheScope(), next)
}

// cacheScope is public only where no credential can influence what is seen.
func (s *snapshot) cacheScope() mcp.CacheScope {
	if s.auth == nil {
		return mcp.Public
	}
	return mcp.Private
}
