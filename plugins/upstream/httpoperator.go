package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// exchange holds the buffers of one request and its answer.
type exchange struct {
	builder
	answer
	header  func(string) string
	release func()
}

// exchanges keeps exchanges for use again.
type exchanges struct{ pool sync.Pool }

func (p *exchanges) get() *exchange {
	if ex, ok := p.pool.Get().(*exchange); ok {
		return ex
	}
	ex := &exchange{}
	ex.header = ex.lookup
	ex.release = func() { p.put(ex) }
	return ex
}

func (p *exchanges) put(ex *exchange) {
	if cap(ex.buf) > keptBuffer {
		ex.buf = nil
	}
	if cap(ex.out) > keptBuffer {
		ex.out = nil
	}
	if cap(ex.builder.body) > keptBuffer {
		ex.builder.body = nil
	}
	// The buffers are kept, what belongs to a call is not.
	ex.op, ex.call, ex.values, ex.answer.body, ex.load = nil, nil, nil, nil, nil
	clear(ex.extra)
	p.pool.Put(ex)
}

// lookup returns a header's first value.
func (a *answer) lookup(name string) string {
	var links []string // a list that may come in several lines (RFC 8288, section 3)
	for i := range a.fields {
		f := &a.fields[i]
		if !bytes.EqualFold(a.buf[f.name:f.nameEnd], []byte(name)) {
			continue
		}
		value := string(a.buf[f.value:f.valueEnd])
		if !strings.EqualFold(name, "Link") {
			return value
		}
		links = append(links, value)
	}
	return strings.Join(links, ", ")
}

// raw returns the first value of a header whose name is given in lower case,
// within the buffer.
func (a *answer) raw(lower string) []byte {
	for i := range a.fields {
		f := &a.fields[i]
		if int(f.nameEnd-f.name) == len(lower) && equalFold(a.buf[f.name:f.nameEnd], lower) {
			return a.buf[f.value:f.valueEnd]
		}
	}
	return nil
}

// Repeatable reports whether the request may be sent twice without doing its
// work twice.
func (op *operation) Repeatable() bool {
	return repeatable(op.method) || op.idempotency != "" || op.safe
}

// Safe reports whether the request only reads.
func (op *operation) Safe() bool {
	return op.safe || op.method == "GET" || op.method == "HEAD" || op.method == "OPTIONS"
}

// Method is the HTTP method of the request.
func (op *operation) Method() string { return op.method }

// UsesCaller reports whether the request may depend on who calls.
func (op *operation) UsesCaller() bool { return op.usesCaller }

// Do sends the request once and reads the answer.
func (op *operation) Do(ctx context.Context, call *plugins.Call) (*plugins.Response, error) {
	u := op.upstream
	if call.Record != nil {
		call.Record.Upstream = u.name
	}
	ex := u.exchanges.get()
	if op.reads {
		ex.load = op.reader(ctx, call)
	}
	if err := ex.build(op, call); err != nil { //nolint:contextcheck // a text's expressions have a clock of their own
		ex.release()
		return nil, err
	}
	start := time.Now()
	sent, err := u.exchange(ctx, op, ex)
	status := 0
	if err == nil {
		status = ex.status
		err = ex.decode(u.maxResponse)
	}
	took := time.Since(start)
	if err != nil {
		ex.release()
		failed := op.problem(ctx, sent, err)
		// What was never sent counts if that is the upstream's doing.
		u.record(call.Record, sent, status, took, sent > 0 || failed.Kind != plugins.KindCancelled)
		return nil, failed
	}
	u.record(call.Record, sent, status, took, true)
	ex.redact(u.redactor)
	if r := call.Record; r != nil && call.Run != nil && call.Run.Condition != nil {
		r.ETag, r.LastModified = ex.lookup("ETag"), ex.lookup("Last-Modified")
	}
	return &plugins.Response{
		Status: status, Form: op.protocol, ContentType: mediaType(ex.raw("content-type")),
		Header: ex.header, Body: ex.answer.body, Release: ex.release,
	}, nil
}

func (u *httpUpstream) record(r *plugins.Record, sent int, status int, took time.Duration, counts bool) {
	if r != nil {
		r.Attempts += sent
		r.UpstreamDuration += took
		if status != 0 {
			r.UpstreamStatus = status
		}
	}
	if u.observe != nil && counts {
		u.observe.UpstreamRequest(u.name, status, int64(took))
	}
}

