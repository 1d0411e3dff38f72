package cmd

import (
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version prints the version.
func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version.",
		Args:  noWords,
		RunE:  func(*cobra.Command, []string) error { return a.printf("sallyport %s\n", Version()) },
	}
}

// Version is the version of the module the binary was built from; "dev" if the
// build doesn't know.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}
