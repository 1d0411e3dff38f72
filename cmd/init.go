package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport-mcp/sallyport/importer"
	"github.com/sallyport-mcp/sallyport/plugins/upstream/openapi"
)

// initial writes a first manifest.
func (a *app) initial() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "init [URL | DOCUMENT]",
		Short: "Write a first manifest, from a service's URL, from an OpenAPI document, or from nothing.",
		Long: "Write a first manifest that runs as it is. Of a URL: an OpenAPI document is looked for at the usual places of\n" +
			"the service; without one, the manifest has one tool that gets that URL. Without a word it asks.",
		Example: "  sallyport init\n" +
			"  sallyport init http://127.0.0.1:9000\n" +
			"  sallyport init billing.openapi.yaml",
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(c *cobra.Command, args []string) error { return a.runInit(c.Context(), args, output) },
	}
	c.Flags().StringVarP(&output, "output", "o", "manifest.yaml", "file to write, which must not exist yet")
	return c
}

func (a *app) runInit(ctx context.Context, args []string, output string) error {
	if isThere(output) {
		return usageError{fmt.Errorf("%s exists, and is not overwritten: give another -o", output)}
	}
	source, err := a.firstSource(args)
	if err != nil {
		return err
	}
	draft, options, err := a.firstDraft(ctx, source)
	if err != nil {
		return err
	}
	draft.Start(output, isSet)
	if err = writeNew(output, draft.Manifest()); err != nil {
		return err
	}
	if options != nil {
		if err = writeLock(output, draft.Lock(*options)); err != nil {
			return err
		}
	}
	if err = draft.Preview.Write(a.stderr); err != nil {
		return err
	}
	return a.printf("%s is written. Next: sallyport validate, then sallyport serve; its first lines say more.\n", output)
}

// isThere reports whether there is something at a path, be it a dangling link.
func isThere(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// firstSource is what the command was given, or what somebody answers.
func (a *app) firstSource(args []string) (string, error) {
	switch {
	case len(args) == 1:
		return args[0], nil
	case a.interactive():
		return a.askSource()
	}
	return "", usageError{errors.New("what is there to begin with? sallyport init URL, sallyport init DOCUMENT, or sallyport init none")}
}

// nothing is what stands for no service.
const nothing = "none"

// askSource asks what there is.
func (a *app) askSource() (string, error) {
	const question = "What do you have? The URL of a service, or the path of an OpenAPI document; Enter for neither: "
	if _, err := fmt.Fprint(a.stderr, question); err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && line == "" {
		return "", fmt.Errorf("read answer: %w", err)
	}
	if line = strings.TrimSpace(line); line != "" {
		return line, nil
	}
	return nothing, nil
}

// firstDraft makes the manifest of what there is; options are there if a
// document is behind it.
func (a *app) firstDraft(ctx context.Context, source string) (*importer.Draft, *importer.OpenAPIOptions, error) {
	if source == nothing && !isThere(source) {
		return importer.Empty(), nil, nil
	}
	options := &importer.OpenAPIOptions{Source: withoutQuery(source)}
	doc, reason, err := a.find(ctx, source, options)
	if err != nil {
		return nil, nil, err
	}
	if doc == nil {
		draft, err := importer.Service(source, reason)
		if err != nil {
			return nil, nil, fmt.Errorf("init: %w", err)
		}
		return draft, nil, nil
	}
	draft, err := importer.OpenAPI(doc, *options)
	if importer.IsNothing(err) {
		if printErr := draft.Preview.Write(a.stderr); printErr != nil {
			return nil, nil, printErr
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("init: %w", err)
	}
	return draft, options, nil
}

// find reads the document, or looks for one at a service; nil if there is none,
// and then it says why the service is silent, if it is.
func (a *app) find(ctx context.Context, source string, options *importer.OpenAPIOptions) (_ *openapi.Document, reason string, _ error) {
	if !isURL(source) {
		if !isThere(source) && looksLikeHost(source) {
			return nil, "", usageError{fmt.Errorf("%s is no file; a URL begins with https:// or http://", source)}
		}
		doc, err := a.document(ctx, source)
		return doc, "", err
	}
	u, err := url.Parse(source)
	if err != nil || u.Host == "" {
		return nil, "", usageError{errors.New("the URL can't be read")}
	}
	ctx, cancel := context.WithTimeout(ctx, searchTimeout)
	defer cancel()
	for i, address := range places(u) {
		data, err := fetch(ctx, address)
		if err != nil {
			if i == 0 && u.User != nil {
				return nil, "", err
			}
			var silent silentError
			if i == 0 && errors.As(err, &silent) {
				return nil, silent.reason, nil
			}
			continue
		}
		doc, err := openapi.Parse(withoutQuery(address), data, refuseFiles)
		if err != nil {
			continue
		}
		options.Source = withoutQuery(address)
		return doc, "", nil
	}
	return nil, "", nil
}

// searchTimeout bounds the search for a document.
const searchTimeout = 15 * time.Second

// places are where services have their documents: the URL itself first.
func places(u *url.URL) []string {
	usual := []string{
		"/openapi.json", "/openapi.yaml", "/openapi.yml", "/swagger.json", "/swagger.yaml", "/v3/api-docs", "/v2/api-docs", "/api-docs",
		"/api/openapi.json", "/docs/openapi.json", "/swagger/v1/swagger.json", "/.well-known/openapi.json", "/.well-known/openapi.yaml",
	}
	bases := []string{strings.TrimRight(u.Path, "/")}
	if bases[0] != "" {
		bases = append(bases, "")
	}
	out := append(make([]string, 0, 1+len(bases)*len(usual)), u.String())
	for _, base := range bases {
		for _, path := range usual {
			out = append(out, (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: base + path}).String())
		}
	}
	return out
}

// looksLikeHost reports whether somebody forgot a URL's scheme.
func looksLikeHost(word string) bool {
	host, _, _ := strings.Cut(word, "/")
	return strings.Contains(host, ":") || (strings.Contains(host, ".") && !strings.HasSuffix(host, ".json") && !strings.HasSuffix(host, ".yaml") && !strings.HasSuffix(host, ".yml"))
}