// mediaType copies a media type; the usual ones are constants.
func mediaType(b []byte) string {
	switch string(b) {
	case "application/json":
		return "application/json"
	case "application/json; charset=utf-8":
		return "application/json; charset=utf-8"
	}
	return string(b)
}

// exchange sends the request, and reads the answer. It returns how often it
// sent the request: once, or twice if an idle connection turned out to be dead
// and the request may be repeated, or never.
func (u *httpUpstream) exchange(ctx context.Context, op *operation, ex *exchange) (sent int, err error) {
	c, err := u.pool.get(ctx)
	if err != nil {
		return 0, err
	}
	if c.used && c.stale() {
		if c, err = u.pool.replace(ctx, c); err != nil {
			return 0, err
		}
	}
	for {
		written, err := u.try(ctx, op, ex, c)
		if written {
			sent++
		}
		switch {
		case err == nil && ex.keepAlive:
			c.used = true
			if ex.keep > 0 {
				c.keep = ex.keep
			}
			u.pool.put(c)
			return sent, nil
		case err == nil:
			u.pool.discard(c)
			return sent, nil
		case !c.used || ctx.Err() != nil || ex.got || written && !op.Repeatable() || !broken(err):
			u.pool.discard(c)
			return sent, err
		}
		// The upstream had closed the connection before the request came.
		if c, err = u.pool.replace(ctx, c); err != nil {
			return sent, err
		}
	}
}

// broken reports whether the connection itself failed, rather than what was
// sent on it.
func broken(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}

// try sends the request on a connection and reads the answer. When ctx ends,
// the connection is dropped at once, so that the upstream sees it and no call
// waits on. After that the answer, if there is one, is the last on it.
func (u *httpUpstream) try(ctx context.Context, op *operation, ex *exchange, c *conn) (written bool, err error) {
	ex.got, ex.keepAlive = false, false
	waiter := c.bind(ctx)
	defer func() {
		if !c.unbind(waiter) {
			ex.keepAlive = false
		}
	}()
	n, writeErr := c.Write(ex.out)
	if writeErr != nil && n == 0 && !c.secure {
		return false, writeErr
	}
	// An upstream may answer before it has read all, and close.
	err = ex.read(c, op.method == "HEAD", u.maxResponse)
	if writeErr != nil {
		ex.keepAlive = false
		if err != nil {
			return true, writeErr
		}
	}
	return true, err
}

// problem says what went wrong: a client learns what to do, the log why.
func (op *operation) problem(ctx context.Context, sent int, err error) *plugins.Error {
	e := &plugins.Error{Cause: err}
	deadline, limited := ctx.Deadline()
	switch ended := ctx.Err(); {
	case errors.Is(ended, context.DeadlineExceeded), ended == nil && limited && !time.Now().Before(deadline):
		return op.late(sent, err)
	case ended != nil:
		e.Kind, e.Message = plugins.KindCancelled, "The call was cancelled."
	case sent == 0:
		e.Kind, e.Message = plugins.KindConnect, "The service behind it can't be reached."
	case errors.Is(err, errTooLarge):
		e.Kind, e.Message = plugins.KindUpstream, "The answer of the service behind it is too large. Ask for less, if the tool allows it."
		return e
	default:
		e.Kind, e.Message = plugins.KindUpstream, "The service behind it broke off, or its answer can't be read."
	}
	switch {
	case sent == 0:
		e.Message += " Nothing was sent. Try again later."
	case op.Repeatable():
		e.Message += " Try again later."
	default:
		e.Message += " The request may have taken effect: check that before you try again."
	}
	return e
}

// late is the problem of a request that the deadline of its call ended. The
// deadline closed the connection, and that is all that err tells.
func (op *operation) late(sent int, err error) *plugins.Error {
	message := "The service behind it did not answer in time, and the call was stopped. "
	switch {
	case sent == 0:
		message += "Nothing was sent. It is safe to call it again."
	case op.Repeatable():
		message += "It is safe to call it again."
	default:
		message += "It may have taken effect nevertheless: check before you call it again."
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return &plugins.Error{Kind: plugins.KindTimeout, Message: message, Cause: err}
}
