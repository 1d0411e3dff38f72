package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/importer"
	"github.com/sallyport-mcp/sallyport/plugins/upstream/openapi"
)

// openapiImport are the flags of import openapi.
type openapiImport struct {
	delivery

	options      importer.OpenAPIOptions
	live, update bool
}

func (a *app) importOpenAPI() *cobra.Command {
	var flags openapiImport
	c := &cobra.Command{
		Use:   "openapi FILE | URL",
		Short: "Make tools of an OpenAPI document (3.0, 3.1, 3.2, Swagger 2.0).",
		Long: "Make tools of the operations of an OpenAPI document, in JSON or YAML. FILE may be -, standard input; a URL is\n" +
			"fetched once, now.\n\n" +
			"With -o, a lock beside the manifest remembers what was generated. --update merges a newer document by it:\n" +
			"what you edited stays, what you removed stays away, and the rest follows the document.\n\n" +
			"--live writes an upstream that reads the document at every start and reload, instead of stanzas.",
		Example: "  sallyport import openapi billing.yaml -o manifest.yaml\n" +
			"  sallyport import openapi billing.yaml --include 'list*' --include tag:reports --dry-run\n" +
			"  sallyport import openapi billing-v2.yaml --update",
		Args: usageArgs(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) error { return a.runImportOpenAPI(c.Context(), &flags, args[0]) },
	}
	a.manifestFlag(c)
	flags.flags(c)
	f := c.Flags()
	f.BoolVar(&flags.update, "update", false, "merge into the manifest of -c, or of -o, and keep what was edited by hand")
	f.BoolVar(&flags.live, "live", false, "write an upstream with openapi and expose instead of stanzas")
	f.StringArrayVar(&flags.options.Expose.Include, "include", nil, "operations: operationId, pattern such as 'list*', tag:NAME, or 'GET /path/*' (default: all)")
	f.StringArrayVar(&flags.options.Expose.Exclude, "exclude", nil, "operations to leave out, written like --include")
	f.StringVar(&flags.options.Expose.Prefix, "prefix", "", "what names of tools begin with")
	f.StringVar(&flags.options.Upstream, "upstream", "", "name of the service (default: made of the document's title)")
	f.StringVar(&flags.options.URL, "url", "", "URL of the service (default: the document's first server)")
	c.MarkFlagsMutuallyExclusive("live", "update")
	return c
}

func (a *app) runImportOpenAPI(ctx context.Context, flags *openapiImport, source string) error {
	if err := flags.check(); err != nil && !flags.update {
		return err
	}
	if flags.live && isURL(source) {
		return usageError{errors.New("--live reads the document at every start: save it to a file first")}
	}
	doc, err := a.document(ctx, source)
	if err != nil {
		return err
	}
	flags.options.Source = withoutQuery(source)
	if flags.live {
		if flags.options.Source, err = relativeTo(flags.output, source); err != nil {
			return err
		}
		flags.options.Live = true
	}
	if flags.update {
		return a.updateOpenAPI(doc, flags)
	}
	draft, err := importer.OpenAPI(doc, flags.options)
	if draft == nil {
		return fmt.Errorf("import openapi: %w", err)
	}
	if err = a.deliverOr(draft, &flags.delivery, err); err != nil || flags.live || flags.dryRun || flags.output == "" {
		return err
	}
	return writeLock(flags.output, draft.Lock(flags.options))
}

// updateOpenAPI merges a document into a manifest.
func (a *app) updateOpenAPI(doc *openapi.Document, flags *openapiImport) error {
	path := cmp.Or(flags.output, a.manifest)
	manifest, err := readFile(path)
	if err != nil {
		return fmt.Errorf("--update merges into one file: %w", err)
	}
	lock, err := readLock(path)
	if err != nil {
		return err
	}
	options := flags.options
	if lock != nil {
		options.Expose = lock.Expose(options.Expose)
		options.URL = cmp.Or(options.URL, lock.URL)
		options.Variables = lock.Variables
		options.Upstream = cmp.Or(options.Upstream, lock.Upstream)
	}
	draft, err := importer.OpenAPI(doc, options)
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	text, next, changes, err := importer.Update(manifest, lock, draft, options)
	if err != nil {
		return fmt.Errorf("update %s: %w", path, err)
	}
	draft.Preview.Changes = changes
	if lock == nil {
		draft.Preview.Notes = append(draft.Preview.Notes,
			"there was no "+importer.LockPath(path)+": what the manifest held counts as written by you, and only new tools were added")
	}
	if !flags.dryRun {
		if err = replaceFile(path, text); err != nil {
			return err
		}
		if err = writeLock(path, next); err != nil {
			return err
		}
	}
	if err = a.preview(draft, &flags.delivery); err != nil || flags.asJSON {
		return err
	}
	summary := importer.Summary(changes)
	if flags.dryRun {
		return a.printf("%s: %s; nothing is written\n", path, summary)
	}
	if _, err = fmt.Fprintf(a.stderr, "%s: %s\n", path, summary); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func writeLock(manifest string, lock *importer.Lock) error {
	data, err := lock.Encode()
	if err != nil {
		return err
	}
	return replaceFile(importer.LockPath(manifest), data)
}

// readLock reads the lock of a manifest; nil if there is none.
func readLock(manifest string) (*importer.Lock, error) {
	data, err := readFile(importer.LockPath(manifest))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // a manifest without a lock is no error
	}
	if err != nil {
		return nil, err
	}
	return importer.ReadLock(data)
}

