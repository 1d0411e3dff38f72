package crowd

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// wire reads an answer of server-sent events in HTTP chunks (RFC 9112, section
// 7.1) as it comes, and keeps nothing but what is incomplete.
type wire struct {
	state uint8
	// left is how much of the chunk is still to come.
	left int
	// line is the incomplete line of the framing, text that of the events.
	line, text []byte
}

// What is read next.
const (
	inStatus uint8 = iota
	inHead
	inSize
	inChunk
	inChunkEnd
	inTrailer
	atEnd
)

const maxLine = 64 << 10

var errLine = errors.New("a line is too long")

// feed takes bytes, and calls event with the data of each event that they
// complete, which is empty for events without any. After the last chunk ended
// reports true.
func (w *wire) feed(b []byte, event func(data []byte) error) error {
	for len(b) > 0 {
		if w.state == inChunk {
			n := min(w.left, len(b))
			if err := w.feedText(b[:n], event); err != nil {
				return err
			}
			if w.left -= n; w.left == 0 {
				w.state = inChunkEnd
			}
			b = b[n:]
			continue
		}
		line, rest, ok := cutLine(&w.line, b)
		if !ok {
			break
		}
		b = rest
		if err := w.frame(line); err != nil {
			return err
		}
	}
	if len(w.line) > maxLine || len(w.text) > maxLine {
		return errLine
	}
	return nil
}

// frame takes a line that is not part of the body.
func (w *wire) frame(line []byte) error {
	switch w.state {
	case inStatus:
		if !bytes.HasPrefix(line, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("answered %q", line)
		}
		w.state = inHead
	case inHead:
		if len(line) == 0 {
			w.state = inSize
		}
	case inSize:
		n, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return fmt.Errorf("bad size of a chunk %q", line)
		}
		w.left, w.state = int(n), inChunk
		if n == 0 {
			w.state = inTrailer
		}
	case inChunkEnd:
		if len(line) > 0 {
			return fmt.Errorf("%q after a chunk", line)
		}
		w.state = inSize
	case inTrailer:
		if len(line) == 0 {
			w.state = atEnd
		}
	default:
		return fmt.Errorf("%q after the end", line)
	}
	return nil
}

// feedText takes a part of the body.
func (w *wire) feedText(b []byte, event func(data []byte) error) error {
	for {
		line, rest, ok := cutLine(&w.text, b)
		if !ok {
			return nil
		}
		b = rest
		if data, is := bytes.CutPrefix(line, []byte("data:")); is {
			if err := event(bytes.TrimPrefix(data, []byte(" "))); err != nil {
				return err
			}
		} else if !known(line) {
			return fmt.Errorf("line %q in the stream", line)
		}
	}
}

// known reports whether a line without data belongs into a stream.
func known(line []byte) bool {
	field, _, _ := strings.Cut(string(line), ":")
	switch field {
	case "", "event", "id", "retry":
		return true
	}
	return false
}

// ended reports whether the answer is complete.
func (w *wire) ended() bool { return w.state == atEnd }

// cutLine cuts the first line off b, without its end. What is held is the
// start of it; if the line is incomplete, it is held as well.
func cutLine(held *[]byte, b []byte) (line, rest []byte, ok bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		*held = append(*held, b...)
		return nil, nil, false
	}
	line = b[:i]
	if len(*held) > 0 {
		line = append(*held, line...)
		*held = nil
	}
	return bytes.TrimSuffix(line, []byte("\r")), b[i+1:], true
}
