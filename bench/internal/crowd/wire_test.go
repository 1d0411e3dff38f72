package crowd

import (
	"slices"
	"strings"
	"testing"
)

const answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" +
	"1b\r\nid: g1-0\nretry: 1000\ndata: \r\n2\r\n\n\n\r\n" +
	"1d\r\nevent: message\ndata: {\"a\":1}\n\r\n1\r\n\n\r\n" +
	"e\r\n: keep-alive\n\n\r\n" +
	"9\r\ndata: {}\n\r\n0\r\n\r\n"

func TestWireReadsWhateverThePieces(t *testing.T) {
	want := []string{"", `{"a":1}`, "{}"}
	for size := 1; size <= len(answer); size++ {
		var w wire
		var got []string
		for piece := range slices.Chunk([]byte(answer), size) {
			if err := w.feed(piece, func(data []byte) error { got = append(got, string(data)); return nil }); err != nil {
				t.Fatalf("pieces of %d: %v", size, err)
			}
		}
		if !slices.Equal(got, want) || !w.ended() || len(w.line)+len(w.text) > 0 {
			t.Fatalf("pieces of %d: got %q, ended %v, %q and %q left", size, got, w.ended(), w.line, w.text)
		}
	}
}

func TestWireRefuses(t *testing.T) {
	for name, bad := range map[string]string{
		"a refusal":            "HTTP/1.1 503 Service Unavailable\r\n",
		"a size that is none":  strings.Replace(answer, "1b\r\n", "zz\r\n", 1),
		"a chunk that is long": strings.Replace(answer, "e\r\n: keep", "d\r\n: keep", 1),
		"another field":        strings.Replace(answer, "event:", "iveot:", 1),
		"more after the end":   answer + "HTTP/1.1 200 OK\r\n",
		"an endless line":      "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxLine),
	} {
		var w wire
		if err := w.feed([]byte(bad), func([]byte) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
