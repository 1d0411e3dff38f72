package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// maxConnections bounds the connections open at a time.
	maxConnections = 25_000
	// headBuffer bounds request line and headers: a token of a large
	// organisation takes several KiB.
	headBuffer = 32 << 10
	// headTimeout bounds the arrival of a request, from its first byte.
	headTimeout = 15 * time.Second
	// bodyTimeout bounds, from the end of the headers, the arrival of a body
	// that is large or of unknown length.
	bodyTimeout = 30 * time.Second
	// largeBody is the length from which bodyTimeout applies.
	largeBody = 64 << 10
	// idleTimeout is how long a connection may wait for its next request.
	idleTimeout = 120 * time.Second
	// defaultMaxBody applies if the handler states no limit.
	defaultMaxBody = 4 << 20
)

// Config says where and how to listen.
type Config struct {
	// Addr is host:port.
	Addr string
	// TLS, if set, makes it an HTTPS listener.
	TLS *TLS
	// Handler serves what passes the front.
	Handler Handler
	// Log gets panics and trouble with the listener.
	Log *slog.Logger
	// Observe is told the status of every request that the front answered,
	// so that Handler never saw it. It may be nil.
	Observe func(status int)
}

// Server is an HTTP/1.1 listener with a strict front (RFC 9112).
type Server struct {
	handler  Handler
	log      *slog.Logger
	observe  func(status int)
	listener *listener
	http     *fasthttp.Server
	ids      *idSource
	pool     sync.Pool
	limits   limits
	streams  *streams
	// certs is nil without TLS.
	certs *certificates

	serving sync.Mutex
	// accepted ends when the accepting has ended, ended when Shutdown has.
	accepted, ended chan struct{}
	started         bool
}

// limits are the times and sizes that tests shorten.
type limits struct {
	connections                int64
	headTimeout, bodyTimeout   time.Duration
	idleTimeout, watchInterval time.Duration
	writeStall                 time.Duration
	keepAlive, sweepEvery      time.Duration
}

func standardLimits() limits {
	return limits{
		connections: maxConnections, headTimeout: headTimeout, bodyTimeout: bodyTimeout,
		idleTimeout: idleTimeout, watchInterval: watchAfter, writeStall: writeStall,
		keepAlive: keepAliveAfter, sweepEvery: sweepEvery,
	}
}

// Listen opens a listener. Errors are those of the address and of the
// certificate files.
func Listen(cfg Config) (*Server, error) { return listen(cfg, standardLimits()) }

func listen(cfg Config, lim limits) (*Server, error) {
	s := &Server{
		handler: cfg.Handler, log: cfg.Log, observe: cfg.Observe, limits: lim, ids: newIDSource(),
		accepted: make(chan struct{}), ended: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.observe == nil {
		s.observe = func(int) {}
	}
	s.streams = newStreams(lim, s.ended)
	s.pool.New = func() any { return newExchange(s) }
	if cfg.TLS != nil {
		var err error
		if s.certs, err = loadCertificates(*cfg.TLS, s.log); err != nil {
			return nil, err
		}
	}
	tcp, err := listenOn(cfg.Addr)
	if err != nil {
		return nil, err
	}
	s.listener = newListener(tcp, lim, s.log, s.observe)
	if s.certs != nil {
		s.listener.tls = s.certs.config()
	}
	s.http = s.newHTTP()
	return s, nil
}

// newHTTP sets up fasthttp. Its own limits on connections and writes are not
// used: conn and listener have better ones.
func (s *Server) newHTTP() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:                      s.handle,
		ErrorHandler:                 s.handleError,
		HeaderReceived:               s.headReceived,
		ConnState:                    connState,
		Logger:                       silence{},
		Concurrency:                  int(s.limits.connections) + 1,
		ReadBufferSize:               headBuffer,
		ReadTimeout:                  s.limits.headTimeout,
		IdleTimeout:                  s.limits.idleTimeout,
		MaxRequestBodySize:           defaultMaxBody,
		DisablePreParseMultipartForm: true,
		SecureErrorLogMessage:        true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
	}
}

// silence swallows fasthttp's log, which holds what clients sent.
type silence struct{}

func (silence) Printf(string, ...any) {}

// connState follows what fasthttp does with a connection.
func connState(nc net.Conn, state fasthttp.ConnState) {
	c, ok := nc.(*conn)
	if !ok {
		return
	}
	switch state {
	case fasthttp.StateActive:
		// What there is of the next request, if anything, is buffered.
		c.hidden = c.hidden || c.between && c.owed
		c.between = false
	case fasthttp.StateIdle:
		c.answered()
	}
}

// Addr is the address listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers requests until Shutdown has ended. It returns an error only if
// it is called twice.
func (s *Server) Serve() error {
	if ok, err := s.start(); !ok {
		return err
	}
	err := s.http.Serve(s.listener)
	close(s.accepted)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	<-s.ended
	return nil
}

// start reports whether Serve may begin.
func (s *Server) start() (bool, error) {
	s.serving.Lock()
	defer s.serving.Unlock()
	select {
	case <-s.ended:
		return false, nil
	default:
	}
	if s.started {
		return false, errors.New("the server has been started already")
	}
	s.started = true
	return true, nil
}

