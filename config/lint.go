package config

import (
	"slices"
	"strconv"
)

// Rule is a kind of advice: what warnings are told apart, silenced and made
// errors by.
type Rule struct {
	// ID is stable, e.g. description-missing.
	ID string `json:"id"`
	// Summary is one sentence.
	Summary string `json:"summary"`
	// Help says why it matters and what to do.
	Help string `json:"help"`
}

// Rules are those of the warnings that Load gives, sorted.
func Rules() []Rule {
	return []Rule{
		{"admin-exposed", "The admin listener should be reached from this machine only.",
			"Whoever reaches the admin address can reload the manifest. Listen on 127.0.0.1, or let a network policy keep others away."},
		{"braces-literal", "Braces that fill nothing in stay in the text.",
			"Descriptions are shown as they are written, and messages know ${{ args.name }} only: {name} and {{ name }} stay as they are."},
		{"completion-constant", "Suggestions should depend on what was typed.",
			"The request or the tool that completes an argument is not told what was typed, so that it suggests the same whatever that is. Send {value}, or ${{ value }}."},
		{"description-missing", "Tools, resources and prompts need a description.",
			"Models choose tools by their descriptions, and people choose prompts and resources by theirs."},
		{"endpoint-empty", "Each pattern of an endpoint should choose something.",
			"Nothing has that name or tag: it is probably misspelled."},
		{"exposure", "What an upstream's description holds should become tools.",
			"An operation is left out, or something of it can't be said in a tool. It is no harm if nobody needs it: leave it out by expose, or write the tool by hand."},
		{"timeout-unreachable", "A timeout above the server's call_timeout never counts.",
			"No call takes longer than call_timeout of the server. Raise that, or lower the timeout."},
		{"upstream-unused", "Each upstream should be asked by something.",
			"No tool, resource or completion asks the upstream: something is misspelled, or it can go."},
		{"watch-constant", "A text in the manifest need not be watched.",
			"It changes when the manifest is reloaded, and subscribers are told of that anyway."},
	}
}

// By notes the rule that found a problem.
func (p Problem) By(rule string) Problem {
	p.Rule = rule
	return p
}

// At returns the place of a value below this one: path leads there by keys and
// by indexes of lists. Found is false if there is no such value.
func (p Place) At(path ...string) (below Place, found bool) {
	below, found = p.walk(path)
	if !found {
		return Place{}, false
	}
	below = place(below.node, below.key, joinPath(p.Path, path))
	return below, true
}

// Each returns the places of what is in a mapping or list; of a single value
// its own, as a list of one.
func (p Place) Each() []Place {
	if p.node == nil {
		return nil
	}
	if p.node.kind == scalarNode {
		return []Place{p}
	}
	all := make([]Place, 0, len(p.node.members)+len(p.node.items))
	for i := range p.node.members {
		m := &p.node.members[i]
		all = append(all, place(m.value, m.key, joinPath(p.Path, []string{m.key.raw})))
	}
	for i, item := range p.node.items {
		all = append(all, place(item, nil, joinPath(p.Path, []string{strconv.Itoa(i)})))
	}
	return all
}

// Text is the text of a scalar, variables expanded; empty for other values and
// for secrets.
func (p Place) Text() string {
	if p.node == nil || p.node.kind != scalarNode || p.node.secret || p.node.isNull() {
		return ""
	}
	return p.node.text
}

// Key is the key that the value stands under; empty for items of lists.
func (p Place) Key() string {
	if p.key == nil {
		return ""
	}
	return p.key.raw
}

// HasText reports whether a text at or below the place is one that is looked
// for.
func (p Place) HasText(looked func(text string) bool) bool {
	if p.node == nil {
		return false
	}
	if p.node.kind == scalarNode {
		return looked(p.node.text)
	}
	return slices.ContainsFunc(p.Each(), func(below Place) bool { return below.HasText(looked) })
}

// OpenSecrets are the places where a secret is written in the manifest itself,
// rather than in a file or a variable.
func (m *Manifest) OpenSecrets() []Place { return slices.Clone(m.openSecrets) }
