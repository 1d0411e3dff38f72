package gateway

import (
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// unknownTarget is the answer to the name of a target that does not exist, or
// that the caller may not know of.
func unknownTarget(r mcp.Revision, kind, name string) *mcp.Error {
	switch kind {
	case kindResource:
		return mcp.ResourceNotFound(r, name)
	case kindPrompt:
		return mcp.UnknownPrompt(name)
	}
	return mcp.UnknownTool(name)
}

// protocolError is the JSON-RPC error of a failure. What is a tool error where
// a model reads it is an error of the protocol where a client does: for
// resources and prompts.
func (c *callRun) protocolError(f *plugins.Error, v verdict) *mcp.Error {
	kind := c.t.spec.Kind
	switch {
	case f.Kind == plugins.KindCapability:
		e := mcp.MissingCapability(c.r.revision, f.Capabilities)
		e.Message = f.Message
		return e
	case f.Kind == plugins.KindDenied && kind != kindTool:
		return unknownTarget(c.r.revision, kind, c.name)
	case v.code != 0:
		return protocolError(f, v)
	case f.Kind == plugins.KindInvalid:
		return mcp.Rejected(mcp.CodeInvalidParams, "Invalid params: "+f.Message)
	case f.Kind == plugins.KindStatus && kind == kindResource && (f.Status == 404 || f.Status == 410):
		e := mcp.ResourceNotFound(c.r.revision, c.name)
		if f.Written {
			e.Message = f.Message
		}
		return e
	}
	return mcp.Rejected(mcp.CodeInternal, f.Message)
}
