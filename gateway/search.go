package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sallyport-mcp/sallyport/gateway/internal/catalog"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// The tools that an endpoint lists in place of its own, with discovery: search.
const (
	searchTool = "search_tools"
	callTool   = "call_tool"
)

const (
	// usualHits and mostHits are how many tools a search finds unless it asks
	// for another number, and at most.
	usualHits = 5
	mostHits  = 20
)

// search finds the tools of an endpoint that doesn't list them.
type search struct {
	index *catalog.Index
	// found are the targets by their number in the index.
	found []*target
}

// newSearch makes the endpoint's tools searchable, and lists two in their
// place.
func (b *builder) newSearch(e *endpoint) *search {
	for _, name := range []string{searchTool, callTool} {
		if t := b.s.tools[name]; t != nil && e.shows(&t.target) {
			b.problems = append(b.problems, e.source.ProblemAt([]string{"discovery"},
				fmt.Sprintf("the tool %q of the manifest has the name of the one that discovery: search lists", name),
				"exclude it from this endpoint, or call it otherwise", 0))
		}
	}
	own := &search{found: e.listed[toolList]}
	entries := make([]catalog.Entry, len(own.found))
	for i, t := range own.found {
		entries[i] = catalog.Entry{
			ID: i, Name: t.spec.Name, Title: t.spec.Title, Description: t.spec.Description,
			Arguments: describedArguments(t.spec), Tags: b.s.tools[t.spec.Name].source.Tags,
		}
	}
	own.index = catalog.New(entries)
	if len(own.found) > 0 {
		e.listed[toolList] = []*target{callTarget(), searchTarget()}
	}
	return own
}

// describedArguments are a tool's arguments as the index knows them.
func describedArguments(spec *plugins.Tool) []catalog.Argument {
	out := make([]catalog.Argument, 0, len(spec.Arguments))
	for i := range spec.Arguments {
		a := &spec.Arguments[i]
		if a.Value != nil {
			continue
		}
		var told struct {
			Description string `json:"description"`
		}
		_ = json.Unmarshal(a.Schema, &told) // a schema that is a boolean describes nothing
		out = append(out, catalog.Argument{Name: a.Name, Description: told.Description})
	}
	return out
}

// searchTarget is the tool that searches.
func searchTarget() *target {
	yes := true
	return listedTarget(&mcp.ToolDefinition{
		Name: searchTool, Title: "Search tools",
		Description: "Finds tools for a task. Say in a few words what you want to do; the answer has the names, descriptions and input schemas of the best matches. Call one of them with " + callTool + ".",
		InputSchema: fmt.Appendf(nil, `{"type":"object","properties":{"query":{"type":"string","description":"What you want to do, e.g. \"close an issue\""},"limit":{"type":"integer","minimum":1,"maximum":%d,"default":%d,"description":"Most tools to find"}},"required":["query"],"additionalProperties":false}`, mostHits, usualHits),
		Annotations: mcp.ToolAnnotations{ReadOnly: &yes, Idempotent: &yes},
	})
}

// callTarget is the tool that calls one that was found.
func callTarget() *target {
	return listedTarget(&mcp.ToolDefinition{
		Name: callTool, Title: "Call a tool",
		Description: "Calls a tool that " + searchTool + " has found.",
		InputSchema: []byte(`{"type":"object","properties":{"name":{"type":"string","description":"Name of the tool"},"arguments":{"type":"object","description":"Its arguments, as its input schema says"}},"required":["name"],"additionalProperties":false}`),
	})
}

// listedTarget is a target that is only there to be listed.
func listedTarget(d *mcp.ToolDefinition) *target {
	return &target{
		spec:  &plugins.Tool{Kind: kindTool, Name: d.Name, Title: d.Title, Description: d.Description, InputSchema: d.InputSchema},
		order: d.Name, modern: mcp.AppendTool(nil, d, true), legacy: mcp.AppendTool(nil, d, false),
	}
}

