package exampletest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// revision is the one that the client of these tests speaks.
const revision = "2026-07-28"

// Answer is what a client gets.
type Answer struct {
	Status int
	Header http.Header
	// Text is that of the text blocks, one below the other.
	Text string
	// Structured is structuredContent; nil if there is none.
	Structured json.RawMessage
	// Blocks are the content blocks.
	Blocks []Block
	// IsError says that the tool failed, in a way that the model reads.
	IsError bool
	// Code and Message are those of a JSON-RPC error; zero if there is none.
	Code    int
	Message string
	// Tools are the names in an answer to tools/list.
	Tools []string
	// Result is the whole result; nil if there is none.
	Result json.RawMessage
}

// Block is a content block.
type Block struct {
	Type     string          `json:"type"`
	Text     string          `json:"text"`
	MIMEType string          `json:"mimeType"`
	Data     []byte          `json:"data"`
	Resource json.RawMessage `json:"resource"`
}

// OK reports whether a tool answered, and neither it nor the gateway failed.
func (a Answer) OK() bool { return a.Status == http.StatusOK && a.Code == 0 && !a.IsError }

// As decodes the structured content, and fails the test if it can't.
func (g *Gateway) As(a Answer, into any) {
	g.t.Helper()
	if err := json.Unmarshal(a.Structured, into); err != nil {
		g.t.Fatalf("structured content %s: %v", a.Structured, err)
	}
}

// List returns the names of the tools that the holder of a token sees.
func (g *Gateway) List(token string) []string {
	g.t.Helper()
	a := g.send(token, "tools/list", "", map[string]any{})
	if a.Status != http.StatusOK || a.Code != 0 {
		g.t.Fatalf("tools/list: %d %d %s", a.Status, a.Code, a.Message)
	}
	return a.Tools
}

// Call calls a tool; an empty token sends none.
func (g *Gateway) Call(token, tool string, arguments map[string]any) Answer {
	g.t.Helper()
	if arguments == nil {
		arguments = map[string]any{}
	}
	return g.send(token, "tools/call", tool, map[string]any{"name": tool, "arguments": arguments})
}

// send posts one request and reads its answer.
func (g *Gateway) send(token, method, name string, params map[string]any) Answer {
	g.t.Helper()
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion":    revision,
		"io.modelcontextprotocol/clientCapabilities": map[string]any{},
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		g.t.Fatal(err)
	}
	headers := map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": revision, "Mcp-Method": method,
	}
	if name != "" {
		headers["Mcp-Name"] = name
	}
	if token != "" {
		headers["Authorization"] = "Bearer " + token
	}
	return g.Do(http.MethodPost, "/mcp", string(body), headers)
}

// Do sends any request to the MCP listener, and reads an answer in JSON.
func (g *Gateway) Do(method, path, body string, headers map[string]string) Answer {
	g.t.Helper()
	request, err := http.NewRequestWithContext(g.t.Context(), method, "http://"+g.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	for key, value := range headers {
		if key == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(key, value)
	}
	response, err := g.client.Do(request)
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
	text, err := io.ReadAll(response.Body)
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
	return g.read(response, text)
}

// read decodes an answer of the gateway.
func (g *Gateway) read(response *http.Response, text []byte) Answer {
	g.t.Helper()
	a, err := decodeAnswer(text)
	if err != nil {
		g.t.Fatalf("the answer is no JSON: %d %s", response.StatusCode, text)
	}
	a.Status, a.Header = response.StatusCode, response.Header
	return a
}

// decodeAnswer decodes a JSON-RPC response.
func decodeAnswer(text []byte) (Answer, error) {
	var m struct {
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return Answer{}, err
	}
	var result struct {
		Content           []Block         `json:"content"`
		StructuredContent json.RawMessage `json:"structuredContent"`
		IsError           bool            `json:"isError"`
		Tools             []struct {
			Name string `json:"name"`
		} `json:"tools"`
	}
	if m.Result != nil {
		if err := json.Unmarshal(m.Result, &result); err != nil {
			return Answer{}, err
		}
	}
	var failure struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	// What is refused before there is a JSON-RPC request has a plain text here.
	if json.Unmarshal(m.Error, &failure) != nil {
		failure.Message = string(m.Error)
	}
	a := Answer{
		Structured: result.StructuredContent, Blocks: result.Content, IsError: result.IsError,
		Code: failure.Code, Message: failure.Message, Result: m.Result,
	}
	var texts []string
	for _, block := range result.Content {
		if block.Type == "text" {
			texts = append(texts, block.Text)
		}
	}
	a.Text = strings.Join(texts, "\n")
	for _, tool := range result.Tools {
		a.Tools = append(a.Tools, tool.Name)
	}
	return a, nil
}
