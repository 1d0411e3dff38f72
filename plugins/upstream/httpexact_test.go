package upstream_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"pgregory.net/rapid"
)

// arrived is what one request held at the place under test, as a server
// understood it.
type arrived struct {
	method, path string
	value        any
	names        []string // of query, form, cookies or body: nothing else came
}

// reader finds the value at its place in a request.
type reader func(r *http.Request, body []byte) (any, []string, error)

func readers() map[string]reader {
	form := func(query string) (any, []string, error) {
		values, err := url.ParseQuery(query)
		return values.Get("v"), keys(values), err
	}
	return map[string]reader{
		"path": func(r *http.Request, _ []byte) (any, []string, error) {
			parts := strings.Split(r.URL.EscapedPath(), "/")
			if len(parts) != 4 || parts[1] != "p" || parts[3] != "end" {
				return nil, nil, fmt.Errorf("path %q", r.URL.EscapedPath())
			}
			v, err := url.PathUnescape(parts[2])
			return v, nil, err
		},
		"query": func(r *http.Request, _ []byte) (any, []string, error) { return form(r.URL.RawQuery) },
		"form":  func(_ *http.Request, body []byte) (any, []string, error) { return form(string(body)) },
		"header": func(r *http.Request, _ []byte) (any, []string, error) {
			if n := len(r.Header.Values("V")); n != 1 {
				return nil, nil, fmt.Errorf("%d headers", n)
			}
			return r.Header.Get("V"), nil, nil
		},
		"cookie": func(r *http.Request, _ []byte) (any, []string, error) {
			all := r.Cookies()
			if len(all) != 1 || all[0].Name != "v" {
				return nil, nil, fmt.Errorf("cookies %v", all)
			}
			return all[0].Value, []string{"v"}, nil
		},
		"body": func(_ *http.Request, body []byte) (any, []string, error) {
			v, err := strictjson.Decode(body, 0)
			object, _ := v.(map[string]any)
			return object["v"], keys(object), err
		},
	}
}

func keys[V any](m map[string]V) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

// spy is a server that notes what arrived.
type spy struct {
	mu   sync.Mutex
	seen []arrived
	errs []error
	read reader
}

func (s *spy) note(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	v, names, readErr := s.read(r, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range []error{err, readErr} {
		if e != nil {
			s.errs = append(s.errs, e)
		}
	}
	s.seen = append(s.seen, arrived{r.Method, r.URL.EscapedPath(), v, names})
}

func (s *spy) take() ([]arrived, []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, errs := s.seen, s.errs
	s.seen, s.errs = nil, nil
	return seen, errs
}

// textGenerator draws strings of all kinds, and those that were used against
// gateways more often.
func textGenerator() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[ -~]{0,12}`),
		rapid.StringMatching(`[a-z./%?#&=;:@+\\"', \t]{0,8}`),
		rapid.SampledFrom([]string{
			"", ".", "..", "../", "../../admin", "%2e%2e%2f", "..;/", "a/b", `a\b`, "?x=1", "#f", "a\x00b", "a\r\nX-Evil: 1",
			"\r\n\r\nGET /admin HTTP/1.1\r\n", "é", "\u202e", "日本", "{{x}}", "${x}", "$(x)", "&admin=1", "=;", "v=1; w=2", `","admin":true,"`,
			" ", "\t", " a", "a ", "//", "http://evil/", "@evil", "+", "%", "%zz", "\u2028", "\ufeff", "null", "true", "1e3",
		}),
	)
}

// For any string in any place: the upstream receives exactly that value there
// and nothing else, or the call is refused and the upstream sees nothing.
func TestArgumentsArriveExactly(t *testing.T) {
	for in, read := range readers() {
		t.Run(in, func(t *testing.T) {
			netHTTP, rawSocket := &spy{read: read}, &spy{read: read}
			servers := map[string]*spy{
				serve(t, func(_ http.ResponseWriter, r *http.Request) { netHTTP.note(r) }): netHTTP,
				listen(t, rawServer(rawSocket)):                                            rawSocket,
			}
			request, want := "POST /p/x/end", arrived{method: "POST", path: "/p/x/end", names: []string{"v"}}
			if in == "path" {
				request = "POST /p/{v}/end"
			}
			if in == "path" || in == "header" {
				want.names = nil
			}
			for address, s := range servers {
				op := prepare(t, build(t, base(address)), short(t, request), argIn("v", in))
				rapid.Check(t, func(t *rapid.T) { checkArrival(t, op, s, in, want, textGenerator().Draw(t, "value")) })
			}
		})
	}
}

