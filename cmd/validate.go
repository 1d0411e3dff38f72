package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
)

// validation is what validate is asked for.
type validation struct {
	format string
	strict bool
	rules  bool
	// ignored and failing are rules: those not to be told of, and those whose
	// warnings are errors.
	ignored, failing []string
}

// validate checks a manifest without starting anything.
func (a *app) validate() *cobra.Command {
	var v validation
	c := &cobra.Command{
		Use:   "validate",
		Short: "Check a manifest: every problem, with its place and a hint.",
		Long: "Check a manifest without starting anything: every problem in one pass, with its place and a hint;\n" +
			"and what works, but probably not well, as warnings that name their rule.\n\n" +
			"It exits with 0 if there is none, or only warnings, and with 1 otherwise. Nothing is sent to anybody.",
		Example: "  sallyport validate -c manifest.yaml\n" +
			"  sallyport validate -c conf/ --strict --format sarif\n" +
			"  sallyport validate --ignore write-unconfirmed --error secret-in-manifest",
		Args: noWords,
		RunE: func(*cobra.Command, []string) error {
			if err := v.check(); err != nil {
				return err
			}
			if v.rules {
				return a.tellRules(v.format)
			}
			problems, sizes, err := a.check()
			if err != nil {
				return err
			}
			return a.tell(v.judge(problems), sizes, &v)
		},
	}
	a.manifestFlag(c)
	c.Flags().StringVar(&v.format, "format", "text", "text, json or sarif")
	c.Flags().BoolVar(&v.strict, "strict", false, "let warnings fail, too")
	c.Flags().StringSliceVar(&v.ignored, "ignore", nil, "leave the warnings of a `RULE` out; may be repeated")
	c.Flags().StringSliceVar(&v.failing, "error", nil, "make the warnings of a `RULE` errors; may be repeated")
	c.Flags().BoolVar(&v.rules, "rules", false, "list the rules of warnings, and check nothing")
	return c
}

// check refuses formats and rules that don't exist.
func (v *validation) check() error {
	if !slices.Contains([]string{"text", "json", "sarif"}, v.format) {
		return usageError{fmt.Errorf("unknown format %q: want text, json or sarif", v.format)}
	}
	if v.rules && v.format == "sarif" {
		return usageError{errors.New("rules are listed as text or json")}
	}
	var known []string
	for _, rule := range gateway.Rules() {
		known = append(known, rule.ID)
	}
	for _, rule := range slices.Concat(v.ignored, v.failing) {
		if slices.Contains(known, rule) {
			continue
		}
		if near := config.Nearest(rule, known); near != "" {
			return usageError{fmt.Errorf("unknown rule %q: did you mean %q?", rule, near)}
		}
		return usageError{fmt.Errorf("unknown rule %q: see sallyport validate --rules", rule)}
	}
	return nil
}

// judge leaves out what is to be ignored, and makes errors of warnings that
// shall be. What keeps a manifest from being used stays in any case.
func (v *validation) judge(problems config.Problems) config.Problems {
	var left config.Problems
	for _, p := range problems {
		warning := p.Severity == config.SeverityWarning
		if warning && slices.Contains(v.ignored, p.Rule) {
			continue
		}
		if warning && slices.Contains(v.failing, p.Rule) {
			p.Severity = config.SeverityError
		}
		left = append(left, p)
	}
	return left
}

// check builds the manifest and returns its problems, or its warnings and the
// size of what it lists.
func (a *app) check() (config.Problems, []gateway.ListSize, error) {
	g, err := gateway.New(gateway.Options{Source: a.source(), Parts: a.parts, Version: Version(), Offline: true})
	if err == nil {
		problems, sizes := g.Lint(), g.ListSizes()
		return problems, sizes, g.Close()
	}
	problems, ok := gateway.IsProblems(err)
	if !ok {
		return nil, nil, err
	}
	return problems, nil, nil
}

// tell prints the problems in a format.
func (a *app) tell(problems config.Problems, sizes []gateway.ListSize, v *validation) error {
	var out []byte
	var err error
	switch v.format {
	case "json":
		out, err = json.MarshalIndent(problems, "", "  ")
	case "sarif":
		out, err = problems.SARIF(config.SARIFOptions{Version: Version(), Root: workingFolder(), Rules: gateway.Rules()})
	default:
		return a.tellPeople(problems, sizes, v)
	}
	if err != nil {
		return fmt.Errorf("encode problems: %w", err)
	}
	if err = a.printf("%s\n", out); err != nil {
		return err
	}
	return v.verdict(problems)
}

// tellPeople prints the problems, and how much the endpoints list.
func (a *app) tellPeople(problems config.Problems, sizes []gateway.ListSize, v *validation) error {
	if len(problems) == 0 {
		if err := a.printf("%s is fine\n", a.manifest); err != nil {
			return err
		}
	} else if err := a.report(problems); !errors.Is(err, errSilent) {
		return err
	}
	for _, size := range sizes {
		line := fmt.Sprintf("%s lists %s, about %s", size.Path, numbered(size.Tools, "tool"), numbered(size.Tokens, "token"))
		if size.Found > 0 {
			line = fmt.Sprintf("%s finds %s by search, and lists about %s", size.Path, numbered(size.Found, "tool"), numbered(size.Tokens, "token"))
		}
		if err := a.printf("%s\n", line); err != nil {
			return err
		}
	}
	return v.verdict(problems)
}

// numbered writes how many there are of something, with commas.
func numbered(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + what + "s"
}

// verdict is whether problems fail: errors do, warnings only if they shall.
func (v *validation) verdict(problems config.Problems) error {
	failed, warned := problems.Count()
	if failed > 0 || (v.strict && warned > 0) {
		return errSilent
	}
	return nil
}

// tellRules lists the rules.
func (a *app) tellRules(format string) error {
	rules := gateway.Rules()
	if format == "json" {
		out, err := json.MarshalIndent(rules, "", "  ")
		if err != nil {
			return fmt.Errorf("encode rules: %w", err)
		}
		return a.printf("%s\n", out)
	}
	for _, rule := range rules {
		if err := a.printf("%s\n    %s\n    %s\n", rule.ID, rule.Summary, rule.Help); err != nil {
			return err
		}
	}
	return nil
}
