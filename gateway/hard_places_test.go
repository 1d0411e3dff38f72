package gateway_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// placesManifest has an argument in every place and style that a request has.
const placesManifest = serverKeys + `
version: 1
upstreams:
  crm: {url: "${UPSTREAM}/api", headers: {X-Static: fixed}, auth: {header: {name: X-Key, value: static-key}}}
tools:
  in_path:    {description: d, request: "GET /a/{v}/z?fix=1", input: {v: {type: string}}}
  in_segment: {description: d, request: "GET /a/pre-{v}.json", input: {v: {type: string}}}
  in_two:     {description: d, request: "GET /a/{v}{w}/z", input: {v: {type: string}, w: {type: string}}}
  in_query:   {description: d, request: GET /q, input: {v: {type: string}, w: {type: string}}}
  in_pair:    {description: d, request: "GET /q?fix=1&v={v}&w={w}", input: {v: {type: string}, w: {type: string}}}
  in_header:  {description: d, request: GET /h, input: {v: {type: string, in: header, as: X-Note}}}
  in_cookie:  {description: d, request: GET /c, input: {v: {type: string, in: cookie, as: note}, w: {type: string, in: cookie}}}
  in_form:    {description: d, request: POST /f, input: {v: {type: string, in: form}, w: {type: string, in: form}}}
  in_body:    {description: d, request: POST /b, input: {v: {type: object}, w: {type: string}}}
  in_long:
    description: d
    request:
      method: POST
      path: /l
      query: {v: "pre ${{ args.v }} post", whole: "${{ args.v }}", fix: 1}
      headers: {X-Hole: "${{ args.h }}", X-Mixed: "<${{ args.h }}>"}
      body: {v: "${{ args.v }}", deep: {list: [1, "a ${{ args.v }} b", "${{ args.w }}"]}, fix: true}
    input: {v: {type: string}, h: {type: string}, w: {type: object}}
  in_long_form:
    description: d
    request: {method: POST, path: /lf, form: {v: "pre ${{ args.v }} post", whole: "${{ args.v }}", fix: 1}}
    input: {v: {type: string}}
  list_query:   {description: d, request: GET /q, input: {v: {type: array, items: {type: string}}}}
  list_joined:  {description: d, request: GET /q, input: {v: {type: array, items: {type: string}, explode: false}}}
  list_space:   {description: d, request: GET /q, input: {v: {type: array, items: {type: string}, style: spaceDelimited}}}
  list_pipe:    {description: d, request: GET /q, input: {v: {type: array, items: {type: string}, style: pipeDelimited}}}
  list_path:    {description: d, request: "GET /a/{v}/z", input: {v: {type: array, items: {type: string}}}}
  list_matrix:  {description: d, request: "GET /a/{v}/z", input: {v: {type: array, items: {type: string}, style: matrix, explode: true}}}
  list_header:  {description: d, request: GET /h, input: {v: {type: array, items: {type: string}, in: header, as: X-Note}}}
  list_form:    {description: d, request: POST /f, input: {v: {type: array, items: {type: string}, in: form}}}
  object_deep:  {description: d, request: GET /q, input: {v: {type: object, style: deepObject}, w: {type: string}}}
  object_query: {description: d, request: GET /q, input: {v: {type: object, style: form, explode: true}, w: {type: string}}}
`

// spot is one place: which tool puts values there, and how a server finds
// them.
type spot struct {
	tool string
	args func(v, w string) map[string]any
	find func(s *seen) []any // what is found
	want func(v, w string) []any
}

func text(v, _ string) map[string]any { return map[string]any{"v": v} }
func both(v, w string) map[string]any { return map[string]any{"v": v, "w": w} }
func wantText(v, _ string) []any      { return []any{v} }
func wantBoth(v, w string) []any      { return []any{v, w} }
func list(v, w string) map[string]any { return map[string]any{"v": []string{v, "x", w}} }
func wantList(v, w string) []any      { return []any{[]string{v, "x", w}} }

func spots() []spot {
	return []spot{
		{"in_path", text, func(s *seen) []any { return []any{s.segment(3, "", "")} }, wantText},
		{"in_segment", text, func(s *seen) []any { return []any{s.segment(3, "pre-", ".json")} }, wantText},
		{"in_two", both, func(s *seen) []any { return []any{s.segment(3, "", "")} }, func(v, w string) []any { return []any{v + w} }},
		{"in_query", both, func(s *seen) []any { return []any{s.query("v"), s.query("w")} }, wantBoth},
		{"in_pair", both, func(s *seen) []any { return []any{s.query("v"), s.query("w")} }, wantBoth},
		{"in_header", text, func(s *seen) []any { return []any{s.header("X-Note")} }, wantText},
		{"in_cookie", both, func(s *seen) []any {
			line, _ := s.header("Cookie").(string)
			v, w, _ := strings.Cut(line, "; ")
			return []any{strings.TrimPrefix(v, "note="), strings.TrimPrefix(w, "w=")}
		}, wantBoth},
		{"in_form", both, func(s *seen) []any { return []any{s.form("v"), s.form("w")} }, wantBoth},
		{"in_body", func(v, w string) map[string]any {
			return map[string]any{"v": map[string]any{v: []any{w, map[string]any{"in": v}}}, "w": w}
		}, func(s *seen) []any { return []any{s.member("v"), s.member("w")} }, func(v, w string) []any {
			return []any{map[string]any{v: []any{w, map[string]any{"in": v}}}, w}
		}},
		{"in_long", func(v, w string) map[string]any {
			return map[string]any{"v": v, "h": w, "w": map[string]any{w: v}}
		}, func(s *seen) []any {
			return []any{s.query("v"), s.query("whole"), s.header("X-Hole"), s.header("X-Mixed"),
				s.member("v"), s.member("deep", "list", 1), s.member("deep", "list", 2)}
		}, func(v, w string) []any {
			return []any{"pre " + v + " post", v, w, "<" + w + ">", v, "a " + v + " b", map[string]any{w: v}}
		}},
		{"in_long_form", text, func(s *seen) []any { return []any{s.form("v"), s.form("whole")} },
			func(v, _ string) []any { return []any{"pre " + v + " post", v} }},
		{"list_query", list, func(s *seen) []any { return []any{decoded(takePairs(&s.Query, "v"), queryText)} }, wantList},
		{"list_joined", list, func(s *seen) []any { return []any{s.splitQuery(",")} }, wantList},
		{"list_space", list, func(s *seen) []any { return []any{s.splitQuery("%20")} }, wantList},
		{"list_pipe", list, func(s *seen) []any { return []any{s.splitQuery("%7C")} }, wantList},
		{"list_path", list, func(s *seen) []any { return []any{s.splitPath("", ",")} }, wantList},
		{"list_matrix", list, func(s *seen) []any { return []any{s.splitPath(";v=", ";v=")} }, wantList},
		{"list_header", list, func(s *seen) []any {
			line, _ := s.header("X-Note").(string)
			return []any{strings.Split(line, ",")}
		}, wantList},
		{"list_form", list, func(s *seen) []any { return []any{decoded(takePairs(&s.Form, "v"), queryText)} }, wantList},
		{"object_deep", func(v, w string) map[string]any {
			return map[string]any{"v": map[string]any{v: w}, "w": w}
		}, func(s *seen) []any { return s.only("v[", "]") }, func(v, w string) []any { return []any{v, w, w} }},
		{"object_query", func(v, w string) map[string]any {
			return map[string]any{"v": map[string]any{v: w}, "w": w}
		}, func(s *seen) []any { return s.only("", "") }, func(v, w string) []any { return []any{v, w, w} }},
	}
}

// only takes w, and the name and value of the one pair that is left.
func (s *seen) only(before, after string) []any {
	w := s.query("w")
	if len(s.Query) != 1 {
		return []any{s.Query, w}
	}
	name := strings.TrimSuffix(strings.TrimPrefix(queryText(s.Query[0][0]), before), after)
	value := queryText(s.Query[0][1])
	s.Query = nil
	return []any{name, value, w}
}

func (s *seen) splitQuery(by string) any {
	raw := takePairs(&s.Query, "v")
	if len(raw) != 1 {
		return raw
	}
	return decoded(strings.Split(raw[0], by), queryText)
}

func (s *seen) splitPath(before, by string) any {
	raw, ok := strings.CutPrefix(s.Path[3], before)
	if !ok {
		return "no " + before
	}
	s.Path[3] = ""
	return decoded(strings.Split(raw, by), pathText)
}

