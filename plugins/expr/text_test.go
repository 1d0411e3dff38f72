package expr_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`plain`, `plain`},
		{``, ``},
		{`$${ {{ }} ${x}`, `$${ {{ }} ${x}`},
		{`${{ args.customer_id }}`, `cust_1`},
		{`a ${{ args.customer_id }} b ${{ .total }} c`, `a cust_1 b 12.50 c`},
		{`${{.id}}`, `12345678901234567890123`},
		{`[${{ .nil }}]`, `[]`},
		{`${{ args.items }}`, `[{"id":1,"q":2},{"id":2,"q":3}]`},
		{`${{ {a: {b: 1}} }}`, `{"a":{"b":1}}`},
		{`${{ {a:{b:1}} }}x`, `{"a":{"b":1}}x`},
		{`${{ "}}" }}`, `}}`},
		{`${{ "\"}}" }}`, `"}}`},
		{`${{ "a\( {b: "}}"} | .b )c" }}`, `a}}c`},
		{"${{\n  args.customer_id\n}}\n", "cust_1\n"},
		{`${{ true }}${{ 1.5 }}${{ 1e3 }}`, `true1.51000`},
	} {
		text, err := expr.ParseText(tt.text, everything())
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		got, err := text.Append([]byte("> "), sample(t))
		if err != nil || string(got) != "> "+tt.want {
			t.Errorf("%s = %q, %v; want %q", tt.text, got, err, tt.want)
		}
		if _, literal := text.Literal(); literal != (tt.text == tt.want) {
			t.Errorf("%s: literal %v", tt.text, literal)
		}
	}
}

func TestTextRefused(t *testing.T) {
	for _, tt := range []struct {
		text, message string
		offset        int
	}{
		{`abc ${{ .x`, `the hole is not closed`, 4},
		{`abc ${{ "}}`, `the hole is not closed`, 4},
		{`abc ${{   args.nope }}`, `there is no argument "nope"`, 15},
		{`${{ }}`, `the expression is empty`, 4},
		{`a${{ 1 }}b${{ 1 + }}`, `jq: unexpected EOF`, 17},
	} {
		_, err := expr.ParseText(tt.text, everything())
		var field *plugins.FieldError
		if !errors.As(err, &field) || field.Message != tt.message || field.Offset != tt.offset {
			t.Errorf("%s: %+v", tt.text, err)
		}
	}
}

// Every hole is looked at, and the last that isn't closed.
func TestTextRefusedAll(t *testing.T) {
	_, err := expr.ParseText(`a ${{ args.x }} b ${{ .a }} ${{  args.y + foo }} ${{ 1`, everything())
	var all plugins.FieldErrors
	if !errors.As(err, &all) {
		t.Fatalf("got %v", err)
	}
	var offsets []int
	for _, e := range all {
		offsets = append(offsets, e.Offset)
	}
	if want := []int{11, 38, 42, 49}; !reflect.DeepEqual(offsets, want) {
		t.Errorf("got %v at %v, want %v", err, offsets, want)
	}
}

func TestValueKeepsType(t *testing.T) {
	for _, tt := range []struct {
		text string
		want any
	}{
		{`${{ .total }}`, json.Number("12.50")},
		{`${{ .nil }}`, nil},
		{`${{ .data[0] }}`, map[string]any{"n": "x"}},
		{` ${{ .total }}`, " 12.50"},
		{`x`, "x"},
	} {
		text, err := expr.ParseText(tt.text, everything())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := text.Value(sample(t)); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s = %#v, %v", tt.text, got, err)
		}
	}
}

func TestTemplate(t *testing.T) {
	for _, tt := range []struct{ doc, want string }{
		{`{"customer":"${{ args.customer_id }}","lines":"${{ args.items }}"}`, `{"customer":"cust_1","lines":[{"id":1,"q":2},{"id":2,"q":3}]}`},
		{` { "z" : 1.0 , "a" : [ true , null , "x${{ .total }}" ] } `, `{"z":1.0,"a":[true,null,"x12.50"]}`},
		{`{"note":"${{ args.note }}","x":1}`, `{"x":1}`},
		{`{"note":"${{ args.note // \"none\" }}"}`, `{"note":"none"}`},
		{`{"nil":"${{ .nil }}"}`, `{"nil":null}`},
		{`"${{ args.items }}"`, `[{"id":1,"q":2},{"id":2,"q":3}]`},
		{`"text"`, `"text"`},
		{`12345678901234567890123`, `12345678901234567890123`},
		{`{"${{ args.note }}":1}`, `{"${{ args.note }}":1}`},
	} {
		template, err := expr.ParseJSON(json.RawMessage(tt.doc), everything())
		if err != nil {
			t.Errorf("%s: %v", tt.doc, err)
			continue
		}
		got, err := template.Append(nil, sample(t))
		if err != nil || string(got) != tt.want {
			t.Errorf("%s = %s, %v", tt.doc, got, err)
		}
		value, err := template.Value(sample(t))
		if err != nil || !reflect.DeepEqual(value, decode(t, tt.want)) {
			t.Errorf("%s has the value %v, %v", tt.doc, value, err)
		}
	}
}

