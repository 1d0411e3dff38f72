package stream

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// Reply is a client's answer to a request: one of both, as it wrote it.
type Reply struct{ Result, Error []byte }

// pending is an open request to a client.
type pending struct {
	id    string
	reply chan Reply // holds one
	// gone is closed once the client can't be reached; nil if it may come back.
	gone <-chan struct{}
}

// Request asks the client something on the stream of its own request, and waits
// for the answer. Params are a JSON object, or nil. When ctx is done, the client
// is told that the request is cancelled. Errors wrap ctx's, or are ErrNoSession,
// ErrEnded, ErrGone, ErrLimit.
func (c *Channel) Request(ctx context.Context, method string, params []byte) (Reply, error) {
	if err := ctx.Err(); err != nil {
		return Reply{}, fmt.Errorf("%s: %w", method, err)
	}
	asked, err := c.Ask(method, params)
	if err != nil {
		return Reply{}, err
	}
	return asked.Wait(ctx)
}

// Asked is a request to the client that has been sent.
type Asked struct {
	channel *Channel
	method  string
	pending *pending
}

// Ask is the first half of Request: it sends. Wait must be called then.
func (c *Channel) Ask(method string, params []byte) (*Asked, error) {
	p, err := c.ask(method, params)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	return &Asked{channel: c, method: method, pending: p}, nil
}

// Wait is the other half of Request: it waits for the answer.
func (a *Asked) Wait(ctx context.Context) (Reply, error) {
	var err error
	p := a.pending
	select {
	case reply := <-p.reply:
		return reply, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-a.channel.session.done:
		err = ErrEnded
	case <-p.gone:
		err = ErrGone
	}
	if reply, ok := a.channel.withdraw(p); ok {
		return reply, nil
	}
	return Reply{}, fmt.Errorf("%s: %w", a.method, err)
}

// ask sends a request.
func (c *Channel) ask(method string, params []byte) (*pending, error) {
	s := c.session
	if s.done == nil {
		return nil, ErrNoSession
	}
	s.mu.Lock()
	defer s.unlock()
	if s.ended || c.finished {
		return nil, ErrEnded
	}
	if limit := s.table.limits.Load().Requests; len(s.pending) >= limit {
		return nil, fmt.Errorf("%w: %d requests to the client are open", ErrLimit, limit)
	}
	p := &pending{id: "s-" + rand.Text(), reply: make(chan Reply, 1)}
	if s.pending == nil {
		s.pending = make(map[string]*pending, 1)
	}
	s.pending[p.id] = p
	if !c.send(event{message: appendRequest(nil, p.id, method, params), request: p.id}) {
		delete(s.pending, p.id)
		return nil, ErrGone
	}
	switch {
	case s.shared != nil:
		p.gone = s.shared.done
	case !c.line.ids:
		p.gone = c.line.at.done
	}
	return p, nil
}

// withdraw gives a request up, unless its answer has come.
func (c *Channel) withdraw(p *pending) (Reply, bool) {
	s := c.session
	s.mu.Lock()
	defer s.unlock()
	delete(s.pending, p.id)
	select {
	case reply := <-p.reply:
		return reply, true
	default:
	}
	c.send(event{message: appendCancelled(nil, p.id)})
	return Reply{}, false
}

// Reply hands a client's response to the request of this session that it
// answers. The id is raw JSON; result or error is nil; all are copied. False
// means that no such request is open.
func (s *Session) Reply(id, result, failure []byte) bool {
	name, err := strictjson.Unquote(id)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pending[name]
	if p == nil {
		return false
	}
	delete(s.pending, name)
	p.reply <- Reply{Result: bytes.Clone(result), Error: bytes.Clone(failure)}
	return true
}

func appendRequest(dst []byte, id, method string, params []byte) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","id":"`...)
	dst = append(dst, id...)
	dst = append(dst, `","method":`...)
	dst = strictjson.AppendString(dst, method)
	if params != nil {
		dst = append(dst, `,"params":`...)
		dst = append(dst, params...)
	}
	return append(dst, '}')
}

func appendCancelled(dst []byte, id string) []byte {
	dst = append(dst, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"`...)
	dst = append(dst, id...)
	return append(dst, `","reason":"The answer is not needed any more."}}`...)
}