// isURL reports whether a word is a URL that can be fetched.
func isURL(word string) bool {
	return strings.HasPrefix(word, "http://") || strings.HasPrefix(word, "https://")
}

// withoutQuery takes off a URL what may be a secret.
func withoutQuery(source string) string {
	if !isURL(source) {
		return source
	}
	u, err := url.Parse(source)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// relativeTo is how a manifest names a document: relative to itself.
func relativeTo(manifest, document string) (string, error) {
	if manifest == "" || filepath.IsAbs(document) {
		return filepath.ToSlash(document), nil
	}
	folder, err := filepath.Abs(filepath.Dir(manifest))
	if err != nil {
		return "", fmt.Errorf("folder of the manifest: %w", err)
	}
	if document, err = filepath.Abs(document); err != nil {
		return "", fmt.Errorf("path of the document: %w", err)
	}
	path, err := filepath.Rel(folder, document)
	if err != nil {
		return "", fmt.Errorf("path of the document: %w", err)
	}
	return filepath.ToSlash(path), nil
}

// document reads an OpenAPI document from a file, a URL or standard input.
func (a *app) document(ctx context.Context, source string) (*openapi.Document, error) {
	if isURL(source) {
		data, err := fetch(ctx, source)
		if err != nil {
			return nil, err
		}
		return openapi.Parse(withoutQuery(source), data, refuseFiles)
	}
	data, err := a.readDocument(source)
	if err != nil {
		return nil, err
	}
	if source == "-" {
		return openapi.Parse("standard input", data, refuseFiles)
	}
	path, err := filepath.Abs(source)
	if err != nil {
		return nil, fmt.Errorf("path of the document: %w", err)
	}
	return openapi.Parse(path, data, filesBelow(filepath.Dir(path)))
}

func refuseFiles(string) ([]byte, error) {
	return nil, errors.New("only a document that is a file may refer to other files")
}

// filesBelow reads files of a folder and those below it.
func filesBelow(folder string) func(path string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		root, err := os.OpenRoot(folder)
		if err != nil {
			return nil, fmt.Errorf("folder of the document: %w", err)
		}
		defer func() { _ = root.Close() }() // only read from
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return nil, fmt.Errorf("path of a reference: %w", err)
		}
		f, err := root.Open(name)
		if err != nil {
			return nil, aboutFile(name, err)
		}
		defer func() { _ = f.Close() }() // only read from
		data, err := readBounded(f)
		if err != nil {
			return nil, aboutFile(name, err)
		}
		return data, nil
	}
}

// fetchTimeout bounds the fetching of a document.
const fetchTimeout = 10 * time.Second

// fetch gets a document by HTTP, for the person at the command line. Errors hold
// no credentials.
func fetch(ctx context.Context, address string) (_ []byte, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, usageError{errors.New("the URL can't be read")}
	}
	if u.User != nil {
		return nil, usageError{errors.New("credentials in a URL are not sent: fetch the document yourself, and import the file")}
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", withoutQuery(address), err)
	}
	request.Header.Set("Accept", "application/json, application/yaml, */*;q=0.5")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", withoutQuery(address), silentError{silence(err)})
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch %s: the service answered %d", withoutQuery(address), response.StatusCode)
	}
	data, err := readBounded(response.Body)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", withoutQuery(address), err)
	}
	return data, nil
}

// silentError is that of a service that doesn't answer at all; its text says
// why.
type silentError struct{ reason string }

func (e silentError) Error() string { return e.reason }

// silence says in a few words why a service doesn't answer.
func silence(err error) string {
	var name *net.DNSError
	var call *os.SyscallError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &name):
		return name.Err
	case errors.As(err, &call):
		return call.Err.Error()
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		return outer.Err.Error()
	}
	return err.Error()
}
