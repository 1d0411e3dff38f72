package gateway

import (
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
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

func toolsOffered(c *mcp.Capabilities) bool       { return c.Tools }
func resourcesOffered(c *mcp.Capabilities) bool   { return c.Resources }
func promptsOffered(c *mcp.Capabilities) bool     { return c.Prompts }
func completionsOffered(c *mcp.Capabilities) bool { return c.Completions }
func subscribeOffered(c *mcp.Capabilities) bool   { return c.Subscribe }
func loggingOffered(c *mcp.Capabilities) bool     { return c.Logging }
func tasksOffered(c *mcp.Capabilities) bool       { return c.Tasks }

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

// legacyMethods are the methods of the revisions up to 2025-11-25.
var legacyMethods = map[string]entryPoint{ //nolint:gochecknoglobals // a table that is never changed
	"ping":                     {serve: (*request).ping},
	"tools/list":               {serve: listing(toolList)},
	"tools/call":               {serve: (*request).callTool, of: toolsOffered},
	"resources/list":           {serve: listing(resourceList)},
	"resources/templates/list": {serve: listing(templateList)},
	"resources/read":           {serve: (*request).readResource, of: resourcesOffered},
	"resources/subscribe":      {serve: (*request).subscribe, of: subscribeOffered},
	"resources/unsubscribe":    {serve: (*request).unsubscribe, of: subscribeOffered},
	"prompts/list":             {serve: listing(promptList)},
	"prompts/get":              {serve: (*request).getPrompt, of: promptsOffered},
	"completion/complete":      {serve: (*request).complete, of: completionsOffered},
	"logging/setLevel":         {serve: (*request).setLevel, of: loggingOffered},
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
	if !known || m.of != nil && !m.of(&r.s.offers) {
		return mcp.MethodNotFound(r.revision, r.message.Method)
	}
	if r.meta.UnknownLogLevel {
		return mcp.BadLogLevel()
	}
	return m.serve(r)
}

// serveLegacy serves a message of a revision up to 2025-11-25.
func (r *request) serveLegacy() {
	if err := r.dispatchLegacy(); err != nil {
		r.reject(r.message.ID, err)
	}
}

func (r *request) dispatchLegacy() *mcp.Error {
	if r.message.Method == "initialize" && r.message.Kind == mcp.Request {
		return r.initialize()
	}
	if err := r.openSession(); err != nil {
		return err
	}
	if r.forward(r.session.home) {
		return nil
	}
	return r.serveInSession()
}

// serveInSession serves a legacy message whose session is known.
func (r *request) serveInSession() *mcp.Error {
	switch r.message.Kind {
	case mcp.Notification:
		r.notified()
		return nil
	case mcp.Reply:
		return r.replied()
	}
	m, known := legacyMethods[r.message.Method]
	if !known || m.of != nil && !m.of(&r.s.offers) {
		return mcp.MethodNotFound(r.revision, r.message.Method)
	}
	return m.serve(r)
}

// replied takes a client's response to a request of the server's. One that
// nobody waits for any more is accepted: it may have crossed the end of the
// waiting.
func (r *request) replied() *mcp.Error {
	if live := r.find(); live != nil {
		live.Reply(r.message.ID, r.message.Result, r.message.ReplyError)
	}
	r.resp.Status = 202
	return nil
}

// notified accepts a legacy notification.
func (r *request) notified() {
	if r.message.Method == "notifications/cancelled" {
		r.g.inflight.cancel(r.session.nonce, mcp.CancelledID(r.message.Params))
	}
	r.resp.Status = 202
}

// discover answers server/discover.
func (r *request) discover() *mcp.Error {
	r.answer(r.s.discover)
	return nil
}

// ping answers at once with nothing.
func (r *request) ping() *mcp.Error {
	r.resp.ContentType = jsonType
	r.resp.Body = mcp.AppendEmptyResult(r.resp.Body, r.message.ID)
	return nil
}

// listing serves the method of a list, from prepared bytes if it is sent whole.
func listing(kind listKind) method {
	return func(r *request) *mcp.Error {
		if !r.s.offersList(kind) {
			return mcp.MethodNotFound(r.revision, r.message.Method)
		}
		after, paged, err := mcp.DecodeCursor(r.message.Params)
		if err != nil {
			return err
		}
		modern := r.revision.Modern()
		known := r.s.listsFor(r.principal)
		switch {
		case r.s.manifest.Server.PageSize > 0:
			r.answer(r.s.page(kind, known.visible, after, modern))
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

// initialize begins a legacy session: its id carries all there is to know.
func (r *request) initialize() *mcp.Error {
	p, err := mcp.DecodeInitializeParams(r.message.Params)
	if err != nil {
		return err
	}
	if r.single != nil {
		r.peer.begin(p.Revision, p.Capabilities)
	} else if err := r.newSession(&p); err != nil {
		return err
	}
	r.entry.revision = p.Revision
	r.entry.client, r.entry.clientVersion = strings.Clone(p.ClientName), strings.Clone(p.ClientVersion)
	r.answer(mcp.InitializeResult(p.Revision, r.s.info(r.g.version), r.s.offers, r.s.manifest.Server.Instructions))
	return nil
}

// newSession gives the client a session id.
func (r *request) newSession(p *mcp.InitializeParams) *mcp.Error {
	nonce, err := newNonce()
	if err != nil {
		return mcp.Rejected(mcp.CodeInternal, "Internal error")
	}
	one := session{
		nonce: nonce, expires: time.Now().Add(r.s.manifest.Server.Sessions.TTL),
		revision: p.Revision, capabilities: p.Capabilities, home: r.g.home(r.s),
	}
	r.resp.Set(mcp.HeaderSession, one.seal(r.g.ring.Load(), r.principal.Key))
	return nil
}

// openSession finds the session of a legacy request.
func (r *request) openSession() *mcp.Error {
	if r.single != nil {
		return r.openPeer()
	}
	if header, ok := r.req.Header(mcp.HeaderRevision); ok {
		if _, served := mcp.ParseRevision(header); !served {
			return mcp.BadRequest(mcp.CodeInvalidRequest, "Bad request: unsupported "+mcp.HeaderRevision+"; supported are "+revisionNames())
		}
	}
	id, ok := r.req.Header(mcp.HeaderSession)
	if !ok {
		if r.message.Method == "ping" {
			r.revision = mcp.NewestLegacy
			return nil
		}
		return mcp.BadRequest(mcp.CodeUnknownSession, "Bad request: "+mcp.HeaderSession+" is missing; call initialize first")
	}
	one, err := r.g.sessions.open(r.g.ring.Load(), id, r.principal.Key)
	if err != nil {
		return unknownSession()
	}
	r.session, r.revision, r.caps = one, one.revision, one.capabilities
	r.entry.revision = one.revision
	if !r.converses() {
		r.caps = mcp.ClientCapabilities{} // there is no way to ask
	}
	return nil
}

// revisionNames lists the revisions served.
func revisionNames() string {
	names := make([]string, 0, len(mcp.Revisions()))
	for _, r := range mcp.Revisions() {
		names = append(names, string(r))
	}
	return strings.Join(names, ", ")
}

// serveDelete ends a legacy session.
func (x *exchange) serveDelete() {
	id, ok := x.req.Header(mcp.HeaderSession)
	if revision, _ := x.req.Header(mcp.HeaderRevision); !ok || mcp.Revision(revision).Modern() {
		x.notAllowed()
		return
	}
	one, err := x.g.sessions.open(x.g.ring.Load(), id, x.principal.Key)
	if err != nil {
		x.reject(nil, unknownSession())
		return
	}
	if x.forward(one.home) {
		return
	}
	x.g.sessions.end(one, x.s.manifest.Server.Sessions.Max)
	x.g.inflight.cancelSession(one.nonce)
	x.g.streams.End(one.nonce)
	x.resp.Status = 204
}

const (
	// maxBatch bounds the messages of a batch.
	maxBatch = 100
	// maxBatchAnswer is how long the answer to a batch may be, in bytes, before
	// the rest of its requests is refused: a small batch must not make the
	// gateway hold a hundred large answers.
	maxBatchAnswer = 8 << 20
)

// serveBatch serves an array of messages, which only sessions of 2025-03-26
// and before may send. They are served one after the other.
func (x *exchange) serveBatch() {
	if revision, _ := x.req.Header(mcp.HeaderRevision); mcp.Revision(revision).Modern() && x.single == nil {
		x.reject(nil, mcp.BadRequest(mcp.CodeInvalidRequest, "Invalid request: "+revision[:min(len(revision), 10)]+" has no batches"))
		return
	}
	elements, err := strictjson.Elements(x.req.Body, nil)
	if err != nil || len(elements) == 0 || len(elements) > maxBatch {
		x.reject(nil, mcp.BadRequest(mcp.CodeInvalidRequest, "Invalid request: want 1 to 100 messages in a batch"))
		return
	}
	if rejected := x.checkBatch(elements); rejected != nil {
		x.reject(nil, rejected)
		return
	}
	if x.forwarded {
		return
	}
	x.entry.method = "batch"
	x.resp.Body = append(x.resp.Body, '[')
	empty := len(x.resp.Body)
	for _, element := range elements {
		x.serveElement(element, empty)
	}
	if len(x.resp.Body) == empty {
		x.resp.Body, x.resp.Status, x.resp.ContentType = x.resp.Body[:empty-1], 202, ""
		return
	}
	x.resp.Body, x.resp.Status, x.resp.ContentType = append(x.resp.Body, ']'), 200, jsonType
}

// serveElement serves one message of a batch: it counts against the limits,
// and is recorded, like a request of its own. What it answers is appended.
func (x *exchange) serveElement(element []byte, empty int) {
	one := *x
	one.entry, one.started, one.batch = entry{}, time.Now(), true
	defer one.record()
	before := len(x.resp.Body)
	if before > empty {
		x.resp.Body = append(x.resp.Body, ',')
	}
	start := len(x.resp.Body)
	one.entry.begin = start
	r, err := one.decode(element)
	one.entry.method = r.message.Method
	switch {
	case err != nil:
		one.reject(r.message.ID, err)
	case start > maxBatchAnswer && r.message.Kind == mcp.Request:
		one.fail(r.message.ID, &plugins.Error{
			Kind: plugins.KindOverload, Message: "The answers to this batch are too large together: send this request by itself.",
		})
	case one.admit(func() mcp.ID { return r.message.ID }):
		r.serveLegacy()
	}
	if len(x.resp.Body) == start || r.message.Kind == mcp.Notification { // never answered, not even if refused
		x.resp.Body = x.resp.Body[:before]
	}
}

// checkBatch refuses a batch as a whole: one of another era or revision, or
// with an initialize in it.
func (x *exchange) checkBatch(elements [][]byte) *mcp.Error {
	for i, element := range elements {
		r, err := x.decode(element)
		if err != nil {
			return mcp.BadRequest(mcp.CodeInvalidRequest, "Invalid request: "+err.Message)
		}
		if r.revision.Modern() || r.message.Method == "initialize" {
			return mcp.BadRequest(mcp.CodeInvalidRequest, "Invalid request: this message can't be part of a batch")
		}
		if err = r.openSession(); err != nil {
			return err
		}
		if i == 0 && r.forward(r.session.home) {
			return nil
		}
		if !r.revision.Batches() {
			return mcp.BadRequest(mcp.CodeInvalidRequest, "Invalid request: revisions after 2025-03-26 have no batches")
		}
	}
	return nil
}
