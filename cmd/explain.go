package cmd

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/gateway"
)

// explain tells what a tool is and what a call of it would do.
func (a *app) explain() *cobra.Command {
	var as string
	var asJSON bool
	c := &cobra.Command{
		Use:   "explain TOOL [name=text | name:=json]...",
		Short: "Tell what a tool is: its policies, the place of every argument, its cost in tokens.",
		Long: "Tell what a tool is: who may call it, the policies on its way and where each was written, the place of\n" +
			"every argument, what its definition costs a model, and, with arguments, the exact upstream request.",
		ValidArgsFunction: a.completeTools,
		Args:              usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			var arguments []byte
			if len(args) > 1 {
				var err error
				if arguments, err = parseArguments(args[1:]); err != nil {
					return err
				}
			}
			g, err := a.open()
			if err != nil {
				return err
			}
			e, err := g.Explain(args[0], arguments, parseCaller(as))
			if closeErr := g.Close(); err == nil {
				err = closeErr
			}
			if err != nil {
				return err
			}
			return a.printExplanation(e, as, asJSON)
		},
	}
	a.manifestFlag(c)
	c.Flags().StringVar(&as, "as", "cli", "the caller: subject[:role,role]")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) printExplanation(e *gateway.Explanation, as string, asJSON bool) error {
	if asJSON {
		out, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return fmt.Errorf("encode explanation: %w", err)
		}
		return a.printf("%s\n", out)
	}
	visible := "sees and may call it"
	if !e.Visible {
		visible = "does not see it: for this caller the tool does not exist"
	}
	text := fmt.Appendf(nil, "%s, defined at %s\n", e.Tool, e.DefinedAt)
	if e.Upstream != "" {
		text = fmt.Appendf(text, "upstream    %s\n", e.Upstream)
	}
	text = fmt.Appendf(text, "caller      %s %s\n", as, visible)
	text = fmt.Appendf(text, "definition  about %d tokens\n", e.TokenBudget)
	text = append(text, "policies, in the order in which a call meets them\n"...)
	for _, p := range e.Policies {
		text = fmt.Appendf(text, "  %-12s %-9s %s\n", p.Key, p.On, p.From)
	}
	text = appendPlaces(text, e.Places)
	if e.Problem != "" {
		text = fmt.Appendf(text, "these arguments would be refused\n%s\n", indent(e.Problem))
	}
	if err := a.printf("%s", text); err != nil || e.Request == nil {
		return err
	}
	if err := a.printf("request\n"); err != nil {
		return err
	}
	return a.printRequest(e.Request)
}

// appendPlaces appends where each argument goes.
func appendPlaces(text []byte, places map[string]string) []byte {
	if len(places) > 0 {
		text = append(text, "arguments\n"...)
	}
	for _, name := range slices.Sorted(maps.Keys(places)) {
		text = fmt.Appendf(text, "  %-20s %s\n", name, places[name])
	}
	return text
}

// indent moves every line of a text to the right.
func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
