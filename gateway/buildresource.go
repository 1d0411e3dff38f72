package gateway

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// resource is a resource or a template made ready to be listed and read.
type resource struct {
	target
	source     *config.Resource
	pattern    *uriPattern // nil unless it is a template
	completers map[string]*completer
	// lifetime is how long clients may keep what they read.
	lifetime time.Duration
	// personal says that its content may depend on who reads it.
	personal bool
	// version stands for what the manifest says of it.
	version [32]byte
	// mimeType is the media type written; empty if the content tells.
	mimeType string
}

// buildResources builds the resources, in the order of their URIs.
func (b *builder) buildResources() {
	for _, uri := range slices.Sorted(maps.Keys(b.m.Resources)) {
		source := b.m.Resources[uri]
		if source.IsZero() {
			continue // Load has told of it
		}
		r := b.buildResource(source)
		switch {
		case r == nil:
		case r.pattern != nil:
			b.s.templates = append(b.s.templates, r)
		default:
			b.s.resources[uri] = r
		}
	}
	// The one that says more of a URI is tried first.
	slices.SortStableFunc(b.s.templates, func(x, y *resource) int {
		return cmp.Compare(y.pattern.literals(), x.pattern.literals())
	})
}

// buildResource builds one resource; nil if it has problems.
func (b *builder) buildResource(source *config.Resource) *resource {
	before := len(b.problems)
	r := &resource{source: source, mimeType: source.MIMEType}
	r.place, r.parts, r.upstream = source.Place, source.Parts, b.upstreamOf(source.Upstream, source.Parts)
	r.order = source.Name + "\x00" + source.URI
	r.spec = &plugins.Tool{
		Kind: kindResource, Name: source.URI, Title: source.Title, Description: source.Description, Requires: source.Requires,
	}
	if source.Template {
		r.pattern = parsePattern(source.URI)
		for _, name := range r.pattern.names {
			r.spec.Arguments = append(r.spec.Arguments, plugins.Argument{Name: name, Schema: []byte(`{"type":"string"}`)})
		}
	}
	if !b.specifyTexts(r.spec) || source.Broken {
		return nil
	}
	r.version = sha256.Sum256([]byte(b.m.Hash))
	if fixed := b.fixedContent(r); fixed != nil {
		b.pipeline(&r.target, fixed)
	} else if answer := b.buildCall(&r.target); answer != nil {
		b.pipeline(&r.target, b.innermost(&r.target, answer))
	}
	b.warnOfWrite(r)
	r.personal = r.dependsOnCaller()
	if keeper, ok := r.parts["cache"].Value.(interface{ Lifetime() time.Duration }); ok {
		r.lifetime = keeper.Lifetime()
	}
	r.completers = b.buildCompleters(&r.target, source.Complete)
	definition := mcp.ResourceDefinition{
		URI: source.URI, Template: source.Template, Name: source.Name, Title: source.Title, Description: source.Description,
		MIMEType: source.MIMEType, Size: source.Size, Icons: iconsOf(source.Icons), Meta: source.Meta,
		Annotations: annotationsOfResource(&source.Annotations),
	}
	r.modern = mcp.AppendResource(nil, &definition)
	r.legacy = r.modern
	if len(b.problems) > before {
		return nil
	}
	return r
}

// warnOfWrite warns of a resource that may change something when it is read:
// clients read resources whenever they like, and nobody is asked.
func (b *builder) warnOfWrite(r *resource) {
	if r.operator == nil || r.parts["request"].Broken {
		return
	}
	if !r.operator.Safe() {
		b.warnings = append(b.warnings, r.parts["request"].Warning(
			r.operator.Method()+" may change something, and a resource is only read", "make it a tool, unless the request only asks").By("resource-writes"))
	}
}

// dependsOnCaller reports whether the content may depend on who reads it.
func (r *resource) dependsOnCaller() bool {
	if r.operator == nil && len(r.programs) == 0 {
		return false
	}
	return len(r.programs) > 0 || r.operator.UsesCaller()
}

// annotationsOfResource are a resource's hints; nil if there are none.
func annotationsOfResource(a *config.ResourceAnnotations) *mcp.Annotations {
	if len(a.Audience) == 0 && a.Priority == nil && a.LastModified == "" {
		return nil
	}
	return &mcp.Annotations{Audience: a.Audience, Priority: a.Priority, LastModified: a.LastModified}
}

// specifyTexts makes the input schema of a target whose arguments are texts.
func (b *builder) specifyTexts(spec *plugins.Tool) bool {
	properties := make([]config.Property, len(spec.Arguments))
	for i := range spec.Arguments {
		properties[i] = config.Property{Name: spec.Arguments[i].Name, Optional: spec.Arguments[i].Optional, Schema: []byte(`{"type":"string"}`)}
	}
	arguments := spec.Arguments
	spec.Arguments = nil
	specifyInput(spec, properties, nil)
	if len(arguments) > 0 {
		spec.Arguments = arguments
	}
	compiled, err := schema.Compile(spec.InputSchema)
	spec.Input = compiled
	return err == nil
}

// maxResourceFile bounds a file that is a resource, in bytes.
const maxResourceFile = 4 << 20

// fixedContent answers a resource whose content stands in the manifest or in a
// file; nil if it doesn't.
func (b *builder) fixedContent(r *resource) plugins.Handler {
	block := mcp.Block{MIMEType: "text/plain"}
	switch {
	case r.source.Text != nil:
		block.Text = []byte(*r.source.Text)
	case r.source.File != "":
		info, err := os.Stat(r.source.File)
		if err == nil && info.Size() > maxResourceFile {
			b.problems = append(b.problems, r.source.ProblemAt([]string{"file"}, "the file is larger than 4 MiB", "let a service send it: request: GET /path", 0))
			return nil
		}
		data, err := os.ReadFile(r.source.File)
		if err != nil {
			b.problems = append(b.problems, r.source.ProblemAt([]string{"file"}, "the file can't be read: "+pathError(err), "", 0))
			return nil
		}
		block = b.g.parts.File(r.source.File, data)
	default:
		return nil
	}
	return func(context.Context, *plugins.Call) (*mcp.Result, error) {
		return &mcp.Result{Content: []mcp.Block{block}}, nil
	}
}

// pathError is an error of a file without its path: the place shows it.
func pathError(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}
