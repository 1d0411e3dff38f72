package gateway_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestMistakesInSchemas asks for the places of mistakes in the arguments of
// tools: all are told at once, each at its keyword.
func TestMistakesInSchemas(t *testing.T) {
	b := newBackend(t, ok)
	r := start(t, soundManifest, b.URL, nil)
	r.replace(`version: 1
server: {listen: "127.0.0.1:0", admin: "127.0.0.1:0"}
upstreams: {u: {url: "${UPSTREAM}"}}
tools:
  a:
    description: d
    request: GET /a
    input:
      x: {type: strin}
      y: {type: string, pattern: "("}
      z: {$ref: "#/nope"}
      fine: {$ref: "#/properties/x"}
  b:
    description: d
    request: GET /b
    input:
      h: {type: number, x-mcp-header: H}
      n:
        type: object
        properties:
          i: {type: string, x-mcp-header: "a b"}
  c:
    description: d
    request: GET /c
    input_schema: {type: object, properties: {k: {type: integer, minimum: low}}}
`)
	var told struct {
		Problems []struct {
			Line    int    `json:"line"`
			Column  int    `json:"column"`
			Message string `json:"message"`
		} `json:"problems"`
	}
	a := r.askAdmin(t, "POST", "/reload")
	if err := json.Unmarshal([]byte(a.body), &told); err != nil {
		t.Fatalf("%s: %v", a.body, err)
	}
	var got []string
	for _, p := range told.Problems {
		words := strings.Fields(p.Message)
		got = append(got, fmt.Sprintf("%d:%d %s", p.Line, p.Column, strings.Join(words[:2], " ")))
	}
	want := []string{
		"9:17 type must", "10:34 pattern is", "11:17 a $ref",
		"17:39 x-mcp-header needs", "21:43 x-mcp-header must", "25:75 minimum must",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q\n%s", got, want, a.body)
	}
}