func TestTemplateRefused(t *testing.T) {
	_, err := expr.ParseJSON(json.RawMessage(`{"a":{"b":["x","${{ args.nope }}"]},"c":"${{ ) }}"}`), everything())
	var all plugins.FieldErrors
	if !errors.As(err, &all) || len(all) != 2 {
		t.Fatalf("got %v", err)
	}
	if path := strings.Join(all[0].Path, "/"); path != "a/b/1" || all[0].Offset != 9 {
		t.Errorf("first is %v at %d", all[0], all[0].Offset)
	}
	if path := strings.Join(all[1].Path, "/"); path != "c" {
		t.Errorf("second is %v", all[1])
	}
}

// Whatever the arguments are, a template is built as JSON: the value is exactly
// there, and the text around it can't be left.
func TestTemplateHoldsAnyValue(t *testing.T) {
	template, err := expr.ParseJSON(json.RawMessage(`{"whole":"${{ args.note }}","part":"<${{ args.note }}>","list":["${{ args.note }}"]}`), everything())
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "value")
		got, err := template.Append(nil, &expr.Values{Args: map[string]any{"note": s}})
		if err != nil {
			t.Fatal(err)
		}
		v, err := strictjson.Decode(got, 0)
		want := map[string]any{"whole": s, "part": "<" + s + ">", "list": []any{s}}
		if err != nil || !reflect.DeepEqual(v, want) {
			t.Fatalf("%s: %v", got, err)
		}
	})
}

func TestParsePath(t *testing.T) {
	declared := []string{"customer_id", "order"}
	for _, tt := range []struct{ path, want string }{
		{`/`, `[]`},
		{`/customers/{customer_id}`, `[customers][{customer_id}]`},
		{`/c/{customer_id}.json`, `[c][{customer_id}|.json]`},
		{`/a/{customer_id}-{order}/`, `[a][{customer_id}|-|{order}][]`},
		{`/a%2Fb?x=1&y={order}`, `[a%2Fb]?x=1&y=|{order}`},
		{`/a?`, `[a]?`},
	} {
		p, err := expr.ParsePath(tt.path, declared)
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		pieces := func(list []expr.Piece) string {
			out := make([]string, 0, len(list))
			for _, e := range list {
				if e.Name != "" {
					out = append(out, "{"+e.Name+"}")
				} else {
					out = append(out, e.Literal)
				}
			}
			return strings.Join(out, "|")
		}
		got := ""
		for _, s := range p.Segments {
			got += "[" + pieces(s) + "]"
		}
		if p.HasQuery {
			got += "?" + pieces(p.Query)
		}
		if got != tt.want {
			t.Errorf("%s = %s, want %s", tt.path, got, tt.want)
		}
	}
}

func TestParsePathRefused(t *testing.T) {
	for _, tt := range []struct {
		path, message, hint string
		offset              int
	}{
		{`customers`, `the path must start with /`, ``, 0},
		{`/c/{custmer_id}`, `there is no argument "custmer_id"`, `did you mean "customer_id"?`, 3},
		{`/c/{customer_id`, `the placeholder is not closed`, `end it with }`, 3},
		{`/c/{+customer_id}`, `"+customer_id" is not the name of an argument`, `write {name}`, 3},
		{`/c/{}`, `"" is not the name of an argument`, `write {name}`, 3},
		{`/c/${{ args.customer_id }}`, `a path has placeholders, not holes`, "write {name}, or use `query` of the long form", 3},
		{`/a b`, `" " can't stand in a URL`, `write %20`, 2},
		{`/a#b`, `a URL that is sent has no fragment`, `write %23 for the character`, 2},
		{`/a%zz`, `a lone % in a URL`, `write %25`, 2},
		{`/a/../b`, `the path has a segment of dots only`, `write the path it stands for`, 2},
		{`/a/%2E%2e/b`, `the path has a segment of dots only`, `write the path it stands for`, 2},
		{"/a\r\nb", `"\r" can't stand in a URL`, `write %0D`, 2},
	} {
		_, err := expr.ParsePath(tt.path, []string{"customer_id"})
		var field *plugins.FieldError
		if !errors.As(err, &field) {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		if field.Message != tt.message || field.Hint != tt.hint || field.Offset != tt.offset {
			t.Errorf("%s: %q, %q at %d", tt.path, field.Message, field.Hint, field.Offset)
		}
	}
}

func FuzzParseText(f *testing.F) {
	for _, seed := range []string{`a ${{ .x }}`, `${{ "}}" }}`, `${{ "\(1)" }}`, `${{`, `${{ {a:{}} }}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := expr.ParseText(s, everything())
		var field *plugins.FieldError
		switch {
		case err == nil && text.Source() != s:
			t.Fatalf("%q became %q", s, text.Source())
		case err != nil && (!errors.As(err, &field) || field.Offset < 0 || field.Offset > len(s)):
			t.Fatalf("%q: %v", s, err)
		}
	})
}

func TestParsePathRefusedAll(t *testing.T) {
	_, err := expr.ParsePath(`/a/{x}/{customer_id}/{y}?q={x}#`, []string{"customer_id"})
	var all plugins.FieldErrors
	if !errors.As(err, &all) {
		t.Fatalf("got %v", err)
	}
	var offsets []int
	for _, e := range all {
		offsets = append(offsets, e.Offset)
	}
	if want := []int{3, 21, 27, 30}; !reflect.DeepEqual(offsets, want) {
		t.Errorf("got %v at %v, want %v", err, offsets, want)
	}
}
