package transform

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// pageServer answers pages, by the URL or value that they are asked for.
type pageServer struct {
	t     *testing.T
	pages map[string]answer
	asked []string
	open  int // responses that nobody has freed
}

func (s *pageServer) response(a answer) *plugins.Response {
	freed := 0
	resp := a.response(&freed)
	if resp.ContentType == "" {
		resp.ContentType = "application/json"
	}
	s.open++
	resp.Release = func() { s.open-- }
	return resp
}

func (s *pageServer) next(_ context.Context, page plugins.Page) (*plugins.Response, error) {
	key := page.URL
	if page.Value != nil {
		key = textOfCursor(page.Value)
	}
	s.asked = append(s.asked, key)
	a, ok := s.pages[key]
	if !ok {
		return nil, &plugins.Error{Kind: plugins.KindConnect, Message: "unreachable", Cause: errors.New("dial 10.0.0.1: refused")}
	}
	return s.response(a), nil
}

func linked(body, link string) answer {
	return answer{body: body, header: map[string]string{"Link": link}}
}

func TestPages(t *testing.T) {
	short := func(s PaginateSettings) PaginateSettings { s.MaxPages = 2; return s }
	byLink := PaginateSettings{Items: ".", Next: "link"}
	byCursor := PaginateSettings{Items: ".data", Next: ".next", PassAs: "cursor"}
	byPage := PaginateSettings{Items: ".data", Next: "page", PassAs: "page"}
	byOffset := PaginateSettings{Items: ".data", Next: "offset", PassAs: "skip"}
	pages := map[string]answer{
		"/x?p=2": linked(`[{"b":2,"a":1}]`, `</x?p=1>; rel="first", </x?p=3>; rel="next"`), "/x?p=3": {body: `[3]`},
		"c2": {body: `{"data":[2],"next":"c3"}`}, "c3": {body: `{"data":[3],"next":null}`},
		"2": {body: `{"data":[2,2]}`}, "3": {body: `{"data":[3]}`}, "4": {body: `{"data":[]}`}, "5": {body: `{"data":[5]}`},
		"7": {body: `{"data":[7]}`}, "8": {body: `{"data":[7]}`},
		"circle": {body: `{"data":[2],"next":"circle"}`},
		"fails":  {status: 500, body: `{"error":"secret"}`}, "lies": {body: `{"data":[2],"next":"fails"}`}, "odd": {body: `{"data":{"a":1}}`},
		"false": {body: `{"data":[2],"next":false}`},
	}
	tests := []struct {
		name  string
		set   PaginateSettings
		first answer
		asked string
		want  string // golden, without notes
		note  string
		pages int
	}{
		{"link", byLink, linked(`[{"z":1,"a":12345678901234567890}]`, `</x?p=2>; rel=next`), "/x?p=2 /x?p=3", `[{"z":1,"a":12345678901234567890},{"b":2,"a":1},3]`, "", 3},
		{"no link", byLink, answer{body: `[1]`}, "", `[1]`, "", 1},
		{"cursor", byCursor, answer{body: `{"data":[1],"next":"c2"}`}, "c2 c3", `[1,2,3]`, "", 3},
		{"no cursor", byCursor, answer{body: `{"data":[1]}`}, "", `[1]`, "", 1},
		{"empty cursor", byCursor, answer{body: `{"data":[1],"next":""}`}, "", `[1]`, "", 1},
		{"cursor that is false", byCursor, answer{body: `{"data":[1],"next":"false"}`}, "false", `[1,2]`, "", 2},
		{"circle", byCursor, answer{body: `{"data":[1],"next":"circle"}`}, "circle", `[1,2]`, "", 2},
		{"page", byPage, answer{body: `{"data":[1]}`}, "2 3 4", `[1,2,2,3]`, "", 4},
		{"offset", byOffset, answer{body: `{"data":[1,1]}`}, "2 4", `[1,1,2,2]`, "", 3},
		{"no items", byPage, answer{body: `{"data":[]}`}, "", `[]`, "", 1},
		{"null items", byPage, answer{body: `{"data":null}`}, "", `[]`, "", 1},
		{"pages that are unknown", byOffset, answer{body: `{"data":[0,0,0,0,0,0,0]}`}, "7 8", `[0,0,0,0,0,0,0,7]`, "", 3},
		{"at most", short(byCursor), answer{body: `{"data":[1],"next":"c2"}`}, "c2", `[1,2]`, `… The list goes on: this is 2 pages, 2 items. To go on, call again with cursor "c3".`, 2},
		{"at most pages", short(byPage), answer{body: `{"data":[1]}`}, "2", `[1,2,2]`, `… The list goes on: this is 2 pages, 3 items. For the rest, call again with the argument cursor.`, 2},
		{"most pages of hidden numbers", short(byOffset), answer{body: `{"data":[1,1]}`}, "2", `[1,1,2,2]`, `… The list goes on: this is 2 pages, 4 items. For the rest, call again with the argument cursor.`, 2},
		{"most items", PaginateSettings{Items: ".data", Next: ".next", PassAs: "cursor", MaxItems: 2}, answer{body: `{"data":[1,2,3]}`}, "", `[1,2]`, `… The list goes on: this is 1 page, 2 items. For the rest, call again with the argument cursor.`, 1},
		{"failure", byCursor, answer{body: `{"data":[1],"next":"lies"}`}, "lies fails", `[1,2]`, `… The list is incomplete: after 2 pages, the next page could not be read. Call again later for the rest.`, 2},
		{"unreachable", byCursor, answer{body: `{"data":[1],"next":"gone"}`}, "gone", `[1]`, `… The list is incomplete: after 1 page, the next page could not be read. Call again later for the rest.`, 1},
		{"no list later", byCursor, answer{body: `{"data":[1],"next":"odd"}`}, "odd", `[1]`, `… The list is incomplete: after 2 pages, the next page could not be read. Call again later for the rest.`, 2},
		{"url in the body", PaginateSettings{Items: ".data", Next: ".next"}, answer{body: `{"data":[1],"next":"c3"}`}, "c3", `[1,3]`, "", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &pageServer{t: t, pages: pages}
			tr := mustBuild(t, Settings{Paginate: &tt.set})
			call := testCall()
			call.Tool = &plugins.Tool{Name: "list", Arguments: []plugins.Argument{{Name: "cursor"}}}
			call.Record = &plugins.Record{}
			result, err := tr.Collect(t.Context(), call, s.response(tt.first), s.next)
			if err != nil {
				t.Fatal(err)
			}
			checkEncoded(t, result)
			if got := string(result.Structured); got != tt.want || string(result.Content[0].Text) != tt.want {
				t.Errorf("the list is %s, want %s", got, tt.want)
			}
			note := ""
			if len(result.Content) > 1 {
				note = string(result.Content[1].Text)
			}
			if note != tt.note {
				t.Errorf("the note is %q, want %q", note, tt.note)
			}
			if got := strings.Join(s.asked, " "); got != tt.asked {
				t.Errorf("asked for %q, want %q", got, tt.asked)
			}
			if call.Record.Pages != tt.pages {
				t.Errorf("%d pages, want %d", call.Record.Pages, tt.pages)
			}
			result.Free()
			if s.open != 0 {
				t.Errorf("%d responses were not freed", s.open)
			}
		})
	}
}

