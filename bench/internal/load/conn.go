// Package load generates load over raw keep-alive HTTP/1.1 connections and
// checks every answer.
package load

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// conn is one client connection. It sends one request at a time and reads the
// answer into its own buffer.
type conn struct {
	net  net.Conn
	buf  []byte
	head int // bytes buf[:head] are the answer's header section
	n    int // bytes read into buf
}

const dialTimeout = 5 * time.Second

func dial(addr string) (*conn, error) {
	c, err := net.DialTimeout("tcp", addr, dialTimeout)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, err)
	}
	return &conn{net: c, buf: make([]byte, 8<<10)}, nil
}

func (c *conn) close() { _ = c.net.Close() }

// exchange sends a request and returns the status and the body of the answer.
// The body is valid until the next exchange.
func (c *conn) exchange(request []byte) (status int, body []byte, err error) {
	if _, err = c.net.Write(request); err != nil {
		return 0, nil, fmt.Errorf("send: %w", err)
	}
	c.n = 0
	if err = c.readHead(); err != nil {
		return 0, nil, err
	}
	head := c.buf[:c.head]
	if len(head) < len("HTTP/1.1 200\r\n") || string(head[:9]) != "HTTP/1.1 " {
		return 0, nil, fmt.Errorf("not an HTTP/1.1 answer: %.40q", head)
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return 0, nil, fmt.Errorf("bad status line: %.40q", head)
	}
	if length, ok := headerValue(head, "content-length"); ok {
		size, err := strconv.Atoi(string(length))
		if err != nil {
			return 0, nil, fmt.Errorf("bad Content-Length %q", length)
		}
		body, err = c.readSized(size)
		return status, body, err
	}
	if coding, ok := headerValue(head, "transfer-encoding"); ok && string(coding) == "chunked" {
		body, err = c.readChunked()
		return status, body, err
	}
	return status, nil, errors.New("answer has neither Content-Length nor chunks")
}

// readHead reads until the header section is complete.
func (c *conn) readHead() error {
	for seen := 0; ; {
		if err := c.fill(); err != nil {
			return err
		}
		if i := bytes.Index(c.buf[seen:c.n], []byte("\r\n\r\n")); i >= 0 {
			c.head = seen + i + 4
			return nil
		}
		seen = max(0, c.n-3)
	}
}

func (c *conn) readSized(size int) ([]byte, error) {
	end := c.head + size
	for c.n < end {
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
	if c.n > end {
		return nil, fmt.Errorf("%d bytes after the answer", c.n-end)
	}
	return c.buf[c.head:end], nil
}

// readChunked reads a chunked body and joins the chunks in place.
func (c *conn) readChunked() ([]byte, error) {
	from, to := c.head, c.head // next chunk's header, end of the joined body
	for {
		line := bytes.IndexByte(c.buf[from:c.n], '\n')
		for ; line < 0; line = bytes.IndexByte(c.buf[from:c.n], '\n') {
			if err := c.fill(); err != nil {
				return nil, err
			}
		}
		text := string(bytes.TrimRight(c.buf[from:from+line], "\r"))
		size, err := strconv.ParseUint(text, 16, 31)
		if err != nil {
			return nil, fmt.Errorf("bad chunk size %q", text)
		}
		start := from + line + 1
		end := start + int(size) // 31 bits
		for c.n < end+2 {
			if err := c.fill(); err != nil {
				return nil, err
			}
		}
		if size == 0 {
			return c.buf[c.head:to], nil
		}
		to += copy(c.buf[to:], c.buf[start:end])
		from = end + 2
	}
}

// fill reads more of the answer.
func (c *conn) fill() error {
	if c.n == len(c.buf) {
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	n, err := c.net.Read(c.buf[c.n:])
	c.n += n
	if n == 0 && err != nil {
		return fmt.Errorf("receive: %w", err)
	}
	return nil
}

// headerValue finds a header by its lower-case name.
func headerValue(head []byte, name string) ([]byte, bool) {
	for len(head) > 0 {
		end := bytes.IndexByte(head, '\n')
		if end < 0 {
			return nil, false
		}
		line := head[:end]
		head = head[end+1:]
		if len(line) > len(name) && line[len(name)] == ':' && equalFold(line[:len(name)], name) {
			return bytes.TrimSpace(line[len(name)+1:]), true
		}
	}
	return nil, false
}

func equalFold(b []byte, lower string) bool {
	for i := range b {
		c := b[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// limit makes reads and writes fail after d.
func (c *conn) limit(d time.Duration) error {
	if err := c.net.SetDeadline(time.Now().Add(d)); err != nil {
		return fmt.Errorf("set a deadline: %w", err)
	}
	return nil
}
