package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// forwardDial bounds the connecting to a replica, forwardHandshake that of
	// TLS on top.
	forwardDial      = time.Second
	forwardHandshake = 3 * time.Second
	// forwardDown is how long a replica that did not take a connection is left
	// alone.
	forwardDown = 5 * time.Second
	// forwardDownMost is how many such replicas are remembered.
	forwardDownMost = 1024
	// forwardIdle is how long an unused connection is kept. It is shorter than
	// idleTimeout, so that it is not the replica who closes it.
	forwardIdle = 30 * time.Second
	// forwardBody bounds a forwarded answer, apart from streams.
	forwardBody = 64 << 20
	// forwardPiece is the most that is read of a stream at a time.
	forwardPiece = 8 << 10
)

// ErrUnreachable says that a replica was not reached, or refused a request
// because it is draining or overloaded: it has done nothing with the request,
// so it may be served elsewhere.
var ErrUnreachable = errors.New("the replica cannot be reached")

// errTooLarge refuses an answer beyond the bound.
var errTooLarge = errors.New("the replica's answer is too large")

// Forwarder sends requests to other replicas.
type Forwarder struct {
	transport *http.Transport
	own       *certificates
	now       func() time.Time
	// most is the largest answer, apart from streams.
	most int64

	mu sync.Mutex
	// down says until when a replica is left alone.
	down map[string]time.Time
}

// NewForwarder makes a forwarder. Replicas reached by https must have the same
// key as the certificate that s has in force, which need not name their
// addresses then, or a certificate that verifies. s may be nil.
func NewForwarder(s *Server) *Forwarder {
	f := &Forwarder{now: time.Now, most: forwardBody, down: make(map[string]time.Time)}
	if s != nil {
		f.own = s.certs
	}
	f.transport = &http.Transport{
		DialContext:            dialReplica,
		DialTLSContext:         f.dialTLS,
		DisableCompression:     true,
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        forwardIdle,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return f
}

// Patience bounds how long a replica may take to begin its answer (zero: for
// ever). It must be called before the first Forward.
func (f *Forwarder) Patience(limit time.Duration) { f.transport.ResponseHeaderTimeout = limit }

// Close closes the connections that are not in use.
func (f *Forwarder) Close() { f.transport.CloseIdleConnections() }

// Forward sends a request to the replica at target, an http or https URL
// without a path, and its answer to the client: server-sent events as they
// come, anything else whole. The request goes out with all of its headers but
// those that are about its connection; extra headers take the place of headers
// of the same names. If the client hangs up or ctx ends, the forwarded request
// ends too.
//
// An error that is ErrUnreachable says that the request may be served
// elsewhere; with any other error the replica may have acted on it. With an
// error nothing of resp is set. A stream that breaks is cut, and is no error.
func (f *Forwarder) Forward(ctx context.Context, req *Request, resp *Response, target string, extra [][2]string) error {
	if f.isDown(target) {
		return fmt.Errorf("%w: it did not take a connection a moment ago", ErrUnreachable)
	}
	ctx, cancel := req.Watch(ctx, time.Time{})
	defer cancel()
	out, err := outgoing(ctx, req, target, extra)
	if err != nil {
		return err
	}
	in, err := f.transport.RoundTrip(out)
	if err != nil {
		return f.failed(ctx, target, err)
	}
	defer in.Body.Close() //nolint:errcheck // it has been read, or nobody wants it
	if in.StatusCode == http.StatusServiceUnavailable && in.Close {
		return fmt.Errorf("%w: it is draining or overloaded", ErrUnreachable)
	}
	if isEvents(in) && resp.origin != nil {
		copyHead(resp, in)
		relay(ctx, resp.Stream(""), in.Body)
		return nil
	}
	return f.copyWhole(resp, in)
}

// isEvents reports whether an answer is a stream of server-sent events.
func isEvents(in *http.Response) bool {
	mediaType, _, _ := strings.Cut(in.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), eventStream)
}

