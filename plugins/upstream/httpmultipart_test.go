package upstream_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
	"pgregory.net/rapid"
)

// recorder is a server that keeps the requests it got.
type recorder struct {
	mu   sync.Mutex
	seen []received
}

type received struct {
	header http.Header
	body   []byte
	method string
	target string
}

func record(t testing.TB) (string, *recorder) {
	r := &recorder{}
	return serve(t, func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, received{req.Header, body, req.Method, req.RequestURI})
	}), r
}

// take returns what came since it was last asked.
func (r *recorder) take() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen
}

// sendOne makes a call with a value. It returns what the upstream got; nothing
// if the call was refused, when the upstream must not have seen anything.
func sendOne(t interface{ Fatalf(string, ...any) }, op plugins.Operator, r *recorder, args map[string]any) *received {
	call := &plugins.Call{Args: args, Principal: &plugins.Principal{}, Record: &plugins.Record{}}
	resp, err := op.Do(context.Background(), call)
	seen := r.take()
	if err != nil {
		var e *plugins.Error
		if !errors.As(err, &e) || e.Kind != plugins.KindInvalid || len(seen) > 0 {
			t.Fatalf("%v: %v, the upstream saw %v", args, err, seen)
		}
		return nil
	}
	resp.Free()
	if len(seen) != 1 {
		t.Fatalf("%v: the upstream saw %v", args, seen)
	}
	return &seen[0]
}

// onePart is a part as mime/multipart reads it.
type onePart struct{ name, filename, mediaType, content string }

func readParts(header http.Header, body []byte) (out []onePart, err error) {
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || len(header["Content-Type"]) != 1 {
		return nil, fmt.Errorf("type %q: %w", header["Content-Type"], err)
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(p)
		if err != nil {
			return nil, err
		}
		_, disposition, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
		if err != nil || len(p.Header) > 2 {
			return nil, fmt.Errorf("part %v: %w", p.Header, err)
		}
		out = append(out, onePart{p.FormName(), disposition["filename"], p.Header.Get("Content-Type"), string(content)})
	}
}

// Whatever a part holds and is called: the upstream's parser finds exactly that
// and nothing else, or nothing is sent.
func TestPartsArriveExactly(t *testing.T) {
	url, seen := record(t)
	file := plugins.Argument{Name: "f", In: "file", Schema: []byte(`{"properties":{"data":{"contentEncoding":"base64"}}}`)}
	op := prepare(t, build(t, base(url)), parts(`{"w \"x\"\r\n":"<${{ args.t }}>"}`), arg("t"), argIn("p", "form"), file)
	contents := rapid.OneOf(textGenerator(), rapid.SampledFrom([]string{"--sallyport-", "\r\n--boundary--\r\n", "\r\n\r\n--", "\n", "\r"}))
	types := rapid.SampledFrom([]string{"image/png", "text/x; a=b", "a/b\r\nX: y", "a/b/c", "a", ";", "text/plain; charset=\"u\\\"8\""})
	rapid.Check(t, func(t *rapid.T) {
		text, plain, data := contents.Draw(t, "text"), contents.Draw(t, "plain"), rapid.SliceOf(rapid.Byte()).Draw(t, "data")
		name, mediaType := textGenerator().Draw(t, "name"), types.Draw(t, "type")
		got := sendOne(t, op, seen, map[string]any{
			"t": text, "p": plain, "f": map[string]any{"data": base64.StdEncoding.EncodeToString(data), "name": name, "mime_type": mediaType},
		})
		if got == nil {
			return
		}
		all, err := readParts(got.header, got.body)
		if err != nil {
			t.Fatalf("%q: %v", got.body, err)
		}
		if name == "" {
			name = "f"
		}
		want := []onePart{
			{"w %22x%22%0D%0A", "", "", "<" + text + ">"}, {"p", "", "", plain},
			{"f", strings.ReplaceAll(name, `"`, "%22"), mediaType, string(data)},
		}
		if fmt.Sprintf("%q", all) != fmt.Sprintf("%q", want) {
			t.Fatalf("got %q, want %q", all, want)
		}
	})
}