func checkArrival(t *rapid.T, op plugins.Operator, s *spy, in string, want arrived, value string) {
	call := &plugins.Call{Args: map[string]any{"v": value}, Principal: &plugins.Principal{}, Record: &plugins.Record{}}
	resp, err := op.Do(context.Background(), call)
	seen, errs := s.take()
	if err != nil {
		if e, ok := err.(*plugins.Error); !ok || e.Kind != plugins.KindInvalid || len(seen) > 0 { //nolint:errorlint // made there
			t.Fatalf("%q: %v, the upstream saw %v", value, err, seen)
		}
		if in == "query" || in == "form" || in == "body" {
			t.Fatalf("%q is refused in the %s", value, in)
		}
		return
	}
	resp.Free()
	want.value = value
	if len(errs) > 0 || len(seen) != 1 {
		t.Fatalf("%q: %v, %v", value, errs, seen)
	}
	if in == "path" {
		want.path = seen[0].path
	}
	if !reflect.DeepEqual(seen[0], want) {
		t.Fatalf("%q arrived as %+v", value, seen[0])
	}
}

// rawServer reads requests from the bare socket, more strictly than net/http's
// server does: one byte too many or too few fails.
func rawServer(s *spy) func(int, net.Conn) {
	return func(_ int, c net.Conn) {
		r := bufio.NewReader(c)
		for {
			head, err := textproto.NewReader(r).ReadLine()
			if err != nil {
				return
			}
			parts := strings.Split(head, " ")
			if len(parts) != 3 || parts[2] != "HTTP/1.1" {
				s.fail(fmt.Errorf("request line %q", head))
				return
			}
			header, err := strictHeader(r)
			if err != nil {
				s.fail(err)
				return
			}
			length := 0
			if _, err := fmt.Sscan(header.Get("Content-Length"), &length); err != nil {
				s.fail(err)
				return
			}
			body := make([]byte, length)
			if _, err := io.ReadFull(r, body); err != nil || r.Buffered() > 0 {
				s.fail(fmt.Errorf("body: %w, and %d bytes more", err, r.Buffered()))
				return
			}
			u, err := url.ParseRequestURI(parts[1])
			if err != nil {
				s.fail(err)
				return
			}
			s.note(&http.Request{Method: parts[0], URL: u, Header: header, Body: io.NopCloser(bytes.NewReader(body))})
			if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
				return
			}
		}
	}
}

func (s *spy) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err)
}

// strictHeader reads header lines and refuses everything but
// `name: value CRLF`.
func strictHeader(r *bufio.Reader) (http.Header, error) {
	header := http.Header{}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line == "\r\n" {
			return header, nil
		}
		text, ok := strings.CutSuffix(line, "\r\n")
		name, value, colon := strings.Cut(text, ": ")
		if !ok || !colon || strings.ContainsAny(name, " \t\r\n") || strings.ContainsAny(value, "\r\n") {
			return nil, fmt.Errorf("header line %q", line)
		}
		header.Add(name, value)
	}
}

// Any JSON value in the body arrives with its digits and its members.
func TestBodyArrivesExactly(t *testing.T) {
	read := func(_ *http.Request, body []byte) (any, []string, error) {
		v, err := strictjson.Decode(body, 0)
		return v, nil, err
	}
	s := &spy{read: read}
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) { s.note(r) })
	op := prepare(t, build(t, base(address)), short(t, "POST /"), argIn("v", "body"))
	rapid.Check(t, func(t *rapid.T) {
		args := map[string]any{"v": jsonGenerator(3).Draw(t, "value")}
		resp, err := op.Do(context.Background(), &plugins.Call{Args: args, Principal: &plugins.Principal{}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Free()
		seen, errs := s.take()
		if len(errs) > 0 || len(seen) != 1 || !reflect.DeepEqual(seen[0].value, any(args)) {
			t.Fatalf("%v arrived as %v, %v", args, seen, errs)
		}
	})
}

func jsonGenerator(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.String().AsAny(),
		rapid.Map(rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?`), func(s string) any { return json.Number(s) }),
	}
	if depth > 0 {
		inner := jsonGenerator(depth - 1)
		kinds = append(kinds,
			rapid.Map(rapid.SliceOfN(inner, 0, 4), func(l []any) any { return l }),
			rapid.Map(rapid.MapOfN(rapid.String(), inner, 0, 4), func(m map[string]any) any { return m }))
	}
	return rapid.OneOf(kinds...)
}
