package exampletest

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Client speaks revision 2026-07-28 to a URL as clients for people do: it
// answers questions, hears what is said while a call runs, and listens for
// changes.
type Client struct {
	t        *testing.T
	http     *http.Client
	endpoint string
	token    string
	// Answers are the results it gives to questions, by their key. A client
	// without answers declares that it can't be asked.
	Answers map[string]any
	// Tasks makes it declare the extension for tasks.
	Tasks bool
}

// Talk is an answer, and what was said before it.
type Talk struct {
	Answer
	// Asked are the messages of the questions, in their order.
	Asked []string
	// Told are the messages of progress and log notifications.
	Told []string
	// Rounds counts the requests that it took.
	Rounds int
}

// Client is a client of the gateway.
func (g *Gateway) Client(token string) *Client {
	return &Client{t: g.t, http: g.client, endpoint: "http://" + g.Addr().String() + "/mcp", token: token}
}

// At is the same client with another way to the gateway, through a balancer
// for example.
func (c *Client) At(endpoint string) *Client {
	other := *c
	other.endpoint = endpoint
	return &other
}

// Accept is the answer of a person who fills a form in.
func Accept(content map[string]any) any {
	return map[string]any{"action": "accept", "content": content}
}

// Decline is the answer of a person who says no.
func Decline() any { return map[string]any{"action": "decline"} }

// Call calls a tool, and answers its questions until there are none.
func (c *Client) Call(tool string, arguments map[string]any) Talk {
	c.t.Helper()
	if arguments == nil {
		arguments = map[string]any{}
	}
	return c.Request("tools/call", tool, map[string]any{"name": tool, "arguments": arguments})
}

// Read reads a resource.
func (c *Client) Read(uri string) Talk {
	c.t.Helper()
	return c.Request("resources/read", uri, map[string]any{"uri": uri})
}

// Prompt renders a prompt.
func (c *Client) Prompt(name string, arguments map[string]string) Talk {
	c.t.Helper()
	return c.Request("prompts/get", name, map[string]any{"name": name, "arguments": arguments})
}

// Complete returns the suggestions for an argument of a prompt, or for a
// placeholder of the template of that URI.
func (c *Client) Complete(of, argument, value string) []string {
	c.t.Helper()
	ref := map[string]any{"type": "ref/prompt", "name": of}
	if strings.Contains(of, "://") {
		ref = map[string]any{"type": "ref/resource", "uri": of}
	}
	answer := c.Request("completion/complete", "", map[string]any{
		"ref": ref, "argument": map[string]any{"name": argument, "value": value},
	})
	var result struct {
		Completion struct {
			Values []string `json:"values"`
		} `json:"completion"`
	}
	c.Decode(answer, &result)
	return result.Completion.Values
}

// Decode decodes the whole result, and fails the test if there is none.
func (c *Client) Decode(a Talk, into any) {
	c.t.Helper()
	if err := json.Unmarshal(a.Result, into); err != nil {
		c.t.Fatalf("result %s (%d %s): %v", a.Result, a.Code, a.Message, err)
	}
}

// Request sends a request, and goes on with it as long as it is answered with
// questions.
func (c *Client) Request(method, name string, params map[string]any) Talk {
	c.t.Helper()
	var all Talk
	for {
		all.Rounds++
		response := c.post(method, name, params)
		round, err := readRound(response.Body, &all)
		if closeErr := response.Body.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			c.t.Fatalf("%s %s: %v", method, name, err)
		}
		round.Status, round.Header = response.StatusCode, response.Header
		all.Answer = round
		var asked struct {
			Type      string `json:"resultType"`
			State     string `json:"requestState"`
			Questions map[string]struct {
				Params struct {
					Message string `json:"message"`
				} `json:"params"`
			} `json:"inputRequests"`
		}
		if round.Result != nil {
			c.Decode(all, &asked)
		}
		if asked.Type != "input_required" {
			return all
		}
		answers := map[string]any{}
		for key, question := range asked.Questions {
			answer, ok := c.Answers[key]
			if !ok {
				c.t.Fatalf("%s %s asks %q, and the test has no answer to it", method, name, key)
			}
			all.Asked, answers[key] = append(all.Asked, question.Params.Message), answer
		}
		params["inputResponses"], params["requestState"] = answers, asked.State
	}
}

