package transform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/tokens"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// shortened transforms a body, and tells what the model reads of it in all.
func shortened(t testing.TB, s Settings, a answer, tool *plugins.Tool) (*mcp.Result, int, *plugins.Record) {
	t.Helper()
	freed := 0
	call := testCall()
	call.Record = &plugins.Record{}
	if tool != nil {
		call.Tool = tool
	}
	result, err := mustBuild(t, s).Transform(t.Context(), call, a.response(&freed))
	if err != nil {
		t.Fatal(err)
	}
	checkEncoded(t, result)
	read := 0
	for _, b := range result.Content {
		if b.Type == mcp.TextBlock {
			read += tokens.Estimate(b.Text)
		}
	}
	return result, read, call.Record
}

func tool(names ...string) *plugins.Tool {
	spec := &plugins.Tool{Name: "list"}
	for _, name := range names {
		spec.Arguments = append(spec.Arguments, plugins.Argument{Name: name})
	}
	return spec
}

func TestStepsOfShortening(t *testing.T) {
	row := `{"id":%d,"name":"Ann Miller","email":null,"tags":[],"address":{"city":"Berlin","zip":"10115"}}`
	rows := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(row, i)
		}
		return "[" + strings.Join(all, ",") + "]"
	}
	table := "id|name|address.city|address.zip\n0|Ann Miller|Berlin|10115\n1|Ann Miller|Berlin|10115"
	tests := []struct {
		name, body string
		limit      TokenLimit
		begins     string // of the first text
		note       string // the last text, if there is one
		truncated  bool
	}{
		{"fits", rows(5), 1000, `[{"id":0,"name":"Ann Miller","email":null,`, "", false},
		{"only white space too much", strings.ReplaceAll(rows(3), ",", ",\n                  "), 120, `[{"id":0,"name":"Ann Miller","email":null,"tags":[],`, "", false},
		{"nulls", rows(4), 100, `[{"id":0,"name":"Ann Miller","address":{"city":"Berlin","zip":"10115"}},`, "", false},
		{"table", rows(12), 200, table, "", true},
		{"items", rows(40), 200, table, "… %d more of 40 items. For the rest, call again with the arguments limit or page.", true},
		{"table in an object", `{"ok":true,"data":` + rows(40) + `,"next":null}`, 200, "{\"ok\":true}\n\ndata:\n" + table, "… %d more of 40 items in data. For the rest, call again with the arguments limit or page.", true},
		{"list of texts", `["` + strings.Repeat(`abc","`, 400) + `z"]`, 200, `["abc","abc",`, "… %d more of 401 items. For the rest,", true},
		{"long text in an item", `[{"a":"` + strings.Repeat("word ", 2000) + `"}]`, 300, `[{"a":"word word`, "… 1 long texts are cut. For the rest,", true},
		{"things by id", `{` + strings.TrimSuffix(strings.Repeat(`"k%d":{"name":"Ann"},`, 1), ",") + manyIDs(300) + `}`, 200, `{"k%d":{"name":"Ann"},"k0"`, "… %d more of 301 members.", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result, read, record := shortened(t, Settings{MaxTokens: tt.limit}, answer{contentType: "application/json", body: tt.body}, tool("limit", "page", "query"))
			first := string(result.Content[0].Text)
			if !strings.HasPrefix(first, tt.begins) {
				t.Errorf("the text is %.300s\nwant %s", first, tt.begins)
			}
			note := ""
			if len(result.Content) > 1 {
				note = string(result.Content[1].Text)
			}
			var n int
			if strings.Contains(tt.note, "%d") {
				if _, err := fmt.Sscanf(note, "… %d more", &n); err != nil || n == 0 {
					t.Errorf("the note is %q", note)
				}
			}
			if want := strings.Replace(tt.note, "%d", fmt.Sprint(n), 1); !strings.HasPrefix(note, want) || (want == "") != (note == "") {
				t.Errorf("the note is %q, want %q", note, want)
			}
			if read > int(tt.limit) {
				t.Errorf("%d tokens are read, the budget is %d", read, tt.limit)
			}
			if got := tokens.Estimate(result.Structured); got > int(tt.limit) || strictjson.Check(result.Structured, 0) != nil {
				t.Errorf("the structured content has %d tokens: %s", got, result.Structured)
			}
			if record.Truncated != tt.truncated || (record.TokensSaved > 0) != (tt.name != "fits") {
				t.Errorf("the record says truncated %v, saved %d", record.Truncated, record.TokensSaved)
			}
		})
	}
}

