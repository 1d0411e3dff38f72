package cmd

import (
	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/gateway"
)

// read reads one resource.
func (a *app) read() *cobra.Command {
	var flags calling
	c := &cobra.Command{
		Use:   "read URI",
		Short: "Read a resource of the manifest.",
		Long: "Read a resource, or what a template has at that URI, and print what a client would get.\n\n" +
			"It is read through all policies, as the caller given by --as. Contents that are no text are told by their size.",
		Example: "  sallyport read crm://customers/42 --as ann:support\n" +
			"  sallyport read crm://customers/42 --dry-run",
		ValidArgsFunction: a.completeNames(gateway.KindResource),
		Args:              usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			return a.perform(c, &flags, &gateway.Invocation{Kind: gateway.KindResource, Name: args[0]})
		},
	}
	a.manifestFlag(c)
	flags.add(c)
	c.Flags().BoolVar(&flags.dryRun, "dry-run", false, "print the upstream request instead of sending it")
	return c
}

// prompt renders one prompt.
func (a *app) prompt() *cobra.Command {
	var flags calling
	c := &cobra.Command{
		Use:   "prompt NAME [name=text]...",
		Short: "Render a prompt of the manifest.",
		Long: "Render a prompt and print its messages, each after the role that says it.\n\n" +
			"What it loads is called through all policies, as the caller given by --as.",
		Example:           "  sallyport prompt analyze_customer_churn customer_id=42 --as ann:support",
		ValidArgsFunction: a.completeNames(gateway.KindPrompt),
		Args:              usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error {
			arguments, err := parseArguments(args[1:])
			if err != nil {
				return err
			}
			return a.perform(c, &flags, &gateway.Invocation{Kind: gateway.KindPrompt, Name: args[0], Arguments: arguments})
		},
	}
	a.manifestFlag(c)
	flags.add(c)
	return c
}
