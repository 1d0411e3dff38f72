package gateway_test

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected responses of txtar files")

// A txtar file of testdata/rpc holds a manifest, what the upstream answers,
// and requests with the exact responses:
//
//	-- manifest.yaml --      the manifest, without its server section
//	-- upstream --           lines: METHOD target status content-type body
//	-- NAME.request --       a JSON-RPC message without _meta; a line
//	                         "Header: value" before it sets a header, and a
//	                         line "# revisions: a b" restricts the revisions
//	-- NAME.modern --        status and body for 2026-07-28
//	-- NAME.legacy --        the same for the legacy revisions
//	-- NAME.REVISION --      the same for one of them, where it differs
//
// Every request is played in every revision it applies to.
func TestRPC(t *testing.T) {
	files, err := filepath.Glob("testdata/rpc/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no txtar files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { playFile(t, file) })
	}
}

var revisions = []string{"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26"}

// script is a txtar file being played.
type script struct {
	archive *txtar.Archive
	changed bool
}

func (s *script) file(name string) (string, bool) {
	for _, f := range s.archive.Files {
		if f.Name == name {
			return string(f.Data), true
		}
	}
	return "", false
}

func (s *script) set(name, data string) {
	s.changed = true
	for i := range s.archive.Files {
		if s.archive.Files[i].Name == name {
			s.archive.Files[i].Data = []byte(data)
			return
		}
	}
	s.archive.Files = append(s.archive.Files, txtar.File{Name: name, Data: []byte(data)})
}

func playFile(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &script{archive: archive}
	manifest, _ := s.file("manifest.yaml")
	upstream, _ := s.file("upstream")
	b := newBackend(t, scripted(t, upstream))
	r := start(t, serverKeys+manifest, b.URL, nil)
	names := make([]string, 0, len(archive.Files))
	for _, f := range archive.Files {
		if name, ok := strings.CutSuffix(f.Name, ".request"); ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		request, _ := s.file(name + ".request")
		for _, revision := range revisions {
			if !applies(request, revision) {
				continue
			}
			t.Run(name+"/"+revision, func(t *testing.T) { s.compare(t, name, revision, r.play(t, request, revision)) })
		}
	}
	if s.changed {
		if err = os.WriteFile(path, txtar.Format(s.archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

var restriction = regexp.MustCompile(`(?m)^# revisions:(.*)$`)

func applies(request, revision string) bool {
	m := restriction.FindStringSubmatch(request)
	return m == nil || strings.Contains(m[1], revision)
}

func (s *script) compare(t *testing.T, name, revision string, got string) {
	era := "legacy"
	if revision == "2026-07-28" {
		era = "modern"
	}
	want, special := s.file(name + "." + revision)
	if !special {
		want, _ = s.file(name + "." + era)
	}
	if want == got {
		return
	}
	if !*update {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
		return
	}
	switch {
	case era == "modern" || revision == "2025-11-25":
		s.set(name+"."+era, got)
	default:
		s.set(name+"."+revision, got)
	}
}

// play sends a request of a script in a revision, and returns status and body.
func (r *rig) play(t *testing.T, request, revision string) string {
	t.Helper()
	headers := map[string]string{"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
	message := dress(request, headers)
	if revision == "2026-07-28" {
		message = modernize(t, message, headers)
	} else {
		headers = r.begin(revision, headers)
	}
	a := r.do("POST", "/mcp", message, headers)
	return strconv.Itoa(a.status) + "\n" + a.body + "\n"
}

// dress takes the header lines off a request.
func dress(request string, headers map[string]string) string {
	for {
		line, rest, found := strings.Cut(request, "\n")
		switch {
		case !found || strings.HasPrefix(line, "{") || strings.HasPrefix(line, "["):
			return strings.TrimSpace(request)
		case !strings.HasPrefix(line, "#"):
			name, value, _ := strings.Cut(line, ":")
			headers[name] = strings.TrimSpace(value)
		}
		request = rest
	}
}

// modernize gives a message the _meta and the headers of a modern request.
func modernize(t *testing.T, message string, headers map[string]string) string {
	t.Helper()
	var m struct {
		Method string `json:"method"`
		Params struct {
			Name string `json:"name"`
		} `json:"params"`
	}
	headers["MCP-Protocol-Version"] = "2026-07-28"
	if json.Unmarshal([]byte(message), &m) != nil {
		return message
	}
	headers["Mcp-Method"] = m.Method
	if m.Params.Name != "" {
		headers["Mcp-Name"] = m.Params.Name
	}
	switch {
	case strings.Contains(message, `"params":{}`):
		return strings.Replace(message, `"params":{}`, `"params":{`+modernMeta+`}`, 1)
	case strings.Contains(message, `"params":{`):
		return strings.Replace(message, `"params":{`, `"params":{`+modernMeta+`,`, 1)
	}
	return strings.TrimSuffix(message, "}") + `,"params":{` + modernMeta + `}}`
}

// scripted is an upstream that answers lines of a script; what is not there is
// 404.
func scripted(t *testing.T, text string) http.HandlerFunc {
	t.Helper()
	type reply struct {
		status      int
		contentType string
		body        string
	}
	replies := make(map[string]reply)
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 5)
		if len(f) < 4 {
			continue
		}
		status, err := strconv.Atoi(f[2])
		if err != nil {
			t.Fatalf("upstream line %q: %v", line, err)
		}
		body := ""
		if len(f) == 5 {
			body = f[4]
		}
		if encoded, ok := strings.CutPrefix(body, "base64:"); ok {
			data, decodeErr := base64.StdEncoding.DecodeString(encoded)
			if decodeErr != nil {
				t.Fatalf("upstream line %q: %v", line, decodeErr)
			}
			body = string(data)
		}
		replies[f[0]+" "+f[1]] = reply{status: status, contentType: f[3], body: body}
	}
	return func(w http.ResponseWriter, req *http.Request) {
		a, ok := replies[req.Method+" "+req.RequestURI]
		if !ok {
			http.Error(w, `{"title":"not here"}`, http.StatusNotFound)
			return
		}
		if a.contentType != "-" {
			w.Header().Set("Content-Type", a.contentType)
		}
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.body))
	}
}
