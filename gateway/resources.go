package gateway

import (
	"bytes"
	"context"
	"fmt"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// readResource serves resources/read.
func (r *request) readResource() *mcp.Error {
	uri, err := mcp.DecodeReadParams(r.message.Params)
	if err != nil {
		return err
	}
	own, arguments := r.e.resourceAt(uri, r.principal)
	if own == nil {
		r.entry.outcome, r.entry.errorType = "invalid", "unknown_resource"
		return mcp.ResourceNotFound(r.revision, uri)
	}
	r.entry.target = &own.target
	if err = r.checkCapabilities(&own.target); err != nil {
		return err
	}
	c := callRun{r: r, t: &own.target, name: uri, arguments: arguments}
	c.encode = func(result *mcp.Result) { r.answerRead(own, uri, result) }
	return c.serve()
}

// resourceAt finds the resource of a URI that the principal may see, and the
// arguments that its template takes from the URI.
func (s *snapshot) resourceAt(uri string, p *plugins.Principal) (*resource, []byte) {
	return s.resourceAmong(uri, p, nil)
}

// resourceAmong finds one of those that are shown; nil stands for all.
func (s *snapshot) resourceAmong(uri string, p *plugins.Principal, shown map[*target]bool) (*resource, []byte) {
	if own := s.resources[uri]; own != nil {
		if (shown == nil || shown[&own.target]) && own.admits(p) {
			return own, nil
		}
		return nil, nil
	}
	for _, own := range s.templates {
		if values, ok := own.pattern.match(uri); ok && (shown == nil || shown[&own.target]) && own.admits(p) {
			return own, argumentsOf(own.pattern.names, values)
		}
	}
	return nil, nil
}

// maxReadDepth bounds resources that are made of resources: one whose request
// reads itself would never end.
const maxReadDepth = 4

// readDepth is the key of how many reads a context is within.
type readDepth struct{}

// readFor reads a resource for an argument of a call, with its caller's rights.
func (s *snapshot) readFor(ctx context.Context, call *plugins.Call, uri string) (content []byte, mediaType, name string, err error) {
	depth, _ := ctx.Value(readDepth{}).(int)
	if depth >= maxReadDepth {
		return nil, "", "", &plugins.Error{Kind: plugins.KindInvalid, Message: fmt.Sprintf("The resource %s is made of too many others. Nothing was sent.", clip(uri))}
	}
	ctx = context.WithValue(ctx, readDepth{}, depth+1)
	e := s.all
	if call.Endpoint != "" {
		e = s.endpoints[call.Endpoint]
	}
	own, arguments := e.resourceAt(uri, call.Principal)
	if own == nil {
		return nil, "", "", &plugins.Error{Kind: plugins.KindInvalid, Message: fmt.Sprintf("There is no resource %s. Nothing was sent.", clip(uri))}
	}
	inner := &plugins.Call{
		Tool: own.spec, Principal: call.Principal, Revision: call.Revision, Arguments: arguments, Endpoint: call.Endpoint,
		RequestID: call.RequestID, Trace: call.Trace, Record: &plugins.Record{},
	}
	result, err := own.handler(ctx, inner)
	if err != nil {
		return nil, "", "", err
	}
	defer result.Free()
	contents := own.contents(uri, result)
	if result.Pending != nil || result.IsError || len(contents) != 1 {
		return nil, "", "", &plugins.Error{Kind: plugins.KindInvalid, Message: fmt.Sprintf("The resource %s has no content that could be sent. Nothing was sent.", clip(uri))}
	}
	c := contents[0]
	content = c.Blob
	if content == nil {
		content = c.Text
	}
	return bytes.Clone(content), c.MIMEType, own.source.Name, nil
}

// argumentsOf makes a JSON object of names and texts.
func argumentsOf(names, values []string) []byte {
	dst := []byte{'{'}
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(strictjson.AppendString(dst, name), ':')
		dst = strictjson.AppendString(dst, values[i])
	}
	return append(dst, '}')
}

// answerRead answers resources/read.
func (r *request) answerRead(own *resource, uri string, result *mcp.Result) {
	if result.IsError {
		r.failWith(r.message.ID, &plugins.Error{Kind: plugins.KindUpstream},
			mcp.Rejected(mcp.CodeInternal, textOf(result)))
		return
	}
	r.resp.ContentType = jsonType
	r.resp.Body = r.s.encoder.AppendReadResult(r.resp.Body, r.revision, r.message.ID,
		own.contents(uri, result), own.lifetime, r.s.cacheScope())
}

// contents are a result's blocks as contents of the resource.
func (own *resource) contents(uri string, result *mcp.Result) []mcp.ResourceContent {
	out := make([]mcp.ResourceContent, 0, len(result.Content))
	for i := range result.Content {
		block := &result.Content[i]
		c := mcp.ResourceContent{URI: uri, MIMEType: block.MIMEType}
		if own.mimeType != "" {
			c.MIMEType = own.mimeType
		}
		switch {
		case block.Type == mcp.LinkBlock:
			c.Text = []byte(block.URI)
		case block.Data != nil:
			c.Blob = block.Data
		default:
			c.Text = block.Text
		}
		out = append(out, c)
	}
	return out
}

// textOf is all text of a result.
func textOf(result *mcp.Result) string {
	var text []byte
	for i := range result.Content {
		text = append(text, result.Content[i].Text...)
	}
	return string(text)
}
