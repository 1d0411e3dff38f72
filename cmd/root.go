// Package cmd holds the subcommands of sallyport, one file a verb.
package cmd

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// The exit codes.
const (
	exitOK       = 0
	exitFindings = 1 // findings, or a call that failed
	exitUsage    = 2
)

// app is one run of the command line.
type app struct {
	parts          plugins.Parts
	stdin          io.Reader
	stdout, stderr io.Writer
	manifest       string
}

// errSilent ends a command with findings that were printed already.
var errSilent = errors.New("findings")

// usageError is a mistake in the words of a command.
type usageError struct{ err error }

func (u usageError) Error() string { return u.err.Error() }
func (u usageError) Unwrap() error { return u.err }

// Main runs the command line with the parts of a build and returns the exit
// code: 0 fine, 1 findings or a failed call, 2 usage.
func Main(parts plugins.Parts, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{parts: parts, stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	err := root.Execute()
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSilent):
		return exitFindings
	case errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command"):
		a.complain(err)
		return exitUsage
	}
	a.complain(err)
	return exitFindings
}

// root is the command without a verb.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "sallyport",
		Short:         "Exposes REST and HTTP services to AI models as governed MCP tools, from a YAML manifest.",
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		a.serve(), a.stdio(), a.demo(), a.validate(), a.test(), a.call(), a.read(), a.prompt(), a.explain(), a.diff(), a.reload(), a.importing(), a.initial(),
		a.token(), a.schema(), a.healthcheck(), a.version(),
	)
	root.InitDefaultCompletionCmd()
	return root
}

// flagError makes a mistake in flags a usage error, with the flag that was
// probably meant.
func flagError(c *cobra.Command, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !unknown {
		return usageError{fmt.Errorf("%w\n\nusage: %s", err, c.UseLine())}
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := config.Nearest(name, names); near != "" {
		return usageError{fmt.Errorf("%w; did you mean --%s?", err, near)}
	}
	return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
}

// noWords refuses words behind a command that takes none; of a manifest it says
// how to name it.
func noWords(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if _, err := os.Stat(args[0]); err == nil && c.Flags().Lookup("config") != nil {
		return usageError{fmt.Errorf("%s takes no words: write %s -c %s", c.Name(), c.CommandPath(), args[0])}
	}
	return usageError{fmt.Errorf("%s takes no words, and was given %q\n\nusage: %s", c.Name(), args[0], c.UseLine())}
}

// usageArgs makes the mistakes of an argument check usage errors.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{fmt.Errorf("%w\n\nusage: %s", err, c.UseLine())}
		}
		return nil
	}
}

// manifestFlag gives a command the flag that names the manifest.
func (a *app) manifestFlag(c *cobra.Command) {
	c.Flags().StringVarP(&a.manifest, "config", "c", "manifest.yaml", "manifest: a file, or a folder of files")
}

// source is where the manifest is read from.
func (a *app) source() config.Source { return config.Source{Path: a.manifest} }

// open builds the gateway of the manifest; problems are printed.
func (a *app) open() (*gateway.Gateway, error) {
	// What a model is not told, an author has to know.
	log := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: withoutTime}))
	g, err := gateway.New(gateway.Options{Source: a.source(), Parts: a.parts, Log: log, Version: Version()})
	if err != nil {
		return nil, a.report(err)
	}
	return g, nil
}

// withoutTime leaves the time out of a log line.
func withoutTime(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) == 0 && attr.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return attr
}

// report prints the problems of a manifest, and leaves other errors as they
// are.
func (a *app) report(err error) error { return a.reportNoting(err, "") }

// reportNoting prints the problems of a manifest, and a note with their count.
func (a *app) reportNoting(err error, note string) error {
	problems, ok := gateway.IsProblems(err)
	if !ok {
		return err
	}
	options := config.RenderOptions{Color: isTerminal(a.stderr), Root: workingFolder(), Note: note}
	if renderErr := problems.Render(a.stderr, options); renderErr != nil {
		return fmt.Errorf("print problems: %w", renderErr)
	}
	return errSilent
}

// complain prints an error for a person.
func (a *app) complain(err error) {
	// Nothing can be done about an error stream that can't be written to.
	_, _ = fmt.Fprintln(a.stderr, "sallyport:", err)
}

// printf prints to standard output.
func (a *app) printf(format string, args ...any) error {
	if _, err := fmt.Fprintf(a.stdout, format, args...); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// isTerminal reports whether a stream is a terminal that wants colours.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// workingFolder is the folder that paths are shown relative to.
func workingFolder() string {
	folder, err := os.Getwd()
	if err != nil {
		return ""
	}
	return filepath.Clean(folder)
}
