package gateway

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// manyTools is how many tools models choose well among, and most how many
	// clients take.
	manyTools = 40
	mostTools = 128
	// maxListTokens is what the tools of an endpoint may take of every
	// conversation.
	maxListTokens = 20_000
)

// lists looks at what each endpoint shows to one caller.
func (l *linter) lists() {
	for _, path := range slices.Sorted(maps.Keys(l.s.endpoints)) {
		e := l.s.endpoints[path]
		size := l.s.largest(e)
		place := l.s.manifest.Place
		at := []string{"tools"}
		if e.source != nil {
			place, at = e.source.Place, nil
		}
		hint := "split them by endpoints, show each role its own, or let models search:\n" +
			"endpoints: {" + path + ": {discovery: search}}"
		switch {
		case size.Tools > mostTools:
			l.warn(ruleTooManyTools, place.ProblemAt(at, fmt.Sprintf("a caller of %s sees %d tools: models choose worse above %d, and some clients refuse more than %d",
				path, size.Tools, manyTools, mostTools), hint, -1))
		case size.Tools > manyTools:
			l.warn(ruleTooManyTools, place.ProblemAt(at, fmt.Sprintf("a caller of %s sees %d tools: models choose worse above %d", path, size.Tools, manyTools), hint, -1))
		}
		if size.Tokens > maxListTokens {
			l.warn(ruleListTokens, place.ProblemAt(at, fmt.Sprintf("the tools of %s take about %s tokens of every conversation", path, thousands(size.Tokens)), hint, -1))
		}
	}
}

// ListSize tells what an endpoint shows to the caller who sees most of it.
type ListSize struct {
	// Path is the endpoint's.
	Path string `json:"path"`
	// Tools and Tokens are how many tools are listed, and what they take of
	// every conversation.
	Tools  int `json:"tools"`
	Tokens int `json:"tokens"`
	// Found is how many more tools are found by searching.
	Found int `json:"found_by_search,omitempty"`
}

// ListSizes tells of each endpoint what it shows, by path.
func (g *Gateway) ListSizes() []ListSize {
	s := g.acquire()
	defer s.done()
	sizes := make([]ListSize, 0, len(s.endpoints))
	for _, path := range slices.Sorted(maps.Keys(s.endpoints)) {
		sizes = append(sizes, s.largest(s.endpoints[path]))
	}
	return sizes
}

// largest is the most that an endpoint shows to one caller, who has one of the
// roles that anything asks for.
func (s *snapshot) largest(e *endpoint) ListSize {
	most := ListSize{Path: e.path}
	entries := []string{""}
	if e.source != nil && len(e.source.Roles) > 0 {
		entries = e.source.Roles
	}
	for _, entry := range entries {
		for _, role := range append(s.rolesOf(e), "") {
			p := &plugins.Principal{Roles: slices.DeleteFunc([]string{entry, role}, func(r string) bool { return r == "" })}
			size := e.sizeFor(p)
			if size.Tools+size.Found > most.Tools+most.Found || size.Tokens > most.Tokens {
				most = size
			}
		}
	}
	return most
}

// sizeFor is how much an endpoint shows to a caller.
func (e *endpoint) sizeFor(p *plugins.Principal) ListSize {
	size := ListSize{Path: e.path}
	for _, t := range e.listed[toolList] {
		if t.admits(p) {
			size.Tools++
			size.Tokens += estimateTokens(t.modern)
		}
	}
	if e.search != nil {
		for _, t := range e.search.found {
			if t.admits(p) {
				size.Found++
			}
		}
	}
	return size
}

// rolesOf are the roles that anything of an endpoint asks for.
func (s *snapshot) rolesOf(e *endpoint) []string {
	if s.auth == nil {
		return nil // no caller has any
	}
	roles := make(map[string]bool)
	listed := e.listed[toolList]
	if e.search != nil {
		listed = e.search.found
	}
	for _, t := range listed {
		for _, role := range writtenRoles(t.parts["roles"].Place) {
			roles[role.Text()] = true
		}
	}
	return slices.Sorted(maps.Keys(roles))
}

// writtenRoles are the places of the roles in a list of them.
func writtenRoles(list config.Place) []config.Place {
	return slices.DeleteFunc(list.Each(), func(p config.Place) bool { return p.Text() == "" || p.Text() == "none" })
}

// nowhere warns of what no endpoint shows.
func (l *linter) nowhere() {
	if len(l.s.manifest.Endpoints) == 0 {
		return
	}
	var lost []string
	for t := range l.s.all.targets() {
		shown := false
		for _, e := range l.s.endpoints {
			shown = shown || e.shows(t)
		}
		if !shown {
			lost = append(lost, t.spec.Name)
		}
	}
	if len(lost) == 0 {
		return
	}
	hint := "include them in one"
	if l.s.manifest.Endpoints[endpointPath] == nil {
		hint = "for an endpoint with everything write " + endpointPath + ": {}"
	}
	says := "no endpoint shows " + someOf(lost)
	l.warn(ruleNowhere, l.s.manifest.ProblemAt([]string{"endpoints"}, says, hint, -1))
}
