package stream

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestFraming(t *testing.T) {
	for _, c := range []struct{ name, got, want string }{
		{"event", string(AppendEvent([]byte("x"), "a-1", []byte(`{}`))), "xevent: message\nid: a-1\ndata: {}\n\n"},
		{"no id", string(AppendEvent(nil, "", []byte(`{}`))), "event: message\ndata: {}\n\n"},
		{"bad id", string(AppendEvent(nil, "a\nb", []byte(`{}`))), "event: message\ndata: {}\n\n"},
		{"line ends", string(AppendEvent(nil, "", []byte("{\r\n\n\"a\":\r1}\n"))), "event: message\ndata: {   \"a\": 1} \n\n"},
		{"priming", string(AppendPriming(nil, "a-0", 1500*time.Millisecond)), "id: a-0\nretry: 1500\ndata: \n\n"},
		{"negative", string(AppendPriming(nil, "a-0", -time.Second)), "id: a-0\nretry: 0\ndata: \n\n"},
		{"endpoint", string(AppendEndpoint(nil, "/messages?s=1")), "event: endpoint\ndata: /messages?s=1\n\n"},
		{"line", string(AppendLine([]byte("x"), "id", []byte("{\n}\r"))), "x{ } \n"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestEventsThroughAParser(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Custom(drawJSON), 1, 5).Draw(t, "values")
		var stream []byte
		for i, v := range values {
			if rapid.Bool().Draw(t, "comment") {
				stream = append(stream, KeepAlive...)
			}
			stream = AppendEvent(stream, "s-"+string(rune('a'+i)), []byte(v))
		}
		got := parseStream(string(stream))
		if len(got) != len(values) {
			t.Fatalf("%d events came out of %d: %q", len(got), len(values), stream)
		}
		for i, e := range got {
			if e.kind != "message" || e.lastID != "s-"+string(rune('a'+i)) || !sameJSON(e.data, values[i]) {
				t.Fatalf("event %d is %+v, want %q", i, e, values[i])
			}
		}
	})
}

// drawJSON draws a JSON text with the white space JSON allows, line ends of all
// kinds included.
func drawJSON(t *rapid.T) string {
	text, err := json.MarshalIndent(map[string]any{
		rapid.String().Draw(t, "name"): rapid.String().Draw(t, "text"),
		"list":                         rapid.SliceOf(rapid.Int()).Draw(t, "list"),
	}, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	end := rapid.SampledFrom([]string{"\n", "\r", "\r\n", "\n\n", "\n\r"}).Draw(t, "end")
	return strings.ReplaceAll("\n"+string(text)+"\n", "\n", end)
}

func sameJSON(a, b string) bool {
	var x, y bytes.Buffer
	if json.Compact(&x, []byte(a)) != nil || json.Compact(&y, []byte(b)) != nil {
		return false
	}
	return x.String() == y.String()
}

func FuzzAppendEvent(f *testing.F) {
	f.Add("a-1", []byte("{\r\n}"))
	f.Add("a\r1", []byte("data: x\n\nevent: y"))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		given := bytes.Clone(data)
		framed := AppendEvent(nil, id, data)
		if !bytes.Equal(given, data) {
			t.Fatal("the message was changed")
		}
		stream := parseStream(string(framed) + string(AppendEvent(nil, "", []byte("next"))))
		if len(data) > 0 {
			flat := strings.NewReplacer("\r", " ", "\n", " ").Replace(string(data))
			if len(stream) != 2 || stream[0].data != flat || stream[0].kind != "message" {
				t.Fatalf("%q came out as %+v", data, stream)
			}
		}
		if last := stream[len(stream)-1]; last.data != "next" {
			t.Fatalf("the next event is %+v", last)
		}
		line := AppendLine(nil, id, data)
		if bytes.IndexByte(line, '\n') != len(line)-1 || bytes.IndexByte(line, '\r') >= 0 || len(line) != len(data)+1 {
			t.Fatalf("%q is written as %q", data, line)
		}
	})
}
