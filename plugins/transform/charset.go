package transform

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// byteOrderMark is that of UTF-8.
const byteOrderMark = "\xef\xbb\xbf"

// decodeText returns the body as UTF-8, without a byte order mark. The mark
// decides, then the charset told; text of an unknown charset is UTF-8 if it
// can be, and Windows-1252 if it can't, as browsers do
// (https://encoding.spec.whatwg.org/). Nothing is copied that is UTF-8 already.
func decodeText(body []byte, label string) []byte {
	switch {
	case bytes.HasPrefix(body, []byte(byteOrderMark)):
		return bytes.ToValidUTF8(body[len(byteOrderMark):], []byte("\ufffd"))
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		return decodeWith(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), body[2:])
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		return decodeWith(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), body[2:])
	}
	known, name := charset.Lookup(label)
	switch {
	case name == "utf-8":
		return bytes.ToValidUTF8(body, []byte("\ufffd"))
	case known != nil:
		return decodeWith(known, body)
	case utf8.Valid(body):
		return body
	}
	return decodeWith(charmap.Windows1252, body)
}

// decodeWith decodes; what doesn't fit the encoding becomes U+FFFD.
func decodeWith(e encoding.Encoding, body []byte) []byte {
	out, err := e.NewDecoder().Bytes(body)
	if err != nil {
		out = body
	}
	return bytes.ToValidUTF8(out, []byte("\ufffd"))
}

// isBinary reports whether a body that claims to be text can't be: text has no
// NUL, but in UTF-16 and UTF-32.
func isBinary(body []byte, label string) bool {
	head := body[:min(len(body), 1024)]
	if bytes.IndexByte(head, 0) < 0 {
		return false
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return false
	}
	_, name := charset.Lookup(label)
	return name != "utf-16le" && name != "utf-16be"
}
