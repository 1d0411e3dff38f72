package gateway

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// maxDescription is where clients cut descriptions and instructions, in
	// bytes.
	maxDescription = 2 << 10
	// maxDefinitionTokens is twice what tools usually take.
	maxDefinitionTokens = 1500
)

// tools looks at each tool by itself.
func (l *linter) tools() {
	unbounded := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(l.s.tools)) {
		t := l.s.tools[name]
		l.writes(t)
		l.unusedOf(t)
		if budget, written := t.parts["response"].At("max_tokens"); written && budget.Text() == "none" && !unbounded[budget.String()] {
			unbounded[budget.String()] = true
			l.tool(ruleOutputUnbounded, t, budget.Problem("answers are as long as the service makes them", "clients cut at about 25,000 tokens: let them be shortened well before"))
		}
		if t.source.Internal {
			continue // no model sees it
		}
		l.unnamed(t)
		l.long(t, t.spec.Description)
		if tokens := estimateTokens(t.modern); tokens > maxDefinitionTokens {
			l.tool(ruleDefinitionTokens, t, t.place.Problem(fmt.Sprintf("the definition of tool %q takes about %s tokens", name, thousands(tokens)),
				"shorten descriptions, or take out arguments that no model needs"))
		}
	}
}

// long warns of descriptions that clients cut.
func (l *linter) long(t *tool, description string) {
	if len(description) > maxDescription {
		l.tool(ruleDescriptionLong, t, t.source.ProblemAt([]string{"description"},
			fmt.Sprintf("the description of tool %q has %s bytes, and clients cut it at 2 KB", t.spec.Name, thousands(len(description))), "say the rest by the descriptions of arguments", -1))
	}
}

// instructions warns of those that clients cut.
func (l *linter) instructions() {
	tell := func(p config.Place, text string) {
		if len(text) > maxDescription {
			l.warn(ruleDescriptionLong, p.ProblemAt([]string{"instructions"},
				fmt.Sprintf("the instructions have %s bytes, and clients cut them at 2 KB", thousands(len(text))), "say what is about one tool in its description", -1))
		}
	}
	tell(l.s.manifest.Server.Place, l.s.manifest.Server.Instructions)
	for _, e := range l.s.manifest.Endpoints {
		tell(e.Place, e.Instructions)
	}
}

// unnamed warns of arguments that say no more than their type.
func (l *linter) unnamed(t *tool) {
	var names []string
	var first []string
	for i := range t.spec.Arguments {
		a := &t.spec.Arguments[i]
		if a.Value != nil || tells(a.Schema) {
			continue
		}
		if names = append(names, a.Name); first == nil {
			first = []string{"input", a.Name}
			if t.source.InputSchema != nil {
				first = []string{"input_schema", "properties", a.Name}
			}
		}
	}
	if len(names) == 0 {
		return
	}
	message := fmt.Sprintf("argument %s of tool %q has no description", names[0], t.spec.Name)
	if len(names) > 1 {
		message = fmt.Sprintf("arguments %s of tool %q have no description", few(names), t.spec.Name)
	}
	place := t.place
	if t.source.InputSchema != nil && !place.Written("input_schema") {
		place = t.source.InputSchema.Place
	}
	l.tool(ruleArgumentUnnamed, t, place.ProblemAt(first, message, "models fill in what they understand", -1))
}

// tells reports whether a schema says what is meant by a value, not only of
// which type it is.
func tells(schema []byte) bool {
	if !bytes.HasPrefix(bytes.TrimSpace(schema), []byte("{")) {
		return false
	}
	members, err := strictjson.Members(schema, nil)
	return err != nil || slices.ContainsFunc(members, func(m strictjson.Member) bool {
		switch m.Name {
		case "description", "title", "examples", "enum", "const", "default", "format", "pattern",
			"$ref", "$dynamicRef", "contentMediaType", "oneOf", "anyOf", "allOf":
			return true
		}
		return false
	})
}

// writes warns of tools that destroy, or do their work twice, and nobody is
// asked. A tool for steps only is as good as those that call it.
func (l *linter) writes(t *tool) {
	hints := &t.spec.Annotations
	if isTrue(hints.ReadOnly) || l.asks(t) {
		return
	}
	method := ""
	if t.operator != nil {
		method = t.operator.Method()
	}
	name := t.spec.Name
	switch {
	case isTrue(hints.Destructive) && (method == http.MethodDelete || isTrue(t.source.Annotations.Destructive)):
		l.tool(ruleWriteUnconfirmed, t, t.place.Problem(fmt.Sprintf("tool %q destroys without asking anybody", name),
			`write confirm: "…?", or annotations: {destructive: false} if nothing is lost`))
	case method != "" && !isTrue(hints.Idempotent) && !t.spec.Repeatable && t.spec.IdempotencyHeader == "":
		l.tool(ruleWriteNotRepeating, t, t.place.Problem(fmt.Sprintf("tool %q may do its work twice", name),
			"models call again when an answer is lost: write idempotency_key: header Idempotency-Key,\nor confirm: \"…?\", or annotations: {idempotent: true} if repeating is safe"))
	}
}

