package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// advise warns of what works, but probably not as meant.
func (l *loader) advise(m *Manifest) {
	for _, name := range slices.Sorted(maps.Keys(m.Tools)) {
		if tool := m.Tools[name]; !tool.IsZero() {
			l.adviseTool(name, tool, m.Server.CallTimeout)
		}
	}
	if !m.Server.IsZero() && m.Server.Admin != "off" && addressProblem(m.Server.Admin) == "" && !loopback(m.Server.Admin) {
		l.warnAt(m.Server.Place, "admin", "anybody who reaches the admin address can reload the manifest", "listen on 127.0.0.1, or let only your own network reach it")
	}
	if errs, _ := l.problems.Count(); errs == 0 {
		l.adviseUpstreams(m)
	}
}

// adviseTool warns of descriptions that don't help, and of a timeout that can't
// be reached.
func (l *loader) adviseTool(name string, t *Tool, ceiling time.Duration) {
	written := t.node.get("description")
	switch {
	case written == nil:
		l.report(t.Warning(fmt.Sprintf("tool %q has no description", clip(name)), "models choose tools by their descriptions"))
	case written.value.broken || written.value.isNull() || written.value.kind != scalarNode:
	case strings.TrimSpace(t.Description) == "":
		l.warnAt(t.Place, "description", fmt.Sprintf("the description of tool %q is empty", clip(name)), "models choose tools by their descriptions")
	case strings.Contains(t.Description, "{{"):
		l.warnAt(t.Place, "description", "a description is shown as it is written, with its braces", "describe the tool in plain words")
	}
	timeout := t.Parts["timeout"]
	if value, ok := timeout.Value.(time.Duration); ok && !timeout.Broken && ceiling > 0 && value > ceiling {
		l.report(timeout.Warning("a call never takes that long: call_timeout of the server ends it after "+durationText(ceiling), "raise call_timeout in server"))
	}
}

// adviseUpstreams warns of upstreams that no tool asks.
func (l *loader) adviseUpstreams(m *Manifest) {
	used := make(map[string]bool)
	for _, t := range m.Tools {
		used[t.Upstream] = true
		if t.Upstream == "" && len(m.Upstreams) == 1 && t.node.get("request") != nil {
			return
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Upstreams)) {
		if up := m.Upstreams[name]; !used[name] {
			l.report(up.Warning(fmt.Sprintf("no tool asks upstream %q", clip(name)), ""))
		}
	}
}

// warnAt adds a warning of a member of the value at a place.
func (l *loader) warnAt(p Place, key, message, hint string) {
	w := p.ProblemAt([]string{key}, message, hint, 0)
	w.Severity = SeverityWarning
	l.report(w)
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
