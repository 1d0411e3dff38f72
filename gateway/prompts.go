package gateway

import (
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// getPrompt serves prompts/get.
func (r *request) getPrompt() *mcp.Error {
	params, err := mcp.DecodeGetPromptParams(r.message.Params)
	if err != nil {
		return err
	}
	own := r.e.promptFor(params.Name, r.principal)
	if own == nil {
		r.entry.outcome, r.entry.errorType = "invalid", "unknown_prompt"
		return mcp.UnknownPrompt(params.Name)
	}
	r.entry.target = &own.target
	if err = r.checkCapabilities(&own.target); err != nil {
		return err
	}
	c := callRun{r: r, t: &own.target, name: params.Name, arguments: params.Arguments}
	c.encode = func(result *mcp.Result) {
		r.resp.ContentType = jsonType
		r.resp.Body = r.s.encoder.AppendGetPromptResult(r.resp.Body, r.revision, r.message.ID, own.source.Description, result.Messages)
	}
	return c.serve()
}