func manyIDs(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, `,"k%d":{"name":"Bob"}`, i)
	}
	return out.String()
}

func TestNestedListsAreCutFairly(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat(`{"n":12345},`, 300), ",")
	body := `{"few":[1,2,3],"groups":[{"name":"a","members":[` + long + `]},{"name":"b","members":[{"n":1}]},{"name":"c","members":[` + long + `]}]}`
	result, _, _ := shortened(t, Settings{MaxTokens: 400}, answer{contentType: "application/json", body: body}, nil)
	var got struct {
		Few    []int
		Groups []struct {
			Name    string
			Members []any
		}
	}
	if err := json.Unmarshal(result.Structured, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Few) != 3 || len(got.Groups) != 3 || len(got.Groups[1].Members) != 1 {
		t.Fatalf("the short lists were cut: %s", result.Structured)
	}
	if a, c := len(got.Groups[0].Members), len(got.Groups[2].Members); a < 10 || c < 10 {
		t.Errorf("the long lists have %d and %d items", a, c)
	}
}

func TestTextsAreCutAtLines(t *testing.T) {
	log := strings.Repeat("2026-07-28 12:00:00 INFO request served in 12 ms\n", 200)
	fenced := "# Log\n\n```\n" + log
	csv := "id,name\n" + strings.Repeat("1,\"two\nlines\"\n", 200)
	words := strings.Repeat("word ", 3000)
	tests := []struct{ name, contentType, body, ends string }{
		{"lines", "text/plain", log, "… 187 more lines of 200. For the rest, call again with narrower arguments."},
		{"fence is closed", "text/markdown", fenced, "\n```\n… 187 more lines of 203. For the rest, call again with narrower arguments."},
		{"rows", "text/csv", csv, "1,\"two\nlines\"\n… 162 more rows of 200. For the rest, call again with narrower arguments."},
		{"one line", "text/plain", words, "word\n… 13656 more characters. For the rest, call again with narrower arguments."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result, read, record := shortened(t, Settings{MaxTokens: 300}, answer{contentType: tt.contentType, body: tt.body}, nil)
			got := string(result.Content[0].Text)
			if !strings.HasSuffix(got, tt.ends) {
				t.Errorf("the text ends with %q, want %q", got[max(0, len(got)-120):], tt.ends)
			}
			if read > 300 || read < 200 || !record.Truncated {
				t.Errorf("%d tokens are read, truncated: %v", read, record.Truncated)
			}
		})
	}
}

func TestTextOfTheManifestIsCutAndMediaAreNot(t *testing.T) {
	body := `{"lines":["` + strings.Repeat(`one line of words","`, 500) + `end"]}`
	picture := "iVBORw0KGgo="
	s := Settings{MaxTokens: 200, Content: []BlockSettings{
		{Text: text("A short one.")},
		{Image: &MediaSettings{Data: picture, MIMEType: "image/png"}},
		{Text: text(`${{ .lines | join("\n") }}`)},
	}}
	result, read, _ := shortened(t, s, answer{contentType: "application/json", body: body}, nil)
	if got := string(result.Content[0].Text); got != "A short one." {
		t.Errorf("the short text is %q", got)
	}
	if result.Content[1].Type != mcp.ImageBlock || len(result.Content[1].Data) != 8 {
		t.Errorf("the image is %v", result.Content[1])
	}
	if got := string(result.Content[2].Text); !strings.Contains(got, "more lines of 501") || read > 200 {
		t.Errorf("the long text ends with %q, in all %d tokens", got[max(0, len(got)-100):], read)
	}
}