// copyWhole copies an answer that is not a stream.
func (f *Forwarder) copyWhole(resp *Response, in *http.Response) error {
	before := len(resp.Body)
	body := bytes.NewBuffer(resp.Body)
	n, err := io.Copy(body, io.LimitReader(in.Body, f.most+1))
	if err == nil && n > f.most {
		err = errTooLarge
	}
	if err != nil {
		resp.Body = body.Bytes()[:before]
		return fmt.Errorf("read the replica's answer: %w", err)
	}
	copyHead(resp, in)
	resp.Body = body.Bytes()
	return nil
}

// relay copies a stream, each piece as it comes, until one side ends it.
func relay(ctx context.Context, to *Stream, from io.Reader) {
	buf := make([]byte, forwardPiece)
	for {
		n, err := from.Read(buf)
		if !to.push(buf[:n]) {
			return
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			to.End()
			return
		default: // an orderly end would hide that something is missing
			to.Cut()
			return
		}
	}
}

// failed tells whether a replica that gave no answer can have got the request.
func (f *Forwarder) failed(ctx context.Context, target string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("forward: %w", ctx.Err())
	}
	var dial *dialError
	if !errors.As(err, &dial) {
		return fmt.Errorf("the replica gave no answer: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if len(f.down) >= forwardDownMost {
		for name, until := range f.down {
			if len(f.down) >= forwardDownMost || now.After(until) {
				delete(f.down, name)
			}
		}
	}
	f.down[target] = now.Add(forwardDown)
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// isDown reports whether a replica did not take a connection lately.
func (f *Forwarder) isDown(target string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	until, known := f.down[target]
	if known && !f.now().Before(until) {
		delete(f.down, target)
		return false
	}
	return known
}

// outgoing makes the request for the replica. It holds copies only, since the
// transport may look at it after the answer has come.
func outgoing(ctx context.Context, req *Request, target string, extra [][2]string) (*http.Request, error) {
	base, err := url.Parse(target)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, errors.New("the address of a replica must be an http or https URL")
	}
	to := &url.URL{Scheme: base.Scheme, Host: base.Host, RawPath: strings.Clone(req.Path), RawQuery: strings.Clone(req.Query)}
	if to.Path, err = url.PathUnescape(to.RawPath); err != nil {
		return nil, errors.New("the path is not well encoded")
	}
	out := (&http.Request{
		Method: strings.Clone(req.Method), URL: to, Host: strings.Clone(req.Host),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: outgoingHeaders(req, extra),
	}).WithContext(ctx)
	if len(req.Body) > 0 {
		body := bytes.Clone(req.Body)
		out.ContentLength = int64(len(body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		out.Body = io.NopCloser(bytes.NewReader(body))
	}
	return out, nil
}

// outgoingHeaders copies the headers that go along. What Connection lists is
// not dropped, or a client could take away what a proxy has added; among
// replicas, headers about one connection are known by name.
func outgoingHeaders(req *Request, extra [][2]string) http.Header {
	header := http.Header{"User-Agent": nil} // none of the transport's own
	req.source.each(func(name, value string) {
		if name = http.CanonicalHeaderKey(strings.Clone(name)); !ofConnection(name) {
			header[name] = append(header[name], strings.Clone(value))
		}
	})
	header.Set(requestID, strings.Clone(req.ID))
	for _, h := range extra {
		header.Set(h[0], h[1])
	}
	return header
}

// copyHead copies status and headers of an answer, but those that are about
// its connection or that the edge sets itself.
func copyHead(resp *Response, in *http.Response) {
	resp.Status = in.StatusCode
	resp.ContentType = in.Header.Get("Content-Type")
	resp.headers = resp.headers[:0] // the replica has answered for all of them
	for name, values := range in.Header {
		switch name {
		case "Content-Type", "Date", "X-Request-Id", noSniff, "X-Accel-Buffering":
			continue
		}
		if ofConnection(name) {
			continue
		}
		for _, value := range values {
			resp.Set(name, value)
		}
	}
}

// ofConnection reports whether a header, in canonical form, is about the
// connection or the framing of a message (RFC 9110, section 7.6.1).
func ofConnection(name string) bool {
	switch name {
	case "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authenticate",
		"Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// dialError is the failure to reach a replica.
type dialError struct{ err error }

func (e *dialError) Error() string { return "connect: " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// dialReplica connects to a replica.
func dialReplica(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: forwardDial}
	c, err := dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, &dialError{err}
	}
	return c, nil
}