func TestFilesRefused(t *testing.T) {
	url, seen := record(t)
	u := build(t, base(url))
	base64Schema, uri := `{"contentEncoding":"base64"}`, `{"format":"uri"}`
	object := `{"properties":{"data":{"contentEncoding":"base64"}}}`
	for _, tt := range []struct{ schema, value, message string }{
		{base64Schema, `"a"`, `The argument "f" can't be sent as a file: it is not base64. Nothing was sent.`},
		{base64Schema, `"<>"`, "not base64"},
		{base64Schema, `["eA==","?"]`, "not base64"},
		{uri, `"data:x"`, "data URI"},
		{uri, `"data:;base64,?"`, "data URI"},
		{uri, `"data:,%zz"`, "data URI"},
		{uri, `"file:///etc/passwd"`, "there is no such resource"},
		{object, `{"data":"eA==","name":"../../etc/passwd"}`, "its name is not the name of a file"},
		{object, `{"data":"eA==","name":"a\\b"}`, "its name"},
		{object, `{"data":"eA==","name":"a\r\nb"}`, "its name"},
		{object, `{"data":"eA==","name":".."}`, "its name"},
		{object, `{"data":"eA==","mime_type":"a/b\r\nX-Evil: 1"}`, "its mime_type is not a media type"},
		{object, `{"data":"eA==","content":"x"}`, "`data` or `uri`"},
		{object, `{"data":7}`, "`data` or `uri`"},
		{object, `[["eA=="]]`, "a file is a text"},
	} {
		op := prepare(t, u, short(t, "POST /"), plugins.Argument{Name: "f", In: "file", Schema: []byte(tt.schema)})
		_, err := op.Do(context.Background(), callOf(t, `{"f":`+tt.value+`}`))
		if err == nil || kindOf(t, err) != plugins.KindInvalid || !strings.Contains(err.Error(), tt.message) || len(seen.take()) > 0 {
			t.Errorf("%s %s: %v", tt.schema, tt.value, err)
		}
	}
}

