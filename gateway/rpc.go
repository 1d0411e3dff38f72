package gateway

import (
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
)

// request is one JSON-RPC message being served.
type request struct {
	*exchange
	message  mcp.Message
	meta     mcp.Meta
	revision mcp.Revision
	caps     mcp.ClientCapabilities
}

// method serves a request; what it returns is answered as an error.
type method func(*request) *mcp.Error

// offered says whether a manifest makes the gateway offer a method.
type offered func(c *mcp.Capabilities) bool

func toolsOffered(c *mcp.Capabilities) bool { return c.Tools }

func resourcesOffered(c *mcp.Capabilities) bool { return c.Resources }

func promptsOffered(c *mcp.Capabilities) bool { return c.Prompts }

func completionsOffered(c *mcp.Capabilities) bool { return c.Completions }

func subscribeOffered(c *mcp.Capabilities) bool { return c.Subscribe }

func loggingOffered(c *mcp.Capabilities) bool { return c.Logging }

func tasksOffered(c *mcp.Capabilities) bool { return c.Tasks }

// entryPoint is how a method is served.
type entryPoint struct {
	serve method
	// named is the member of params that Mcp-Name repeats.
	named string
	// of says whether the method is offered; nil if it always is.
	of offered
}

// modernMethods are the methods of 2026-07-28.
var modernMethods = map[string]entryPoint{ //nolint:gochecknoglobals // a table that is never changed
	"server/discover":          {serve: (*request).discover},
	"tools/list":               {serve: listing(toolList)},
	"tools/call":               {serve: (*request).callTool, named: "name", of: toolsOffered},
	"resources/list":           {serve: listing(resourceList)},
	"resources/templates/list": {serve: listing(templateList)},
	"resources/read":           {serve: (*request).readResource, named: "uri", of: resourcesOffered},
	"prompts/list":             {serve: listing(promptList)},
	"prompts/get":              {serve: (*request).getPrompt, named: "name", of: promptsOffered},
	"completion/complete":      {serve: (*request).complete, of: completionsOffered},
	"subscriptions/listen":     {serve: (*request).listen},
	"tasks/get":                {serve: (*request).getTask, named: "taskId", of: tasksOffered},
	"tasks/update":             {serve: (*request).updateTask, named: "taskId", of: tasksOffered},
	"tasks/cancel":             {serve: (*request).cancelTask, named: "taskId", of: tasksOffered},
}

// servePost decodes the body of a POST and serves what is in it.
func (x *exchange) servePost() {
	if err := mcp.CheckSyntax(x.req.Body); err != nil {
		x.reject(nil, err)
		return
	}
	if mcp.IsBatch(x.req.Body) {
		x.serveBatch()
		return
	}
	r, err := x.decode(x.req.Body)
	if err != nil {
		x.reject(r.message.ID, err)
		return
	}
	x.entry.method = r.message.Method
	if r.revision.Modern() {
		r.serveModern()
	} else {
		r.serveLegacy()
	}
	r.finish()
}

// decode decodes one message and settles its era; a legacy message leaves the
// revision to its session.
func (x *exchange) decode(body []byte) (*request, *mcp.Error) {
	x.request = request{exchange: x}
	r := &x.request
	var err *mcp.Error
	if err = r.message.Decode(body); err != nil {
		return r, err
	}
	if r.meta, err = mcp.DecodeMeta(r.message.Params); err != nil {
		return r, err
	}
	if r.revision, err = mcp.Classify(&r.message, &r.meta, x.headers(&r.meta)); err != nil {
		return r, err
	}
	x.entry.client, x.entry.clientVersion = r.meta.ClientName, r.meta.ClientVersion
	return r, nil
}

// serveModern serves a message of 2026-07-28 or later, in the order of checks
// that the specification gives.
func (r *request) serveModern() {
	r.entry.revision = r.revision
	r.caps = r.meta.Capabilities
	if r.message.Kind == mcp.Notification {
		if r.single != nil {
			r.notified()
		}
		r.resp.Status = 202
		return
	}
	if err := r.dispatchModern(); err != nil {
		r.reject(r.message.ID, err)
	}
}

func (r *request) dispatchModern() *mcp.Error {
	m, known := modernMethods[r.message.Method]
	name := ""
	if m.named != "" {
		var ok bool
		if name, ok = mcp.DecodeName(r.message.Params, m.named); !ok {
			return mcp.BadRequest(mcp.CodeInvalidParams, "Invalid params: "+m.named+" must be a string")
		}
	}
	if r.single == nil {
		if err := mcp.CheckMethodHeaders(&r.message, name, m.named != "", r.req); err != nil {
			return err
		}
	}
	if !known || m.of != nil && !m.of(&r.e.offers) {
		return mcp.MethodNotFound(r.revision, r.message.Method)
	}
	if r.meta.UnknownLogLevel {
		return mcp.BadLogLevel()
	}
	return m.serve(r)
}

// discover answers server/discover.
func (r *request) discover() *mcp.Error {
	r.answer(r.e.discover)
	return nil
}

// listing serves the method of a list, from prepared bytes if it is sent whole.
func listing(kind listKind) method {
	return func(r *request) *mcp.Error {
		if !r.e.offersList(kind) {
			return mcp.MethodNotFound(r.revision, r.message.Method)
		}
		after, paged, err := mcp.DecodeCursor(r.message.Params)
		if err != nil {
			return err
		}
		modern := r.revision.Modern()
		known := r.e.listsFor(r.principal)
		switch {
		case r.s.manifest.Server.PageSize > 0:
			r.answer(r.e.page(kind, known.visible, after, modern))
		case paged && after != "":
			return mcp.Rejected(mcp.CodeInvalidParams, "Invalid params: unknown cursor")
		case modern:
			r.answer(known.modern[kind])
		default:
			r.answer(known.legacy[kind])
		}
		return nil
	}
}

// answer sends a result that was encoded before.
func (r *request) answer(result []byte) {
	r.resp.ContentType = jsonType
	r.resp.Body = mcp.AppendPrepared(r.resp.Body, r.message.ID, result)
}
