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
func (s *snapshot) targets() iter.Seq[*target] {
	return func(yield func(*target) bool) {
		for _, some := range s.listed {
			for _, t := range some {
				if !yield(t) {
					return
				}
			}
		}
	}
}

// buildLists sorts what is listed, and prepares what is said of it all.
func (b *builder) buildLists() {
	s := b.s
	for _, t := range s.tools {
		if !t.source.Internal {
			s.listed[toolList] = append(s.listed[toolList], &t.target)
		}
	}
	for _, r := range s.resources {
		s.listed[resourceList] = append(s.listed[resourceList], &r.target)
	}
	for _, r := range s.templates {
		s.listed[templateList] = append(s.listed[templateList], &r.target)
	}
	for _, p := range s.prompts {
		s.listed[promptList] = append(s.listed[promptList], &p.target)
	}
	s.byRole = true
	for kind := range s.listed {
		slices.SortFunc(s.listed[kind], func(x, y *target) int { return cmp.Compare(x.order, y.order) })
	}
	for t := range s.targets() {
		for _, a := range t.admitters {
			_, ok := a.(plugins.RoleAdmitter)
			s.byRole = s.byRole && ok
		}
	}
	if len(b.problems) > 0 {
		return // there may be circles
	}
	s.offers = s.capabilities()
	s.discover = s.encoder.DiscoverResult(s.offers, b.m.Server.Instructions)
}

// capabilities are what the manifest makes the gateway offer: what is not
// among them is not served.
func (s *snapshot) capabilities() mcp.Capabilities {
	c := mcp.Capabilities{
		Tools:       len(s.listed[toolList]) > 0,
		Prompts:     len(s.prompts) > 0,
		Resources:   len(s.resources)+len(s.templates) > 0,
		ListChanged: true, Logging: s.logs,
	}
	for _, r := range slices.Concat(slices.Collect(maps.Values(s.resources)), s.templates) {
		c.Subscribe = c.Subscribe || r.source.Watch > 0
		c.Completions = c.Completions || len(r.completers) > 0
	}
	for _, p := range s.prompts {
		c.Completions = c.Completions || len(p.completers) > 0
	}
	for _, t := range s.tools {
		c.Tasks = c.Tasks || s.waits(&t.target)
	}
	return c
}

// offersList reports whether the method of a list is offered.
func (s *snapshot) offersList(kind listKind) bool {
	switch kind {
	case toolList:
		return s.offers.Tools
	case promptList:
		return s.offers.Prompts
	}
	return s.offers.Resources
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
func (s *snapshot) listsFor(p *plugins.Principal) *lists {
	key := ""
	if s.byRole {
		key = roleKey(p.Roles)
		s.lists.mu.RLock()
		known := s.lists.byRole[key]
		s.lists.mu.RUnlock()
		if known != nil {
			return known
		}
	}
	visible := s.visibleTo(p)
	s.lists.mu.Lock()
	defer s.lists.mu.Unlock()
	known := s.lists.byVisible[string(visible)]
	if known == nil {
		known = s.encodeLists(visible)
		if s.lists.byVisible == nil || len(s.lists.byVisible) >= maxLists {
			s.lists.byRole, s.lists.byVisible = nil, make(map[string]*lists)
		}
		s.lists.byVisible[string(visible)] = known
	}
	if !s.byRole {
		return known
	}
	if s.lists.byRole == nil || len(s.lists.byRole) >= maxRoleSets {
		s.lists.byRole = make(map[string]*lists)
	}
	s.lists.byRole[key] = known
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
func (s *snapshot) visibleTo(p *plugins.Principal) []byte {
	var visible []byte
	for t := range s.targets() {
		if t.admits(p) {
			visible = append(visible, 1)
		} else {
			visible = append(visible, 0)
		}
	}
	return visible
}

func (s *snapshot) encodeLists(visible []byte) *lists {
	out := &lists{visible: visible}
	for kind := range listKinds {
		modern, legacy := s.definitions(kind, visible)
		out.modern[kind] = s.encoder.ListResult(kind.name(), modern, true, s.cacheScope(), "")
		out.legacy[kind] = s.encoder.ListResult(kind.name(), legacy, false, s.cacheScope(), "")
	}
	return out
}

// definitions are the encoded definitions that a list shows.
func (s *snapshot) definitions(kind listKind, visible []byte) (modern, legacy [][]byte) {
	for _, t := range s.seen(kind, visible) {
		modern = append(modern, t.modern)
		legacy = append(legacy, t.legacy)
	}
	return modern, legacy
}

// seen are the visible ones of a list's targets.
func (s *snapshot) seen(kind listKind, visible []byte) []*target {
	start := 0
	for before := range kind {
		start += len(s.listed[before])
	}
	var out []*target
	for i, t := range s.listed[kind] {
		if visible[start+i] == 1 {
			out = append(out, t)
		}
	}
	return out
}

// page encodes a page of a list: what comes after a name.
func (s *snapshot) page(kind listKind, visible []byte, after string, modern bool) []byte {
	rest := s.seen(kind, visible)
	from, found := slices.BinarySearchFunc(rest, after, func(t *target, name string) int { return cmp.Compare(t.order, name) })
	if found {
		from++
	}
	rest = rest[from:]
	next := ""
	if size := s.manifest.Server.PageSize; size > 0 && len(rest) > size {
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
	return s.encoder.ListResult(kind.name(), definitions, modern, s.cacheScope(), next)
}

// cacheScope is public only where no credential can influence what is seen.
func (s *snapshot) cacheScope() mcp.CacheScope {
	if s.auth == nil {
		return mcp.Public
	}
	return mcp.Private
}
