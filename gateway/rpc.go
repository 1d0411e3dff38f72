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

// modernMethods are the methods of 2026-07-28; named ones tell the member of
// params that Mcp-Name repeats.
var modernMethods = map[string]struct { //nolint:gochecknoglobals // a table that is never changed
	serve method
	named string
}{
	"server/discover": {serve: (*request).discover},
	"tools/list":      {serve: (*request).listTools},
	"tools/call":      {serve: (*request).callTool, named: "name"},
}

// legacyMethods are the methods of the revisions up to 2025-11-25.
var legacyMethods = map[string]method{ //nolint:gochecknoglobals // a table that is never changed
	"ping":       (*request).ping,
	"tools/list": (*request).listTools,
	"tools/call": (*request).callTool,
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
		return
	}
	r.serveLegacy()
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
	if r.revision, err = mcp.Classify(&r.message, &r.meta, x.req); err != nil {
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
	if err := mcp.CheckMethodHeaders(&r.message, name, m.named != "", r.req); err != nil {
		return err
	}
	if !known {
		return mcp.MethodNotFound(r.revision, r.message.Method)
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
	return r.serveInSession()
}

// serveInSession serves a legacy message whose session is known.
func (r *request) serveInSession() *mcp.Error {
	switch r.message.Kind {
	case mcp.Notification:
		r.notified()
		return nil
	case mcp.Reply:
		return mcp.BadRequest(mcp.CodeInvalidRequest, "Invalid request: no request of the server's waits for this response")
	}
	serve, known := legacyMethods[r.message.Method]
	if !known {
		return mcp.MethodNotFound(r.revision, r.message.Method)
	}
	return serve(r)
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

// listTools answers tools/list from prepared bytes.
func (r *request) listTools() *mcp.Error {
	if err := mcp.CheckCursor(r.message.Params); err != nil {
		return err
	}
	lists := r.s.toolsFor(r.principal)
	if r.revision.Modern() {
		r.answer(lists.modern)
	} else {
		r.answer(lists.legacy)
	}
	return nil
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
	id, sealErr := r.g.sessions.seal(r.principal.Key, p.Revision, p.Capabilities, r.s.manifest.Server.Sessions.TTL)
	if sealErr != nil {
		return mcp.Rejected(mcp.CodeInternal, "Internal error")
	}
	r.entry.revision = p.Revision
	r.entry.client, r.entry.clientVersion = strings.Clone(p.ClientName), strings.Clone(p.ClientVersion)
	r.resp.Set(mcp.HeaderSession, id)
	r.answer(mcp.InitializeResult(p.Revision, r.s.info(r.g.version), r.s.manifest.Server.Instructions))
	return nil
}

// openSession finds the session of a legacy request.
func (r *request) openSession() *mcp.Error {
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
	one, err := r.g.sessions.open(id, r.principal.Key)
	if err != nil {
		return &mcp.Error{Status: 404, Code: mcp.CodeUnknownSession, Message: "Session not found; call initialize again"}
	}
	r.session, r.revision, r.caps = one, one.revision, one.capabilities
	r.entry.revision = one.revision
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
	one, err := x.g.sessions.open(id, x.principal.Key)
	if err != nil {
		x.reject(nil, &mcp.Error{Status: 404, Code: mcp.CodeUnknownSession, Message: "Session not found"})
		return
	}
	x.g.sessions.end(one, x.s.manifest.Server.Sessions.Max)
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
	elements, err := strictjson.Elements(x.req.Body, nil)
	if err != nil || len(elements) == 0 || len(elements) > maxBatch {
		x.reject(nil, mcp.BadRequest(mcp.CodeInvalidRequest, "Invalid request: want 1 to 100 messages in a batch"))
		return
	}
	if rejected := x.checkBatch(elements); rejected != nil {
		x.reject(nil, rejected)
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
	one.entry, one.started = entry{}, time.Now()
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
	for _, element := range elements {
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
		if !r.revision.Batches() {
			return mcp.BadRequest(mcp.CodeInvalidRequest, "Invalid request: revisions after 2025-03-26 have no batches")
		}
	}
	return nil
}
