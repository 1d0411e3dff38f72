package cmd

import (
	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
)

// schema prints the JSON Schema of the manifest language.
func (a *app) schema() *cobra.Command {
	var reference bool
	c := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of manifests, for editors.",
		Long: "Print the JSON Schema (draft-07) of manifests. Editors that speak YAML take it from a first line like\n" +
			"# yaml-language-server: $schema=./manifest.schema.json",
		Args: noWords,
		RunE: func(*cobra.Command, []string) error {
			keys := gateway.Keys(a.parts)
			if reference {
				return a.printf("%s", config.Reference(keys))
			}
			schema, err := config.Schema(keys)
			if err != nil {
				return err
			}
			return a.printf("%s\n", schema)
		},
	}
	c.Flags().BoolVar(&reference, "reference", false, "print the reference of all keys as Markdown instead")
	return c
}