func TestPagesBecomeTheBody(t *testing.T) {
	s := &pageServer{t: t, pages: map[string]answer{"c2": {body: `{"data":[{"n":2}],"next":null}`}}}
	tr := mustBuild(t, Settings{
		Paginate: &PaginateSettings{Items: ".data | map(select(.n > 0))", Next: ".next", PassAs: "cursor"},
		Select:   "{count: length, sum: (map(.n) | add)}", Text: "${{ .count }} things: ${{ .sum }}",
	})
	result, err := tr.Collect(t.Context(), testCall(), s.response(answer{body: `{"data":[{"n":1},{"n":0}],"next":"c2"}`}), s.next)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := golden(result), "text 2 things: 3\nstructured {\"count\":2,\"sum\":3}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	result.Free()
	if s.open != 0 {
		t.Errorf("%d responses were not freed", s.open)
	}
}

func TestPageNumbersGoOnFromTheArgument(t *testing.T) {
	for next, want := range map[string]string{"page": "8", "offset": "9"} {
		s := &pageServer{t: t, pages: map[string]answer{"8": {body: `[]`}, "9": {body: `[]`}}}
		call := testCall()
		call.Args = map[string]any{"at": json.Number("7")}
		result, err := mustBuild(t, Settings{Paginate: &PaginateSettings{Items: ".", Next: next, PassAs: "at"}}).
			Collect(t.Context(), call, s.response(answer{body: `[1,2]`}), s.next)
		if err != nil || strings.Join(s.asked, " ") != want {
			t.Errorf("%s: asked for %v, want %s (%v)", next, s.asked, want, err)
		}
		result.Free()
	}
}

func TestFirstPageFails(t *testing.T) {
	tests := []struct {
		name string
		a    answer
		want string
	}{
		{"status", answer{status: 404, body: `{}`}, "The service found nothing under these arguments (404). Check them."},
		{"no JSON", answer{body: `{`}, "The service answered with something that isn't JSON (declared as JSON, 1 bytes)."},
		{"no list", answer{body: `{"data":{"a":1}}`}, "error The service's answer has no list where the tool's definition expects one."},
		{"image", answer{contentType: "image/png", body: "\x89PNG\r\n\x1a\n"}, "The service answered with something that isn't a page of a list (an image, 8 bytes)."},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := &pageServer{t: t}
			result, err := mustBuild(t, Settings{Paginate: &PaginateSettings{Items: ".data", Next: "page", PassAs: "page"}}).
				Collect(t.Context(), testCall(), s.response(tt.a), s.next)
			got := ""
			if err != nil {
				got = failureOf(t, err).Message
			} else if result.IsError {
				got = "error " + string(result.Content[0].Text)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			result.Free()
			if s.open != 0 || s.asked != nil {
				t.Errorf("%d responses were not freed, asked for %v", s.open, s.asked)
			}
		})
	}
}

