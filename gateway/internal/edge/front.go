package edge

import "encoding/binary"

// maxFields is the largest number of header lines of a request.
const maxFields = 100

// head is what the front learns from the head of a request.
type head struct {
	// length is Content-Length; -1 if there is none.
	length  int64
	chunked bool
	// close says that the client wants the connection closed.
	close bool
	// host says that there is a Host header.
	host bool
	// http10 says that the version is HTTP/1.0.
	http10 bool
}

// checkHead is the strict front: it reads the parts of a request line and the
// raw header lines, up to and with the empty line, and refuses everything that
// two parsers could understand differently (RFC 9112). It is one pass over the
// bytes and allocates nothing.
func checkHead(method, target, version, raw []byte) (head, refusal) {
	h := head{length: -1}
	switch {
	case !validMethod(method):
		return h, badMethod
	case !validTarget(target):
		return h, badTarget
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		h.http10 = true
	default:
		return h, badVersion
	}
	if r := checkFields(raw, &h); r != admitted {
		return h, r
	}
	switch {
	case !h.host:
		return h, noHost
	case h.chunked && h.length >= 0:
		return h, twoFramings
	case h.chunked && h.http10:
		return h, badEncoding
	}
	return h, admitted
}

// checkFields walks the header lines.
func checkFields(raw []byte, h *head) refusal {
	var seen names
	for i, n := 0, 0; i < len(raw); n++ {
		if raw[i] == '\r' {
			if i+2 == len(raw) && raw[i+1] == '\n' {
				return admitted
			}
			return badLine
		}
		if n == maxFields {
			return tooManyFields
		}
		start := i
		for i < len(raw) && classes[raw[i]]&classToken != 0 {
			i++
		}
		if i == start || i == len(raw) || raw[i] != ':' {
			return badFieldName(raw[start])
		}
		name := raw[start:i]
		i++
		start, i = i, endOfValue(raw, i)
		if i+2 > len(raw) || raw[i] != '\r' || raw[i+1] != '\n' {
			return badValue
		}
		if k := classify(name); k != plainField {
			if r := h.take(k, name, trimSpace(raw[start:i]), &seen); r != admitted {
				return r
			}
		}
		i += 2
	}
	// No header lines at all, or no empty line at the end.
	return badLine
}

// badFieldName tells a folded line from a bad name.
func badFieldName(first byte) refusal {
	if first == ' ' || first == '\t' {
		return folded
	}
	return badName
}

// take learns from a header that matters to the front.
func (h *head) take(k fieldKind, name, value []byte, seen *names) refusal {
	if k != connectionField && !seen.add(k, name) {
		if k == mcpField && seen.full() {
			return tooManyFields
		}
		return repeatedField(kindOf(k, name))
	}
	switch k {
	case hostField:
		h.host = true
		if !validHost(value) {
			return badHost
		}
	case lengthField:
		n, ok := parseLength(value)
		if !ok {
			return badLength
		}
		h.length = n
	case encodingField:
		if !equalFold(value, "chunked") {
			return badEncoding
		}
		h.chunked = true
	case expectField:
		if !equalFold(value, "100-continue") {
			return badExpect
		}
	case contentEncodingField:
		return encodedBody
	case trailerField:
		return hasTrailer
	case connectionField:
		h.close = h.close || hasClose(value)
	}
	return admitted
}

// endOfValue is the place of the first byte from i on that may not occur in a
// header value: a control character other than tab. It looks at eight bytes at
// a time.
func endOfValue(raw []byte, i int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for {
		for i+8 <= len(raw) {
			v := binary.LittleEndian.Uint64(raw[i:])
			// A byte below 0x20, or one that is 0x7f: the usual bit tricks,
			// which may also stop at a good byte behind a bad one; the loop
			// below has the last word.
			del := v ^ 0x7f*ones
			if ((v-0x20*ones)&^v|(del-ones)&^del)&high != 0 {
				break
			}
			i += 8
		}
		end := min(i+8, len(raw))
		for i < end && classes[raw[i]]&classValue != 0 {
			i++
		}
		if i < end || i == len(raw) {
			return i
		}
	}
}

// trimSpace cuts blanks and tabs off both ends.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// validMethod admits capitals and hyphens.
func validMethod(b []byte) bool {
	for _, c := range b {
		if (c < 'A' || c > 'Z') && c != '-' {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 32
}

// validTarget admits the origin form (RFC 9112, section 3.2.1): an absolute
// path and a query, both of RFC 3986's characters.
func validTarget(b []byte) bool {
	if len(b) == 0 || b[0] != '/' {
		return false
	}
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case classes[c]&classTarget != 0:
		case c == '%':
			if i+2 >= len(b) || classes[b[i+1]]&classHex == 0 || classes[b[i+2]]&classHex == 0 {
				return false
			}
			i += 2
		default:
			return false
		}
	}
	return true
}

// validHost admits a name, an IPv4 address or an IPv6 address in brackets, and
// a port (RFC 9110, section 7.2), but no user.
func validHost(b []byte) bool {
	end := hostEnd(b)
	switch {
	case end == 0:
		return false
	case end == len(b):
		return true
	}
	port := b[end+1:]
	n, ok := parseLength(port)
	return b[end] == ':' && ok && len(port) <= 5 && n <= 65535
}

// hostEnd is where the host ends, with its brackets, or 0 if there is none.
func hostEnd(b []byte) int {
	if !classHas(b, classHost) {
		return bracketEnd(b)
	}
	i := 1
	for i < len(b) && classes[b[i]]&classHost != 0 {
		i++
	}
	if i > 255 {
		return 0
	}
	return i
}

// bracketEnd is where an IPv6 address in brackets ends, or 0 if it is none.
func bracketEnd(b []byte) int {
	if len(b) == 0 || b[0] != '[' {
		return 0
	}
	i := 1
	for i < len(b) && (classes[b[i]]&classHex != 0 || b[i] == ':' || b[i] == '.') {
		i++
	}
	if i < 3 || i == len(b) || b[i] != ']' {
		return 0
	}
	return i + 1
}

// parseLength reads a number of at most 18 decimal digits.
func parseLength(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// hasClose reports whether a Connection header has the option close.
func hasClose(value []byte) bool {
	for i := 0; i < len(value); {
		start := i
		for i < len(value) && value[i] != ',' {
			i++
		}
		if equalFold(trimSpace(value[start:i]), "close") {
			return true
		}
		i++
	}
	return false
}
