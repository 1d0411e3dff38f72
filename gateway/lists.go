package gateway

import (
	"sort"
	"strings"
	"sync"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxLists bounds the prepared lists of a snapshot: one for each set of
// visible tools that was asked for.
const maxLists = 256

// listCache holds encoded results of tools/list. Callers with the same roles
// see the same tools, and get the same bytes.
type listCache struct {
	mu     sync.RWMutex
	byRole map[string]*toolLists
}

// toolLists are the encoded results for one set of visible tools.
type toolLists struct {
	modern, legacy []byte
	visible        int
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
	lists = s.encodeLists(p)
	s.lists.mu.Lock()
	defer s.lists.mu.Unlock()
	if s.lists.byRole == nil || len(s.lists.byRole) >= maxLists {
		s.lists.byRole = make(map[string]*toolLists)
	}
	s.lists.byRole[key] = lists
	return lists
}

// roleKey names a set of roles.
func roleKey(roles []string) string {
	switch len(roles) {
	case 0:
		return ""
	case 1:
		return roles[0]
	}
	sorted := append([]string(nil), roles...)
	sort.Strings(sorted)
	return strings.Join(sorted, "\x00")
}

func (s *snapshot) encodeLists(p *plugins.Principal) *toolLists {
	modern := make([][]byte, 0, len(s.order))
	legacy := make([][]byte, 0, len(s.order))
	for _, t := range s.order {
		if t.admits(p) {
			modern = append(modern, t.modern)
			legacy = append(legacy, t.legacy)
		}
	}
	return &toolLists{
		modern:  s.encoder.ToolsResult(modern, true, s.cacheScope()),
		legacy:  s.encoder.ToolsResult(legacy, false, s.cacheScope()),
		visible: len(modern),
	}
}

// cacheScope is public only where no credential can influence what is seen.
func (s *snapshot) cacheScope() mcp.CacheScope {
	if s.auth == nil {
		return mcp.Public
	}
	return mcp.Private
}
