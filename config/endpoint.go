package config

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Endpoint is a virtual server: a path of its own that shows a part of the
// tools, resources and prompts.
type Endpoint struct {
	Place        `manifest:"-"`
	Path         string   `manifest:"-"`
	Include      []string `manifest:"include" doc:"What it shows, by name, URI or pattern, e.g. get_*, or by tag, e.g. tag:support." default:"[\"*\"]"`
	Exclude      []string `manifest:"exclude" doc:"What it doesn't show of that, written like include."`
	Roles        []string `manifest:"roles" doc:"Callers with one of these roles may use it; for others it doesn't exist."`
	Scopes       []string `manifest:"scopes" doc:"OAuth scopes that each request needs, all of them; without, the answer is 403."`
	Instructions string   `manifest:"instructions" doc:"What a model should know about these tools, instead of the server's."`
	Discovery    string   `manifest:"discovery" doc:"search lists a tool that searches and one that calls, in place of the tools themselves: for hundreds of them." enum:"list,search" default:"list"`
}

// Picks reports whether patterns choose something of that name and tags.
func Picks(patterns []string, name string, tags []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return picks(pattern, name, tags) })
}

func picks(pattern, name string, tags []string) bool {
	if tag, ok := strings.CutPrefix(pattern, "tag:"); ok {
		return slices.ContainsFunc(tags, func(own string) bool { return matches(tag, own) })
	}
	return matches(pattern, name)
}

// matches compares a text with a pattern in which * stands for anything.
func matches(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for {
		next, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, next)
		}
		at := strings.Index(text, next)
		if at < 0 {
			return false
		}
		text, rest = text[at+len(next):], after
	}
}

// endpointPath is what an endpoint's path may be.
var endpointPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

// reservedPaths are served by the gateway itself.
func reservedPath(p string) bool {
	return p == "/sse" || p == "/messages" || p == "/.well-known" || strings.HasPrefix(p, "/.well-known/")
}

// checkEndpoints checks paths and patterns.
func (l *loader) checkEndpoints(m *Manifest) {
	for _, name := range slices.Sorted(maps.Keys(m.Endpoints)) {
		e := m.Endpoints[name]
		if e.IsZero() {
			continue
		}
		key := place(e.key, nil, e.Place.Path)
		switch {
		case !endpointPath.MatchString(name) || path.Clean(name) != name:
			l.report(key.Problem(fmt.Sprintf("%q can't be the path of an endpoint", clip(name)), "write e.g. /mcp/support: letters, digits and . _ ~ - between slashes"))
		case reservedPath(name):
			l.report(key.Problem(fmt.Sprintf("%q is served by the gateway itself", clip(name)), "write e.g. /mcp/support"))
		}
	}
}

// adviseEndpoints warns of patterns that choose nothing.
func (l *loader) adviseEndpoints(m *Manifest) {
	var names, tags []string
	note := func(name string, own []string) { names, tags = append(names, name), append(tags, own...) }
	for name, t := range m.Tools {
		note(name, t.Tags)
	}
	for uri, r := range m.Resources {
		note(uri, r.Tags)
	}
	for name, p := range m.Prompts {
		note(name, p.Tags)
	}
	for _, name := range slices.Sorted(maps.Keys(m.Endpoints)) {
		e := m.Endpoints[name]
		l.advisePatterns(e, "include", e.Include, names, tags)
		l.advisePatterns(e, "exclude", e.Exclude, names, tags)
	}
}

func (l *loader) advisePatterns(e *Endpoint, key string, patterns, names, tags []string) {
	for i, pattern := range patterns {
		among, wanted := names, pattern
		if tag, ok := strings.CutPrefix(pattern, "tag:"); ok {
			among, wanted = tags, tag
		}
		if slices.ContainsFunc(among, func(name string) bool { return matches(wanted, name) }) || pattern == "*" {
			continue
		}
		hint := "patterns are names with *, or tag:NAME"
		if near := nearest(wanted, among); near != "" {
			hint = fmt.Sprintf("did you mean %q?", strings.TrimSuffix(pattern, wanted)+near)
		}
		w := e.ProblemAt([]string{key, strconv.Itoa(i)}, fmt.Sprintf("%q chooses nothing", clip(pattern)), hint, 0)
		w.Severity, w.Rule = SeverityWarning, "endpoint-empty"
		l.report(w)
	}
}
