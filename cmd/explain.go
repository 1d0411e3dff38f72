package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/gateway"
)

// explaining are the flags of explain.
type explaining struct {
	as               string
	asJSON           bool
	prompt, resource bool
}

// explain tells what a name stands for and what a call of it would do.
func (a *app) explain() *cobra.Command {
	var flags explaining
	c := &cobra.Command{
		Use:   "explain NAME [name=text | name:=json]...",
		Short: "Tell what a tool, prompt or resource is: policies, steps, arguments, cost in tokens.",
		Long: "Tell what a tool, a prompt or the resource of a URI is: who may call it, the policies on its way and where each\n" +
			"was written, its steps, what it may ask a client, the place of every argument, what its definition costs a\n" +
			"model, and, with arguments, the exact upstream request. Of a URI: which resource or template answers it, and\n" +
			"what it takes from the URI. Nothing is sent.\n\n" +
			"A name is looked up among the tools, then among the prompts; --prompt and --resource look only there.",
		Example: "  sallyport explain place_order --as ann:sales\n" +
			"  sallyport explain get_customer customer_id=42\n" +
			"  sallyport explain crm://customers/42\n" +
			"  sallyport explain --prompt orders",
		ValidArgsFunction: a.completeNames(gateway.KindTool, gateway.KindPrompt, gateway.KindResource),
		Args:              usageArgs(cobra.MinimumNArgs(1)),
		RunE:              func(_ *cobra.Command, args []string) error { return a.runExplain(&flags, args) },
	}
	a.manifestFlag(c)
	f := c.Flags()
	f.StringVar(&flags.as, "as", "cli", "the caller: subject[:role,role]")
	f.BoolVar(&flags.asJSON, "json", false, "print JSON")
	f.BoolVar(&flags.prompt, "prompt", false, "NAME is that of a prompt")
	f.BoolVar(&flags.resource, "resource", false, "NAME is the URI of a resource")
	c.MarkFlagsMutuallyExclusive("prompt", "resource")
	return c
}

func (a *app) runExplain(flags *explaining, args []string) error {
	var arguments []byte
	if len(args) > 1 {
		var err error
		if arguments, err = parseArguments(args[1:]); err != nil {
			return err
		}
	}
	var kinds []gateway.Kind
	switch {
	case flags.prompt:
		kinds = []gateway.Kind{gateway.KindPrompt}
	case flags.resource:
		kinds = []gateway.Kind{gateway.KindResource}
	}
	g, err := a.open()
	if err != nil {
		return err
	}
	e, err := g.Explain(args[0], arguments, parseCaller(flags.as), kinds...)
	if err = errors.Join(err, g.Close()); err != nil {
		return err
	}
	if flags.asJSON {
		out, err := json.MarshalIndent(e, "", "  ")
		if err != nil {
			return fmt.Errorf("encode explanation: %w", err)
		}
		return a.printf("%s\n", out)
	}
	return a.printExplanation(e, flags.as)
}

func (a *app) printExplanation(e *gateway.Explanation, as string) error {
	text := appendHeading(nil, e, as)
	text = append(text, "policies, in the order in which a call meets them\n"...)
	for _, p := range e.Policies {
		text = fmt.Appendf(text, "  %-12s %-9s %s\n", p.Key, p.On, p.From)
	}
	if len(e.Steps) > 0 {
		text = append(text, "steps\n"...)
		text = appendSteps(text, e.Steps, "  ")
	}
	text = appendSorted(text, "arguments", e.Places)
	text = appendSorted(text, "suggestions", e.Completions)
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

// appendHeading appends what it is, and for whom.
func appendHeading(text []byte, e *gateway.Explanation, as string) []byte {
	what := ""
	switch {
	case e.Template == e.Name && e.Template != "":
		what = "template, "
	case e.Kind != gateway.KindTool:
		what = string(e.Kind) + ", "
	}
	text = fmt.Appendf(text, "%s, %sdefined at %s\n", e.Name, what, e.DefinedAt)
	if what == "resource, " && e.Template != "" {
		text = fmt.Appendf(text, "template    %s, with %s\n", e.Template, e.Arguments)
	}
	if e.Upstream != "" {
		text = fmt.Appendf(text, "upstream    %s\n", e.Upstream)
	}
	text = fmt.Appendf(text, "caller      %s %s\n", as, sees(e))
	if len(e.Needs) > 0 {
		text = fmt.Appendf(text, "client      needs %s\n", strings.Join(e.Needs, ", "))
	}
	if len(e.Uses) > 0 {
		text = fmt.Appendf(text, "client      may be asked for %s\n", strings.Join(e.Uses, ", "))
	}
	if e.Waits {
		text = append(text, "waiting     a call may wait for a job of the upstream\n"...)
	}
	if e.Kind == gateway.KindResource {
		text = fmt.Appendf(text, "watch       %s\n", orElse(e.Watch, "not watched: nobody can subscribe"))
		text = fmt.Appendf(text, "kept        %s\n", orElse(e.Lifetime, "clients are told to read it again each time"))
	}
	return fmt.Appendf(text, "definition  about %d tokens\n", e.TokenBudget)
}

// sees says what the caller may do.
func sees(e *gateway.Explanation) string {
	verb := map[gateway.Kind]string{gateway.KindTool: "call", gateway.KindPrompt: "use", gateway.KindResource: "read"}[e.Kind]
	if e.Visible {
		return "sees and may " + verb + " it"
	}
	return "does not see it: for this caller the " + string(e.Kind) + " does not exist"
}

func orElse(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

// appendSteps appends a line a step.
func appendSteps(text []byte, steps []gateway.StepNote, margin string) []byte {
	for i := range steps {
		s := &steps[i]
		text = fmt.Appendf(text, "%s%-12s %s\n", margin, orElse(s.ID, "-"), stepInWords(s))
		text = appendSteps(text, s.Steps, margin+"  ")
	}
	return text
}

// stepInWords says what a step does.
func stepInWords(s *gateway.StepNote) string {
	out := stepAction(s)
	if s.In == "load" {
		out += ", loaded"
	}
	words := []string{out}
	for _, more := range []struct {
		there bool
		text  string
	}{
		{s.ForEach != "", "for each of " + s.ForEach}, {s.AtOnce > 1, fmt.Sprintf("%d at once", s.AtOnce)},
		{s.When != "", "when " + s.When}, {s.Optional, "optional"}, {s.Detached, "in the background"},
		{s.Undo != "", "undone by " + s.Undo},
	} {
		if more.there {
			words = append(words, more.text)
		}
	}
	return strings.Join(words, ", ")
}

// stepAction says what a step does, without its conditions.
func stepAction(s *gateway.StepNote) string {
	switch s.Kind {
	case "tool":
		return "tool " + s.Tool
	case "ask":
		return fmt.Sprintf("asks the person %q", s.Text)
	case "sample":
		return "asks the client's model"
	case "roots":
		return "asks for the client's roots"
	case "require":
		return "requires " + s.Text
	case "progress", "log":
		if s.Text != "" {
			return fmt.Sprintf("%s %q", s.Kind, s.Text)
		}
	case "parallel":
		return "side by side"
	}
	return s.Kind
}

// appendSorted appends names and what is said of them.
func appendSorted(text []byte, heading string, all map[string]string) []byte {
	if len(all) > 0 {
		text = append(text, heading+"\n"...)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text = fmt.Appendf(text, "  %-20s %s\n", name, all[name])
	}
	return text
}

// indent moves every line of a text to the right.
func indent(text string) string { return "  " + strings.ReplaceAll(text, "\n", "\n  ") }
