package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// toolName is what clients accept as a tool's name.
var toolName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// manifestVersion is the version of the language.
const manifestVersion = 1

// checkVersion checks the version of a further file.
func (l *loader) checkVersion(m *member) {
	if n, err := parseInt(m.value.text, 64); err != nil || n != manifestVersion || m.value.style != plain {
		l.report(place(m.value, m.key, "version").Problem(fmt.Sprintf("version %s is not known", clip(m.value.raw)), "write version: 1"))
	}
}

// check finds what is wrong with values that are right by themselves.
func (l *loader) check(m *Manifest) {
	if m.Version != 0 && m.Version != manifestVersion {
		l.reportAt(m.Place, []string{"version"}, fmt.Sprintf("version %d is not known", m.Version), "write version: 1")
	}
	if len(m.Tools)+len(m.Resources)+len(m.Prompts) == 0 && l.errors() == 0 {
		l.report(m.ProblemAt([]string{"tools"}, "the manifest has no tools", "the smallest manifest is\n"+smallest, 0))
	}
	l.checkServer(m)
	names := slices.Sorted(maps.Keys(m.Upstreams))
	for _, name := range slices.Sorted(maps.Keys(m.Tools)) {
		if tool := m.Tools[name]; !tool.IsZero() {
			l.checkTool(name, tool, names)
		}
	}
	l.checkResources(m, names)
	l.checkPrompts(m, names)
	l.checkEndpoints(m)
	l.advise(m)
}

// checkName checks the name of a tool or a prompt.
func (l *loader) checkName(p Place, name, what string) {
	if !toolName.MatchString(name) {
		at := place(p.key, nil, p.Path)
		l.report(at.Problem(fmt.Sprintf("%q can't be a %s's name", clip(name), what), "names are 1 to 64 letters, digits, _ and -"))
	}
}

// checkTool checks a tool's name, its upstream, and how its arguments are declared.
func (l *loader) checkTool(name string, t *Tool, upstreams []string) {
	l.checkName(t.Place, name, "tool")
	l.checkUpstream(t.Place, fmt.Sprintf("tool %q", clip(name)), t.Upstream, upstreams)
	l.checkListed(t.Place, t.Icons)
	if t.Input != nil && t.InputSchema != nil {
		l.reportAt(t.Place, []string{"input_schema"}, fmt.Sprintf("tool %q has both input and input_schema", clip(name)), "keep one of them")
	}
	places := []string{"path", "query", "header", "cookie", "body", "form", "file"}
	if t.In != nil && t.InputSchema == nil {
		l.reportAt(t.Place, []string{"in"}, fmt.Sprintf("in goes with input_schema, which tool %q doesn't have", clip(name)), "write in: beside the argument's type, e.g. {type: string, in: query}")
	}
	for arg, in := range t.In {
		if !slices.Contains(places, in) {
			l.reportAt(t.Place, []string{"in", arg}, fmt.Sprintf("want one of %s for %q, found %q", strings.Join(places, ", "), clip(arg), clip(in)), suggest(in, places))
		}
	}
}

// reportAt adds a problem with a value below a place, unless there is one
// already: what follows from it would only confuse.
func (l *loader) reportAt(p Place, path []string, message, hint string) {
	at := joinPath(p.Path, path)
	if slices.ContainsFunc(l.problems, func(known Problem) bool { return known.Path == at && known.Severity == SeverityError }) {
		return
	}
	if below, _ := p.walk(path); below.node == nil || !below.node.broken {
		l.report(p.ProblemAt(path, message, hint, 0))
	}
}

// elsewhere tells where a key that isn't known at the path belongs.
func (d *decoder) elsewhere(key string, path []string) string {
	section := "" // the manifest itself
	if len(path) > 0 {
		section = path[0]
	}
	named := section == "tools" || section == "resources" || section == "prompts" || section == "upstreams" || section == "endpoints"
	if len(path) > 2 || (len(path) == 2 && !named) {
		if inStep(path) {
			return stepHint(key)
		}
		if section == "tools" && hasKey(d.parts.Upstream, key) {
			return "it belongs in an upstream"
		}
		return ""
	}
	switch {
	case section == "tools" && slices.ContainsFunc(d.parts.Tool, func(p Part) bool { return p.Key == "response" && d.hasField(p, key) }):
		return "it belongs in response"
	case section == "" && (key == "openapi" || key == "swagger"):
		return "write the document's name in an upstream, e.g. upstreams: {shop: {openapi: shop.yaml}}"
	}
	return d.homeOf(key, section)
}

