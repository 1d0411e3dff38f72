package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/importer"
)

// delivery says where what is imported goes.
type delivery struct {
	output string
	dryRun bool
	asJSON bool
}

// flags gives a command the flags of a delivery.
func (d *delivery) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&d.output, "output", "o", "", "write the manifest to this file, which must not exist yet (default: standard output)")
	f.BoolVar(&d.dryRun, "dry-run", false, "write nothing: print what would become of each operation")
	f.BoolVar(&d.asJSON, "json", false, "print the preview as JSON; with -o or --dry-run")
}

// importing is the command that makes manifests of other descriptions.
func (a *app) importing() *cobra.Command {
	c := &cobra.Command{
		Use:   "import",
		Short: "Write a manifest from an OpenAPI document, a curl command or a Postman collection.",
		Long: "Write a manifest from what describes a service elsewhere. It loads as it is, and it is yours: edit what you\n" +
			"like. Secrets are never copied: credentials become environment variables, and `auth` is commented out while\n" +
			"they are not set.",
		Args: noWords,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.importOpenAPI(), a.importCurl(), a.importPostman())
	return c
}

func (a *app) importCurl() *cobra.Command {
	var to delivery
	var options importer.CurlOptions
	c := &cobra.Command{
		Use:   "curl [-- curl ...]",
		Short: "Make a tool of a curl command line, given as words or on standard input.",
		Long: "Make a tool of a curl command line. IDs in its path, its query parameters and the members of its body become\n" +
			"arguments. What proves who sent it becomes an environment variable, and is never written.",
		Example: "  sallyport import curl -- curl -H 'Authorization: Bearer …' https://api.example.com/users/42\n" +
			"  pbpaste | sallyport import curl -o manifest.yaml",
		Args: usageArgs(cobra.ArbitraryArgs),
		RunE: func(_ *cobra.Command, args []string) error {
			words, err := a.curlWords(args)
			if err != nil {
				return err
			}
			draft, err := importer.Curl(words, options)
			if err != nil {
				return fmt.Errorf("import curl: %w", err)
			}
			return a.deliver(draft, &to)
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w: put -- before the command: sallyport import curl -- curl …", err)}
	})
	to.flags(c)
	c.Flags().StringVar(&options.Name, "name", "", "name of the tool (default: made of method and path)")
	c.Flags().StringVar(&options.Upstream, "upstream", "", "name of the service (default: made of its host)")
	return c
}

// curlWords are the words of the command: the arguments, or what standard input
// says.
func (a *app) curlWords(args []string) ([]string, error) {
	if len(args) > 1 {
		return args, nil
	}
	var text string
	if len(args) == 1 && strings.ContainsAny(args[0], " \n") {
		text = args[0]
	} else if len(args) == 1 && args[0] != "-" {
		return args, nil
	} else {
		if a.interactive() {
			return nil, usageError{errors.New("which command? sallyport import curl -- curl …, or give it on standard input")}
		}
		data, err := readBounded(a.stdin)
		if err != nil {
			return nil, aboutFile("standard input", err)
		}
		text = string(data)
	}
	words, err := importer.SplitCommand(text)
	if err != nil {
		return nil, fmt.Errorf("import curl: %w", err)
	}
	return words, nil
}

func (a *app) importPostman() *cobra.Command {
	var to delivery
	var name string
	c := &cobra.Command{
		Use:     "postman FILE",
		Short:   "Make tools of a Postman collection (v2.0, v2.1).",
		Long:    "Make tools of the requests of a Postman collection: folders become tags, variables arguments, and saved answers\nexamples. FILE may be -, standard input.",
		Example: "  sallyport import postman crm.postman_collection.json -o manifest.yaml",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			data, err := a.readDocument(args[0])
			if err != nil {
				return err
			}
			draft, err := importer.Postman(data, name)
			if err != nil && !importer.IsNothing(err) {
				return fmt.Errorf("import postman: %w", err)
			}
			return errors.Join(a.deliverOr(draft, &to, err))
		},
	}
	to.flags(c)
	c.Flags().StringVar(&name, "upstream", "", "name of the service (default: made of the collection's)")
	return c
}

// deliverOr delivers a draft, or prints why there is nothing in it.
func (a *app) deliverOr(draft *importer.Draft, to *delivery, err error) error {
	if err == nil {
		return a.deliver(draft, to)
	}
	if printErr := a.preview(draft, to); printErr != nil {
		return printErr
	}
	return err
}

// deliver writes a draft, and tells what became of each operation.
func (a *app) deliver(draft *importer.Draft, to *delivery) error {
	if err := to.check(); err != nil {
		return err
	}
	if !to.dryRun {
		draft.Settle(to.output, isSet)
	}
	if !to.dryRun && to.output != "" {
		if err := writeNew(to.output, draft.Manifest()); err != nil {
			return err
		}
	}
	if err := a.preview(draft, to); err != nil || to.dryRun {
		return err
	}
	if to.output == "" {
		return a.printf("%s", draft.Manifest())
	}
	return nil
}

// isSet reports whether an environment variable has a value.
func isSet(variable string) bool { return os.Getenv(variable) != "" }

// check refuses flags that contradict each other.
func (d *delivery) check() error {
	if d.asJSON && d.output == "" && !d.dryRun {
		return usageError{errors.New("--json prints the preview where the manifest goes: give -o FILE or --dry-run, too")}
	}
	return nil
}

// preview prints what becomes of each operation: to standard output if it was
// asked for, else beside it.
func (a *app) preview(draft *importer.Draft, to *delivery) error {
	if to.asJSON {
		out, err := draft.Preview.JSON()
		if err != nil {
			return err
		}
		return a.printf("%s", out)
	}
	where := a.stderr
	if to.dryRun {
		where = a.stdout
	}
	return draft.Preview.Write(where)
}

// maxDocument bounds what is imported.
const maxDocument = 64 << 20

// readBounded reads a stream to its end.
func readBounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	switch {
	case err != nil:
		return nil, err //nolint:wrapcheck // who knows what is read says so
	case len(data) > maxDocument:
		return nil, fmt.Errorf("more than %d MiB", maxDocument>>20)
	}
	return data, nil
}

// readDocument reads a file, or standard input for -.
func (a *app) readDocument(path string) ([]byte, error) {
	if path != "-" {
		return readFile(path)
	}
	data, err := readBounded(a.stdin)
	if err != nil {
		return nil, aboutFile("standard input", err)
	}
	return data, nil
}

// readFile reads a regular file.
func readFile(path string) (_ []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, aboutFile(path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if info, statErr := f.Stat(); statErr == nil && info.IsDir() {
		return nil, usageError{fmt.Errorf("%s is a folder: give a file", path)}
	}
	data, err := readBounded(f)
	if err != nil {
		return nil, aboutFile(path, err)
	}
	return data, nil
}

// aboutFile is what is wrong with a file, whose path is told once.
func aboutFile(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// writeNew writes a file that must not exist.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // manifests are read by others, and hold no secrets
	if errors.Is(err, fs.ErrExist) {
		return usageError{fmt.Errorf("%s exists, and is not overwritten: give another -o", path)}
	}
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}

// replaceFile puts a file in the place of another at once.
func replaceFile(path string, data []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(data)
	err = cmp.Or(errors.Join(err, f.Chmod(mode), f.Close()), nil)
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}
