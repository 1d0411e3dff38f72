package cmd

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
)

// diff tells what a manifest changes against another.
func (a *app) diff() *cobra.Command {
	var asJSON, allow bool
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Compare two manifests: tools, schemas, policies, and who may do more than before.",
		Long: "Compare two manifests, files or folders: which tools, resources, prompts, endpoints and upstreams are added,\n" +
			"removed or changed, and in what; whether calls that were right may be wrong now; for each role that either names,\n" +
			"for callers without roles and for anonymous ones what they see now and didn't see before; limits that let more\n" +
			"pass; ways to authenticate; and what needs a restart. Nothing is started or sent.\n\n" +
			"It exits with 1 if access is widened: somebody sees more at an endpoint, a rule of roles, scopes or `when` is\n" +
			"dropped or asks for less, a person is asked no more, what only read changes something now, something is internal\n" +
			"no more, an endpoint without roles is added, or there is another\n" +
			"way to be let in. A `when` that is written otherwise counts, since it can't be decided. --allow-widening exits\n" +
			"with 0 nevertheless. A manifest with errors makes it exit with 1 as well, and mistakes in the words with 2.\n\n" +
			"Both are read with the environment of this process.",
		Example: "  sallyport diff production/ staging/\n" +
			"  git worktree add /tmp/main origin/main && sallyport diff /tmp/main/conf conf\n" +
			"  git show HEAD:manifest.yaml > /tmp/old.yaml; sallyport diff /tmp/old.yaml manifest.yaml\n" +
			"  git difftool --no-prompt --extcmd 'sallyport diff' -- manifest.yaml",
		Args: usageArgs(twoManifests),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, path := range args {
				if _, err := os.Stat(path); err != nil {
					return usageError{fmt.Errorf("%w: want two manifests, files or folders", aboutFile(path, err))}
				}
			}
			c, err := gateway.Compare(config.Source{Path: args[0]}, config.Source{Path: args[1]}, a.parts)
			if err != nil {
				return a.report(err)
			}
			if err = a.printComparison(c, asJSON); err == nil && c.Widened && !allow {
				err = errSilent
			}
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().BoolVar(&allow, "allow-widening", false, "exit with 0 although access is widened")
	return c
}

// twoManifests checks that two are named.
func twoManifests(_ *cobra.Command, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("diff wants two manifests, the old one and the new one, not %d", len(args))
	}
	return nil
}

func (a *app) printComparison(c *gateway.Comparison, asJSON bool) error {
	if asJSON {
		return a.printJSON(c)
	}
	return a.printf("%s", comparisonText(c))
}

// comparisonText is a comparison for people.
func comparisonText(c *gateway.Comparison) []byte {
	text := fmt.Appendf(nil, "%s\n", c.Summary())
	kind := ""
	for i := range c.Changes {
		change := &c.Changes[i]
		if change.Kind != kind {
			kind = change.Kind
			text = fmt.Appendf(text, "\n%s\n", headingOf(kind))
		}
		text = appendChange(text, change)
	}
	text = appendAccess(text, c.Access)
	if len(c.NeedsRestart) > 0 {
		text = append(text, "\nneeds a restart\n"...)
		for i := range c.NeedsRestart {
			p := &c.NeedsRestart[i]
			text = fmt.Appendf(text, "  %s:%d:%d: %s\n", p.File, p.Line, p.Col, p.Message)
		}
	}
	return text
}

// headingOf is what stands above the changes of a kind.
func headingOf(kind string) string {
	if kind == "auth" || kind == "server" {
		return kind
	}
	return kind + "s"
}

// appendChange appends one thing's change, and a line for each of its parts.
func appendChange(text []byte, c *gateway.Change) []byte {
	sign := map[gateway.ChangeAction]string{
		gateway.ActionAdded: "+", gateway.ActionRemoved: "-", gateway.ActionChanged: "~",
	}[c.Action]
	text = fmt.Appendf(text, "%s %s", sign, c.Name)
	if len(c.Parts) == 0 {
		text = append(text, effectsText("", &c.Effects)...)
	}
	if c.At != "" {
		text = fmt.Appendf(text, "  (%s)", c.At)
	}
	text = append(text, '\n')
	for i := range c.Parts {
		p := &c.Parts[i]
		text = fmt.Appendf(text, "    %s: %s", p.Part, p.Says)
		switch before, after := clipped(string(p.Old)), clipped(string(p.New)); {
		case before == after:
		case before == "" || after == "":
			text = append(text, ": "+before+after...)
		default:
			text = append(text, ": "+before+" -> "+after...)
		}
		text = append(append(text, effectsText(p.Part, &p.Effects)...), '\n')
	}
	return text
}

// effectsText says what a change of a part does. What it does to access can be
// told of lists of names, and not of a condition.
func effectsText(part string, e *gateway.Effects) string {
	both := "may widen access"
	if strings.HasSuffix(part, "roles") || strings.HasSuffix(part, "scopes") {
		both = "widens and narrows access"
	}
	var said []string
	for _, effect := range []struct {
		there bool
		says  string
	}{
		{e.Widens && e.Narrows, both}, {e.Widens && !e.Narrows, "widens access"}, {e.Narrows && !e.Widens, "narrows access"},
		{e.Looser && e.Tighter, "limit is another"}, {e.Looser && !e.Tighter, "limit loosened"}, {e.Tighter && !e.Looser, "limit tightened"},
		{e.Breaking, "BREAKING"}, {e.Restart, "needs a restart"},
	} {
		if effect.there {
			said = append(said, effect.says)
		}
	}
	if len(said) == 0 {
		return ""
	}
	return "  [" + strings.Join(said, ", ") + "]"
}

// appendAccess appends who sees more and who sees less; callers of whom the
// same is true share a line.
func appendAccess(text []byte, changes []gateway.AccessChange) []byte {
	if len(changes) == 0 {
		return text
	}
	text = append(text, "\naccess\n"...)
	callers := make(map[string][]string)
	var order []string
	for i := range changes {
		c := &changes[i]
		var said strings.Builder
		for _, name := range c.Gains {
			said.WriteString("    + " + name + "\n")
		}
		for _, name := range c.Loses {
			said.WriteString("    - " + name + "\n")
		}
		key := c.Endpoint + "\n" + said.String()
		if !slices.Contains(order, key) {
			order = append(order, key)
		}
		callers[key] = append(callers[key], c.Caller)
	}
	for _, key := range order {
		path, said, _ := strings.Cut(key, "\n")
		text = fmt.Appendf(text, "  %s at %s\n%s", strings.Join(callers[key], ", "), path, said)
	}
	return text
}
