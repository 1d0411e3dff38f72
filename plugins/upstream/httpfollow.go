package upstream

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxLocation bounds the URL of a job, in bytes.
const maxLocation = 8 << 10

var errLocation = errors.New("not a URL of the upstream's origin")

// Follow implements plugins.Follower. A URL that isn't absolute is relative to
// the upstream's. What the tool's request says of its caller goes along: without
// it the service might answer with what is somebody else's.
func (u *httpUpstream) Follow(op plugins.Operation) (plugins.Operator, error) {
	next := &operation{upstream: u, tool: op.Tool, method: "GET", queryNames: newFixedNames(), places: map[string]string{}}
	if op.Request == nil {
		p := newPlanner(u, plugins.Operation{Tool: &plugins.Tool{Name: op.Tool.Name}}, &Request{Method: "GET", Path: "/"})
		p.staticHead()
		if len(p.errs) > 0 {
			return nil, p.errs
		}
		next.head, next.lines = p.op.head, p.op.lines
		return &follower{next}, nil
	}
	prepared, err := u.Prepare(op)
	if err != nil {
		return nil, err
	}
	if first, ok := prepared.(*operation); ok {
		next.head, next.lines, next.headers, next.cookies = first.head, first.lines, first.headers, first.cookies
		next.usesCaller, next.evaluates, next.protocol = first.usesCaller, first.evaluates, first.protocol
	}
	return &follower{next}, nil
}

// follower asks for a URL that the upstream gave.
type follower struct{ *operation }

// Do sends the request once and reads the answer.
func (f *follower) Do(ctx context.Context, call *plugins.Call) (*plugins.Response, error) {
	target, err := f.upstream.target(call.Location)
	if err != nil {
		return nil, &plugins.Error{
			Kind:    plugins.KindStatus, // it can get no better
			Message: "The service behind it began the work, but told of it at a place that can't be asked.",
			Cause:   err,
		}
	}
	next := *f.operation
	next.prefix = next.method + " " + target
	return next.Do(ctx, call)
}

// Outline says where the URL comes from: it is known only once the upstream
// has given it.
func (f *follower) Outline(*plugins.Call) (*plugins.Outline, error) {
	return &plugins.Outline{Method: f.method, Places: map[string]string{"location": "the URL"}}, nil
}

// target is the request target for a URL of the upstream's own origin, with the
// upstream's key if that goes into the query.
func (u *httpUpstream) target(text string) (string, error) {
	text, _, _ = strings.Cut(text, "#") // never sent
	if text == "" || len(text) > maxLocation {
		return "", errLocation
	}
	ref, err := url.Parse(text)
	if err != nil {
		return "", errLocation // the parser's error quotes the URL
	}
	from := &url.URL{Scheme: "http", Host: u.base.header, Path: "/"}
	if u.base.https {
		from.Scheme = "https"
	}
	if from, err = from.Parse(u.base.path + "/"); err != nil {
		return "", errLocation
	}
	to := from.ResolveReference(ref)
	parsed, wrong := parseBase(to.String())
	if wrong != nil || parsed.https != u.base.https || parsed.port != u.base.port || !strings.EqualFold(parsed.host, u.base.host) {
		return "", errLocation
	}
	path, query := to.EscapedPath(), to.RawQuery
	if path == "" {
		path = "/"
	}
	if auth := u.settings.Auth; auth != nil && auth.Query != nil {
		if to.Query().Has(auth.Query.Name) {
			return "", errLocation
		}
		key := string(appendPercent(nil, auth.Query.Name)) + "=" + string(appendPercent(nil, auth.Query.Value.Reveal()))
		query = strings.TrimPrefix(query+"&"+key, "&")
	}
	if query != "" {
		path += "?" + query
	}
	return path, nil
}
