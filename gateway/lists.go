package gateway

import (
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

// listCache holds encoded results of tools/list. Callers who see the same
// tools get the same bytes.
type listCache struct {
	mu     sync.RWMutex
	byRole map[string]*toolLists
	// byVisible holds the lists by what is in them: identity providers give
	// callers many roles that no tool asks for.
	byVisible map[string]*toolLists
}

// toolLists are the encoded results for one set of visible tools.
type toolLists struct {
	modern, legacy []byte
}

// toolsFor returns the lists for a principal.
func (s *snapshot) toolsFor(p *plugins.Principal) *toolLists {
	key := roleKey(p.Roles)
	s.lists.mu.RLock()
	lists := s.lists.byRole[key]
	s.lists.mu.RUnlock()
	if lists != nil {
		return lists
	}
	visible := s.visibleTo(p)
	s.lists.mu.Lock()
	defer s.lists.mu.Unlock()
	if lists = s.lists.byVisible[string(visible)]; lists == nil {
		lists = s.encodeLists(visible)
		if s.lists.byVisible == nil || len(s.lists.byVisible) >= maxLists {
			s.lists.byRole, s.lists.byVisible = nil, make(map[string]*toolLists)
		}
		s.lists.byVisible[string(visible)] = lists
	}
	if s.lists.byRole == nil || len(s.lists.byRole) >= maxRoleSets {
		s.lists.byRole = make(map[string]*toolLists)
	}
	s.lists.byRole[key] = lists
	return lists
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

// visibleTo tells of each tool, in the order of lists, whether the principal
// may see it: 1 or 0.
func (s *snapshot) visibleTo(p *plugins.Principal) []byte {
	visible := make([]byte, len(s.order))
	for i, t := range s.order {
		if t.admits(p) {
			visible[i] = 1
		}
	}
	return visible
}

func (s *snapshot) encodeLists(visible []byte) *toolLists {
	modern := make([][]byte, 0, len(s.order))
	legacy := make([][]byte, 0, len(s.order))
	for i, t := range s.order {
		if visible[i] == 1 {
			modern = append(modern, t.modern)
			legacy = append(legacy, t.legacy)
		}
	}
	return &toolLists{
		modern: s.encoder.ToolsResult(modern, true, s.cacheScope()),
		legacy: s.encoder.ToolsResult(legacy, false, s.cacheScope()),
	}
}

// cacheScope is public only where no credential can influence what is seen.
func (s *snapshot) cacheScope() mcp.CacheScope {
	if s.auth == nil {
		return mcp.Public
	}
	return mcp.Private
}
