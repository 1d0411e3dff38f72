package stream

// Channel carries what is said to a client while one request of its is being
// answered. Nothing is sent, and no sink made, before there is something to
// say. Whoever opened it must call Finish once. It is safe for concurrent use.
type Channel struct {
	session   *Session
	open      func() Sink
	resumable bool
	// line is nil until something was sent; the session's lock guards it.
	line     *line
	finished bool
}

// Open makes the channel of one request. Resumable says that the client's
// revision knows how to come back (2025-11-25): its events carry ids, and are
// kept for it. open makes the sink at the first message; nil means that there
// can't be one, and all but the response is dropped. It is called with the
// session locked: it must neither block nor call the session or its table.
// Of a session made by Single, all channels write to its sink, and open may be
// nil.
func (s *Session) Open(open func() Sink, resumable bool) *Channel {
	s.touch()
	return &Channel{session: s, open: open, resumable: resumable}
}

// Channel makes the channel of one request of a client without a session:
// modern ones. Its events carry no ids, and it asks nothing of the client.
func (t *Table) Channel(open func() Sink) *Channel {
	return &Channel{session: &Session{table: t}, open: open}
}

// Opened reports whether the response must go through Finish.
func (c *Channel) Opened() bool {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.line != nil || s.shared != nil
}

// Send sends a message to the client, or keeps it while a client that can come
// back is away. Nobody may change the message afterwards. After Finish, and
// once the client is gone for good, it is dropped.
func (c *Channel) Send(message []byte) {
	s := c.session
	s.mu.Lock()
	defer s.unlock()
	c.send(event{message: message})
}

// Begin opens the stream with nothing to say yet, so that its client sees that
// the request is being served.
func (c *Channel) Begin() {
	s := c.session
	s.mu.Lock()
	defer s.unlock()
	if !c.finished && !s.ended && s.shared == nil {
		c.start()
	}
}

// send reports whether the message reaches the client, as far as is known.
func (c *Channel) send(e event) bool {
	s := c.session
	if c.finished || s.ended {
		return false
	}
	if s.shared != nil {
		return s.share(e.message)
	}
	if !c.start() {
		return false
	}
	l := c.line
	l.seq++
	sent := s.write(l, l.seq, e.message)
	if l.ids {
		e.line, e.seq = l, l.seq
		s.keep(e)
		return true
	}
	return sent
}

// start opens the channel's stream unless it is open.
func (c *Channel) start() bool {
	if c.line != nil {
		return true
	}
	if c.open == nil {
		return false
	}
	s := c.session
	sink := c.open()
	c.open = nil
	if sink == nil {
		return false
	}
	a := s.table.attached(sink)
	c.line = s.addLine(channelLine)
	c.line.ids = c.resumable
	c.line.resumable = c.resumable
	s.calls++
	s.attach(c.line, a)
	s.watch(c.line, a)
	if c.resumable {
		s.prime(c.line, 0)
	}
	return true
}

// Finish sends the response and ends the stream. False means that no stream
// was opened: the response is the whole answer to the request then. With a nil
// response the stream ends without one, as it does for cancelled requests.
func (c *Channel) Finish(response []byte) bool {
	s := c.session
	s.mu.Lock()
	defer s.unlock()
	if c.finished {
		return true
	}
	if s.shared != nil {
		if response != nil {
			c.send(event{message: response})
		}
		c.finished = true
		return true
	}
	if c.line == nil {
		c.finished = true
		return false
	}
	if response != nil {
		c.send(event{message: response, final: true})
	}
	c.finished = true
	c.line.finished = true
	s.calls--
	if c.line.at != nil {
		c.line.at.close()
	}
	s.detach(c.line)
	return true
}

// Poll ends the stream of a resumable channel, while its request goes on: the
// client comes back after the time to retry. It opens the stream first, if
// need be. False means that nothing was done.
func (c *Channel) Poll() bool {
	s := c.session
	s.mu.Lock()
	defer s.unlock()
	if !c.resumable || c.finished || s.ended || s.shared != nil || !c.start() || c.line.at == nil {
		return false
	}
	s.sendAway(c.line)
	return true
}
