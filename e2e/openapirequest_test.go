package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// exchange is a request as it came from the gateway and its answer.
type exchange struct {
	method, uri string
	header      http.Header
	body        []byte
	status      int
	answer      []byte
}

func (e *exchange) String() string {
	body := e.body
	if len(body) > 1500 {
		body = body[:1500]
	}
	return fmt.Sprintf("%s %s\n%v\n%s", e.method, e.uri, e.header, body)
}

// recorder stands between the gateway and a service and keeps what is said.
type recorder struct {
	url    string
	target string
	client *http.Client

	mu   sync.Mutex
	last *exchange
}

func startRecorder(t *testing.T, target string) *recorder {
	t.Helper()
	r := &recorder{target: target, client: &http.Client{
		Transport: &http.Transport{DisableCompression: true}, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	server := httptest.NewServer(r)
	t.Cleanup(func() { server.Close(); r.client.CloseIdleConnections() })
	r.url = server.URL
	return r
}

// take returns the last exchange since it was asked before.
func (r *recorder) take() *exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := r.last
	r.last = nil
	return last
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	e := &exchange{method: request.Method, uri: request.RequestURI, header: request.Header.Clone()}
	if err := r.forward(w, request, e); err != nil {
		e.answer = []byte(err.Error())
		w.WriteHeader(http.StatusBadGateway)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = e
}

func (r *recorder) forward(w http.ResponseWriter, request *http.Request, e *exchange) (err error) {
	if e.body, err = io.ReadAll(request.Body); err != nil {
		return err
	}
	onward, err := http.NewRequestWithContext(request.Context(), request.Method, r.target+request.RequestURI, bytes.NewReader(e.body))
	if err != nil {
		return err
	}
	onward.Header = request.Header.Clone()
	response, err := r.client.Do(onward)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if e.answer, err = io.ReadAll(response.Body); err != nil {
		return err
	}
	e.status = response.StatusCode
	w.Header().Set("Content-Type", response.Header.Get("Content-Type"))
	w.WriteHeader(response.StatusCode)
	_, err = w.Write(e.answer)
	return err
}

// missing returns the leaves of the arguments that are nowhere in the request.
func (e *exchange) missing(args map[string]any) []string {
	said := e.said()
	var lost []string
	leaves("", args, func(path, value string) {
		if said.all[value] || said.path[value] {
			return
		}
		if decoded, err := base64.StdEncoding.DecodeString(value); err == nil && said.all[string(decoded)] {
			return
		}
		lost = append(lost, path+"="+value)
	})
	return lost
}

// leaves visits the scalars of a value.
func leaves(path string, value any, visit func(path, value string)) {
	switch v := value.(type) {
	case map[string]any:
		for key, each := range v {
			leaves(path+"/"+key, each, visit)
		}
	case []any:
		for i, each := range v {
			leaves(fmt.Sprintf("%s/%d", path, i), each, visit)
		}
	case nil:
	default:
		visit(path, fmt.Sprint(v))
	}
}

// said are the values of a request.
type said struct{ all, path map[string]bool }

func (e *exchange) said() said {
	s := said{map[string]bool{}, map[string]bool{}}
	path, query, _ := strings.Cut(e.uri, "?")
	for segment := range strings.SplitSeq(path, "/") {
		s.add(unescape(segment, url.PathUnescape))
	}
	s.add(unescape(path, url.PathUnescape)) // a value with slashes
	s.addForm(query)
	for name, values := range e.header {
		for _, value := range values {
			if name == "Cookie" {
				for pair := range strings.SplitSeq(value, ";") {
					_, value, _ := strings.Cut(pair, "=")
					s.add(unescape(strings.TrimSpace(value), url.PathUnescape))
				}
				continue
			}
			s.add(value)
		}
	}
	s.addBody(e.header.Get("Content-Type"), e.body)
	return s
}

// add notes a value, and its pieces if it is a list or an object in a style.
func (s said) add(value string) {
	s.all[value] = true
	for _, separators := range []string{",", "|", " ", "=,", ".", ";=", ",;=.&", "/", ":", "()"} {
		for _, piece := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
			s.all[strings.TrimSpace(piece)] = true
		}
	}
	s.addJSON([]byte(value))
}

func (s said) addJSON(data []byte) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) == nil {
		leaves("", value, func(_, leaf string) { s.all[leaf] = true })
	}
}

func (s said) addForm(form string) {
	for pair := range strings.SplitSeq(form, "&") {
		_, value, _ := strings.Cut(pair, "=")
		s.add(unescape(value, url.QueryUnescape))
		for raw := range strings.SplitSeq(value, ",") { // before its commas were escaped
			s.all[unescape(raw, url.QueryUnescape)] = true
		}
	}
}

func (s said) addBody(contentType string, body []byte) {
	media, params, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		s.all[string(body)] = true
	case media == "application/x-www-form-urlencoded":
		s.addForm(string(body))
	case strings.HasPrefix(media, "multipart/"):
		for parts := multipart.NewReader(bytes.NewReader(body), params["boundary"]); ; {
			part, err := parts.NextRawPart()
			if err != nil {
				return
			}
			content, err := io.ReadAll(part)
			if err != nil {
				return
			}
			s.all[part.FileName()] = true
			s.add(string(content))
		}
	default:
		s.all[string(body)] = true
		s.all[base64.StdEncoding.EncodeToString(body)] = true
		s.addJSON(body)
	}
}

func unescape(s string, by func(string) (string, error)) string {
	if plain, err := by(s); err == nil {
		return plain
	}
	return s
}
