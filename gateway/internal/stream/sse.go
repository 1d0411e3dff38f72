package stream

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// ContentType is the media type of an event stream.
const ContentType = "text/event-stream"

// KeepAlive is a comment that event stream parsers ignore; it shows proxies and
// clients that the connection lives.
const KeepAlive = ": keep-alive\n\n"

// Framing appends a JSON-RPC message to dst as a transport writes it. An empty
// id means none.
type Framing func(dst []byte, id string, message []byte) []byte

// AppendEvent appends a JSON text as one event of type message
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). Line ends,
// which JSON knows only as white space between tokens, become spaces. An id
// that can't be written is left out.
func AppendEvent(dst []byte, id string, data []byte) []byte {
	dst = append(dst, "event: message\n"...)
	dst = appendID(dst, id)
	dst = append(dst, "data: "...)
	dst = appendOneLine(dst, data)
	return append(dst, "\n\n"...)
}

// AppendPriming appends an event without a message: it gives the client an id
// to resume from, and the time to wait before it does (2025-11-25, Streamable
// HTTP, "Sending Messages to the Server").
func AppendPriming(dst []byte, id string, retry time.Duration) []byte {
	dst = appendID(dst, id)
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, max(retry.Milliseconds(), 0), 10)
	return append(dst, "\ndata: \n\n"...)
}

// AppendEndpoint appends the first event of an HTTP+SSE stream: where the
// client posts its messages (2024-11-05, "HTTP with SSE").
func AppendEndpoint(dst []byte, uri string) []byte {
	dst = append(dst, "event: endpoint\ndata: "...)
	dst = appendOneLine(dst, []byte(uri))
	return append(dst, "\n\n"...)
}

// AppendLine appends a JSON text as one line, as stdio wants it.
func AppendLine(dst []byte, _ string, message []byte) []byte {
	return append(appendOneLine(dst, message), '\n')
}

func appendID(dst []byte, id string) []byte {
	if id == "" || strings.ContainsAny(id, "\r\n\x00") {
		return dst
	}
	dst = append(dst, "id: "...)
	dst = append(dst, id...)
	return append(dst, '\n')
}

// appendOneLine appends text with its line ends turned to spaces.
func appendOneLine(dst, text []byte) []byte {
	start := len(dst)
	dst = append(dst, text...)
	added := dst[start:]
	for _, end := range []byte{'\n', '\r'} {
		for i := bytes.IndexByte(added, end); i >= 0; {
			added[i] = ' '
			next := bytes.IndexByte(added[i+1:], end)
			if next < 0 {
				break
			}
			i += 1 + next
		}
	}
	return dst
}