func TestPagingKeepsToTimeAndBudget(t *testing.T) {
	endless := func(_ context.Context, page plugins.Page) (*plugins.Response, error) {
		body := `["` + strings.Repeat(textOfCursor(page.Value)+" words ", 400) + `"]`
		return &plugins.Response{Status: 200, ContentType: "application/json", Body: []byte(body)}, nil
	}
	first := func() *plugins.Response {
		return &plugins.Response{Status: 200, ContentType: "application/json", Body: []byte(`["a"]`)}
	}
	paged := &PaginateSettings{Items: ".", Next: "page", PassAs: "page", MaxPages: 1000}

	call := testCall()
	call.Record = &plugins.Record{}
	if _, err := mustBuild(t, Settings{Paginate: paged, MaxTokens: 500}).Collect(t.Context(), call, first(), endless); err != nil {
		t.Fatal(err)
	}
	if n := call.Record.Pages; n < 2 || n > 12 {
		t.Errorf("%d pages were read for a budget of 500 tokens", n)
	}

	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	tr := mustBuild(t, Settings{Paginate: paged, MaxTokens: unlimited})
	now := time.Now()
	tr.now = func() time.Time { now = now.Add(50 * time.Minute); return now }
	result, err := tr.Collect(ctx, call, first(), endless)
	if err != nil {
		t.Fatal(err)
	}
	if call.Record.Pages > 2 || len(result.Content) < 2 {
		t.Errorf("%d pages were read though the time was nearly over: %s", call.Record.Pages, golden(result)[:80])
	}
}

func TestCancelledPaging(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := &pageServer{t: t}
	_, err := mustBuild(t, Settings{Paginate: &PaginateSettings{Items: ".", Next: "page", PassAs: "page"}}).
		Collect(ctx, testCall(), s.response(answer{body: `[1]`}), func(context.Context, plugins.Page) (*plugins.Response, error) {
			cancel()
			return nil, fmt.Errorf("asking: %w", ctx.Err())
		})
	if !errors.Is(err, context.Canceled) || s.open != 0 {
		t.Errorf("got %v, %d responses open", err, s.open)
	}
}

func TestLinks(t *testing.T) {
	for value, want := range map[string]string{
		"":                                 "",
		`<https://a/b?page=2>; rel="next"`: "https://a/b?page=2",
		`</b>;rel=next`:                    "/b",
		`<a>; rel=prev, <b>; rel=next`:     "b",
		`<a,b;c>; title="x, <no>; rel=next"; rel="prev", <d>; rel="last next"`: "d",
		`<a>; title="q\"; rel=next"; rel=prev`:                                 "",
		`<a>; rel=prev; rel=next`:                                              "",
		`<a>; REL=NEXT`:                                                        "a",
		`<a>; rel = "next"`:                                                    "a",
		`<a>`:                                                                  "",
		`a; rel=next`:                                                          "",
		`<a; rel=next`:                                                         "",
		`<>; rel=next`:                                                         "",
		`<a>; rel="next`:                                                       "a",
		`<a> ; crossorigin ; rel=next`:                                         "a",
	} {
		if got := linkOf(value, nextRelation); got != want {
			t.Errorf("%s: %q, want %q", value, got, want)
		}
	}
}

func FuzzLinks(f *testing.F) {
	f.Add(`<https://a/b?page=2>; rel="next", <c>; rel=last`)
	f.Add(`<a>; title="q\"`)
	f.Fuzz(func(t *testing.T, value string) {
		if got := linkOf(value, nextRelation); got != "" && !strings.Contains(value, got) {
			t.Fatalf("%q has no %q", value, got)
		}
	})
}

func TestPageRequest(t *testing.T) {
	if _, ok := mustBuild(t, Settings{}).PageRequest(); ok {
		t.Error("there are pages without paginate")
	}
	tests := []struct {
		set  PaginateSettings
		want plugins.PageRequest
	}{
		{PaginateSettings{Items: ".", Next: "link"}, plugins.PageRequest{Link: true}},
		{PaginateSettings{Items: ".", Next: ".next"}, plugins.PageRequest{Link: true}},
		{PaginateSettings{Items: ".", Next: ".next", PassAs: "cursor"}, plugins.PageRequest{PassAs: "cursor"}},
	}
	for _, tt := range tests {
		got, ok := mustBuild(t, Settings{Paginate: &tt.set}).PageRequest()
		if !ok || got.Link != tt.want.Link || got.PassAs != tt.want.PassAs || len(got.Path) != 2 {
			t.Errorf("%+v: %+v", tt.set, got)
		}
	}
	var _ plugins.Pager = (*transform)(nil)
}
