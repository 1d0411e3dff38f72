package edge

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/valyala/fasthttp"
)

// eventStream is the media type of server-sent events.
const eventStream = "text/event-stream"

// Stream begins an answer that is sent piece by piece while the handler runs,
// or beyond if it is detached. Status, ContentType and the headers set so far
// go out with the first piece, within a second at the latest; Body is not used
// any more. keepAlive, if it is not empty, is
// sent after 15 seconds of silence. When the handler returns, a stream that is
// neither ended nor detached is ended, and if the handler panics, the
// connection is cut. A further call returns the same stream.
//
// A Response that does not belong to an HTTP request, as its zero value, has no
// stream: then Stream returns nil.
func (r *Response) Stream(keepAlive string) *Stream {
	if r.stream == nil && r.origin != nil {
		r.stream = r.origin.startStream(keepAlive)
	}
	return r.stream
}

// startStream sends the head and makes the stream known. It writes to the
// connection past fasthttp: see endStream.
func (x *exchange) startStream(keepAlive string) *Stream {
	c, table := x.hangup.conn, x.server.streams
	request, header := &x.ctx.Request.Header, &x.ctx.Response.Header
	chunked := request.IsHTTP11()
	x.writeHeaders(header)
	if strings.EqualFold(x.resp.ContentType, eventStream) {
		header.Set("X-Accel-Buffering", "no") // else nginx collects the pieces
	}
	if chunked {
		header.SetContentLength(-1)
	}
	s := newStream(c, table, keepAlive)
	s.head = strings.TrimSuffix(string(header.AppendBytes(nil)), "\r\n")
	s.chunked = chunked
	s.closing = !chunked || x.resp.Close || request.ConnectionClose() || c.listener.draining.Load()
	c.stream.Store(s)
	table.add(s)
	x.hangup.attach(s)
	if x.req.Method == fasthttp.MethodHead { // a head is all it gets
		s.endWithHead()
	}
	return s
}

// endStream sees to a stream whose handler has returned. Stream and fasthttp
// take turns on the connection. As long as the handler runs, fasthttp is silent
// and has nothing of earlier answers left in its buffer (see flushed), so that
// the stream may write. Then either the stream is over, and the response
// that fasthttp writes now is swallowed, after which the connection is good for
// the next request; or the stream keeps the connection, and fasthttp lets go of
// it as of one that was hijacked, with its goroutine and buffers.
func (s *Server) endStream(x *exchange, ctx *fasthttp.RequestCtx, c *conn, served bool) {
	stream := x.resp.stream
	c.release()
	c.linger = c.listener.draining.Load() || ctx.Request.Header.ContentLength() == -1
	x.takeBack()
	if !served {
		stream.Cut()
	} else if stream.handOver() {
		ctx.HijackSetNoResponse(true)
		ctx.Hijack(func(net.Conn) {})
		return
	}
	stream.End()
	clean := stream.wait()
	ctx.Response.Reset()
	if !clean || stream.closing || c.listener.draining.Load() {
		ctx.SetConnectionClose()
	}
	c.swallow = true
	flushAtOnce(c, &ctx.Response)
}

// takeBack ends an exchange whose answer was streamed.
func (x *exchange) takeBack() {
	x.ctx.Response.SwapBody(x.resp.Body[:0])
	x.forget()
}

// flushAtOnce makes fasthttp send a response at once, even if the client has
// sent its next request already. It would keep it back until it has answered
// that one as well, and the answer to that one could be a stream.
func flushAtOnce(c *conn, r *fasthttp.Response) {
	c.owed = false
	body := r.Body()
	r.ImmediateHeaderFlush = true // for answers to HEAD
	r.SetBodyStream(flushed(body), len(body))
}

// flushed is a body that empties fasthttp's buffer when it is written.
type flushed []byte

// SupportsBodyWriteTo implements fasthttp.BodyWriterTo.
func (flushed) SupportsBodyWriteTo() bool { return true }

// WriteTo implements io.WriterTo.
func (f flushed) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(f)
	if buffered, ok := w.(*bufio.Writer); ok && err == nil {
		err = buffered.Flush()
	}
	return int64(n), err
}

// Read implements io.Reader, which fasthttp demands and does not use.
func (flushed) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }
