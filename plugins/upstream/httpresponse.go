package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// Reasons why an answer can't be read. They quote nothing of it.
var (
	errTooLarge  = errors.New("the response is larger than max_response")
	errHead      = errors.New("the response's head is larger than allowed")
	errMalformed = errors.New("malformed response")
)

func malformed(what string) error { return fmt.Errorf("%w: %s", errMalformed, what) }

const (
	firstBuffer = 8 << 10
	// keptBuffer is the largest buffer that is used again.
	keptBuffer = 512 << 10
	// maxInterim bounds the 1xx responses before the final one.
	maxInterim = 8
	// maxChunkLine bounds the line before a chunk.
	maxChunkLine = 4 << 10
)

// answer reads one response into one buffer, where head and body stay: nothing
// is copied. It is stricter than clients of browsers are: framing that two
// readers could understand differently is an error.
type answer struct {
	buf    []byte // buf[:end] is what was read
	end    int
	fields []headerSpan

	status    int
	body      []byte
	keepAlive bool
	keep      time.Duration // from Keep-Alive; 0 if not told
	got       bool          // the upstream sent something

	frame framing
}

// headerSpan is where a header stands in the buffer.
type headerSpan struct{ name, nameEnd, value, valueEnd int32 }

// framing is what a head says about the body and the connection.
type framing struct {
	length       int64 // -1 if not told
	chunked      bool
	encoded      bool // there is a Transfer-Encoding
	http10       bool
	closes, live bool // tokens of Connection
}

// read reads the answer to a request; isHead says that its method was HEAD.
// The end of the connection before that of the answer is io.ErrUnexpectedEOF.
func (a *answer) read(r io.Reader, isHead bool, limit int) error {
	err := a.message(r, isHead, limit)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (a *answer) message(r io.Reader, isHead bool, limit int) error {
	a.end, a.got, a.keep, a.keepAlive, a.body = 0, false, 0, false, nil
	if a.buf == nil {
		a.buf = make([]byte, firstBuffer)
	}
	at, err := a.finalHead(r)
	if err != nil {
		return err
	}
	if a.frame.encoded && a.frame.length >= 0 {
		return malformed("both Content-Length and Transfer-Encoding")
	}
	switch {
	case isHead || a.status == 204 || a.status == 304:
		a.body = a.buf[at:at]
	case a.frame.chunked:
		at, err = a.chunks(r, at, limit)
	case a.frame.encoded:
		return malformed("unknown Transfer-Encoding")
	case a.frame.length >= 0:
		at, err = a.fixed(r, at, limit)
	default:
		at, err = a.rest(r, at, limit)
	}
	// With more than the answer in it the connection is never used again.
	if a.end != at {
		a.keepAlive = false
	}
	return err
}

// finalHead reads heads up to that of the final answer, and returns where its
// body starts.
func (a *answer) finalHead(r io.Reader) (at int, err error) {
	for range maxInterim + 1 {
		if at, err = a.head(r, at); err != nil {
			return at, err
		}
		if a.status >= 200 {
			a.keepAlive = !a.frame.closes && (!a.frame.http10 || a.frame.live)
			return at, nil
		}
		if a.status == 101 {
			break
		}
	}
	return at, malformed("unexpected interim response")
}

// fill reads more into the buffer, which grows, up to want bytes in all where
// that is known.
func (a *answer) fill(r io.Reader, want int) error {
	if a.end == len(a.buf) {
		size := 2 * len(a.buf)
		if want > len(a.buf) && (want < size || want <= keptBuffer) {
			size = want
		}
		grown := make([]byte, size)
		copy(grown, a.buf[:a.end])
		a.buf = grown
	}
	n, err := r.Read(a.buf[a.end:])
	a.end += n
	if n > 0 {
		a.got = true
		return nil
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

// line returns the line that starts at, without its end, and where the next
// one starts.
func (a *answer) line(r io.Reader, at, limit int) (line []byte, next int, err error) {
	for from := at; ; {
		if i := bytes.IndexByte(a.buf[from:a.end], '\n'); i >= 0 {
			next = from + i + 1
			line = a.buf[at : next-1]
			if n := len(line); n > 0 && line[n-1] == '\r' {
				line = line[:n-1]
			}
			if next > limit {
				return nil, 0, errHead
			}
			return line, next, nil
		}
		if from = a.end; from > limit {
			return nil, 0, errHead
		}
		if err := a.fill(r, 0); err != nil {
			return nil, 0, err
		}
	}
}

// head reads a status line and headers from at, and returns where the body
// starts.
func (a *answer) head(r io.Reader, at int) (int, error) {
	line, next, err := a.line(r, at, maxResponseHeader)
	if err != nil {
		return 0, err
	}
	a.fields, a.frame = a.fields[:0], framing{length: -1}
	if err := a.statusLine(line); err != nil {
		return 0, err
	}
	for {
		start := next
		if line, next, err = a.line(r, start, maxResponseHeader); err != nil {
			return 0, err
		}
		if len(line) == 0 {
			return next, nil
		}
		if err := a.field(line, start); err != nil {
			return 0, err
		}
	}
}

func (a *answer) statusLine(line []byte) error {
	// HTTP/1.1 200 OK
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[7]-'0' > 9 || line[8] != ' ' || len(line) > 12 && line[12] != ' ' {
		return malformed("status line")
	}
	a.frame.http10 = line[7] == '0'
	a.status = 0
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return malformed("status line")
		}
		a.status = a.status*10 + int(c-'0')
	}
	if a.status < 100 || a.status > 599 {
		return malformed("status")
	}
	return nil
}

// field notes a header line that starts at.
func (a *answer) field(line []byte, at int) error {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return malformed("header line")
	}
	name, value := line[:colon], line[colon+1:]
	for _, c := range name {
		if !isTokenByte(c) {
			return malformed("header name")
		}
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return malformed("header value")
		}
	}
	start, end := colon+1, len(line)
	for start < end && isBlank(line[start]) {
		start++
	}
	for end > start && isBlank(line[end-1]) {
		end--
	}
	a.fields = append(a.fields, headerSpan{int32(at), int32(at + colon), int32(at + start), int32(at + end)})
	return a.frame.note(a, name, line[start:end])
}

