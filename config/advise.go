package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// advise warns of what works, but probably not as meant.
func (l *loader) advise(m *Manifest) {
	ceiling := m.Server.CallTimeout
	for _, name := range slices.Sorted(maps.Keys(m.Tools)) {
		if tool := m.Tools[name]; !tool.IsZero() && !m.LiesOverUnknown(tool) {
			l.adviseDescription(tool.Place, "tool", name, tool.Description, "models choose tools by their descriptions")
			l.adviseTimeout(tool.Parts, ceiling)
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(m.Resources)) {
		if r := m.Resources[uri]; !r.IsZero() {
			l.adviseDescription(r.Place, "resource", uri, r.Description, "models and people choose resources by their descriptions")
			l.adviseTimeout(r.Parts, ceiling)
			if r.Text != nil && r.Watch > 0 {
				l.warnAt(r.Place, "watch", "watch-constant", "a text that is written here never changes", "take watch away")
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Prompts)) {
		if p := m.Prompts[name]; !p.IsZero() {
			l.adviseDescription(p.Place, "prompt", name, p.Description, "people choose prompts by their descriptions")
			l.adviseTimeout(p.Parts, ceiling)
			l.adviseBraces(p)
		}
	}
	if !m.Server.IsZero() && m.Server.Admin != "off" && addressProblem(m.Server.Admin) == "" && !loopback(m.Server.Admin) {
		l.warnAt(m.Server.Place, "admin", "admin-exposed", "anybody who reaches the admin address can reload the manifest", "listen on 127.0.0.1, or let only your own network reach it")
	}
	if errs, _ := l.problems.Count(); errs == 0 {
		l.adviseUpstreams(m)
		l.adviseCompletions(m)
		l.adviseEndpoints(m)
	}
}

// adviseDescription warns of descriptions that don't help.
func (l *loader) adviseDescription(p Place, what, name, description, hint string) {
	const missing = "description-missing"
	written := p.node.get("description")
	switch {
	case written == nil:
		l.report(p.Warning(fmt.Sprintf("%s %q has no description", what, clip(name)), hint).By(missing))
	case written.value.broken || written.value.isNull() || written.value.kind != scalarNode:
	case strings.TrimSpace(description) == "":
		l.warnAt(p, "description", missing, fmt.Sprintf("the description of %s %q is empty", what, clip(name)), hint)
	case strings.Contains(description, "{{"):
		l.warnAt(p, "description", "braces-literal", "a description is shown as it is written, with its braces", "describe the "+what+" in plain words")
	}
}

// What was typed, as requests and arguments name it, and as jq does.
var (
	typedInText  = regexp.MustCompile(`\{value\}|\$\{\{(?:[^}]*[^.\w}])?value\b`)
	typedInQuery = regexp.MustCompile(`(?:^|[^.\w$"])value\b`)
)

// adviseCompletions warns of suggestions that don't heed what was typed.
func (l *loader) adviseCompletions(m *Manifest) {
	for _, r := range m.Resources {
		for _, c := range r.Complete {
			l.adviseCompletion(c)
		}
	}
	for _, p := range m.Prompts {
		for i := range p.Arguments {
			l.adviseCompletion(p.Arguments[i].Complete)
		}
	}
}

// adviseCompletion warns of suggestions that are asked for without saying what
// was typed.
func (l *loader) adviseCompletion(c *Complete) {
	if c == nil || c.Broken || c.Values != nil || c.node == nil || typedInQuery.MatchString(c.Select) || mentions(c.node, typedInText) {
		return
	}
	hint := "send what was typed: request: GET /path?prefix={value}"
	if c.Tool != "" {
		hint = `send what was typed: args: {prefix: "${{ value }}"}`
	}
	l.report(c.Warning("the suggestions are the same whatever is typed", hint).By("completion-constant"))
}

// mentions reports whether a text at or below a node matches.
func mentions(n *node, pattern *regexp.Regexp) bool {
	below := func(m member) bool { return mentions(m.value, pattern) }
	return n.kind == scalarNode && pattern.MatchString(n.text) || slices.ContainsFunc(n.members, below) ||
		slices.ContainsFunc(n.items, func(item *node) bool { return mentions(item, pattern) })
}

// adviseBraces warns of arguments in braces, as other templates have them: in
// messages they stay as they are.
func (l *loader) adviseBraces(p *Prompt) {
	messages := p.node.get("messages")
	if messages == nil {
		return
	}
	for i := range p.Arguments {
		name := regexp.QuoteMeta(p.Arguments[i].Name)
		inBraces := regexp.MustCompile(`(?:^|[^${])(\{{1,2}\s*\.?` + name + `\s*\}{1,2})`)
		l.adviseHoles(messages.value, p.Arguments[i].Name, inBraces)
	}
}

func (l *loader) adviseHoles(n *node, name string, inBraces *regexp.Regexp) {
	for i := range n.items {
		l.adviseHoles(n.items[i], name, inBraces)
	}
	for i := range n.members {
		l.adviseHoles(n.members[i].value, name, inBraces)
	}
	if n.kind != scalarNode {
		return
	}
	if found := inBraces.FindStringSubmatchIndex(n.text); found != nil {
		warning := place(n, nil, "").ProblemAt(nil, clip(n.text[found[2]:found[3]])+" stays as it is written", "write ${{ args."+clip(name)+" }}", found[2])
		warning.Severity = SeverityWarning
		l.report(warning.By("braces-literal"))
	}
}

// adviseTimeout warns of a timeout that can't be reached.
func (l *loader) adviseTimeout(parts map[string]Setting, ceiling time.Duration) {
	timeout := parts["timeout"]
	if value, ok := timeout.Value.(time.Duration); ok && !timeout.Broken && ceiling > 0 && value > ceiling {
		l.report(timeout.Warning("a call never takes that long: call_timeout of the server ends it after "+durationText(ceiling), "raise call_timeout in server").By("timeout-unreachable"))
	}
}

// adviseUpstreams warns of upstreams that nothing asks.
func (l *loader) adviseUpstreams(m *Manifest) {
	used := make(map[string]bool)
	use := func(p Place, upstream string) {
		if upstream == "" && len(m.Upstreams) == 1 && p.node.get("request") != nil {
			for only := range m.Upstreams {
				upstream = only
			}
		}
		used[upstream] = true
	}
	for _, t := range m.Tools {
		use(t.Place, t.Upstream)
	}
	for _, r := range m.Resources {
		use(r.Place, r.Upstream)
		for _, c := range r.Complete {
			use(c.Place, c.Upstream)
		}
	}
	for _, p := range m.Prompts {
		for i := range p.Arguments {
			if c := p.Arguments[i].Complete; c != nil {
				use(c.Place, c.Upstream)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Upstreams)) {
		if up := m.Upstreams[name]; !used[name] {
			l.report(up.Warning(fmt.Sprintf("nothing asks upstream %q", clip(name)), "").By("upstream-unused"))
		}
	}
}

// warnAt adds a warning of a member of the value at a place.
func (l *loader) warnAt(p Place, key, rule, message, hint string) {
	w := p.ProblemAt([]string{key}, message, hint, 0)
	w.Severity = SeverityWarning
	l.report(w.By(rule))
}

// durationText writes a duration as people do: 1m, not 1m0s.
func durationText(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
