package mcp

import (
	"reflect"
	"testing"
	"time"
)

func TestAppendResource(t *testing.T) {
	half := 0.5
	tests := []struct {
		d    ResourceDefinition
		want string
	}{
		{ResourceDefinition{URI: "a://b", Name: "n"}, `{"uri":"a://b","name":"n"}`},
		{ResourceDefinition{
			URI: "a://b", Name: "n", Title: "T", Description: "d", MIMEType: "text/plain", Size: 7,
			Icons:       []Icon{{Src: "https://i", MIMEType: "image/png", Sizes: []string{"48x48", "any"}, Theme: "dark"}, {Src: "data:,"}},
			Annotations: &Annotations{Audience: []string{"user"}, Priority: &half, LastModified: "2026-01-01T00:00:00Z"}, Meta: []byte(`{"x":1}`),
		}, `{"uri":"a://b","name":"n","title":"T","description":"d","mimeType":"text/plain",` +
			`"icons":[{"src":"https://i","mimeType":"image/png","sizes":["48x48","any"],"theme":"dark"},{"src":"data:,"}],` +
			`"annotations":{"audience":["user"],"priority":0.5,"lastModified":"2026-01-01T00:00:00Z"},"size":7,"_meta":{"x":1}}`},
		{ResourceDefinition{URI: "a://{b}", Template: true, Name: "n", Size: 7, Annotations: &Annotations{}}, `{"uriTemplate":"a://{b}","name":"n","annotations":{}}`},
	}
	for _, test := range tests {
		if got := string(AppendResource(nil, &test.d)); got != test.want {
			t.Errorf("\n got %s\nwant %s", got, test.want)
		}
	}
}

func TestAppendReadResult(t *testing.T) {
	e := NewEncoder(ServerInfo{Name: "s", Version: "1"})
	contents := []ResourceContent{
		{URI: "a://b", MIMEType: "text/plain", Text: []byte("t"), Meta: []byte(`{"x":1}`)},
		{URI: "a://c", Blob: []byte{1}},
	}
	const wire = `"contents":[{"uri":"a://b","mimeType":"text/plain","text":"t","_meta":{"x":1}},{"uri":"a://c","blob":"AQ=="}]}}`
	const head = `{"jsonrpc":"2.0","id":1,"result":{`
	want := head + `"resultType":"complete","ttlMs":1500,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}},` + wire
	if got := string(e.AppendReadResult(nil, Rev20260728, ID("1"), contents, 1500*time.Millisecond, Private)); got != want {
		t.Errorf("modern:\n got %s\nwant %s", got, want)
	}
	if got := string(e.AppendReadResult(nil, Rev20251125, ID("1"), contents, time.Second, Public)); got != head+wire {
		t.Errorf("legacy: %s", got)
	}
	want = head + `"resultType":"complete","ttlMs":0,"cacheScope":"public","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}},` + wire
	if got := string(e.AppendReadResult(nil, Rev20260728, ID("1"), contents, -time.Second, Public)); got != want {
		t.Errorf("a time to live below zero: %s", got)
	}
}

func TestResourceContents(t *testing.T) {
	blocks := []Block{
		{Text: []byte("t"), MIMEType: "text/csv"},
		{Type: ImageBlock, Data: []byte{1}, MIMEType: "image/png"},
		{Type: AudioBlock, MIMEType: "audio/wav"},
		{Type: ResourceBlock, URI: "c://d", Text: []byte("u"), MIMEType: "text/plain"},
		{Type: ResourceBlock, URI: "c://e", Data: []byte{2}},
		{Type: LinkBlock, URI: "https://f", Name: "n", MIMEType: "text/html"},
	}
	want := []ResourceContent{
		{URI: "a://b", MIMEType: "text/csv", Text: []byte("t")},
		{URI: "a://b", MIMEType: "image/png", Blob: []byte{1}},
		{URI: "a://b", MIMEType: "audio/wav", Blob: []byte{}},
		{URI: "c://d", MIMEType: "text/plain", Text: []byte("u")},
		{URI: "c://e", Blob: []byte{2}},
		{URI: "a://b", MIMEType: "text/uri-list", Text: []byte("https://f\r\n")},
	}
	if got := ResourceContents(nil, "a://b", blocks); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeReadParams(t *testing.T) {
	for params, want := range map[string]string{`{"uri":"a:\/\/b"}`: "a://b", `{"uri":""}`: "", `{}`: "", `{"uri":7}`: "", `{"uri":null}`: ""} {
		for name, decode := range map[string]func(Params) (string, *Error){"read": DecodeReadParams, "subscribe": DecodeSubscribeParams} {
			got, err := decode(paramsOf(t, params))
			if got != want || (err == nil) != (want != "") || err != nil && (err.Code != CodeInvalidParams || err.Status != 200) {
				t.Errorf("%s %s: %q, %v", name, params, got, err)
			}
		}
	}
}

// TestSubscribeOutlivesBody overwrites the body that a URI came in: sessions
// keep the URI.
func TestSubscribeOutlivesBody(t *testing.T) {
	body := []byte(`{"jsonrpc":"2.0","id":1,"method":"x","params":{"uri":"a://b","notifications":{"resourceSubscriptions":["a://b"]}}}`)
	var m Message
	if err := m.Decode(body); err != nil {
		t.Fatal(err)
	}
	uri, err := DecodeSubscribeParams(m.Params)
	if err != nil {
		t.Fatal(err)
	}
	s, err := DecodeListenParams(m.Params)
	if err != nil {
		t.Fatal(err)
	}
	clear(body)
	if uri != "a://b" || s.URIs[0] != "a://b" {
		t.Errorf("%q, %q", uri, s.URIs)
	}
}

func TestResourceNotFound(t *testing.T) {
	for _, r := range Revisions() {
		e := ResourceNotFound(r, `a://"b`)
		want := CodeInvalidParams
		if !r.Modern() {
			want = -32002
		}
		if e.Status != 200 || e.Code != want || string(e.Data) != `{"uri":"a://\"b"}` {
			t.Errorf("%s: %d %d %s", r, e.Status, e.Code, e.Data)
		}
	}
}
