package openapi

import (
	"encoding/json"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/upstream"
)

// property is what the tests read of an argument in a definition.
type property struct {
	Optional  bool            `json:"optional"`
	In        string          `json:"in"`
	As        string          `json:"as"`
	Style     string          `json:"style"`
	Explode   *bool           `json:"explode"`
	MediaType string          `json:"media_type"`
	Value     json.RawMessage `json:"value"`
	Default   json.RawMessage `json:"default"`
}

// service is an HTTP upstream.
func service(t testing.TB) plugins.Upstream {
	t.Helper()
	u, err := upstream.NewHTTP(upstream.HTTPSettings{URL: "http://api.test"}, plugins.Env{Name: "api"})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// specify decodes a definition as the manifest does: into a tool and its
// request.
func specify(name string, definition json.RawMessage) (*plugins.Tool, upstream.Request, error) {
	var d struct {
		Description, Title string
		Request            json.RawMessage
		Input              json.RawMessage
		Tags               []string
		Response           json.RawMessage
		Idempotency        string `json:"idempotency_key"`
	}
	var request upstream.Request
	if err := json.Unmarshal(definition, &d); err != nil {
		return nil, request, err
	}
	var short string
	if json.Unmarshal(d.Request, &short) == nil {
		if err := request.UnmarshalText([]byte(short)); err != nil {
			return nil, request, err
		}
	} else {
		type plain upstream.Request // without the short form
		var long plain
		if err := json.Unmarshal(d.Request, &long); err != nil {
			return nil, request, err
		}
		request = upstream.Request(long)
		var more struct {
			MediaType string `json:"media_type"`
		}
		if err := json.Unmarshal(d.Request, &more); err != nil {
			return nil, request, err
		}
		request.MediaType = more.MediaType
	}
	tool := &plugins.Tool{Kind: "tool", Name: name, Description: d.Description}
	whole := object().set("type", text("object"))
	properties, required := object(), &node{kind: listKind}
	var members []strictjson.Member
	var err error
	if d.Input != nil {
		if members, err = strictjson.Members(d.Input, nil); err != nil {
			return nil, request, err
		}
	}
	for _, m := range members {
		var p property
		if m.Name == "$defs" {
			defs, err := readJSON(string(m.Value))
			if err != nil {
				return nil, request, err
			}
			whole.set("$defs", defs)
			continue
		}
		if err := json.Unmarshal(m.Value, &p); err != nil {
			return nil, request, err
		}
		listed, err := readJSON(string(m.Value))
		if err != nil {
			return nil, request, err
		}
		listed = listed.without("optional", "in", "as", "style", "explode", "media_type", "value")
		tool.Arguments = append(tool.Arguments, plugins.Argument{
			Name: m.Name, In: p.In, As: p.As, Style: p.Style, Explode: p.Explode, MediaType: p.MediaType, Value: p.Value,
			Optional: p.Optional || p.Default != nil, Schema: listed.json(),
		})
		if p.Value == nil {
			properties.add(m.Name, listed)
			if !p.Optional && p.Default == nil {
				required.items = append(required.items, text(m.Name))
			}
		}
	}
	whole.set("properties", properties).set("required", required).set("additionalProperties", boolean(false))
	tool.InputSchema = whole.json()
	tool.Input, err = schema.Compile(tool.InputSchema)
	return tool, request, err
}

// prepare makes a definition ready to be sent.
func prepare(u plugins.Upstream, name string, definition json.RawMessage) (*plugins.Tool, plugins.Operator, error) {
	tool, request, err := specify(name, definition)
	if err != nil {
		return nil, nil, err
	}
	op, err := u.Prepare(plugins.Operation{Tool: tool, Request: request})
	return tool, op, err
}
