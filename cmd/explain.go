package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/gateway"
)

// explaining are the flags of explain.
type explaining struct {
	as, key          string
	scopes           []string
	asJSON, live     bool
	admin            string
	answer, example  string
	status           int
	prompt, resource bool
}

// explain tells what a name stands for and what a call of it would do.
func (a *app) explain() *cobra.Command {
	var flags explaining
	c := &cobra.Command{
		Use:   "explain NAME [name=text | name:=json]...",
		Short: "Tell what a tool, prompt or resource is: who may call it, limits, request, answer, cost in tokens.",
		Long: "Tell what a tool, a prompt or the resource of a URI is: whether the caller may call it and by which rule, the\n" +
			"policies on its way with their state, where each value is written, its steps, what it may ask a client, the place\n" +
			"of every argument, what its definition costs a model, and, with arguments, the exact upstream request with its\n" +
			"secrets masked. Of a URI: which resource or template answers it, and what it takes from the URI. Nothing is sent\n" +
			"to an upstream.\n\n" +
			"--answer FILE shows what becomes of a body that the service sent, and --example NAME of the answer of one of the\n" +
			"tool's examples: the content blocks, what was cut, and the tokens before and after.\n\n" +
			"Limits and breakers are those of a gateway that has just started. --live asks the one that runs, over its admin\n" +
			"listener; --key names the client whose limits are meant, e.g. api_key:ci.\n\n" +
			"A name is looked up among the tools, then among the prompts; --prompt and --resource look only there.",
		Example: "  sallyport explain place_order --as ann:sales --scopes orders:write\n" +
			"  sallyport explain get_customer customer_id=42 --answer customer.json\n" +
			"  sallyport explain get_customer --live --key api_key:ci\n" +
			"  sallyport explain crm://customers/42\n" +
			"  sallyport explain --prompt orders",
		ValidArgsFunction: a.completeNames(gateway.KindTool, gateway.KindPrompt, gateway.KindResource),
		Args:              usageArgs(someName),
		RunE:              func(c *cobra.Command, args []string) error { return a.runExplain(c.Context(), &flags, args) },
	}
	a.manifestFlag(c)
	f := c.Flags()
	f.StringVar(&flags.as, "as", "cli", "the caller: subject[:role,role]")
	f.StringSliceVar(&flags.scopes, "scopes", nil, "the caller's OAuth scopes")
	f.StringVar(&flags.key, "key", "", "what limits know the caller by (default: cli:SUBJECT)")
	f.BoolVar(&flags.asJSON, "json", false, "print JSON")
	f.BoolVar(&flags.live, "live", false, "ask the running gateway")
	f.StringVar(&flags.admin, "admin", "", "with --live: address of the admin listener (default: the manifest's)")
	f.StringVar(&flags.answer, "answer", "", "shape this file as if the service had answered it")
	f.IntVar(&flags.status, "status", http.StatusOK, "with --answer: the HTTP status")
	f.StringVar(&flags.example, "example", "", "shape the answer of the tool's example of that name or number")
	f.BoolVar(&flags.prompt, "prompt", false, "NAME is that of a prompt")
	f.BoolVar(&flags.resource, "resource", false, "NAME is the URI of a resource")
	c.MarkFlagsMutuallyExclusive("prompt", "resource")
	c.MarkFlagsMutuallyExclusive("answer", "example")
	return c
}

// someName checks that there is a name to explain.
func someName(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("explain wants the name of a tool or prompt, or the URI of a resource")
	}
	return nil
}

func (a *app) runExplain(ctx context.Context, flags *explaining, args []string) error {
	q, err := flags.inquiry(args)
	if err != nil {
		return err
	}
	var e *gateway.Explanation
	if flags.live {
		e, err = a.explainLive(ctx, flags.admin, q)
	} else {
		e, err = a.explainHere(q) //nolint:contextcheck // nothing is waited for
	}
	if err != nil {
		return err
	}
	if flags.asJSON {
		return a.printJSON(e)
	}
	return a.printExplanation(e, flags)
}

// printJSON prints a value as indented JSON, in which < and > are themselves.
func (a *app) printJSON(v any) error {
	encoder := json.NewEncoder(a.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// inquiry is what the words and flags ask.
func (f *explaining) inquiry(args []string) (*gateway.Inquiry, error) {
	q := &gateway.Inquiry{Name: args[0], Caller: parseCaller(f.as), Example: f.example}
	q.Caller.Scopes, q.Caller.Key = f.scopes, f.key
	if len(args) > 1 {
		var err error
		if q.Arguments, err = parseArguments(args[1:]); err != nil {
			return nil, err
		}
	}
	switch {
	case f.prompt:
		q.Kinds = []gateway.Kind{gateway.KindPrompt}
	case f.resource:
		q.Kinds = []gateway.Kind{gateway.KindResource}
	}
	if f.answer != "" {
		body, err := os.ReadFile(f.answer)
		if err != nil {
			return nil, fmt.Errorf("--answer: %w", err)
		}
		if f.status < 100 || f.status > 599 {
			return nil, usageError{fmt.Errorf("--status %d: want 100 to 599", f.status)}
		}
		q.Answer = &gateway.RecordedAnswer{From: f.answer, Status: f.status, Body: body}
	}
	return q, nil
}

// explainHere explains by the manifest.
func (a *app) explainHere(q *gateway.Inquiry) (*gateway.Explanation, error) {
	g, err := a.open()
	if err != nil {
		return nil, err
	}
	e, err := g.Inquire(q)
	return e, errors.Join(err, g.Close())
}

// explainLive has the running gateway explain.
func (a *app) explainLive(ctx context.Context, admin string, q *gateway.Inquiry) (*gateway.Explanation, error) {
	address, err := a.reloadAddress(admin)
	if err != nil {
		return nil, err
	}
	question, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode question: %w", err)
	}
	status, body, err := askAdmin(ctx, http.MethodPost, address, "/explain", question, time.Minute)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		var r refusal
		if err := json.Unmarshal(body, &r); err != nil || r.Error == "" {
			return nil, fmt.Errorf("the gateway answered %d: %s", status, body)
		}
		return nil, errors.New(r.Error)
	}
	e := &gateway.Explanation{}
	if err := json.Unmarshal(body, e); err != nil {
		return nil, fmt.Errorf("read the gateway's answer: %w", err)
	}
	return e, nil
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
