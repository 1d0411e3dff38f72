package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// seen is a request as an upstream reads it. What a test expects is taken out
// of it; the rest must not depend on the values sent.
type seen struct {
	Method, Host string
	Path         []string // raw segments
	Query        [][2]string
	Header       http.Header
	Form         [][2]string
	JSON         any
	Raw          string
}

// witness is an upstream that keeps what it saw.
type witness struct {
	mu     sync.Mutex
	seen   []*seen
	passed []*seen // those taken by try
}

func (w *witness) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	s := &seen{Method: req.Method, Host: req.Host, Header: req.Header.Clone()}
	path, query, _ := strings.Cut(req.RequestURI, "?")
	s.Path, s.Query = strings.Split(path, "/"), rawPairs(query)
	for _, name := range []string{"X-Request-Id", "Content-Length"} {
		s.Header.Del(name)
	}
	switch req.Header.Get("Content-Type") {
	case "application/x-www-form-urlencoded":
		s.Form = rawPairs(string(body))
	case "application/json":
		d := json.NewDecoder(strings.NewReader(string(body)))
		d.UseNumber()
		if err := d.Decode(&s.JSON); err != nil {
			s.Raw = "not JSON: " + string(body)
		}
	default:
		s.Raw = string(body)
	}
	w.mu.Lock()
	w.seen = append(w.seen, s)
	w.mu.Unlock()
	rw.Header().Set("Content-Type", "application/json")
	_, _ = rw.Write([]byte(`{"ok":true}`))
}

// take returns what was seen since the last call.
func (w *witness) take() []*seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.seen
	w.seen = nil
	return out
}

func rawPairs(s string) [][2]string {
	var pairs [][2]string
	if s == "" {
		return nil
	}
	for _, pair := range strings.Split(s, "&") {
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, [2]string{name, value})
	}
	return pairs
}

func queryText(s string) string {
	text, err := url.QueryUnescape(s)
	if err != nil {
		return "bad escape: " + s
	}
	return text
}

func pathText(s string) string {
	text, err := url.PathUnescape(s)
	if err != nil {
		return "bad escape: " + s
	}
	return text
}

// takePairs takes the pairs of a name off, raw.
func takePairs(pairs *[][2]string, name string) (values []string) {
	*pairs = slices.DeleteFunc(*pairs, func(p [2]string) bool {
		if queryText(p[0]) == name {
			values = append(values, p[1])
			return true
		}
		return false
	})
	return values
}

func decoded(raw []string, decode func(string) string) []string {
	out := make([]string, 0, len(raw))
	for _, r := range raw {
		out = append(out, decode(r))
	}
	return out
}

// one is the only value; more or none is something no value equals.
func one(values []string) any {
	if len(values) != 1 {
		return values
	}
	return values[0]
}

func (s *seen) query(name string) any { return one(decoded(takePairs(&s.Query, name), queryText)) }
func (s *seen) form(name string) any  { return one(decoded(takePairs(&s.Form, name), queryText)) }

func (s *seen) header(name string) any {
	values := s.Header.Values(name)
	s.Header.Del(name)
	return one(values)
}

// segment takes the text of a segment of the path, between what is fixed.
func (s *seen) segment(at int, before, after string) any {
	if at >= len(s.Path) {
		return s.Path
	}
	text, hasBefore := strings.CutPrefix(s.Path[at], before)
	text, hasAfter := strings.CutSuffix(text, after)
	if !hasBefore || !hasAfter {
		return "no " + before + after
	}
	s.Path[at] = ""
	return pathText(text)
}

// member takes a value out of a JSON body.
func (s *seen) member(path ...any) any {
	at := s.JSON
	for i, step := range path {
		switch container := at.(type) {
		case map[string]any:
			name, _ := step.(string)
			at = container[name]
			if i == len(path)-1 {
				delete(container, name)
			}
		case []any:
			n, _ := step.(int)
			if n >= len(container) {
				return nil
			}
			at = container[n]
			if i == len(path)-1 {
				container[n] = nil
			}
		}
	}
	return at
}