func TestSchemaComesBeforeTheBudget(t *testing.T) {
	items := strings.TrimSuffix(strings.Repeat(`{"id":"a long enough word","note":null},`, 200), ",")
	tests := []struct {
		name, schema string
		short, nulls bool
	}{
		{"any", `{"type":"object"}`, true, false},
		{"nulls are required", `{"properties":{"list":{"items":{"required":["note"]}}}}`, true, true},
		{"items are required", `{"properties":{"list":{"minItems":150}}}`, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result, read, _ := shortened(t, Settings{MaxTokens: 500, Schema: json.RawMessage(tt.schema)}, answer{contentType: "application/json", body: `{"list":[` + items + `]}`}, nil)
			if short := tokens.Estimate(result.Structured) <= 500; short != tt.short {
				t.Errorf("the structured content has %d tokens", tokens.Estimate(result.Structured))
			}
			if nulls := bytes.Contains(result.Structured, []byte("null")); nulls != tt.nulls {
				t.Errorf("the structured content is %.200s", result.Structured)
			}
			if read > 500 {
				t.Errorf("%d tokens are read", read)
			}
		})
	}
}

func TestStepsReadWholeAnswers(t *testing.T) {
	body := `["` + strings.Repeat(`abc","`, 4000) + `z"]`
	call := testCall()
	call.Run = &plugins.Run{Nesting: &plugins.Nesting{}}
	freed := 0
	result, err := mustBuild(t, Settings{MaxTokens: 200}).Transform(t.Context(), call, answer{contentType: "application/json", body: body}.response(&freed))
	if err != nil || string(result.Structured) != body {
		t.Errorf("a step reads %.100s, %v", result.Structured, err)
	}
	whole, _, _ := shortened(t, Settings{MaxTokens: unlimited}, answer{contentType: "application/json", body: body}, nil)
	if string(whole.Structured) != body {
		t.Errorf("without a limit it is %.100s", whole.Structured)
	}
}

func TestHowToGetTheRest(t *testing.T) {
	hidden := tool("q", "page")
	hidden.Arguments[1].Value = []byte(`1`)
	tests := []struct {
		tool *plugins.Tool
		want string
	}{
		{nil, ""},
		{tool(), ""},
		{tool("q"), "For the rest, call again with narrower arguments."},
		{hidden, "For the rest, call again with narrower arguments."},
		{tool("q", "per_page"), "Ask for fewer with the argument per_page, or narrow the others."},
		{tool("pageSize", "starting-after", "Filter"), "For the rest, call again with the arguments pageSize, starting-after or Filter."},
	}
	for _, tt := range tests {
		if got := howToGet(tt.tool); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func TestAnswersWithinTheBudgetTakeNoMemory(t *testing.T) {
	call, tr := testCall(), mustBuild(t, Settings{})
	body := []byte(`[` + strings.Repeat(`{"sku":"a","n":1},`, 1500) + `{}]`)
	if n := tokens.Estimate(body); n > defaultTokens || len(body) < defaultTokens {
		t.Fatalf("the body has %d bytes, %d tokens", len(body), n)
	}
	got := testing.AllocsPerRun(20, func() {
		resp := plugins.Response{Status: 200, ContentType: "application/json", Body: body}
		if _, err := tr.Transform(t.Context(), call, &resp); err != nil {
			t.Fatal(err)
		}
	})
	if got > 2 {
		t.Errorf("%v allocations", got)
	}
}

func TestTokenLimit(t *testing.T) {
	for text, want := range map[string]string{
		"8000": "", "none": "", "100": "",
		"99": "want at least 100 tokens", "-5": "want at least 100 tokens",
		"many": "want a number of tokens, or none", "1e9": "want a number of tokens, or none", "": "want a number of tokens, or none",
	} {
		var l TokenLimit
		got := ""
		if err := l.UnmarshalText([]byte(text)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
