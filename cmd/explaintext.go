package cmd

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxShown bounds a value in a line of text, in characters.
const maxShown = 72

func (a *app) printExplanation(e *gateway.Explanation, flags *explaining) error {
	text := appendHeading(nil, e, flags)
	text = appendPolicies(text, "rules", e.Rules)
	text = appendPolicies(text, "policies, in the order in which a call meets them", e.Policies)
	if len(e.Steps) > 0 {
		text = append(text, "steps\n"...)
		text = appendSteps(text, e.Steps, "  ")
	}
	text = appendSorted(text, "arguments", e.Places)
	text = appendSorted(text, "suggestions", e.Completions)
	text = appendWritten(text, e.Written)
	if e.Problem != "" {
		text = fmt.Appendf(text, "these arguments would be refused\n%s\n", indent(e.Problem))
	}
	if e.Answer != nil {
		text = appendAnswer(text, e.Answer)
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
func appendHeading(text []byte, e *gateway.Explanation, flags *explaining) []byte {
	what := ""
	switch {
	case e.Template == e.Name && e.Template != "":
		what = "template, "
	case e.Kind != gateway.KindTool:
		what = string(e.Kind) + ", "
	}
	text = fmt.Appendf(text, "%s, %sdefined at %s\n", e.Name, what, e.DefinedAt)
	switch {
	case flags.live:
		text = fmt.Appendf(text, "gateway     running, generation %d\n", e.Generation)
	case slices.ContainsFunc(e.Policies, hasState):
		text = append(text, "gateway     not asked: limits and breakers are as at its start; --live asks it\n"...)
	}
	if what == "resource, " && e.Template != "" {
		text = fmt.Appendf(text, "template    %s, with %s\n", e.Template, e.Arguments)
	}
	if e.Upstream != "" {
		text = fmt.Appendf(text, "upstream    %s\n", e.Upstream)
	}
	text = fmt.Appendf(text, "caller      %s %s\n", flags.as, sees(e))
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
	return fmt.Appendf(text, "definition  about %d tokens: %s\n", e.TokenBudget, tokenParts(e))
}

// hasState reports whether a policy's findings depend on the calls before.
func hasState(n gateway.PolicyNote) bool {
	return len(n.Findings) > 0 && (n.Key == "rate_limit" || n.Key == "concurrency" || n.Key == "breaker")
}

// tokenParts says what the parts of a definition cost.
func tokenParts(e *gateway.Explanation) string {
	var parts []string
	for _, part := range []struct {
		name   string
		tokens int
	}{
		{"description", e.Tokens.Description}, {"input schema", e.Tokens.InputSchema},
		{"output schema", e.Tokens.OutputSchema}, {"the rest", e.Tokens.Rest},
	} {
		if part.tokens > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", part.name, part.tokens))
		}
	}
	return strings.Join(parts, ", ")
}

// sees says what the caller may do, and by which rules.
func sees(e *gateway.Explanation) string {
	verb := map[gateway.Kind]string{gateway.KindTool: "call", gateway.KindPrompt: "use", gateway.KindResource: "read"}[e.Kind]
	because := strings.Join(e.Because, ", ")
	switch {
	case !e.Visible:
		return "does not see it: for this caller the " + string(e.Kind) + " does not exist (" + because + ")"
	case e.May == plugins.VerdictDenies:
		return "may not " + verb + " it (" + because + ")"
	case e.Now == plugins.VerdictDenies:
		return "may " + verb + " it, but not now: " + strings.Join(e.By, "; ")
	case e.May == plugins.VerdictDepends:
		return "sees it, and may " + verb + " it with some arguments (" + because + ")"
	}
	return "sees and may " + verb + " it"
}

// appendPolicies appends a line for each policy, and one for each of its
// findings.
func appendPolicies(text []byte, heading string, notes []gateway.PolicyNote) []byte {
	if len(notes) == 0 {
		return text
	}
	text = append(text, heading+"\n"...)
	width := 9
	for i := range notes {
		width = max(width, len(notes[i].On))
	}
	for i := range notes {
		n := &notes[i]
		line := fmt.Sprintf("  %-12s %-*s %s", n.Key, width, n.On, n.From)
		if n.Default {
			line += ", by defaults"
		}
		if n.Value != nil && !strings.HasPrefix(n.From, "switched off") {
			line += "  " + clipped(string(n.Value))
		}
		text = append(text, line+"\n"...)
		for _, f := range n.Findings {
			verdict := map[plugins.Verdict]string{
				plugins.VerdictAllows: "yes: ", plugins.VerdictDenies: "NO: ", plugins.VerdictDepends: "perhaps: ",
			}[f.Verdict]
			text = fmt.Appendf(text, "  %-12s %s%s\n", "", verdict, f.Says)
		}
	}
	return text
}

// appendWritten appends where each value is written.
func appendWritten(text []byte, notes []gateway.WrittenNote) []byte {
	if len(notes) == 0 {
		return text
	}
	keys, places := 0, 0
	for i := range notes {
		keys, places = max(keys, len(notes[i].Key)), max(places, len(notes[i].From))
	}
	keys, places = min(keys, 32), min(places, 40)
	text = append(text, "written\n"...)
	for i := range notes {
		n := &notes[i]
		by := ""
		if n.Default {
			by = "by defaults: "
		}
		text = fmt.Appendf(text, "  %-*s  %-*s  %s%s\n", keys, n.Key, places, n.From, by, clipped(string(n.Value)))
	}
	return text
}

// clipped shortens a value to what fits in a line.
func clipped(value string) string {
	if runes := []rune(value); len(runes) > maxShown {
		return string(runes[:maxShown-1]) + "…"
	}
	return value
}

// appendAnswer appends what a recorded answer becomes.
func appendAnswer(text []byte, n *gateway.AnswerNote) []byte {
	text = fmt.Appendf(text, "answer      %s: status %d, %s\n", n.From, n.Status, orElse(n.ContentType, "no content type"))
	if n.Pages > 1 {
		text = fmt.Appendf(text, "  %d pages are put together\n", n.Pages)
	}
	text = fmt.Appendf(text, "  before    about %d tokens, %d bytes\n", n.TokensBefore, n.BytesBefore)
	if n.Problem != "" {
		return fmt.Appendf(text, "  no result: %s\n", n.Problem)
	}
	blocks := "content blocks"
	if len(n.Content) == 1 {
		blocks = "content block"
	}
	text = fmt.Appendf(text, "  after     about %d tokens, %d bytes, in %d %s\n", n.TokensAfter, n.BytesAfter, len(n.Content), blocks)
	if n.TokensStructured > 0 {
		text = fmt.Appendf(text, "  structured content about %d tokens\n", n.TokensStructured)
	}
	if n.Truncated {
		text = fmt.Appendf(text, "  cut to its budget, which saved about %d tokens\n", n.TokensSaved)
	}
	if n.IsError {
		text = append(text, "  the model is told of an error\n"...)
	}
	for i, block := range n.Content {
		text = fmt.Appendf(text, "  block %d   %s\n", i+1, block)
	}
	return text
}
