package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/stream"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// ServeStdio serves one client over a pair of streams, a JSON-RPC message a line
// (https://modelcontextprotocol.io/specification/2026-07-28/basic/transports#stdio),
// until the input ends or ctx does. Everything is done with the caller's
// rights, at its endpoint.
func (g *Gateway) ServeStdio(ctx context.Context, in io.Reader, out io.Writer, caller Caller) error {
	path, err := g.endpointFor(caller)
	if err != nil {
		return err
	}
	nonce, err := newNonce()
	if err != nil {
		return err
	}
	sink := newLineSink(out)
	principal := caller.principal()
	single, err := g.streams.Single(nonce, principal.Key, time.Now().Add(endless), func() stream.Sink { return sink }, stream.AppendLine)
	if err != nil {
		return fmt.Errorf("stdio: %w", err)
	}
	single.SetOwner(&owner{principal, path})
	p := newPeer(nonce)
	p.single, p.line, p.frame, p.path = single, sink, stream.AppendLine, path
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	stop := context.AfterFunc(ctx, sink.End)
	defer stop()
	sink.OnEnd(stopReading)
	err = g.readLines(reading, in, p, principal)
	close(p.deaf)
	<-p.close()
	g.streams.End(nonce)
	sink.End()
	return errors.Join(err, sink.wait())
}

// endpointFor finds the path of the endpoint that a caller talks to, if it may.
func (g *Gateway) endpointFor(caller Caller) (string, error) {
	s := g.acquire()
	defer s.done()
	e := s.primary
	if caller.Endpoint != "" {
		e = s.endpoints[caller.Endpoint]
	}
	p := caller.principal()
	switch {
	case e == nil:
		return "", fmt.Errorf("unknown endpoint %q; there are: %s", caller.Endpoint, strings.Join(slices.Sorted(maps.Keys(s.endpoints)), ", "))
	case !e.admits(p):
		return "", fmt.Errorf("the endpoint %q is not for this caller: pass one of the roles %s with --as", e.path, strings.Join(e.source.Roles, ", "))
	case e.lacks(p) != nil:
		return "", fmt.Errorf("the endpoint %q needs the scopes %s: pass them with --scopes", e.path, strings.Join(e.source.Scopes, ", "))
	}
	return e.path, nil
}

// endless is the life of a session that ends with its line.
const endless = 100 * 365 * 24 * time.Hour

// readLines serves the messages of the input, one a line.
func (g *Gateway) readLines(ctx context.Context, in io.Reader, p *peer, from *plugins.Principal) error {
	lines := make(chan []byte)
	failed := make(chan error, 1)
	go func() {
		defer close(lines)
		r := bufio.NewReaderSize(in, 64<<10)
		for {
			line, err := readLine(r, g.current.Load().manifest.Server.MaxBody)
			switch {
			case errors.Is(err, errLongLine):
				refusal := mcp.BadRequest(mcp.CodeInvalidRequest, "Invalid request: "+errLongLine.Error())
				p.single.Open(nil, false).Finish(mcp.AppendError(nil, nil, refusal))
				continue
			case err != nil:
				failed <- err
				return
			}
			if line = bytes.TrimSpace(line); len(line) == 0 {
				continue
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case line, more := <-lines:
			if !more {
				if err := <-failed; !errors.Is(err, io.EOF) {
					return fmt.Errorf("read standard input: %w", err)
				}
				return nil
			}
			if !g.serveMessage(p, from, line) { //nolint:contextcheck // each message has a context of its own
				g.refusePeer(p, line)
			}
		case <-ctx.Done():
			g.inflight.cancelAll()
			return nil
		}
	}
}

// errLongLine refuses a message beyond max_body.
var errLongLine = errors.New("the message is too large")

// readLine reads a line. Of one that is longer than limit bytes the rest is
// passed over.
func readLine(r *bufio.Reader, limit int64) ([]byte, error) {
	var line []byte
	long := false
	for {
		part, err := r.ReadSlice('\n')
		if long = long || int64(len(line)+len(part)) > limit; !long {
			line = append(line, part...)
		}
		switch {
		case err == nil && long:
			return nil, errLongLine
		case err == nil:
			return line, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && long:
			return nil, errLongLine
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return nil, err //nolint:wrapcheck // the caller says what was read
		}
	}
}
