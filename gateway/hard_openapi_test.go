package gateway_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway"
	"github.com/sallyport-mcp/sallyport/plugins/standard"
)

// describedManifest has one upstream, which a document describes.
const describedManifest = serverKeys + `version: 1
upstreams:
  api: {openapi: api.json, url: "${UPSTREAM}"}
`

// document is an OpenAPI document of paths and schemas, as JSON members.
func document(paths, schemas string) string {
	return `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"servers":[{"url":"http://127.0.0.1:1"}],"paths":{` + paths + `},"components":{"schemas":{` + schemas + `}}}`
}

// posting is an operation whose body is of a schema.
func posting(id, schema string) string {
	return fmt.Sprintf(`"/%s":{"post":{"operationId":"%s","requestBody":{"required":true,"content":{"application/json":{"schema":%s}}},"responses":{"200":{"description":"ok","content":{"application/json":{"schema":%s}}}}}}`, id, id, schema, schema)
}

// fineOperation becomes a tool, whatever stands beside it.
const fineOperation = `"/fine/{id}":{"get":{"operationId":"fine","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],"responses":{"200":{"description":"ok"}}}}`

func ref(name string) string { return `{"$ref":"#/components/schemas/` + name + `"}` }

// chain is a row of schemas, each made of the next by make, which gets the
// number of the next.
func chain(prefix string, n int, end string, link func(next string) string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%s%d":%s,`, prefix, i, link(fmt.Sprintf("%s%d", prefix, i+1)))
	}
	fmt.Fprintf(&b, `"%s%d":%s`, prefix, n, end)
	return b.String()
}

// many joins n texts by commas.
func many(n int, one func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = one(i)
	}
	return strings.Join(all, ",")
}

// bombs are documents that are small and would be large, or slow.
func bombs() map[string]string {
	const end = `{"type":"object","properties":{"a":{"type":"string"}}}`
	bomb := func(n int, end string, link func(next string) string) string {
		return document(posting("bomb", ref("A0"))+","+fineOperation, chain("A", n, end, link))
	}
	wide := func(prefix string) string {
		return chain(prefix, 8, end, func(next string) string {
			return `{"type":"object","properties":{` + many(180, func(i int) string { return fmt.Sprintf(`"p%d":%s`, i, ref(next)) }) + `}}`
		})
	}
	return map[string]string{
		"allOf twice":   bomb(60, end, func(next string) string { return `{"allOf":[` + ref(next) + "," + ref(next) + `]}` }),
		"allOf of anyOf": bomb(60, end, func(next string) string {
			return `{"allOf":[{"anyOf":[` + ref(next) + `,{"type":"array","items":` + ref(next) + `}]},{"anyOf":[{"type":"array","items":` + ref(next) + `},` + ref(next) + `]}]}`
		}),
		"anyOf of arrays": bomb(60, end, func(next string) string {
			return `{"anyOf":[{"type":"array","items":` + ref(next) + `},{"type":"array","minItems":1,"items":` + ref(next) + `}]}`
		}),
		"anyOf at two depths": bomb(60, end, func(next string) string {
			return `{"anyOf":[{"type":"object","required":["k"],"properties":{"k":` + ref(next) + `}},{"allOf":[{"type":"object","required":["k"],"properties":{"k":` + ref(next) + `}},{"minProperties":1}]}]}`
		}),
		"required forever": bomb(60, end, func(next string) string {
			return `{"type":"object","required":["a","b"],"properties":{"a":` + ref(next) + `,"b":` + ref(next) + `}}`
		}),
		"additional": bomb(60, end, func(next string) string { return `{"type":"object","additionalProperties":{"anyOf":[` + ref(next) + `,{"type":"array","items":` + ref(next) + `}]}}` }),
		"wide and merged": document(posting("bomb", `{"allOf":[`+ref("A0")+","+ref("B0")+`]}`)+","+fineOperation, wide("A")+","+wide("B")),
		"cycle":           document(posting("bomb", ref("A"))+","+fineOperation, `"A":`+ref("B")+`,"B":`+ref("C")+`,"C":`+ref("A")),
		"cycle of allOf":  document(posting("bomb", ref("A"))+","+fineOperation, `"A":{"allOf":[`+ref("B")+`,{"properties":{"a":`+ref("A")+`}}]},"B":{"allOf":[`+ref("A")+`],"anyOf":[`+ref("A")+","+ref("B")+`]}`),
		"deep": document(posting("bomb", strings.Repeat(`{"type":"array","items":`, 200)+`{}`+strings.Repeat("}", 200))+","+fineOperation, ""),
		"huge enum": document(posting("bomb", `{"type":"object","properties":{"e":{"type":"string","enum":[`+many(100_000, func(i int) string { return fmt.Sprintf(`"v%d"`, i) })+`]}}}`)+","+fineOperation, ""),
		"huge required": document(posting("bomb", `{"type":"object","required":[`+many(50_000, func(i int) string { return fmt.Sprintf(`"v%d"`, i) })+`],"properties":{`+many(50_000, func(i int) string { return fmt.Sprintf(`"v%d":{"type":"string"}`, i) })+`}}`)+","+fineOperation, ""),
		"many parameters": document(`"/bomb":{"get":{"operationId":"bomb","parameters":[`+many(30_000, func(i int) string { return fmt.Sprintf(`{"name":"p%d","in":"query","schema":{"type":"string"}}`, i) })+`]}},`+fineOperation, ""),
		"many alternatives": document(posting("bomb", `{"type":"object","properties":{"e":{"anyOf":[`+many(20_000, func(i int) string { return fmt.Sprintf(`{"type":"string","maxLength":%d}`, i+1) })+`]}}}`)+","+fineOperation, ""),
		"one name": document(many(50_000, func(int) string { return `"/same":{"get":{"operationId":"same"}}` })+","+fineOperation, ""),
		"one id":   document(many(20_000, func(i int) string { return fmt.Sprintf(`"/same%d":{"get":{"operationId":"same"}}`, i) })+","+fineOperation, ""),
		"numbers": document(posting("bomb", `{"type":"object","properties":{"a":{"type":"number","minimum":1e999999999,"maximum":1e-999999999,"multipleOf":1e-999999999,"default":3},"b":{"type":"integer","default":1e99999999,"multipleOf":3},"c":{"type":"number","enum":[1e999999999,`+strings.Repeat("9", 100_000)+`]}}}`)+","+fineOperation, ""),
		"pattern": document(posting("bomb", `{"type":"object","properties":{"a":{"type":"string","pattern":"((((a{9}){9}){9}){9})*"},"b":{"type":"string","pattern":"`+strings.Repeat("(a|b)*", 100_000)+`","default":"x"}}}`)+","+fineOperation, ""),
		"long texts": document(`"/bomb":{"get":{"operationId":"`+strings.Repeat("x", 1<<20)+`","summary":"`+strings.Repeat("<a ", 1<<20)+`","description":"`+strings.Repeat("[", 1<<20)+`","tags":["`+strings.Repeat("t", 1<<20)+`"]}},`+fineOperation, ""),
		"many schemes": `{"openapi":"3.0.3","info":{},"servers":[{"url":"http://127.0.0.1:1"}],"paths":{"/bomb":{"get":{"operationId":"bomb","parameters":[` + many(3000, func(i int) string { return fmt.Sprintf(`{"name":"p%d","in":"query"}`, i) }) + `]}},` + fineOperation + `},"components":{"securitySchemes":{` + many(3000, func(i int) string { return fmt.Sprintf(`"s%d":{"type":"apiKey","in":"query","name":"k%d"}`, i, i) }) + `}}}`,
		"path of placeholders": document(`"`+strings.Repeat("/{a}", 20_000)+`":{"get":{"operationId":"bomb"}},"/`+many(3000, func(i int) string { return fmt.Sprintf("{a%d}", i) })+`":{"get":{"operationId":"bomb2"}},`+fineOperation, ""),
	}
}

