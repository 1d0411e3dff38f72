package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

const (
	exceptionsFile = "testdata/openapi/exceptions.json"
	leastAccepted  = 0.99 // of the operations of all documents
	prismTimeout   = 60 * time.Second
	prismIsReady   = http.StatusNotFound // what it says of a path that no document has
)

// TestPrism calls the tools that were made of documents with generated
// arguments. Prism, which knows the documents by itself, must accept the
// requests, and every value must be found in its request. What it doesn't
// accept stands in testdata/openapi/exceptions.json with the reason.
func TestPrism(t *testing.T) {
	exceptions := map[string]map[string]string{}
	data, err := os.ReadFile(exceptionsFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &exceptions); err != nil {
		t.Fatal(err)
	}
	called, accepted := 0, 0
	for _, d := range documents() {
		if d.crashes {
			continue
		}
		t.Run(d.name, func(t *testing.T) {
			p := startPrism(t, d)
			c, a := p.callAll(t, exceptions[d.name])
			called, accepted = called+c, accepted+a
			t.Logf("%d of %d accepted", a, c)
		})
	}
	if share := float64(accepted) / float64(max(called, 1)); share < leastAccepted {
		t.Errorf("%d of %d operations were accepted (%.2f %%), want %.0f %%", accepted, called, 100*share, 100*leastAccepted)
	}
	t.Logf("%d of %d accepted", accepted, called)
}

// prism is a gateway whose upstream is Prism, and a recorder between them.
type prism struct {
	session  *mcp.ClientSession
	recorder *recorder
}

func startPrism(t *testing.T, d document) prism {
	t.Helper()
	path := d.path(t)
	slim := filepath.Join(t.TempDir(), "document.json")
	ctx, cancel := context.WithTimeout(t.Context(), prismTimeout)
	defer cancel()
	if out, err := node(ctx, nil, "slim.mjs", path, slim).CombinedOutput(); err != nil {
		t.Fatalf("slim.mjs: %v\n%s", err, out)
	}
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	printed := &output{}
	cmd := node(context.WithoutCancel(t.Context()), nil, "node_modules/@stoplight/prism-cli/dist/index.js",
		"mock", "--errors", "--verboseLevel", "error", "--port", port, slim)
	cmd.Stdout, cmd.Stderr = printed, printed
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	for tick := time.NewTicker(50 * time.Millisecond); status(ctx, "http://"+address+"/no/such/path/at/all") != prismIsReady; {
		select {
		case <-ctx.Done():
			t.Fatalf("Prism is not ready within %v\n%s", prismTimeout, printed.tail(tailLines))
		case <-tick.C:
		}
	}
	r := startRecorder(t, "http://"+address)
	g := startGateway(t, exposing(t, path, r.url))
	client := mcp.NewClient(&mcp.Implementation{Name: "sallyport-e2e", Version: "1.0.0"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: g.url, MaxRetries: -1},
		&mcp.ClientSessionOptions{ProtocolVersion: rev0728})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return prism{session, r}
}

// callAll calls the tools and returns how many it called and how many of the
// calls were accepted.
func (p prism) callAll(t *testing.T, exceptions map[string]string) (called, accepted int) {
	t.Helper()
	refused := map[string]string{}
	for tool, err := range p.session.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		called++
		if reason := p.call(t, tool); reason != "" {
			refused[tool.Name] = reason
		} else {
			accepted++
		}
	}
	if called == 0 {
		t.Fatal("there are no tools to call")
	}
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		if exceptions[name] == "" {
			t.Errorf("%s: %s", name, refused[name])
		}
	}
	for name, explanation := range exceptions {
		if refused[name] == "" {
			t.Errorf("%s is accepted: take the exception %q out of %s", name, explanation, exceptionsFile)
		}
	}
	return called, accepted
}

// call calls a tool with arguments made from its schema. It returns why that
// isn't as it should be.
func (p prism) call(t *testing.T, tool *mcp.Tool) string {
	t.Helper()
	args, problem := arguments(tool.InputSchema)
	if problem != "" {
		return problem
	}
	chooseGroup(tool.Description, args)
	ctx, cancel := context.WithTimeout(t.Context(), checkTimeout)
	defer cancel()
	p.recorder.take()
	answer, err := p.session.CallTool(ctx, &mcp.CallToolParams{Name: tool.Name, Arguments: args})
	if err != nil {
		return fmt.Sprintf("%v, with %s", err, asJSON(args))
	}
	e := p.recorder.take()
	if e == nil {
		return fmt.Sprintf("no request was sent: %s, with %s", asJSON(answer.Content), asJSON(args))
	}
	if e.status/100 != 2 {
		return fmt.Sprintf("%d %.1500s\n%v\nwith %s", e.status, e.answer, e, asJSON(args))
	}
	if lost := e.missing(args); len(lost) > 0 {
		return fmt.Sprintf("%v not found in\n%v\nwith %s", lost, e, asJSON(args))
	}
	return ""
}

// arguments makes arguments that a schema accepts, and all that it has.
func arguments(from any) (args map[string]any, problem string) {
	root := object(from)
	raw, err := json.Marshal(root)
	if err != nil {
		return nil, err.Error()
	}
	compiled, err := schema.Compile(raw)
	if err != nil {
		return nil, "the schema: " + err.Error()
	}
	var first []schema.Violation
	for _, v := range variants(root) {
		args, ok := v.of(root, "arguments", 0).(map[string]any)
		if !ok {
			return nil, "the schema is not one of an object"
		}
		text, err := json.Marshal(args)
		if err != nil {
			return nil, err.Error()
		}
		value, err := strictjson.Decode(text, 100)
		if err != nil {
			return nil, err.Error()
		}
		violations := compiled.Validate(value, nil)
		if len(violations) == 0 {
			return args, ""
		}
		if first == nil {
			first = violations
		}
	}
	return nil, fmt.Sprintf("no valid arguments were found: %+v\n%.3000s", first, raw)
}

func asJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	if len(text) > 1500 {
		text = text[:1500]
	}
	return string(text)
}