// wicked are values that break out of places that are not encoded for.
func wicked() []string {
	return []string{
		"", ".", "..", "../", "../../admin", "..%2f", "%2e%2e%2f", "%2e", "%2e%2e", "%252e", ".%2e", "a/b", "/", "//", "//evil.example",
		`\`, `..\`, "..;", "?", "?a=b", "#", "#x", "a?b#c", "&", "a&b=c", "=", "==", ";", "a;b", ",", "|", " ", " a", "a ", "\t", "+", "%", "%00", "%zz", "%0d%0a",
		"\x00", "a\x00b", "\r\n", "\n", "\r", "a\r\nX-Evil: 1", "x\r\n\r\nGET /admin HTTP/1.1\r\nHost: evil\r\n\r\n", "\x7f", "\x1b[31m", "\u0085", "\u2028",
		"{{x}}", "${x}", "$(x)", "${{ args.w }}", "${{ env }}", "{v}", "{w}", "$HOME", "`id`", "%s%n", "<!--", "]]>", `"`, `'`, `","admin":true,"x":"`, `"}`,
		"é", "日本語", "😀", "\u202e", "\u200b", "\ufeff", "\ufffd", "\ufdd0", "e\u0301", "ſ", "K", "null", "true", "5", "1e400", "-0",
		"v", "w", "fix", "v[", "]", "a][b", "__proto__", "X-Key", "Host", "http://evil.example/", "@evil", ":80", "a,b", "~", "*",
		strings.Repeat("A", 9000), strings.Repeat("é/", 2000), strings.Repeat("../", 1000),
	}
}

func value() *rapid.Generator[string] {
	bad := rapid.SampledFrom(wicked())
	return rapid.OneOf(bad, rapid.String(),
		rapid.Custom(func(t *rapid.T) string { return bad.Draw(t, "a") + bad.Draw(t, "b") }),
		rapid.Custom(func(t *rapid.T) string {
			return rapid.String().Draw(t, "a") + bad.Draw(t, "b") + rapid.String().Draw(t, "c")
		}),
	)
}

// TestArgumentsArriveOrAreRefused sends wicked and random values to every
// place: the upstream receives exactly that value in exactly that place, and
// nothing else of the request changes, or the call is a tool error and the
// upstream saw nothing.
func TestArgumentsArriveOrAreRefused(t *testing.T) {
	w := &witness{}
	b := newBackend(t, w.ServeHTTP)
	r := start(t, placesManifest, b.URL, nil)
	for _, s := range spots() {
		t.Run(s.tool, func(t *testing.T) {
			r.t = t
			rest := s.baseline(t, r, w)
			arrived := 0
			for _, v := range wicked() {
				if why := s.try(r, w, v, "w", rest); why != "" {
					t.Errorf("%.80q: %s", v, why)
				}
				if why := s.try(r, w, "v", v, rest); why != "" {
					t.Errorf("second %.80q: %s", v, why)
				}
				arrived += len(w.passed)
				w.passed = nil
			}
			if arrived < len(wicked())/3 {
				t.Errorf("only %d of %d values arrived: refusing all proves nothing", arrived, len(wicked()))
			}
			rapid.Check(t, func(t *rapid.T) {
				v, second := value().Draw(t, "v"), value().Draw(t, "w")
				if why := s.try(r, w, v, second, rest); why != "" {
					t.Fatal(why)
				}
			})
		})
	}
}

// baseline is what of the request doesn't depend on the values.
func (s *spot) baseline(t *testing.T, r *rig, w *witness) *seen {
	t.Helper()
	w.take()
	arguments, err := json.Marshal(s.args("plain", "other"))
	if err != nil {
		t.Fatal(err)
	}
	a := r.call(s.tool, string(arguments), nil)
	got := w.take()
	if len(got) != 1 {
		t.Fatalf("a plain value: the upstream saw %d requests; %s", len(got), a.body)
	}
	if found, want := s.find(got[0]), s.want("plain", "other"); !reflect.DeepEqual(found, want) {
		t.Fatalf("a plain value: found %q, want %q", found, want)
	}
	if got[0].Header.Get("X-Static") != "fixed" || got[0].Header.Get("X-Key") != "static-key" || got[0].Raw != "" {
		t.Fatalf("a plain value: %+v", got[0])
	}
	return got[0]
}

// try makes one call and says what is wrong with what became of it.
func (s *spot) try(r *rig, w *witness, v, second string, rest *seen) string {
	arguments, err := json.Marshal(s.args(v, second))
	if err != nil {
		return err.Error()
	}
	a := r.call(s.tool, string(arguments), nil)
	got := w.take()
	var reply struct {
		Result struct {
			IsError bool `json:"isError"`
		} `json:"result"`
		Error json.RawMessage `json:"error"`
	}
	switch err = json.Unmarshal([]byte(a.body), &reply); {
	case err != nil || a.status != 200 || reply.Error != nil:
		return "answer " + a.body
	case reply.Result.IsError && len(got) > 0:
		return "refused, but the upstream saw it"
	case reply.Result.IsError:
		return ""
	case len(got) != 1:
		return "the upstream saw it not once"
	}
	w.passed = got
	if found, want := s.find(got[0]), s.want(v, second); !reflect.DeepEqual(found, want) {
		f, _ := json.Marshal(found)
		return "arrived as " + string(f)
	}
	if !reflect.DeepEqual(got[0], rest) {
		g, _ := json.Marshal(got[0])
		return "the rest of the request changed: " + string(g)
	}
	return ""
}

// TestPathsStayWhole sends to places in the path what would leave it empty: a
// path with an empty segment names another resource, often a whole collection.
func TestPathsStayWhole(t *testing.T) {
	w := &witness{}
	b := newBackend(t, w.ServeHTTP)
	r := start(t, placesManifest, b.URL, nil)
	for tool, arguments := range map[string]string{
		"in_path":     `{"v":""}`,
		"in_two":      `{"v":"","w":""}`,
		"list_path":   `{"v":[]}`,
		"list_matrix": `{"v":[]}`,
	} {
		a := r.call(tool, arguments, nil)
		if got := w.take(); !strings.Contains(a.body, `"isError":true`) || len(got) > 0 {
			t.Errorf("%s %s: %s, the upstream saw %d requests", tool, arguments, a.body, len(got))
		}
	}
}