// readRound reads the answer to one request: plain JSON, or an event stream
// that tells something first.
func readRound(body io.Reader, all *Talk) (Answer, error) {
	lines := bufio.NewReader(body)
	for {
		message, err := nextMessage(lines)
		if err != nil {
			return Answer{}, err
		}
		var note struct {
			Method string `json:"method"`
			Params struct {
				Message string `json:"message"`
				Data    any    `json:"data"`
			} `json:"params"`
		}
		if json.Unmarshal(message, &note) != nil || note.Method == "" {
			return decodeAnswer(message)
		}
		if text, ok := note.Params.Data.(string); ok {
			note.Params.Message = text
		}
		all.Told = append(all.Told, note.Params.Message)
	}
}

// nextMessage reads the next message of an event stream, or the one that is
// there if the answer is plain JSON.
func nextMessage(lines *bufio.Reader) ([]byte, error) {
	var data []byte
	for {
		line, err := lines.ReadBytes('\n')
		line = bytes.TrimRight(line, "\r\n")
		switch text, isData := bytes.CutPrefix(line, []byte("data:")); {
		case bytes.HasPrefix(line, []byte("{")):
			return line, nil
		case isData:
			data = append(data, bytes.TrimPrefix(text, []byte(" "))...)
		case len(line) == 0 && len(data) > 0:
			return data, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// post sends one request and returns its answer, whose body is still to be
// read and closed.
func (c *Client) post(method, name string, params map[string]any) *http.Response {
	c.t.Helper()
	params["_meta"] = c.meta()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		c.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("MCP-Protocol-Version", revision)
	request.Header.Set("Mcp-Method", method)
	if name != "" {
		request.Header.Set("Mcp-Name", headerValue(name))
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(request)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, name, err)
	}
	return response
}

// meta says what the client speaks, what it can be asked, and that it wants to
// hear of progress and of all that is logged.
func (c *Client) meta() map[string]any {
	capabilities := map[string]any{}
	if c.Answers != nil {
		capabilities["elicitation"] = map[string]any{"form": map[string]any{}, "url": map[string]any{}}
		capabilities["sampling"], capabilities["roots"] = map[string]any{}, map[string]any{}
	}
	if c.Tasks {
		capabilities["extensions"] = map[string]any{"io.modelcontextprotocol/tasks": map[string]any{}}
	}
	return map[string]any{
		"io.modelcontextprotocol/protocolVersion":    revision,
		"io.modelcontextprotocol/clientCapabilities": capabilities,
		"io.modelcontextprotocol/logLevel":           "debug",
		"progressToken":                              "p",
	}
}

// headerValue wraps a value that is no plain ASCII, as Mcp-Name wants it.
func headerValue(text string) string {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return "=?base64?" + base64.StdEncoding.EncodeToString([]byte(text)) + "?="
		}
	}
	return text
}

// Changes is a stream of what changes.
type Changes struct {
	t     *testing.T
	lines *bufio.Reader
}

// Listen subscribes to resources. It returns once the gateway has agreed.
func (c *Client) Listen(uris ...string) *Changes {
	c.t.Helper()
	response := c.post("subscriptions/listen", "", map[string]any{
		"notifications": map[string]any{"resourceSubscriptions": uris},
	})
	c.t.Cleanup(func() {
		if err := response.Body.Close(); err != nil {
			c.t.Errorf("close the stream: %v", err)
		}
	})
	changes := &Changes{t: c.t, lines: bufio.NewReader(response.Body)}
	if method, _ := changes.Next(); method != "notifications/subscriptions/acknowledged" {
		c.t.Fatalf("the subscription is answered with %s", method)
	}
	return changes
}

// Next waits for the next change, and returns its method and URI.
func (c *Changes) Next() (method, uri string) {
	c.t.Helper()
	message, err := nextMessage(c.lines)
	if err != nil {
		c.t.Fatalf("the stream has ended: %v", err)
	}
	var note struct {
		Method string `json:"method"`
		Params struct {
			URI string `json:"uri"`
		} `json:"params"`
	}
	if err = json.Unmarshal(message, &note); err != nil {
		c.t.Fatalf("%s: %v", message, err)
	}
	return note.Method, note.Params.URI
}
