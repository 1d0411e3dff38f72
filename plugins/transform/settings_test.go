package transform

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big.png")
	if err := os.WriteFile(big, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	half := 1.5
	tests := []struct {
		name, path string
		offset     int
		message    string
		set        Settings
	}{
		{"select syntax", "select", 4, "", Settings{Select: ".a |"}},
		{"select of an undeclared argument", "select", 0, "", Settings{Select: "args.nope"}},
		{"select with a hole", "select", 0, "found a hole", Settings{Select: "${{ .a }}"}},
		{"pattern in the schema", "schema.properties.a.pattern", 0, "pattern", Settings{Schema: json.RawMessage(`{"properties":{"a":{"pattern":"("}}}`)}},
		{"text with an open hole", "text", 3, "not closed", Settings{Text: "Hi ${{ .a"}},
		{"text with an undeclared argument", "text", 10, "", Settings{Text: "Order ${{ args.order }}"}},
		{"schema", "schema.type", 0, "type", Settings{Schema: json.RawMessage(`{"type":"nonsense"}`)}},
		{"schema that is no object", "schema", 0, "want a JSON Schema", Settings{Schema: json.RawMessage(`true`)}},
		{"error key", "errors.4XX", -1, "want a status", Settings{Errors: map[string]string{"4XX": "x"}}},
		{"error class", "errors.40x", -1, "want a status", Settings{Errors: map[string]string{"40x": "x"}}},
		{"error of success", "errors.200", -1, "want a status", Settings{Errors: map[string]string{"200": "x"}}},
		{"error text", "errors.404", 6, "", Settings{Errors: map[string]string{"404": "No ${{ args.x }}"}}},
		{"failed syntax", "failed", 4, "", Settings{Failed: ".a =="}},
		{"failed with a hole", "failed", 0, "found a hole", Settings{Failed: "${{ .ok }}"}},
		{"paginate without items", "paginate", 0, "paginate needs items", Settings{Paginate: &PaginateSettings{Next: "link"}}},
		{"paginate without next", "paginate", 0, "paginate needs next", Settings{Paginate: &PaginateSettings{Items: "."}}},
		{"paginate items", "paginate.items", 3, "", Settings{Paginate: &PaginateSettings{Items: ".a |", Next: "link"}}},
		{"paginate next", "paginate.next", 0, "", Settings{Paginate: &PaginateSettings{Items: ".", Next: "args.nope"}}},
		{"page without pass_as", "paginate.next", 0, "next: page needs pass_as", Settings{Paginate: &PaginateSettings{Items: ".", Next: "page"}}},
		{"offset without pass_as", "paginate.next", 0, "next: offset needs pass_as", Settings{Paginate: &PaginateSettings{Items: ".", Next: "offset"}}},
		{"link with pass_as", "paginate.pass_as", 0, "pass_as does not go with next: link", Settings{Paginate: &PaginateSettings{Items: ".", Next: "link", PassAs: "page"}}},
		{"pages of HTML", "paginate", 0, "no pages of a list", Settings{As: "html", Paginate: &PaginateSettings{Items: ".", Next: "link"}}},
		{"mime type", "mime_type", 0, "media type", Settings{MIMEType: "png"}},
		{"uri", "uri", 0, "absolute", Settings{URI: "orders/1"}},
		{"uri scheme", "uri", 0, "javascript", Settings{URI: "javascript:alert(1)"}},
		{"select from a blob", "select", 0, "nothing to select", Settings{As: "blob", Select: ".a"}},
		{"schema of an image", "schema", 0, "no structured", Settings{As: "image", Schema: json.RawMessage(`{}`)}},
		{"block of nothing", "content.0", 0, "exactly one", Settings{Content: []BlockSettings{{}}}},
		{"block of two kinds", "content.1", 0, "exactly one", Settings{Content: []BlockSettings{{Text: text("a")}, {Text: text("a"), Link: &LinkSettings{}}}}},
		{"block text", "content.0.text", 4, "", Settings{Content: []BlockSettings{{Text: text("${{ args.x }}")}}}},
		{"missing file", "content.0.image.file", 0, "can't be read", Settings{Content: []BlockSettings{{Image: &MediaSettings{File: filepath.Join(dir, "none.png")}}}}},
		{"folder as a file", "content.0.image.file", 0, "regular", Settings{Content: []BlockSettings{{Image: &MediaSettings{File: dir}}}}},
		{"large file", "content.0.image.file", 0, "larger than 4 MiB", Settings{Content: []BlockSettings{{Image: &MediaSettings{File: big}}}}},
		{"image of nothing", "content.0.image", 0, "either file or data", Settings{Content: []BlockSettings{{Image: &MediaSettings{}}}}},
		{"bad base64", "content.0.audio.data", 0, "base64", Settings{Content: []BlockSettings{{Audio: &MediaSettings{Data: "???"}}}}},
		{"bad media type", "content.0.audio.mime_type", 0, "media type", Settings{Content: []BlockSettings{{Audio: &MediaSettings{Data: "YQ==", MIMEType: "a"}}}}},
		{"link address", "content.0.link.uri", 0, "absolute", Settings{Content: []BlockSettings{{Link: &LinkSettings{URI: "x", Name: "y"}}}}},
		{"resource of nothing", "content.0.resource", 0, "exactly one", Settings{Content: []BlockSettings{{Resource: &ResourceSettings{URI: "a:b"}}}}},
		{"priority", "content.0.annotations.priority", 0, "0 to 1", Settings{Content: []BlockSettings{{Text: text("a"), Annotations: &AnnotationSettings{Priority: &half}}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := build(tt.set, testEnv(nil))
			var e *plugins.FieldError
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want a *plugins.FieldError", err)
			}
			if got := strings.Join(e.Path, "."); got != tt.path || e.Offset < tt.offset || tt.offset == 0 && e.Offset != 0 && tt.message != "" {
				t.Errorf("got path %s, offset %d; want %s, %d", got, e.Offset, tt.path, tt.offset)
			}
			if !strings.Contains(e.Message, tt.message) {
				t.Errorf("got message %q, want one about %q", e.Message, tt.message)
			}
			if strings.Contains(e.Message, dir) {
				t.Errorf("the message holds a path: %q", e.Message)
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := build(Settings{Select: ".a |", Text: "${{", Schema: json.RawMessage("1"), Errors: map[string]string{"x": "", "404": "${{"},
		Content: []BlockSettings{{}, {Text: text("${{")}}, MIMEType: "x", URI: "x"}, testEnv(nil))
	var all plugins.FieldErrors
	if !errors.As(err, &all) {
		t.Fatalf("got %v", err)
	}
	var paths []string
	for _, e := range all {
		paths = append(paths, strings.Join(e.Path, "."))
	}
	want := []string{"select", "text", "schema", "errors.404", "errors.x", "content.0", "content.1.text", "mime_type", "uri"}
	if !reflect.DeepEqual(paths, want) {
		t.Errorf("got  %v\nwant %v", paths, want)
	}
}

func TestNothingToAnswer(t *testing.T) {
	_, err := build(Settings{As: "json"}, plugins.Env{Name: "hello"})
	if err == nil {
		t.Error("a tool without request and answer was built")
	}
}

func TestDefaultsAreSwitchedOff(t *testing.T) {
	tr := mustBuild(t, Settings{Select: "none", Text: "none", Schema: json.RawMessage(`"none"`), MIMEType: "none", URI: "none", Errors: map[string]string{"404": "none"}})
	if tr.shaped || tr.OutputSchema() != nil || tr.refusalText(404) != nil {
		t.Error("none did not switch a default off")
	}
	if got := outcome(t, tr, answer{contentType: "application/json", body: "{}"}); got != "text {}\nstructured {}" {
		t.Errorf("got %s", got)
	}
}

func TestOpenInputKnowsAnyArgument(t *testing.T) {
	env := testEnv(nil)
	env.Tool = &plugins.Tool{Name: "x", InputSchema: []byte(`{"type":"object"}`)}
	if _, err := build(Settings{Text: "${{ args.anything }}"}, env); err != nil {
		t.Error(err)
	}
}

func TestPart(t *testing.T) {
	part := Part()
	if part.Settings != reflect.TypeFor[Settings]() {
		t.Errorf("settings are of type %v", part.Settings)
	}
	if _, err := part.New(nil, testEnv(nil)); err != nil {
		t.Errorf("without settings: %v", err)
	}
	for _, f := range reflect.VisibleFields(part.Settings) {
		if f.Tag.Get("manifest") == "" || f.Tag.Get("doc") == "" {
			t.Errorf("%s has no key or no documentation", f.Name)
		}
	}
}

// A tool whose name no URI can have is refused for its name, not for a URI that
// nobody wrote.
func TestNoMistakeInTheDefaultURI(t *testing.T) {
	env := testEnv(nil)
	env.Name = "get order:%"
	if _, err := build(Settings{As: "json"}, env); err != nil {
		t.Errorf("got %v", err)
	}
}

func TestHintsOfMistakes(t *testing.T) {
	for _, tt := range []struct {
		set  Settings
		hint string
	}{
		{Settings{Select: " ${{ .a }}"}, "select is bare jq: take ${{ }} away"},
		{Settings{Errors: map[string]string{"40x": "x"}}, `did you mean "4xx"?`},
		{Settings{Errors: map[string]string{"4XX": "x"}}, "write 4xx"},
		{Settings{Schema: json.RawMessage(`{"type":"strin"}`)}, `did you mean "string"?`},
	} {
		_, err := build(tt.set, testEnv(nil))
		var e *plugins.FieldError
		if !errors.As(err, &e) || e.Hint != tt.hint {
			t.Errorf("%+v: got %+v, want the hint %s", tt.set, e, tt.hint)
		}
	}
}

// TestMistakesInWords holds what is said of mistakes in max_tokens, failed and
// paginate, to the letter.
func TestMistakesInWords(t *testing.T) {
	paged := func(s PaginateSettings) Settings { return Settings{Paginate: &s} }
	alone := testEnv(nil)
	alone.Upstream, alone.Steps = "", []string{}
	tests := []struct {
		set           Settings
		env           plugins.Env
		path          string
		message, hint string
	}{
		{Settings{Failed: "${{ .ok }}"}, testEnv(nil), "failed", "want a jq expression, found a hole", "failed is bare jq: take ${{ }} away"},
		{Settings{Failed: ".ok", Select: "1"}, alone, "failed", "the tool asks no upstream that could fail", "take failed away, or give the tool a request"},
		{Settings{Errors: map[string]string{"faild": "x"}}, testEnv(nil), "errors.faild", "want a status such as 404, a class such as 5xx, failed, or default", `did you mean "failed"?`},
		{paged(PaginateSettings{Next: "link"}), testEnv(nil), "paginate", "paginate needs items", "write a jq expression that is the list on a page, e.g. .data"},
		{paged(PaginateSettings{Items: "."}), testEnv(nil), "paginate", "paginate needs next", "write link, page, offset, or a jq expression such as .next_cursor"},
		{paged(PaginateSettings{Items: ".", Next: "page"}), testEnv(nil), "paginate.next", "next: page needs pass_as", "write the name of the argument that says which page, e.g. pass_as: page"},
		{paged(PaginateSettings{Items: ".", Next: "offset"}), testEnv(nil), "paginate.next", "next: offset needs pass_as", "write the name of the argument that says which offset, e.g. pass_as: offset"},
		{paged(PaginateSettings{Items: ".", Next: "link", PassAs: "page"}), testEnv(nil), "paginate.pass_as", "pass_as does not go with next: link, which is a whole URL", "take pass_as away"},
		{paged(PaginateSettings{Items: ".", Next: "link", MaxItems: -1}), testEnv(nil), "paginate", "want a number above 0", ""},
		{Settings{Select: "1", Paginate: &PaginateSettings{Items: ".", Next: "link"}}, alone, "paginate", "there is no upstream that could have pages", "give the tool a request, or take paginate away"},
		{Settings{As: "image", Paginate: &PaginateSettings{Items: ".", Next: "link"}}, testEnv(nil), "paginate", "there are no pages of a list here", "take as away, or write as: json"},
	}
	for _, tt := range tests {
		_, err := build(tt.set, tt.env)
		var all plugins.FieldErrors
		if !errors.As(err, &all) || len(all) != 1 {
			t.Errorf("%s: got %v, want one mistake", tt.message, err)
			continue
		}
		if got := strings.Join(all[0].Path, "."); got != tt.path || all[0].Message != tt.message || all[0].Hint != tt.hint {
			t.Errorf("got %s: %q (%q)\nwant %s: %q (%q)", got, all[0].Message, all[0].Hint, tt.path, tt.message, tt.hint)
		}
	}
	for text, want := range map[string]string{
		"99": "want at least 100 tokens (write e.g. 8000, or none for no limit)",
		"x":  "want a number of tokens, or none (write e.g. 8000; the default is 20000)",
	} {
		var l TokenLimit
		var e *plugins.FieldError
		if err := l.UnmarshalText([]byte(text)); !errors.As(err, &e) || e.Message+" ("+e.Hint+")" != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}
