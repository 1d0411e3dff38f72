package openapi

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// styleCases are the values of the table "Style Examples" of OpenAPI 3.1
// (https://spec.openapis.org/oas/v3.1.1.html#style-examples), with nulls and
// empties besides.
func styleCases() [][3]string {
	return [][3]string{
		{"primitive", `{type: string}`, `"blue"`},
		{"empty", `{type: string}`, `""`},
		{"null", `{type: [string, "null"]}`, `null`},
		{"number", `{type: number}`, `1.50`},
		{"array", `{type: array, items: {type: string}}`, `["blue","black","brown"]`},
		{"one item", `{type: array, items: {type: string}}`, `["blue"]`},
		{"empty array", `{type: array, items: {type: string}}`, `[]`},
		{"array, null", `{type: array, items: {type: string}}`, `["blue",null]`},
		{"array, reserved", `{type: array, items: {type: string}}`, `["a b","c,d","e|f"]`},
		{"object", `{type: object}`, `{"R":100,"G":200,"B":150}`},
		{"empty object", `{type: object}`, `{}`},
		{"object, null", `{type: object}`, `{"R":100,"G":null}`},
		{"object, nested", `{type: object}`, `{"R":[1,2]}`},
	}
}

// TestStyles writes down what is sent for every style, with and without
// explode, of every kind of value.
func TestStyles(t *testing.T) {
	var out bytes.Buffer
	for _, at := range []struct{ place, styles string }{
		{"path", "simple label matrix"}, {"query", "form spaceDelimited pipeDelimited deepObject"},
		{"header", "simple"}, {"cookie", "form"}, {"form", "form spaceDelimited pipeDelimited deepObject"},
	} {
		for _, style := range strings.Fields(at.styles) {
			for _, explode := range []string{"false", "true"} {
				fmt.Fprintf(&out, "## %s, %s, explode: %s\n", at.place, style, explode)
				for _, c := range styleCases() {
					fmt.Fprintf(&out, "%-16s %s\n", c[0], sent(t, at.place, style, explode, c[1], c[2]))
				}
				out.WriteByte('\n')
			}
		}
	}
	golden(t, "styles.golden", out.Bytes())
}

// sent is what a request holds of a value.
func sent(t *testing.T, place, style, explode, schema, value string) string {
	t.Helper()
	path, body := "/", ""
	parameter := fmt.Sprintf("parameters: [{name: color, in: %s, required: %v, style: %s, explode: %s, schema: %s}]", place, place == "path", style, explode, schema)
	switch place {
	case "path":
		path = "/{color}"
	case "form":
		parameter = "parameters: []"
		body = fmt.Sprintf(`
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, properties: {color: %s}}
            encoding: {color: {style: %s, explode: %s}}`, schema, style, explode)
	}
	d := inline(t, fmt.Sprintf(`openapi: 3.1.0
info: {title: Styles, version: "1"}
paths:
  '%s':
    post:
      operationId: send
      %s
      responses: {}%s
`, path, parameter, body))
	o := d.Tools(Expose{})[0]
	tool, op, err := prepare(service(t), o.Name, o.Definition)
	if err != nil {
		t.Fatalf("%s: %v\n%s", o.Skip, err, o.Definition)
	}
	args, err := strictjson.Decode([]byte(`{"color":`+value+`}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	outline, err := op.Outline(&plugins.Call{Tool: tool, Args: args.(map[string]any)})
	var refused *plugins.Error
	if errors.As(err, &refused) {
		_, why, _ := strings.Cut(strings.TrimSuffix(refused.Message, ". Nothing was sent."), ": ")
		return "refused: " + why
	}
	if err != nil {
		t.Fatal(err)
	}
	if place == "header" || place == "cookie" {
		for _, h := range outline.Header {
			if strings.EqualFold(h[0], place) || strings.EqualFold(h[0], "color") {
				return h[0] + ": " + h[1]
			}
		}
		return "-"
	}
	if place == "form" {
		return string(outline.Body)
	}
	return strings.TrimPrefix(outline.URL, "http://api.test")
}