// The content of a resource is read with the rights of the call, once for each
// part, and never for an outline.
func TestFilesOfResources(t *testing.T) {
	url, seen := record(t)
	asked := 0
	failure := error(nil)
	k := &keeper{}
	t.Cleanup(k.close)
	u, err := upstream.HTTP().New(base(url), plugins.Env{Name: "crm", Keep: k.keep, Read: func(_ context.Context, call *plugins.Call, uri string) ([]byte, string, string, error) {
		asked++
		if call.Principal.Subject != "ann" {
			t.Errorf("read for %v", call.Principal)
		}
		return []byte("of " + uri + "\xff"), "text/css\r\nX: y", "../x", failure
	}})
	if err != nil {
		t.Fatal(err)
	}
	list := plugins.Argument{Name: "f", In: "file", Schema: []byte(`{"type":"array","items":{"type":"string","format":"uri"}}`)}
	op := prepare(t, u, short(t, "POST /"), list)
	call := callOf(t, `{"f":["crm://a","crm://b"]}`)
	o, err := op.Outline(call)
	if err != nil || asked != 0 || !strings.Contains(string(o.Body), "[content of crm://a]") {
		t.Errorf("%d: %s %v", asked, o.Body, err)
	}
	resp, err := op.Do(context.Background(), call)
	if err != nil {
		t.Fatal(err)
	}
	resp.Free()
	got := seen.take()
	all, err := readParts(got[0].header, got[0].body)
	want := []onePart{{"f", "f", "application/octet-stream", "of crm://a\xff"}, {"f", "f", "application/octet-stream", "of crm://b\xff"}}
	if err != nil || asked != 2 || fmt.Sprintf("%q", all) != fmt.Sprintf("%q", want) {
		t.Errorf("%d: %q %v", asked, all, err)
	}
	whole := prepare(t, u, post(func(r *upstream.Request) { r.Bytes = raw(`"${{ args.f }}"`) }), schemaOf("f", `{"format":"uri"}`))
	resp, err = whole.Do(context.Background(), callOf(t, `{"f":"crm://c"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Free()
	if got := seen.take(); string(got[0].body) != "of crm://c\xff" || got[0].header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%q", got)
	}
	for kind, want := range map[plugins.Kind]plugins.Kind{
		plugins.KindDenied: plugins.KindInvalid, plugins.KindInvalid: plugins.KindInvalid, plugins.KindTimeout: plugins.KindTimeout, plugins.KindLimited: plugins.KindLimited,
	} {
		failure = &plugins.Error{Kind: kind, Message: "Of the resource."}
		_, err := op.Do(context.Background(), call)
		if kindOf(t, err) != want || len(seen.take()) > 0 {
			t.Errorf("%v: %v", kind, err)
		}
	}
}

// Resources can make a body large that a client asks for in few bytes.
func TestBodiesAreBounded(t *testing.T) {
	url, seen := record(t)
	k := &keeper{}
	t.Cleanup(k.close)
	asked, content := 0, make([]byte, 4<<20)
	u, err := upstream.HTTP().New(base(url), plugins.Env{Name: "crm", Keep: k.keep, Read: func(context.Context, *plugins.Call, string) ([]byte, string, string, error) {
		asked++
		return content, "", "", nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	op := prepare(t, u, short(t, "POST /"), plugins.Argument{Name: "f", In: "file", Schema: []byte(`{"items":{"format":"uri"}}`)})
	_, err = op.Do(context.Background(), callOf(t, `{"f":[`+strings.Repeat(`"crm://a",`, 1000)+`"crm://a"]}`))
	const want = "The request would be larger than 32 MiB. Nothing was sent. Send less at once."
	if err == nil || kindOf(t, err) != plugins.KindInvalid || err.Error() != want || asked > 9 || len(seen.take()) > 0 {
		t.Errorf("%d read: %v", asked, err)
	}
}

// A Content-Type of the whole upstream gives way to that with the boundary.
func TestMultipartHasItsOwnType(t *testing.T) {
	url, seen := record(t)
	s := base(url)
	s.Headers = map[string]plugins.Secret{"Content-Type": plugins.NewSecret("application/json")}
	op := prepare(t, build(t, s), short(t, "POST /"), argIn("f", "file"))
	got := sendOne(t, op, seen, map[string]any{"f": "x"})
	if all, err := readParts(got.header, got.body); err != nil || len(all) != 1 || all[0].content != "x" {
		t.Errorf("%v: %q %v", got.header, all, err)
	}
}

func FuzzMultipart(f *testing.F) {
	f.Add("a", "b.txt", []byte("c"))
	f.Add("\r\n--boundary", `";\r\nX: y`, []byte("--boundary--\r\n"))
	op := prepare(f, build(f, base("http://127.0.0.1:1")), parts(`{"t":"${{ args.t }}","f":{"file":"${{ args.f }}","filename":"${{ args.n }}"},"j":{"json":"${{ args.t }}"}}`), arg("t"), arg("f"), arg("n"))
	f.Fuzz(func(t *testing.T, text, name string, content []byte) {
		if !utf8.ValidString(text) {
			return // arguments are valid
		}
		args := map[string]any{"t": text, "n": name, "f": base64.StdEncoding.EncodeToString(content)}
		o, err := op.Outline(&plugins.Call{Args: args, Principal: &plugins.Principal{}})
		if err != nil {
			return
		}
		header := http.Header{}
		for _, h := range o.Header {
			header.Add(h[0], h[1])
		}
		all, err := readParts(header, o.Body)
		if err != nil || len(all) != 3 || all[0].content != text {
			t.Fatalf("%q: %q %v", o.Body, all, err)
		}
	})
}
