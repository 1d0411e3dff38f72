package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// answer is an upstream's answer in a test.
type answer struct {
	status      int
	contentType string
	body        string
	header      map[string]string
}

func (a answer) response(freed *int) *plugins.Response {
	if a.status == 0 {
		a.status = 200
	}
	return &plugins.Response{
		Status: a.status, ContentType: a.contentType, Body: []byte(a.body),
		Header:  func(name string) string { return a.header[name] },
		Release: func() { *freed++ },
	}
}

var testTool = &plugins.Tool{
	Name:        "get_order",
	InputSchema: []byte(`{"type":"object","properties":{"id":{"type":"string"}},"additionalProperties":false}`),
	Arguments:   []plugins.Argument{{Name: "id"}},
}

func testEnv(log *bytes.Buffer) plugins.Env {
	env := plugins.Env{Name: "get_order", Upstream: "shop", Tool: testTool}
	if log != nil {
		env.Log = slog.New(slog.NewTextHandler(log, nil))
	}
	return env
}

func mustBuild(t testing.TB, s Settings) *transform {
	t.Helper()
	built, err := build(s, testEnv(nil))
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	made, ok := built.(*transform)
	if !ok {
		t.Fatalf("built a %T", built)
	}
	made.now = func() time.Time { return time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC) }
	return made
}

func testCall() *plugins.Call {
	return &plugins.Call{
		Tool: testTool, Args: map[string]any{"id": "ord_1"},
		Principal: &plugins.Principal{Subject: "ann", Roles: []string{"sales"}},
	}
}

// run transforms an answer, and checks what must hold of every outcome: the
// response is freed exactly once and by the right one, and a result is encoded
// as valid JSON in every revision.
func run(t testing.TB, tr *transform, a answer) (*mcp.Result, error) {
	t.Helper()
	freed := 0
	resp := a.response(&freed)
	result, err := tr.Transform(t.Context(), testCall(), resp)
	if err != nil {
		if freed != 1 {
			t.Errorf("after an error the response was freed %d times, want 1", freed)
		}
		return nil, err
	}
	if freed != 0 {
		t.Errorf("the response was freed before its result")
	}
	checkEncoded(t, result)
	kept := keep(result)
	result.Free()
	resp.Free()
	if freed != 1 {
		t.Errorf("the response was freed %d times, want 1", freed)
	}
	return kept, nil
}

// keep copies a result out of its buffers.
func keep(r *mcp.Result) *mcp.Result {
	out := &mcp.Result{Structured: bytes.Clone(r.Structured), IsError: r.IsError}
	for _, b := range r.Content {
		b.Text, b.Data = bytes.Clone(b.Text), bytes.Clone(b.Data)
		out.Content = append(out.Content, b)
	}
	return out
}

func checkEncoded(t testing.TB, r *mcp.Result) {
	t.Helper()
	e := mcp.NewEncoder(mcp.ServerInfo{Name: "test", Version: "1"})
	for _, revision := range mcp.Revisions() {
		out := e.AppendCallResult(nil, revision, mcp.ID("1"), r)
		if err := strictjson.Valid(out, 1000); err != nil {
			t.Fatalf("revision %s: %v in %.300s", revision, err, out)
		}
	}
}

// golden shows a result in a form to compare with.
func golden(r *mcp.Result) string {
	var out []string
	for _, b := range r.Content {
		kind := [...]string{"text", "image", "audio", "resource", "link"}[b.Type]
		fields := []string{kind}
		if b.URI != "" {
			fields = append(fields, b.URI)
		}
		if b.Name != "" {
			fields = append(fields, "name="+b.Name)
		}
		if b.MIMEType != "" && b.Type != mcp.TextBlock { // TestTextBlocksHaveMediaTypes has those
			fields = append(fields, b.MIMEType)
		}
		if b.Size != 0 {
			fields = append(fields, "size="+json.Number(jsonText(b.Size)).String())
		}
		if b.Annotations != nil {
			fields = append(fields, "for="+strings.Join(b.Annotations.Audience, "+"))
		}
		if b.Data != nil {
			fields = append(fields, "data="+jsonText(string(b.Data)))
		} else if b.Type == mcp.TextBlock || b.Type == mcp.ResourceBlock {
			fields = append(fields, string(b.Text))
		}
		out = append(out, strings.Join(fields, " "))
	}
	if r.Structured != nil {
		out = append(out, "structured "+string(r.Structured))
	}
	if r.IsError {
		out = append(out, "error")
	}
	return strings.Join(out, "\n")
}

func jsonText(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// failureOf returns a *plugins.Error or fails.
func failureOf(t testing.TB, err error) *plugins.Error {
	t.Helper()
	var e *plugins.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a *plugins.Error", err)
	}
	return e
}

// outcome is a result's golden form, or the error's kind and message.
func outcome(t testing.TB, tr *transform, a answer) string {
	t.Helper()
	result, err := run(t, tr, a)
	if err != nil {
		e := failureOf(t, err)
		kind := map[plugins.Kind]string{plugins.KindUpstream: "upstream", plugins.KindStatus: "status", plugins.KindInternal: "internal"}[e.Kind]
		return "!" + kind + ": " + e.Message
	}
	return golden(result)
}

func text(s string) *string { return &s }