func isTrue(hint *bool) bool { return hint != nil && *hint }

// asks reports whether a person is asked before the tool does its work: by
// itself, or, if it is for steps only, by all that call it.
func (l *linter) asks(t *tool) bool {
	if asksItself(&t.target) {
		return true
	}
	if !t.source.Internal {
		return false
	}
	called, asked := false, true
	for _, caller := range l.s.tools { // none calls itself, be it through others
		if calls(&caller.target, t.spec.Name) {
			called, asked = true, asked && l.asks(caller)
		}
	}
	for caller := range l.s.all.targets() {
		if caller.spec.Kind != kindTool && calls(caller, t.spec.Name) {
			called, asked = true, asked && asksItself(caller)
		}
	}
	return called && asked
}

// calls reports whether the target's steps call a tool.
func calls(t *target, name string) bool {
	return slices.ContainsFunc(t.programs, func(p program) bool { return slices.Contains(p.Tools(), name) })
}

// asksItself reports whether the target's own steps ask the person.
func asksItself(t *target) bool {
	return slices.ContainsFunc(t.programs, func(p program) bool {
		return p.kind == programConfirm || asksIn(outlinesOf(p))
	})
}

func asksIn(steps []plugins.StepOutline) bool {
	return slices.ContainsFunc(steps, func(s plugins.StepOutline) bool {
		return s.Kind == "ask" && !s.Optional || asksIn(s.Steps)
	})
}

// What texts say of arguments: of one, by its name, or of anything.
var (
	namedArgument = regexp.MustCompile(`\bargs\s*(?:\.\s*([A-Za-z_]\w*)|\.?\s*\[\s*["']([^"']*)["']\s*\]|\.\s*"([^"]*)")`)
	anyArgument   = regexp.MustCompile(`\bargs\b`)
)

// unusedOf warns of a tool's arguments that nothing mentions. Those of a tool
// with a request all go somewhere.
func (l *linter) unusedOf(t *tool) {
	if t.operator != nil {
		return
	}
	for i := range t.spec.Arguments {
		a := &t.spec.Arguments[i]
		if a.Value != nil || l.mentions(&t.target, a.Name) {
			continue
		}
		key := "input"
		if t.source.InputSchema != nil {
			key = "input_schema"
		}
		path := []string{key, a.Name}
		if key == "input_schema" {
			path = []string{key, "properties", a.Name}
		}
		l.tool(ruleArgumentUnused, t, t.place.ProblemAt(path, fmt.Sprintf("nothing uses the argument %q", a.Name), "write ${{ args."+a.Name+" }} where it belongs, or take it out", -1))
	}
}

// prompts warns of prompts' arguments without a description, and of those that
// nothing mentions.
func (l *linter) prompts() {
	for _, name := range slices.Sorted(maps.Keys(l.s.prompts)) {
		p := l.s.prompts[name]
		for i := range p.source.Arguments {
			a := &p.source.Arguments[i]
			if a.Description == "" && a.Title == "" {
				l.warn(ruleArgumentUnnamed, a.ProblemAt(nil, fmt.Sprintf("argument %s of prompt %q has no description", a.Name, name), "people fill in what they understand", -1))
			}
			if !l.mentions(&p.target, a.Name) {
				l.warn(ruleArgumentUnused, a.ProblemAt(nil, fmt.Sprintf("nothing uses the argument %q", a.Name), "write ${{ args."+a.Name+" }} where it belongs, or take it out", -1))
			}
		}
	}
}

// mentions reports whether anything written of a target may mean the argument:
// args with its name, or args as a whole.
func (l *linter) mentions(t *target, argument string) bool {
	means := func(text string) bool {
		named := namedArgument.FindAllStringSubmatch(text, -1)
		return len(anyArgument.FindAllStringIndex(text, -1)) > len(named) ||
			slices.ContainsFunc(named, func(m []string) bool { return slices.Contains(m[1:], argument) })
	}
	if t.place.HasText(means) {
		return true
	}
	for _, setting := range t.parts { // those of defaults are not below the place
		if setting.HasText(means) {
			return true
		}
	}
	return false
}
