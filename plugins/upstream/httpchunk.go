package upstream

import "io"

// chunks decodes a chunked body (RFC 9112, section 7.1) in place: it is never
// longer than what was sent.
func (a *answer) chunks(r io.Reader, at, limit int) (int, error) {
	start, end := at, at // the decoded body
	for {
		size, next, err := a.chunkSize(r, at)
		if err != nil {
			return 0, err
		}
		if at = next; size == 0 {
			break
		}
		if size > limit-(end-start) {
			return 0, errTooLarge
		}
		// Move what wasn't decoded yet down to the decoded part, so that the
		// buffer doesn't grow by what tells the chunks apart.
		if at+size+2 > len(a.buf) && at > end {
			a.end = end + copy(a.buf[end:], a.buf[at:a.end])
			at = end
		}
		for a.end < at+size+2 {
			if err := a.fill(r, at+size+2); err != nil {
				return 0, err
			}
		}
		if a.buf[at+size] != '\r' || a.buf[at+size+1] != '\n' {
			return 0, malformed("chunk")
		}
		end += copy(a.buf[end:], a.buf[at:at+size])
		at += size + 2
	}
	at, err := a.trailers(r, at)
	if err != nil {
		return 0, err
	}
	a.body = a.buf[start:end]
	return at, nil
}

// chunkSize reads the line before a chunk. Extensions are passed over.
func (a *answer) chunkSize(r io.Reader, at int) (size, next int, err error) {
	line, next, err := a.line(r, at, at+maxChunkLine)
	if err != nil {
		return 0, 0, err
	}
	digits := 0
	for ; digits < len(line); digits++ {
		v := hexValue(line[digits])
		if v < 0 {
			break
		}
		if size = size<<4 | v; size > 1<<40 {
			return 0, 0, malformed("chunk size")
		}
	}
	if digits == 0 || digits < len(line) && line[digits] != ';' && !isBlank(line[digits]) {
		return 0, 0, malformed("chunk size")
	}
	return size, next, nil
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// trailers reads up to the end of the answer; nothing in them is used.
func (a *answer) trailers(r io.Reader, at int) (int, error) {
	limit := at + maxResponseHeader
	for {
		line, next, err := a.line(r, at, limit)
		if err != nil {
			return 0, err
		}
		if len(line) == 0 {
			return next, nil
		}
		at = next
	}
}