// throughSearch serves a call of one of the two tools of an endpoint that
// searches. It returns what is to be called instead; nil if the call is
// answered.
func (r *request) throughSearch(params *mcp.CallParams) *mcp.CallParams {
	if r.e.search == nil || params.Name != searchTool && params.Name != callTool {
		return params
	}
	r.entry.own = params.Name
	if params.Name == searchTool {
		r.searchTools(params.Arguments)
		return nil
	}
	name, arguments, err := calledTool(params.Arguments)
	if err != nil {
		r.answerText(err.Error())
		return nil
	}
	if r.e.toolFor(name, r.principal) == nil {
		r.entry.denied(r.s.tools[name])
		r.answerText(fmt.Sprintf("Unknown tool: %s. Find the right name with %s.", clip(name), searchTool))
		return nil
	}
	return &mcp.CallParams{Name: name, Arguments: arguments}
}

// answerText answers with a tool error.
func (r *request) answerText(text string) {
	if r.entry.outcome == "" {
		r.entry.outcome, r.entry.errorType = "invalid", "invalid_arguments"
	}
	r.answerCall(mcp.ErrorResult(text))
}

// calledTool takes the arguments of call_tool apart.
func calledTool(raw []byte) (name string, arguments []byte, err error) {
	members, err := strictjson.Members(raw, nil)
	if raw == nil || err != nil {
		return "", nil, errors.New("want the arguments name and arguments, as in {\"name\": \"…\", \"arguments\": {…}}")
	}
	for i := range members {
		switch m := &members[i]; m.Name {
		case "name":
			if name, err = strictjson.Unquote(m.Value); err != nil {
				return "", nil, errors.New("at /name expected string")
			}
		case "arguments":
			arguments = bytes.TrimSpace(m.Value)
			if text, notText := strictjson.Unquote(arguments); notText == nil { // some clients send objects as texts
				arguments = []byte(text)
			}
			if len(arguments) == 0 || arguments[0] != '{' || strictjson.Valid(arguments, strictjson.MaxDepth) != nil {
				return "", nil, errors.New("at /arguments expected an object")
			}
		default:
			return "", nil, fmt.Errorf("unexpected argument %s: the tool's own arguments go into arguments", clip(m.Name))
		}
	}
	if name == "" {
		return "", nil, errors.New("at /name expected the name of a tool")
	}
	return name, arguments, nil
}

// searchTools answers a search with the definitions of the tools that it finds
// for the caller.
func (r *request) searchTools(raw []byte) {
	var asked struct {
		Query string   `json:"query"`
		Limit *float64 `json:"limit"`
	}
	if json.Unmarshal(raw, &asked) != nil {
		r.answerText("want the arguments query, a string, and limit, a number")
		return
	}
	limit := usualHits
	if asked.Limit != nil {
		limit = min(max(int(*asked.Limit), 1), mostHits)
	}
	found := r.e.search.found
	hits := r.e.search.index.Search(asked.Query, limit, func(id int) bool { return found[id].admits(r.principal) })
	body := []byte(`{"tools":[`)
	for i, hit := range hits {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, foundTool(found[hit.ID])...)
	}
	body = append(body, "]}"...)
	text := body
	if len(hits) == 0 {
		text = []byte("No tool fits. Try other words: what the tool does, or what it is about.")
	}
	r.answerCall(&mcp.Result{Content: []mcp.Block{{Text: text, MIMEType: jsonType}}, Structured: body})
}

// foundTool is what a search tells of a tool: what a model needs to call it.
func foundTool(t *target) []byte {
	dst := strictjson.AppendString([]byte(`{"name":`), t.spec.Name)
	if t.spec.Description != "" {
		dst = strictjson.AppendString(append(dst, `,"description":`...), t.spec.Description)
	}
	dst = append(append(dst, `,"inputSchema":`...), t.spec.InputSchema...)
	return append(dst, '}')
}
