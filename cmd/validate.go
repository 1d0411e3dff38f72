package cmd

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
)

// validate checks a manifest without starting anything.
func (a *app) validate() *cobra.Command {
	var format string
	var strict bool
	c := &cobra.Command{
		Use:   "validate",
		Short: "Check a manifest: every problem, with its place and a hint.",
		Long: "Check a manifest without starting anything: every problem in one pass, with its place and a hint.\n\n" +
			"It exits with 0 if there is none, or only warnings, and with 1 otherwise. Nothing is sent to an upstream.",
		Example: "  sallyport validate -c manifest.yaml\n" +
			"  sallyport validate -c conf/ --strict --format sarif",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			problems, err := a.check()
			if err != nil {
				return err
			}
			return a.tell(problems, format, strict)
		},
	}
	a.manifestFlag(c)
	c.Flags().StringVar(&format, "format", "text", "text, json or sarif")
	c.Flags().BoolVar(&strict, "strict", false, "let warnings fail, too")
	return c
}

// check builds the manifest and returns its problems, or its warnings.
func (a *app) check() (config.Problems, error) {
	g, err := gateway.New(gateway.Options{Source: a.source(), Parts: a.parts, Version: Version()})
	if err == nil {
		return g.Warnings(), g.Close()
	}
	problems, ok := gateway.IsProblems(err)
	if !ok {
		return nil, err
	}
	return problems, nil
}

// tell prints the problems in a format.
func (a *app) tell(problems config.Problems, format string, strict bool) error {
	var out []byte
	var err error
	switch format {
	case "text":
		if len(problems) == 0 {
			return a.printf("%s is fine\n", a.manifest)
		}
		if err = a.report(problems); !errors.Is(err, errSilent) {
			return err
		}
		return verdict(problems, strict)
	case "json":
		out, err = json.MarshalIndent(problems, "", "  ")
	case "sarif":
		out, err = problems.SARIF(Version())
	default:
		return usageError{fmt.Errorf("unknown format %q: want text, json or sarif", format)}
	}
	if err != nil {
		return fmt.Errorf("encode problems: %w", err)
	}
	if err = a.printf("%s\n", out); err != nil {
		return err
	}
	return verdict(problems, strict)
}

// verdict is whether problems fail: errors do, warnings only if they shall.
func verdict(problems config.Problems, strict bool) error {
	failed, warned := problems.Count()
	if failed > 0 || (strict && warned > 0) {
		return errSilent
	}
	return nil
}
