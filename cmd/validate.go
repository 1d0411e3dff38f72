package cmd

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
)

// validate checks a manifest without starting anything.
func (a *app) validate() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:   "validate",
		Short: "Check a manifest: every problem, with its place and a hint.",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			problems, err := a.check()
			if err != nil {
				return err
			}
			return a.tell(problems, format)
		},
	}
	a.manifestFlag(c)
	c.Flags().StringVar(&format, "format", "text", "text, json or sarif")
	return c
}

// check builds the manifest and returns its problems.
func (a *app) check() (config.Problems, error) {
	g, err := gateway.New(gateway.Options{Source: a.source(), Parts: a.parts, Version: Version()})
	if err == nil {
		return nil, g.Close()
	}
	problems, ok := gateway.IsProblems(err)
	if !ok {
		return nil, err
	}
	return problems, nil
}

// tell prints the problems in a format.
func (a *app) tell(problems config.Problems, format string) error {
	var out []byte
	var err error
	switch format {
	case "text":
		if len(problems) == 0 {
			return a.printf("%s is fine\n", a.manifest)
		}
		return a.report(problems)
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
	if len(problems) > 0 {
		return errSilent
	}
	return nil
}
