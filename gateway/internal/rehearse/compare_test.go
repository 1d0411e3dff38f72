package rehearse_test

import (
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

func decode(t testing.TB, text string) any {
	t.Helper()
	v, err := strictjson.Decode([]byte(text), 0)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestSubset(t *testing.T) {
	for name, c := range map[string]struct{ want, got, differences string }{
		"equal":             {`{"a":1}`, `{"a":1}`, ""},
		"further members":   {`{"a":1}`, `{"a":1.0,"b":2}`, ""},
		"numbers by value":  {`[1e2]`, `[100]`, ""},
		"huge exponents":    {`1e999999999`, `1e999999998`, "(all): want 1e999999999, got 1e999999998"},
		"another value":     {`{"a":{"b~/c":"x"}}`, `{"a":{"b~/c":"y"}}`, `/a/b~0~1c: want "x", got "y"`},
		"missing":           {`{"a":1}`, `{"b":1}`, "/a: want 1, got nothing (there are: b)"},
		"shorter list":      {`[1,2]`, `[1]`, "(all): want a list of 2 items, got a list of 1 item"},
		"longer list":       {`[1]`, `[1,2]`, "(all): want a list of 1 item, got a list of 2 items"},
		"below a list":      {`[{"a":1}]`, `[{"a":2,"b":3}]`, "/0/a: want 1, got 2"},
		"text is no number": {`"1"`, `1`, `(all): want "1", got 1`},
		"null is a value":   {`{"a":null}`, `{}`, "/a: want null, got nothing"},
		"another type":      {`{"a":{}}`, `{"a":[]}`, "/a: want {}, got []"},
		"several":           {`{"a":1,"b":2}`, `{"a":2,"b":1}`, "/a: want 1, got 2; /b: want 2, got 1"},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for _, d := range rehearse.Subset(decode(t, c.want), decode(t, c.got)) {
				lines = append(lines, d.String())
			}
			if got := strings.Join(lines, "; "); got != c.differences {
				t.Errorf("got  %s\nwant %s", got, c.differences)
			}
		})
	}
}

func TestTextDiff(t *testing.T) {
	if diff := rehearse.TextDiff("a\nb", "a\nb"); diff != "" {
		t.Errorf("equal texts differ: %s", diff)
	}
	want := "--- want\n+++ got\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8"
	if got := rehearse.TextDiff("1\n2\n3\n4\n5\n6\n7\n8\n9", "1\n2\n3\n4\nfive\n6\n7\n8\n9"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	long := strings.Repeat("x\n", 5000)
	if diff := rehearse.TextDiff(long, long+"y"); len(diff) > 1000 || diff == "" {
		t.Errorf("a long text gives %d bytes", len(diff))
	}
}

func TestDrifts(t *testing.T) {
	for name, c := range map[string]struct{ example, answer, drifts string }{
		"other values":         {`{"a":1,"b":["x"]}`, `{"a":2,"b":["y","z"]}`, ""},
		"missing":              {`{"a":1,"b":{"c":1}}`, `{"a":1,"b":{}}`, "/b/c: missing, was number"},
		"extra":                {`{"a":1}`, `{"a":1,"b":true}`, "/b: new, boolean"},
		"type":                 {`{"a":1}`, `{"a":"1"}`, "/a: was number, is string"},
		"in lists":             {`[{"a":1}]`, `[{"a":1},{"a":null}]`, "/*/a: was number, is null or number"},
		"optional in lists":    {`[{"a":1},{}]`, `[{},{"a":2}]`, ""},
		"empty list":           {`{"a":[{"b":1}]}`, `{"a":[]}`, ""},
		"null says nothing":    {`{"a":null}`, `{"a":{"b":1}}`, ""},
		"of several types one": {`[1,"x"]`, `["y"]`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for _, d := range rehearse.Drifts(decode(t, c.example), decode(t, c.answer)) {
				lines = append(lines, d.String())
				if d.Breaks() == (d.Change == rehearse.DriftExtra) {
					t.Errorf("%s: breaks %t", d, d.Breaks())
				}
			}
			if got := strings.Join(lines, "; "); got != c.drifts {
				t.Errorf("got  %s\nwant %s", got, c.drifts)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	object := func(text string) map[string]any {
		v, _ := decode(t, text).(map[string]any)
		return v
	}
	answer := func(status int) []rehearse.Answer { return []rehearse.Answer{{Status: status}} }
	cases := []rehearse.Case{
		{Args: object(`{"id":"bad"}`), Answers: answer(404)},
		{Args: object(`{"id":"1"}`), Answers: answer(201)},
		{Args: object(`{"id":"1","full":true}`), Answers: answer(202)},
		{Args: object(`{"id":"2","page":1}`), Answers: answer(203)},
	}
	for name, c := range map[string]struct {
		args string
		any  bool
		want int
	}{
		"equal":                {`{"id":"1"}`, true, 201},
		"equal with more":      {`{"full":true,"id":"1"}`, true, 202},
		"most within":          {`{"id":"1","full":true,"x":1}`, true, 202},
		"an error":             {`{"id":"bad"}`, true, 404},
		"same required":        {`{"id":"2","page":7}`, true, 203},
		"any that ends well":   {`{"id":"9"}`, true, 201},
		"none unless any will": {`{"id":"9"}`, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := 0
			if found := rehearse.Match(cases, object(c.args), []string{"id"}, c.any); found != nil {
				got = found.Answers[0].Status
			}
			if got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestPick(t *testing.T) {
	answers := []rehearse.Answer{
		{Status: 201, Args: map[string]any{"id": "a"}}, {Status: 202}, {Status: 203},
	}
	for _, c := range []struct {
		id           string
		index, wants int
	}{{"a", 0, 201}, {"a", 5, 201}, {"b", 0, 202}, {"b", 1, 203}, {"b", 9, 203}} {
		if got := rehearse.Pick(answers, map[string]any{"id": c.id}, c.index); got == nil || got.Status != c.wants {
			t.Errorf("%+v: got %+v", c, got)
		}
	}
	if got := rehearse.Pick(answers[:1], map[string]any{"id": "b"}, 0); got != nil {
		t.Errorf("got %+v for other arguments", got)
	}
}