// TestBombs shows that documents which are made to be slow or large cost a
// bounded time and memory, and never the operations beside them.
func TestBombs(t *testing.T) {
	for name, doc := range bombs() {
		t.Run(name, func(t *testing.T) {
			before, began := allocated(), time.Now()
			g := described(t, describedManifest, map[string]string{"api.json": doc})
			took, used := time.Since(began), (allocated()-before)>>20
			t.Logf("%s %d KiB: %s, %d MiB", name, len(doc)>>10, took, used)
			if took > 3*time.Second || used > 2048 {
				t.Errorf("%d KiB cost %s and %d MiB", len(doc)>>10, took, used)
			}
			if tool := g.Manifest().Tools["fine"]; tool == nil {
				t.Error("the fine operation is no tool")
			}
		})
	}
}

// described builds a gateway of a manifest and files beside it.
func described(t *testing.T, manifest string, files map[string]string) *gateway.Gateway {
	t.Helper()
	g, err := describe(t, manifest, files)
	if err != nil {
		t.Fatalf("build: %.2000v", err)
	}
	return g
}

func describe(t *testing.T, manifest string, files map[string]string) (*gateway.Gateway, error) {
	t.Helper()
	overlay := map[string][]byte{"manifest.yaml": []byte(manifest)}
	for name, text := range files {
		overlay[name] = []byte(text)
	}
	g, err := gateway.New(gateway.Options{
		Parts: standard.Parts(), Version: "test", Log: slog.New(slog.NewJSONHandler(io.Discard, nil)),
		Source: config.Source{Path: "manifest.yaml", Overlay: overlay, Env: func(name string) (string, bool) {
			return map[string]string{"UPSTREAM": "http://127.0.0.1:1", "HOME": "expanded", "SECRET": "expanded"}[name], name == "UPSTREAM" || name == "HOME" || name == "SECRET"
		}},
	})
	if err == nil {
		t.Cleanup(func() { _ = g.Close() })
	}
	return g, err
}

var (
	_ = json.Valid
	_ = http.MethodGet
	_ = filepath.Join
	_ = runtime.GC
)
