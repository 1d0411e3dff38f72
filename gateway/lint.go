package gateway

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
)

// Lint looks for what works, but probably not well: it returns the warnings of
// the manifest in force and what a closer look finds, sorted by place. Nothing
// is sent.
func (g *Gateway) Lint() config.Problems {
	s := g.acquire()
	defer s.done()
	l := linter{s: s, exposed: make(map[string]*config.Upstream), groups: make(map[group][]finding)}
	for _, up := range s.manifest.Upstreams {
		for _, name := range up.Exposes {
			l.exposed[name] = up
		}
	}
	l.tools()
	l.internal()
	l.prompts()
	l.instructions()
	l.lists()
	l.nowhere()
	l.secrets()
	l.upstreams()
	l.roles()
	l.anonymous()
	l.settle()
	return append(slices.Clone(s.warnings), l.found...).Sorted()
}

// linter collects what it finds in one snapshot.
type linter struct {
	s     *snapshot
	found config.Problems
	// exposed are the upstreams that describe a tool by themselves.
	exposed map[string]*config.Upstream
	groups  map[group][]finding
}

// group is what is told at once.
type group struct{ rule, upstream string }

// finding is something found of a tool.
type finding struct {
	tool    string
	problem config.Problem
}

// warn notes a finding.
func (l *linter) warn(rule string, p config.Problem) {
	p.Severity = config.SeverityWarning
	l.found = append(l.found, p.By(rule))
}

// tool notes a finding of a tool. Those of tools that an upstream describes may
// be hundreds: they are told together.
func (l *linter) tool(rule string, t *tool, p config.Problem) {
	up := l.exposed[t.spec.Name]
	if up == nil {
		l.warn(rule, p)
		return
	}
	key := group{rule, up.Name}
	l.groups[key] = append(l.groups[key], finding{t.spec.Name, p})
}

// maxSingle is how many findings of an upstream's tools are told one by one.
const maxSingle = 3

// settle tells what was found of tools that upstreams describe.
func (l *linter) settle() {
	for _, key := range slices.SortedFunc(maps.Keys(l.groups), func(a, b group) int {
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.upstream, b.upstream))
	}) {
		findings := l.groups[key]
		if len(findings) <= maxSingle {
			for i := range findings {
				l.warn(key.rule, findings[i].problem)
			}
			continue
		}
		tools := make([]string, len(findings))
		for i := range findings {
			tools[i] = findings[i].tool
		}
		up := l.s.manifest.Upstreams[key.upstream]
		l.warn(key.rule, up.ProblemAt([]string{up.Kind}, fmt.Sprintf("%d tools of upstream %q: %s", len(tools), key.upstream, several(key.rule)),
			"they are "+few(tools)+"\noverride them by name in tools", -1))
	}
}

// several says of many tools what a rule finds of one.
func several(rule string) string {
	switch rule {
	case ruleArgumentUnnamed:
		return "arguments say no more than their type"
	case ruleArgumentUnused:
		return "arguments are not used"
	case ruleDefinitionTokens:
		return fmt.Sprintf("each definition takes more than %s tokens", thousands(maxDefinitionTokens))
	case ruleDescriptionLong:
		return "the description is longer than 2 KB, where clients cut it"
	case ruleInternalUnused:
		return "internal, and called by nothing"
	case ruleOutputUnbounded:
		return "answers have no token budget"
	case ruleWriteNotRepeating:
		return "a call that is made twice may do its work twice"
	}
	return "destroying without asking anybody"
}

// maxFew is how many names a message lists.
const maxFew = 6

// few lists names, the first of them if they are many.
func few(names []string) string {
	names = slices.Sorted(slices.Values(names))
	if len(names) > maxFew+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxFew], ", "), len(names)-maxFew)
	}
	return listed(names)
}

// listed joins names as people do.
func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// thousands writes a number with commas.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
