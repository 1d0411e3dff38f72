package gateway

import (
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

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
