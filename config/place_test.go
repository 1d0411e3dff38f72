package config

import (
	"errors"
	"fmt"
	"testing"
)

// TestPlaces asks for problems at values as a gateway does when it builds, and
// compares the stretch of text that is underlined.
func TestPlaces(t *testing.T) {
	m := load(t, text(`version: 1
upstreams:
  crm: {url: http://a, headers: {"X-A": 'it''s ${V}b', Y: "\u00e9\tab"}}
tools:
  t:
    description: |
      First {one}
        second {two}
    request: GET /ä/${V}/{id}
    rate_limit: [30/min, {rate: 5/s, cost: 2}]
    input:
      id: {type: string}
`, map[string]string{"V": "value"}))
	tool, crm := m.Tools["t"], m.Upstreams["crm"]
	for _, c := range []struct {
		place  Place
		path   []string
		offset int
		want   string
	}{
		{tool.Place, nil, 0, "5:3-4 tools.t"},
		{tool.Place, []string{"request"}, 0, "9:14-30 tools.t.request"},
		{tool.Place, []string{"request"}, len("GET /ä/value/"), "9:26-30 tools.t.request"},
		{tool.Place, []string{"request"}, len("GET /ä/va"), "9:21-22 tools.t.request"},
		{tool.Place, []string{"request"}, 999, "9:14-30 tools.t.request"},
		{tool.Place, []string{"request", "query", "limit"}, 3, "9:14-30 tools.t.request.query.limit"},
		{tool.Place, []string{"input", "id"}, 0, "12:7-9 tools.t.input.id"},
		{tool.Place, []string{"input", "missing"}, 0, "11:5-10 tools.t.input.missing"},
		{tool.Place, []string{"rate_limit", "0"}, 3, "10:21-24 tools.t.rate_limit.0"},
		{tool.Place, []string{"rate_limit", "1", "cost"}, 0, "10:44-45 tools.t.rate_limit.1.cost"},
		{tool.Place, []string{"rate_limit", "1"}, 0, "10:26-27 tools.t.rate_limit.1"},
		{tool.Place, []string{"rate_limit", "9"}, 0, "10:5-15 tools.t.rate_limit.9"},
		{tool.Place, []string{"description"}, 0, "6:18-19 tools.t.description"},
		{tool.Place, []string{"description"}, len("First "), "7:13-18 tools.t.description"},
		{tool.Place, []string{"description"}, len("First {one}\n  second "), "8:16-21 tools.t.description"},
		{tool.Parts["request"].Place, nil, 5, "9:19-20 tools.t.request"},
		{tool.Parts["request"].Place, []string{"0"}, 0, "9:14-30 tools.t.request.0"},
		{tool.Input.Properties[0].Place, []string{"type"}, 0, "12:18-24 tools.t.input.id.type"},
		{crm.Settings.Place, []string{"headers", "X-A"}, len("it's value"), "3:52-53 upstreams.crm.headers.X-A"},
		{crm.Settings.Place, []string{"headers", "Y"}, len("é\t"), "3:68-70 upstreams.crm.headers.Y"},
		{crm.Settings.Place, []string{"tls", "ca"}, 0, "3:3-6 upstreams.crm.tls.ca"},
	} {
		p := c.place.ProblemAt(c.path, "wrong", "", c.offset)
		if got := fmt.Sprintf("%d:%d-%d %s", p.Line, p.Col, p.EndCol, p.Path); got != c.want {
			t.Errorf("%v at %d is %s, want %s", c.path, c.offset, got, c.want)
		}
	}
}

func TestProblemsOfErrors(t *testing.T) {
	m := load(t, text(quickstart, nil))
	tool := m.Tools["get_customer"]
	at := &testFieldError{path: []string{"request"}, message: "first", hint: "mend", offset: 4}
	inner := tool.Problem("third", "")
	got := tool.Problems(fmt.Errorf("building: %w", errors.Join(at, errors.New("second"), inner)))
	want := []string{
		"manifest.yaml:7:18: error: first", "manifest.yaml:5:3: error: second", "manifest.yaml:5:3: error: third",
	}
	for i, p := range got {
		if p.Error() != want[i] {
			t.Errorf("problem %d is %q, want %q", i, p, want[i])
		}
	}
	if len(got) != len(want) || got[0].Hint != "mend" {
		t.Errorf("problems are %v", got)
	}
	if sorted := got.Sorted(); sorted[0].Message != "second" || len(append(got, got...).Sorted()) != 3 {
		t.Errorf("sorted %v", sorted)
	}
	if got := tool.Problems(nil); got != nil {
		t.Errorf("no error gives %v", got)
	}
}

func TestMessagesDontShowVariables(t *testing.T) {
	m := load(t, text(`version: 1
upstreams: {crm: {url: "${URL}"}}
tools: {t: {description: d}}
`, map[string]string{"URL": "http://user:hunter2@crm"}))
	p := m.Upstreams["crm"].Settings.ProblemAt([]string{"url"}, `"http://user:hunter2@crm" is not allowed`, "not http://user:hunter2@crm", 0)
	if p.Message != `"${URL}" is not allowed` || p.Hint != "not ${URL}" {
		t.Errorf("the problem says %q, %q", p.Message, p.Hint)
	}
}

func TestZeroPlace(t *testing.T) {
	var p Place
	if !p.IsZero() || p.String() != ":0:0" {
		t.Errorf("zero place is %s", p)
	}
	if got := p.ProblemAt([]string{"a"}, "m", "", 3); got.Path != "a" || got.Message != "m" {
		t.Errorf("problem is %+v", got)
	}
}
