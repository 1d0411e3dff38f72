package config

import (
	"reflect"
	"strings"
)

// markBroken marks what has problems that would make further checks of it say
// what is known, or nonsense.
func (l *loader) markBroken(m *Manifest) {
	l.markTools(m)
	for uri, r := range m.Resources {
		r.Broken = r.Broken || r.IsZero() || l.problemBelow(joinPath("resources", []string{uri, "upstream"}))
		for _, c := range r.Complete {
			l.markComplete(c)
		}
	}
	for name, p := range m.Prompts {
		at := joinPath("prompts", []string{name, "arguments"})
		problems := l.problemsBelow(at)
		for i := range p.Arguments {
			if c := p.Arguments[i].Complete; c != nil {
				l.markComplete(c)
				problems -= l.problemsBelow(joinPath(at, []string{p.Arguments[i].Name, "complete"}))
			}
		}
		p.Broken = p.IsZero() || problems > 0
	}
}

// markComplete marks suggestions that could not be read.
func (l *loader) markComplete(c *Complete) {
	c.Broken = c.IsZero() || l.problemBelow(c.Path)
}

// problemBelow reports whether there is an error in a value at the path, or
// below it.
func (l *loader) problemBelow(path string) bool { return l.problemsBelow(path) > 0 }

// problemsBelow counts the errors in a value at the path, or below it.
func (l *loader) problemsBelow(path string) int {
	n := 0
	for i := range l.problems {
		p := &l.problems[i]
		if p.Severity == SeverityError && (p.Path == path || strings.HasPrefix(p.Path, path+".")) {
			n++
		}
	}
	return n
}

// markTools marks the tools whose arguments have problems.
func (l *loader) markTools(m *Manifest) {
	for _, t := range m.Tools {
		t.Misspelled = !t.IsZero() && l.misspells(t.node, reflect.TypeFor[Tool](), l.parts.Tool, "request", "steps", "response")
	}
	for i := range l.problems {
		path := strings.SplitN(l.problems[i].Path, ".", 4)
		if len(path) < 3 || path[0] != "tools" || m.Tools[path[1]] == nil {
			continue
		}
		switch path[2] {
		case "input":
			// Without its place an argument can still be checked with the others.
			if len(path) == 4 && (strings.HasSuffix(path[3], ".in") || strings.HasSuffix(path[3], ".style")) {
				continue
			}
			m.Tools[path[1]].Broken = true
		case "input_schema", "in", "upstream":
			m.Tools[path[1]].Broken = true
		}
	}
}

// fail reports an error of the value's own methods, but not what only follows
// from a variable that isn't set.
func (d *decoder) fail(s site, err error) {
	here := s.place()
	for _, one := range leaves(err) {
		if e, ok := one.(fieldError); ok && here.unread(e.FieldPath()) { //nolint:errorlint // leaves has unwrapped it
			continue
		}
		for _, p := range here.Problems(one) {
			d.report(p)
		}
	}
}
