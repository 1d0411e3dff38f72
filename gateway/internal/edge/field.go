package edge

import "strings"

// The classes of bytes in the head of a request.
const (
	classToken  = 1 << iota // RFC 9110, section 5.6.2
	classValue              // field-vchar, blank, tab, obs-text: RFC 9110, section 5.5
	classTarget             // pchar but '%', and '/' and '?': RFC 3986, sections 3.3 and 3.4
	classHost               // names and IPv4 addresses; names of containers have underscores
	classHex
)

// classes tells the classes of each byte.
var classes = classTable() //nolint:gochecknoglobals // a table that is never changed

func classTable() (table [256]uint8) {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	const digits = "0123456789"
	members := map[uint8]string{
		classToken:  letters + digits + "!#$%&'*+-.^_`|~",
		classTarget: letters + digits + "-._~!$&'()*+,;=:@/?",
		classHost:   letters + digits + "-._",
		classHex:    digits + "abcdefABCDEF",
	}
	for c := range table {
		for class, chars := range members {
			if strings.IndexByte(chars, byte(c)) >= 0 {
				table[c] |= class
			}
		}
		if c == '\t' || c >= ' ' && c != 0x7f {
			table[c] |= classValue
		}
	}
	return table
}

// classHas reports whether the first byte is of a class.
func classHas(b []byte, class uint8) bool { return len(b) > 0 && classes[b[0]]&class != 0 }

// fieldKind is a header that matters to the front.
type fieldKind uint8

// The headers the front looks at; all others are plain.
const (
	plainField fieldKind = iota
	hostField
	lengthField
	encodingField
	expectField
	contentEncodingField
	trailerField
	connectionField
	contentTypeField
	authorizationField
	originField
	apiKeyField
	requestIDField
	lastEventField
	mcpField
	// The Mcp headers by name, for refusals only: to the front they are one.
	mcpVersionField
	mcpSessionField
	mcpMethodField
	mcpNameField
)

// kindOf tells the Mcp headers apart, as far as they are known.
func kindOf(k fieldKind, name []byte) fieldKind {
	if k != mcpField {
		return k
	}
	for known := mcpVersionField; known <= mcpNameField; known++ {
		if title := known.title(); len(name) == len(title) && foldEqual(name, title) {
			return known
		}
	}
	return k
}

// title is the name of a header in the spelling of its specification. It never
// comes from a request.
func (k fieldKind) title() string {
	return [...]string{ //nolint:gosec // names of headers, no credentials
		plainField: "a header", hostField: "Host", lengthField: "Content-Length",
		encodingField: "Transfer-Encoding", expectField: "Expect",
		contentEncodingField: "Content-Encoding", trailerField: "Trailer",
		connectionField: "Connection", contentTypeField: "Content-Type",
		authorizationField: "Authorization", originField: "Origin", apiKeyField: "X-API-Key",
		requestIDField: "X-Request-ID", lastEventField: "Last-Event-ID", mcpField: "an Mcp-* header",
		mcpVersionField: "MCP-Protocol-Version", mcpSessionField: "Mcp-Session-Id",
		mcpMethodField: "Mcp-Method", mcpNameField: "Mcp-Name",
	}[k]
}

// classify finds the kind of a header by its name, whose case does not matter.
func classify(name []byte) fieldKind {
	candidate, kind := candidateOf(name)
	if kind != plainField && equalFold(name, candidate) {
		return kind
	}
	if len(name) > 4 && name[3] == '-' && equalFold(name[:3], "mcp") {
		return mcpField
	}
	return plainField
}

// candidateOf picks the only header that a name of this length and first
// letter can be.
func candidateOf(name []byte) (string, fieldKind) {
	first := name[0] | 0x20
	switch len(name) {
	case 4:
		return "host", hostField
	case 6:
		return either(first, "expect", expectField, "origin", originField)
	case 7:
		return "trailer", trailerField
	case 9:
		return "x-api-key", apiKeyField
	case 10:
		return "connection", connectionField
	case 12:
		return either(first, "content-type", contentTypeField, "x-request-id", requestIDField)
	case 13:
		return either(first, "authorization", authorizationField, "last-event-id", lastEventField)
	case 14:
		return "content-length", lengthField
	case 16:
		return "content-encoding", contentEncodingField
	case 17:
		return "transfer-encoding", encodingField
	}
	return "", plainField
}

// either picks one of two headers by the first letter.
func either(first byte, name string, kind fieldKind, other string, otherKind fieldKind) (string, fieldKind) {
	if first == name[0] {
		return name, kind
	}
	return other, otherKind
}

// names remembers which headers were seen.
type names struct {
	kinds uint32
	mcp   [32][]byte
	count int
}

// add reports whether the header is new.
func (s *names) add(k fieldKind, name []byte) bool {
	if k != mcpField {
		bit := uint32(1) << k
		fresh := s.kinds&bit == 0
		s.kinds |= bit
		return fresh
	}
	if s.full() {
		return false
	}
	for _, other := range s.mcp[:s.count] {
		if len(other) == len(name) && foldEqual(other, name) {
			return false
		}
	}
	s.mcp[s.count] = name
	s.count++
	return true
}

// full reports whether there are as many Mcp headers as a request may have.
func (s *names) full() bool { return s.count == len(s.mcp) }

// equalFold compares with a string in small letters.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// foldEqual compares two names of the same length; case does not matter.
func foldEqual[A, B string | []byte](a A, b B) bool {
	for i := range len(a) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x |= 0x20; x != y|0x20 || x < 'a' || x > 'z' {
			return false
		}
	}
	return true
}
