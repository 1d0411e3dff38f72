package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// checkResources checks the resources, and that no two templates are alike.
func (l *loader) checkResources(m *Manifest, upstreams []string) {
	shapes := make(map[string]*Resource)
	for _, uri := range slices.Sorted(maps.Keys(m.Resources)) {
		r := m.Resources[uri]
		if r.IsZero() {
			continue
		}
		names, shape, mistake := parseURI(uri)
		if mistake != nil {
			r.Broken = true
			l.report(place(r.key, nil, r.Path).ProblemAt(nil, mistake.message, mistake.hint, mistake.offset))
		} else {
			if other := shapes[shape]; other != nil {
				first, second := other, r
				if r.Place.File == other.Place.File && r.Line < other.Line {
					first, second = r, other
				}
				l.report(twice(second.key, first.key, second.Path, fmt.Sprintf("%q and %q match the same URIs", clip(second.URI), clip(first.URI))))
			}
			shapes[shape] = r
			l.checkPlaceholders(r, names)
			l.checkUnused(r, names)
		}
		l.checkResource(m, r, upstreams)
	}
}

// checkPlaceholders checks that suggestions are for placeholders of the URI.
func (l *loader) checkPlaceholders(r *Resource, names []string) {
	for _, name := range slices.Sorted(maps.Keys(r.Complete)) {
		if slices.Contains(names, name) {
			continue
		}
		hint := suggest(name, names)
		if len(names) == 0 {
			hint = "a placeholder in the URI makes it a template: crm://customers/{customer_id}"
		}
		l.reportAt(r.Place, []string{"complete", name}, fmt.Sprintf("there is no placeholder {%s} in the URI", clip(name)), hint)
	}
}

// checkUnused refuses placeholders of a content that is always the same.
func (l *loader) checkUnused(r *Resource, names []string) {
	if len(names) == 0 {
		return
	}
	for _, key := range []string{"text", "file"} {
		if r.node.get(key) != nil {
			l.reportAt(r.Place, []string{key}, fmt.Sprintf("this is the same for every {%s}", names[0]),
				fmt.Sprintf(`write response: {text: "… ${{ args.%[1]s }}"}, or request: GET /path/{%[1]s}`, names[0]))
		}
	}
}

// checkResource checks one resource by itself.
func (l *loader) checkResource(m *Manifest, r *Resource, upstreams []string) {
	l.checkContent(r)
	what := owner([]string{"resources", clip(r.URI)})
	l.checkUpstream(r.Place, what, r.Upstream, upstreams)
	l.checkListed(r.Place, r.Icons)
	if r.MIMEType != "" && !isMediaType(r.MIMEType) {
		l.reportAt(r.Place, []string{"mime_type"}, "want a media type", "write text/plain")
	}
	if p := r.Annotations.Priority; p != nil && *p > 1 {
		l.reportAt(r.Place, []string{"annotations", "priority"}, `"priority" must be at most 1`, "0 is optional, 1 is required")
	}
	if last := r.Annotations.LastModified; last != "" {
		if _, err := time.Parse(time.RFC3339, last); err != nil {
			l.reportAt(r.Place, []string{"annotations", "last_modified"}, "want a time as in RFC 3339", "write 2026-03-01T12:00:00Z")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Complete)) {
		l.checkComplete(m, r.Complete[name], upstreams)
	}
}

// checkContent checks that a resource says once where its content comes from.
func (l *loader) checkContent(r *Resource) {
	var written []string
	for _, key := range []string{"text", "file", "request", "steps"} {
		if r.node.get(key) != nil {
			written = append(written, key)
		}
	}
	response := r.node.get("response") != nil
	switch {
	case len(written) > 1:
		l.reportAt(r.Place, written[1:2], "the content comes from one place, but there are "+strings.Join(written, " and "), "keep one of them")
	case len(written) == 1 && response && (written[0] == "text" || written[0] == "file"):
		l.reportAt(r.Place, []string{"response"}, written[0]+" is the content already; response is for what an upstream or steps answer", "keep one of them")
	case len(written) == 0 && !response && !l.misspells(r.node, reflect.TypeFor[Resource](), l.parts.Resource, "text", "file", "request", "steps", "response"):
		l.reportAt(r.Place, nil, fmt.Sprintf("resource %q doesn't say where its content comes from", clip(r.URI)), "add text, file or request")
	}
}

