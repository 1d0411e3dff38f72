package gateway

import (
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// callTool serves tools/call.
func (r *request) callTool() *mcp.Error {
	params, err := mcp.DecodeCallParams(r.message.Params)
	if err != nil {
		return err
	}
	r.entry.named = true
	through := r.throughSearch(&params)
	if through == nil {
		return nil
	}
	params = *through
	t := r.e.toolFor(params.Name, r.principal)
	if t == nil {
		r.entry.denied(r.s.tools[params.Name])
		return mcp.UnknownTool(params.Name)
	}
	r.entry.tool = t
	if err = r.checkParamHeaders(t, params.Arguments); err != nil {
		r.entry.outcome, r.entry.errorType = "invalid", "header_mismatch"
		return err
	}
	if err = r.checkCapabilities(&t.target); err != nil {
		return err
	}
	c := callRun{r: r, t: &t.target, name: params.Name, arguments: params.Arguments, encode: r.answerCall}
	return c.serve()
}

// answerCall answers tools/call.
func (r *request) answerCall(result *mcp.Result) {
	r.resp.ContentType = jsonType
	r.resp.Body = r.s.encoder.AppendCallResult(r.resp.Body, r.revision, r.message.ID, result)
}

// checkParamHeaders compares Mcp-Param-* headers with the arguments they
// repeat (2026-07-28, "Custom Headers").
func (r *request) checkParamHeaders(t *tool, arguments []byte) *mcp.Error {
	if len(t.headers) == 0 || !r.revision.Modern() || r.single != nil {
		return nil
	}
	for i := range t.headers {
		p := &t.headers[i]
		arg, present := argumentAt(arguments, p.Path)
		if !present {
			continue
		}
		header, ok := r.req.Header(mcp.HeaderParamPrefix + p.Header)
		if !ok || !p.Match(header, arg) {
			return mcp.BadRequest(mcp.CodeHeaderMismatch, "Header mismatch: "+mcp.HeaderParamPrefix+p.Header+" must repeat the argument "+strings.Join(p.Path, "."))
		}
	}
	return nil
}

// argumentAt finds a value in the arguments; null counts as absent.
func argumentAt(object []byte, path []string) (any, bool) {
	for _, name := range path {
		members, err := strictjson.Members(object, nil)
		if err != nil {
			return nil, false
		}
		object = nil
		for i := range members {
			if members[i].Name == name {
				object = members[i].Value
			}
		}
		if object == nil {
			return nil, false
		}
	}
	value, err := strictjson.Decode(object, strictjson.MaxDepth)
	return value, err == nil && value != nil
}

// checkCapabilities refuses a client that can't do what the target needs.
func (r *request) checkCapabilities(t *target) *mcp.Error {
	for _, need := range t.spec.Requires {
		if !r.caps.Has(need) {
			r.entry.outcome, r.entry.errorType = "invalid", "missing_capability"
			return mcp.MissingCapability(r.revision, t.spec.Requires)
		}
	}
	return nil
}