// inStep reports whether a path leads to a step, be it within parallel.
func inStep(path []string) bool {
	if len(path) < 4 || path[0] != "tools" && path[0] != "resources" || len(path)%2 != 0 || path[2] != "steps" {
		return false
	}
	for i := 4; i < len(path); i += 2 {
		if path[i] != "parallel" {
			return false
		}
	}
	_, err := strconv.Atoi(path[len(path)-1])
	return err == nil
}

// stepHint tells the key of a step that goes by another name elsewhere.
func stepHint(key string) string {
	for _, s := range [][]string{
		{"tool", "call", "use", "uses", "run", "invoke", "action", "function"},
		{"args", "with", "params", "parameters", "arguments", "input", "inputs"},
		{"ask", "question", "elicit", "elicitation", "form", "confirm"},
		{"sample", "prompt", "sampling", "llm", "model", "messages"},
		{"when", "if", "condition", "only_if"},
		{"for_each", "foreach", "loop", "each", "items", "with_items"},
		{"require", "assert", "check", "ensure", "guard", "must"},
		{"log", "print", "echo", "debug"},
		{"id", "name", "key", "as", "register"},
		{"optional", "continue_on_error", "ignore_errors", "allow_failure"},
		{"undo", "rollback", "compensate", "revert", "on_error"},
		{"detach", "background", "async"},
	} {
		if slices.Contains(s[1:], key) {
			return "write " + s[0]
		}
	}
	return ""
}

// homeOf tells where a key belongs that isn't known in a section, or in what a
// section names.
func (d *decoder) homeOf(key, section string) string {
	tool, resource := hasKey(d.parts.Tool, key), hasKey(d.parts.Resource, key)
	switch {
	case section == "upstreams":
		return d.kindOf(key)
	case slices.Contains([]string{"input", "inputs", "input_schema", "arguments", "args", "params", "parameters"}, key):
		return argumentsOf(section)
	case section == "prompts" && tool && resource:
		return "it belongs in a tool or a resource"
	case (section == "prompts" || section == "resources") && tool:
		return "it belongs in a tool"
	case section != "tools" && section != "defaults" && tool:
		return "it belongs in a tool, or in defaults for all"
	case section != "prompts" && hasKey(d.parts.Prompt, key):
		return "it belongs in a prompt"
	case section != "prompts" && hasKey(d.parts.Upstream, key):
		return "it belongs in an upstream"
	case section == "" && slices.Contains(d.types.of(reflect.TypeFor[Server]()).names(), key):
		return "it belongs in server"
	default:
		return ""
	}
}

// kindOf tells which kind of upstream has a key that this one hasn't.
func (d *decoder) kindOf(key string) string {
	for _, kind := range d.parts.Kinds {
		if d.hasField(kind, key) {
			return "it goes with " + kind.Key
		}
	}
	return otherWord(key, []string{"openapi"})
}

// hasField reports whether the settings of a part are a mapping with the key.
func (d *decoder) hasField(p Part, key string) bool {
	return p.Settings.Kind() == reflect.Struct && slices.Contains(d.types.of(p.Settings).names(), key)
}

// argumentsOf tells what the arguments are called in a section.
func argumentsOf(section string) string {
	switch section {
	case "tools":
		return "write input"
	case "prompts":
		return "write arguments"
	case "resources":
		return "a resource's arguments are the placeholders of its URI, e.g. crm://customers/{customer_id}"
	}
	return ""
}

// hasKey reports whether a part of the group has the key.
func hasKey(group []Part, key string) bool {
	return slices.ContainsFunc(group, func(p Part) bool { return p.Key == key })
}