// misspells reports whether an unknown key of the mapping is probably meant for
// one of the given ones.
func (l *loader) misspells(n *node, t reflect.Type, group []Part, meant ...string) bool {
	known := l.types.of(t).names()
	for i := range group {
		known = append(known, group[i].Key)
	}
	return slices.ContainsFunc(n.members, func(m member) bool {
		other, _, _ := strings.Cut(strings.TrimPrefix(otherWord(m.key.raw, known), "write "), ":")
		return !slices.Contains(known, m.key.raw) && (slices.Contains(meant, nearest(m.key.raw, known)) || slices.Contains(meant, other))
	})
}

// checkUpstream checks the upstream that something with a request asks. The
// place is that of the mapping that holds request and upstream.
func (l *loader) checkUpstream(p Place, what, upstream string, upstreams []string) {
	asks := p.node.get("request") != nil
	switch {
	case upstream != "" && !slices.Contains(upstreams, upstream):
		l.reportAt(p, []string{"upstream"}, fmt.Sprintf("unknown upstream %q in %s", clip(upstream), what), suggest(upstream, upstreams))
	case len(upstreams) == 0 && asks && l.errors() == 0:
		l.reportAt(p, []string{"request"}, fmt.Sprintf("there is no upstream that %s could ask", what), `write upstreams: {crm: {url: "https://…"}}`)
	case upstream == "" && len(upstreams) > 1 && asks && p.node.get("upstream") == nil:
		l.report(p.Problem(what+" doesn't say which upstream it asks", "write upstream: "+strings.Join(upstreams[:min(len(upstreams), maxListed)], " | ")))
	}
}

// checkPrompts checks the prompts' names and arguments.
func (l *loader) checkPrompts(m *Manifest, upstreams []string) {
	messages := slices.ContainsFunc(l.parts.Prompt, func(p Part) bool { return p.Key == "messages" })
	for _, name := range slices.Sorted(maps.Keys(m.Prompts)) {
		p := m.Prompts[name]
		if p.IsZero() {
			continue
		}
		l.checkName(p.Place, name, "prompt")
		l.checkListed(p.Place, p.Icons)
		if messages && p.node.get("messages") == nil && !l.misspells(p.node, reflect.TypeFor[Prompt](), l.parts.Prompt, "messages") {
			l.reportAt(p.Place, nil, fmt.Sprintf("prompt %q has no messages", clip(name)), "write messages: [{role: user, text: …}]")
		}
		for i := range p.Arguments {
			l.checkComplete(m, p.Arguments[i].Complete, upstreams)
		}
	}
}

// checkComplete checks that suggestions come from one place, which there is.
func (l *loader) checkComplete(m *Manifest, c *Complete, upstreams []string) {
	if c == nil || c.IsZero() || c.node.kind != mappingNode {
		return
	}
	request, tool := c.node.get("request") != nil, c.node.get("tool") != nil
	at := func(key, message, hint string) { l.reportAt(c.Place, []string{key}, message, hint) }
	switch {
	case request && tool:
		at("tool", "suggestions come from a request or a tool, not both", "keep one of them")
	case !request && !tool:
		if !l.problemBelow(c.Path) {
			l.report(c.Problem("this doesn't say where suggestions come from", "write a list, or tool or request with select"))
		}
	case tool:
		if names := slices.Sorted(maps.Keys(m.Tools)); c.Tool != "" && m.Tools[c.Tool] == nil {
			at("tool", fmt.Sprintf("unknown tool %q", clip(c.Tool)), suggest(c.Tool, names))
		}
		if c.node.get("upstream") != nil {
			at("upstream", "upstream goes with request; the tool has its own", "take it away")
		}
	default:
		if c.node.get("args") != nil {
			at("args", "args go with tool; a request has {value} and the arguments as placeholders", "take them away")
		}
		l.checkUpstream(c.Place, "complete", c.Upstream, upstreams)
	}
	if args := c.node.get("args"); args != nil && args.value.kind != mappingNode {
		at("args", "want a mapping of the tool's arguments", `write {prefix: "${{ value }}"}`)
	}
}