// headReceived runs the front as soon as the head of a request is there. What
// is refused loses its body and is marked for handle.
func (s *Server) headReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	maxBody := s.handler.Limits().MaxBody
	if maxBody <= 0 {
		maxBody = defaultMaxBody
	}
	read, verdict := checkHead(h.Method(), h.RequestURI(), h.Protocol(), h.RawHeaders())
	if verdict == admitted && read.length > maxBody {
		verdict = bodyTooLarge
	}
	config := fasthttp.RequestConfig{MaxRequestBodySize: int(maxBody)}
	switch {
	case verdict != admitted:
		mark(h, verdict)
	case read.close || read.chunked:
		// What follows a chunked body on the same connection is never served:
		// chunks and trailers are read with more tolerance than the front has.
		h.SetConnectionClose()
	}
	if read.chunked || read.length > largeBody {
		config.ReadTimeout = s.limits.bodyTimeout
	}
	return config
}

// markByte is the first byte of the protocol of a refused request: fasthttp
// has no better place for what HeaderReceived finds out.
const markByte = '!'

func mark(h *fasthttp.RequestHeader, r refusal) {
	h.SetProtocolBytes([]byte{markByte, '@' + byte(r)})
	h.SetHost("refused")
	h.SetRequestURI("/")
	h.Del(fasthttp.HeaderExpect)
	h.SetContentLength(0)
	h.SetConnectionClose()
}

// marked returns why a request was refused.
func marked(h *fasthttp.RequestHeader) refusal {
	if p := h.Protocol(); len(p) == 2 && p[0] == markByte {
		return refusal(p[1] - '@')
	}
	return admitted
}

// handle serves a request that is complete, or answers for the front.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	c, ok := ctx.Conn().(*conn)
	if r := marked(&ctx.Request.Header); r != admitted || !ok {
		s.refuse(ctx, c, r)
		return
	}
	if !c.consume(ctx) || c.hidden {
		s.refuse(ctx, c, badLine)
		return
	}
	if c.state.Load() == stateLate {
		s.refuse(ctx, c, shuttingDown)
		return
	}
	x := s.pool.Get().(*exchange) //nolint:forcetypeassert // nothing else is in the pool
	x.begin(ctx, c)
	served := s.run(x)
	switch {
	case x.resp.stream != nil:
		s.endStream(x, ctx, c, served)
	case served:
		s.endPlain(x, ctx, c)
	default:
		s.refuse(ctx, c, panicked)
	}
	if served && x.reusable() {
		s.pool.Put(x)
	}
}

// endPlain hands a whole answer over.
func (s *Server) endPlain(x *exchange, ctx *fasthttp.RequestCtx, c *conn) {
	x.end()
	draining := c.listener.draining.Load()
	if draining {
		ctx.SetConnectionClose()
	}
	// Input that nobody will read must not cost the client the answer.
	c.linger = draining || ctx.Request.Header.ContentLength() == -1
	c.owed = true
	if c.received > c.consumed {
		flushAtOnce(c, &ctx.Response)
	}
}

// run calls the handler; a panic is logged and reported by false.
func (s *Server) run(x *exchange) (served bool) {
	defer func() {
		x.hangup.stop()
		if served {
			return
		}
		s.log.Error("panic in a handler", "panic", fmt.Sprint(recover()), "request_id", strings.Clone(x.req.ID), "stack", string(debug.Stack()))
	}()
	s.handler.Serve(&x.req, &x.resp)
	return true
}

// consume counts the bytes of a request. A request line that ends in LF alone
// shows by one byte less than there should be: fasthttp tolerates it.
func (c *conn) consume(ctx *fasthttp.RequestCtx) bool {
	h := &ctx.Request.Header
	line := len(h.Method()) + len(" ") + len(h.RequestURI()) + len(" HTTP/1.1\r\n")
	c.consumed += int64(line + len(h.RawHeaders()) + len(ctx.Request.Body()))
	return c.consumed <= c.received
}

// refuse answers in place of the handler and closes the connection.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, c *conn, r refusal) {
	status, _ := r.answerOf()
	if r != panicked {
		s.observe(status)
	}
	ctx.Response.Reset()
	header := &ctx.Response.Header
	header.DisableNormalizing()
	header.SetNoDefaultContentType(true)
	header.SetStatusCode(status)
	header.SetContentType("application/json")
	var id [idLength]byte
	s.ids.next(&id)
	setDefaults(header, string(id[:]))
	if status == 503 {
		header.Set("Retry-After", "1")
	}
	ctx.Response.SetBody(r.appendBody(nil))
	ctx.SetConnectionClose()
	if c != nil {
		c.linger = true
	}
}

// handleError answers for requests that did not arrive whole.
func (s *Server) handleError(ctx *fasthttp.RequestCtx, err error) {
	c, ok := ctx.Conn().(*conn)
	r := refusalOf(err)
	if ok && (r == admitted || c.received == c.consumed) {
		// The client has gone, or it never asked: there is nothing to answer.
		c.explainTLS(err)
		_ = c.Close()
		return
	}
	if ok && r == tooSlow && c.state.Load() == stateLate {
		r = shuttingDown // the drain has hurried it
	}
	s.refuse(ctx, c, r)
}

// refusalOf tells what an error of fasthttp's means; admitted stands for a
// client that went away.
func refusalOf(err error) refusal {
	var (
		small   *fasthttp.ErrSmallBuffer
		chunk   fasthttp.ErrBrokenChunk
		timeout net.Error
	)
	switch {
	case errors.As(err, &small):
		return headTooLarge
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return bodyTooLarge
	case errors.Is(err, errOverloaded):
		return overloaded
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, fasthttp.ErrTimeout):
		return tooSlow
	case errors.As(err, &chunk):
		return malformed
	case isGone(err):
		return admitted
	}
	return malformed
}
