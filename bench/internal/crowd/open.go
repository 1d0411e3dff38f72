package crowd

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// openers is how many streams are opened at once.
const openers = 16

const (
	modernRevision = "2026-07-28"
	legacyRevision = "2025-11-25"
	bothTypes      = "application/json, text/event-stream"
)

// Open opens all streams. On an error those that are open are closed.
func Open(p Plan) (*Crowd, error) {
	poll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	c := &Crowd{plan: p, poll: poll, clients: make([]client, p.Streams)}
	for i := range c.clients {
		c.clients[i] = client{fd: -1, legacy: i%2 == 1, deaf: p.DeafEvery > 0 && i%p.DeafEvery == p.DeafEvery/2}
	}
	c.reading.Go(c.read)
	if err := p.each(c.open); err != nil {
		return nil, errors.Join(err, c.Leave())
	}
	return c, nil
}

// each does something for all clients, some of them at once. It stops at the
// first error.
func (p *Plan) each(do func(p poster, n int) error) error {
	var (
		next  atomic.Int64
		group sync.WaitGroup
		errs  = make([]error, openers)
	)
	for w := range openers {
		group.Go(func() {
			transport := &http.Transport{MaxIdleConnsPerHost: 1}
			defer transport.CloseIdleConnections()
			poster := poster{plan: p, client: &http.Client{Transport: transport, Timeout: patience}}
			for n := int(next.Add(1) - 1); n < p.Streams; n = int(next.Add(1) - 1) {
				if err := do(poster, n); err != nil {
					errs[w] = fmt.Errorf("client %d: %w", n, err)
					next.Store(int64(p.Streams))
				}
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// open opens the n-th stream.
func (c *Crowd) open(p poster, n int) error {
	one := &c.clients[n]
	token, err := c.plan.Token(n)
	if err != nil {
		return err
	}
	var request []byte
	if one.legacy {
		if one.session, err = p.initialize(token); err != nil {
			return err
		}
		request = c.get(token, one.session)
	} else {
		request = c.listen(token, n)
	}
	if one.fd, err = dial(c.plan.Server, n, one.deaf); err != nil {
		one.fd = -1
		return err
	}
	if err = writeAll(one.fd, request); err != nil {
		return err
	}
	if err = c.begin(n); err != nil {
		return err
	}
	if one.legacy {
		if _, err = p.post(token, one.session, `"id":2,"method":"resources/subscribe","params":{"uri":"`+c.plan.URI+`"}`, http.StatusOK); err != nil {
			return err
		}
	}
	return c.admit(n)
}

// begin waits for the first event of a stream.
func (c *Crowd) begin(n int) error {
	one := &c.clients[n]
	buf := make([]byte, 4<<10)
	for !one.begun {
		size, err := syscall.Read(one.fd, buf)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("wait for the stream: %w", err)
		case size == 0:
			return errors.New("the server closed the connection")
		}
		err = one.wire.feed(buf[:size], func(data []byte) error {
			one.begun = true
			if text := string(data); !one.legacy && (!strings.Contains(text, `"toolsListChanged":true`) || !strings.Contains(text, c.plan.URI)) {
				return fmt.Errorf("the subscription was acknowledged as %s", data)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if one.wire.ended() {
			return errors.New("the stream ended at once")
		}
	}
	return nil
}

// admit has the n-th stream read, unless nobody is to read it.
func (c *Crowd) admit(n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	one := &c.clients[n]
	if one.deaf {
		return nil
	}
	if err := syscall.SetNonblock(one.fd, true); err != nil {
		return fmt.Errorf("make a socket non-blocking: %w", err)
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(n)} // our number, not the descriptor
	if err := syscall.EpollCtl(c.poll, syscall.EPOLL_CTL_ADD, one.fd, &event); err != nil {
		return fmt.Errorf("wait for a socket: %w", err)
	}
	return nil
}

// streamID is the JSON-RPC id of the n-th client's subscriptions/listen.
func streamID(n int) []byte { return strconv.AppendInt(nil, int64(n)+1, 10) }

// listen is the request that opens a modern stream.
func (c *Crowd) listen(token string, n int) []byte {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"subscriptions/listen","params":{"notifications":`+
		`{"toolsListChanged":true,"resourceSubscriptions":[%q]},"_meta":{"io.modelcontextprotocol/protocolVersion":%q,`+
		`"io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"}}}}`,
		streamID(n), c.plan.URI, modernRevision)
	return fmt.Appendf(nil, "POST /mcp HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAccept: %s\r\n"+
		"MCP-Protocol-Version: %s\r\nMcp-Method: subscriptions/listen\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		c.plan.Server, bothTypes, modernRevision, token, len(body), body)
}

// get is the request that opens a legacy stream.
func (c *Crowd) get(token, session string) []byte {
	return fmt.Appendf(nil, "GET /mcp HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n"+
		"MCP-Protocol-Version: %s\r\nMcp-Session-Id: %s\r\nAuthorization: Bearer %s\r\n\r\n",
		c.plan.Server, legacyRevision, session, token)
}

// endSessions ends the legacy sessions.
func (c *Crowd) endSessions() error {
	return c.plan.each(func(p poster, n int) error {
		session := c.clients[n].session
		if session == "" {
			return nil
		}
		token, err := c.plan.Token(n)
		if err != nil {
			return err
		}
		return p.end(token, session)
	})
}

// poster sends what a legacy client sends besides its stream.
type poster struct {
	plan   *Plan
	client *http.Client
}

// initialize begins a session and returns its id.
func (p poster) initialize(token string) (session string, err error) {
	session, err = p.post(token, "", `"id":1,"method":"initialize","params":{"protocolVersion":"`+legacyRevision+
		`","capabilities":{},"clientInfo":{"name":"bench","version":"1.0.0"}}`, http.StatusOK)
	if err != nil {
		return "", err
	}
	_, err = p.post(token, session, `"method":"notifications/initialized"`, http.StatusAccepted)
	return session, err
}

// end ends a session.
func (p poster) end(token, session string) error {
	_, err := p.send(http.MethodDelete, token, session, "", http.StatusNoContent, http.StatusOK)
	return err
}

// post posts a message, given without its head, and returns the session id of
// the answer.
func (p poster) post(token, session, message string, status int) (string, error) {
	return p.send(http.MethodPost, token, session, `{"jsonrpc":"2.0",`+message+`}`, status)
}

func (p poster) send(method, token, session, body string, status ...int) (string, error) {
	req, err := http.NewRequest(method, "http://"+p.plan.Server.String()+"/mcp", strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Accept", bothTypes)
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if session != "" {
		req.Header.Set("Mcp-Session-Id", session)
		req.Header.Set("MCP-Protocol-Version", legacyRevision)
	}
	res, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return "", err
	}
	for _, one := range status {
		if res.StatusCode == one && !strings.Contains(string(text), `"error"`) {
			return res.Header.Get("Mcp-Session-Id"), nil
		}
	}
	return "", fmt.Errorf("%s %s was answered %d: %s", method, body, res.StatusCode, text)
}
