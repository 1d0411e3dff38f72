package cmd

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
)

// completeNames completes the first word with what the manifest has of some
// kinds, and the further ones with the names of arguments.
func (a *app) completeNames(kinds ...gateway.Kind) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		m, _ := config.Load(a.source(), gateway.Keys(a.parts)) // what could be read of a broken manifest will do
		if m == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if len(args) > 0 {
			return argumentNames(m, args), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		var names []string
		directive := cobra.ShellCompDirectiveNoFileComp
		for _, kind := range kinds {
			names = append(names, namesOf(m, kind)...)
			if kind == gateway.KindResource {
				directive |= cobra.ShellCompDirectiveNoSpace // a template is to be filled in
			}
		}
		slices.Sort(names)
		return names, directive
	}
}

// namesOf are the names of a kind, each with its description.
func namesOf(m *config.Manifest, kind gateway.Kind) []string {
	var names []string
	switch kind {
	case gateway.KindTool:
		for name, t := range m.Tools {
			names = append(names, described(name, t.Description))
		}
	case gateway.KindPrompt:
		for name, p := range m.Prompts {
			names = append(names, described(name, p.Description))
		}
	case gateway.KindResource:
		for uri, r := range m.Resources {
			before, _, _ := strings.Cut(uri, "{")
			names = append(names, described(before, r.Description))
		}
	}
	return names
}

// described puts the first line of a description behind a name, as shells want
// it.
func described(name, description string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(description), "\n")
	return name + "\t" + line
}

// argumentNames are the arguments that are not given yet.
func argumentNames(m *config.Manifest, args []string) []string {
	var names []string
	add := func(name string, optional bool, description string) {
		for _, word := range args[1:] {
			given, _, _ := strings.Cut(word, "=")
			if strings.TrimSuffix(given, ":") == name {
				return
			}
		}
		if optional && description == "" {
			description = "optional"
		}
		names = append(names, described(name+"=", description))
	}
	if t := m.Tools[args[0]]; t != nil && t.Input != nil {
		for i := range t.Input.Properties {
			p := &t.Input.Properties[i]
			add(p.Name, p.Optional || p.HasDefault, "")
		}
		return names
	}
	if p := m.Prompts[args[0]]; p != nil {
		for i := range p.Arguments {
			add(p.Arguments[i].Name, p.Arguments[i].Optional, p.Arguments[i].Description)
		}
	}
	return names
}