// note takes from a header what it says about framing.
func (f *framing) note(a *answer, name, value []byte) error {
	switch len(name) {
	case len("Connection"):
		if equalFold(name, "connection") {
			f.closes = f.closes || hasToken(value, "close")
			f.live = f.live || hasToken(value, "keep-alive")
		} else if equalFold(name, "keep-alive") {
			a.keep = keepAlive(value)
		}
	case len("Content-Length"):
		if !equalFold(name, "content-length") {
			return nil
		}
		n, err := strconv.ParseUint(string(value), 10, 62)
		if err != nil || f.length >= 0 && f.length != int64(n) {
			return malformed("Content-Length")
		}
		f.length = int64(n)
	case len("Transfer-Encoding"):
		if !equalFold(name, "transfer-encoding") {
			return nil
		}
		if f.encoded || f.http10 || !equalFold(value, "chunked") {
			return malformed("Transfer-Encoding")
		}
		f.encoded, f.chunked = true, true
	}
	return nil
}

// equalFold compares with a name in lower case, ASCII only.
func equalFold[T ~string | ~[]byte](s T, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(lower) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// hasToken reports whether a comma-separated list has the token.
func hasToken(list []byte, token string) bool {
	for len(list) > 0 {
		item := list
		if i := bytes.IndexByte(list, ','); i >= 0 {
			item, list = list[:i], list[i+1:]
		} else {
			list = nil
		}
		if equalFold(bytes.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
}

// keepAlive reads "timeout=5" and returns a little less: to be the first to
// close is to never send a request into a closed connection.
func keepAlive(value []byte) time.Duration {
	const parameter = "timeout="
	i := bytes.Index(value, []byte(parameter))
	if i < 0 {
		return 0
	}
	seconds, digits := 0, value[i+len(parameter):]
	for n := 0; n < len(digits) && n < 6 && digits[n]-'0' <= 9; n++ {
		seconds = seconds*10 + int(digits[n]-'0')
	}
	return max(min(time.Duration(seconds-1)*time.Second, idleTimeout), time.Second/2)
}

// fixed reads a body of known length.
func (a *answer) fixed(r io.Reader, at, limit int) (int, error) {
	if a.frame.length > int64(limit) {
		return 0, errTooLarge
	}
	end := at + int(a.frame.length)
	for a.end < end {
		if err := a.fill(r, end); err != nil {
			return 0, err
		}
	}
	a.body = a.buf[at:end]
	return end, nil
}

// rest reads a body that ends with the connection.
func (a *answer) rest(r io.Reader, at, limit int) (int, error) {
	a.keepAlive = false
	for {
		err := a.fill(r, 0)
		if a.end-at > limit {
			return 0, errTooLarge
		}
		if errors.Is(err, io.EOF) {
			a.body = a.buf[at:a.end]
			return a.end, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
