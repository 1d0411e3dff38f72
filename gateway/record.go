package gateway

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/internal/observe"
	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// unknownName stands in metrics for names that no manifest declares.
const unknownName = "_unknown"

// entry is what is recorded of one HTTP request: one access line, and the
// metrics.
type entry struct {
	plugins.Record
	method string
	// begin is where its answer begins in the response's body.
	begin                 int
	trace                 string // the W3C trace id; empty if there is none
	revision              mcp.Revision
	client, clientVersion string
	tool                  *tool
	// target is what was called, if it is no tool.
	target *target
	// resumed says that this is a later round of a call that was counted.
	resumed bool
	// own is the name of a tool of the gateway's own.
	own string
	// named says that the request named a tool, known or not.
	named              bool
	code               int
	outcome, errorType string
	failure            *plugins.Error
}

// milliseconds is a duration as logs tell it.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// denied notes that the tool named does not exist, or not for the caller: t is
// nil, or hidden.
func (e *entry) denied(t *tool) {
	e.outcome, e.errorType = "invalid", "unknown_tool"
	if t != nil {
		e.tool, e.outcome, e.errorType = t, "denied", "denied"
	}
}

// failed notes a failure.
func (e *entry) failed(v verdict, f *plugins.Error) {
	e.outcome, e.errorType, e.failure = v.outcome, v.errorType, f
}

// toolName is the name for metrics and logs.
func (e *entry) toolName() string {
	switch {
	case e.tool != nil:
		return e.tool.spec.Name
	case e.own != "":
		return e.own
	case e.named:
		return unknownName
	}
	return ""
}

// record counts the request and writes its access line.
func (x *exchange) record() {
	e := &x.entry
	took := time.Since(x.started)
	status := x.resp.Status
	if status == 0 {
		status = 200
	}
	if e.outcome == "" {
		e.outcome = "ok"
	}
	x.g.observe.Request(methodLabel(e.method), string(e.revision), status)
	if name := e.toolName(); name != "" && !e.resumed && !x.forwarded {
		x.g.observe.Call(observe.Call{
			Tool: name, Outcome: e.outcome, ErrorType: e.errorType, Duration: took,
			Truncated: e.Truncated, TokensSaved: e.TokensSaved, Pages: e.Pages,
			Coerced: e.Coerced, LimitScope: e.LimitScope, Bytes: e.bytes(x.resp.Body),
		})
	}
	x.log(status, took)
}

// methodLabel bounds the values of the method label. What it returns doesn't
// share memory with method, which ends with the request.
func methodLabel(method string) string {
	labels := [...]string{
		"tools/call", "tools/list", "server/discover", "initialize", "ping", "batch", "GET",
		"resources/list", "resources/templates/list", "resources/read", "resources/subscribe", "resources/unsubscribe",
		"prompts/list", "prompts/get", "completion/complete", "logging/setLevel", "subscriptions/listen",
		"tasks/get", "tasks/update", "tasks/cancel",
		"notifications/initialized", "notifications/cancelled",
	}
	if method == "" {
		return "_none"
	}
	if i := slices.Index(labels[:], method); i >= 0 {
		return labels[i]
	}
	return unknownName
}

// clip bounds what a log takes up of a client's text.
func clip(s string) string {
	const most = 128
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}

// log writes the access line: who, what, how it ended; never arguments.
func (x *exchange) log(status int, took time.Duration) {
	e := &x.entry
	level := slog.LevelInfo
	switch {
	case e.failure != nil && e.failure.Kind == plugins.KindInternal:
		level = slog.LevelError
	case e.outcome == "timeout", e.tool != nil && took > e.tool.warn:
		level = slog.LevelWarn
	}
	ctx := context.Background()
	if !x.g.log.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 20)
	attrs = append(attrs,
		slog.String("request_id", x.req.ID),
		slog.Int("http_status", status),
		slog.String("status", e.outcome),
		slog.Float64("duration_ms", milliseconds(took)),
		slog.Int("bytes", e.bytes(x.resp.Body)),
		slog.Uint64("generation", x.s.generation))
	attrs = e.appendAttrs(attrs, x.principal)
	x.g.log.LogAttrs(ctx, level, "request", attrs...)
}

// bytes is how long the answer is.
func (e *entry) bytes(body []byte) int { return max(len(body)-e.begin, 0) }

// appendAttrs adds what is known of message, caller, tool, upstream and
// failure.
func (e *entry) appendAttrs(attrs []slog.Attr, p *plugins.Principal) []slog.Attr {
	if e.method != "" {
		attrs = append(attrs, slog.String("method", clip(e.method)))
	}
	if e.revision != "" {
		attrs = append(attrs, slog.String("revision", string(e.revision)))
	}
	if p != nil {
		attrs = append(attrs, slog.String("caller", p.Key))
	}
	if e.trace != "" {
		attrs = append(attrs, slog.String("trace_id", e.trace))
	}
	if e.client != "" {
		attrs = append(attrs, slog.String("client", e.client+"/"+e.clientVersion))
	}
	if name := e.toolName(); name != "" {
		attrs = append(attrs, slog.String("tool", name))
	}
	if e.target != nil {
		attrs = append(attrs, slog.String(e.target.spec.Kind, clip(e.target.spec.Name)))
	}
	if e.errorType != "" {
		attrs = append(attrs, slog.String("error_type", e.errorType))
	}
	if e.code != 0 {
		attrs = append(attrs, slog.Int("error_code", e.code))
	}
	if e.UpstreamStatus != 0 {
		attrs = append(attrs, slog.Int("upstream_status", e.UpstreamStatus))
	}
	if e.Upstream != "" {
		attrs = append(attrs,
			slog.String("upstream", e.Upstream),
			slog.Float64("upstream_ms", milliseconds(e.UpstreamDuration)),
			slog.Int("attempts", e.Attempts))
	}
	if e.failure != nil && e.failure.Cause != nil {
		attrs = append(attrs, slog.String("cause", e.failure.Cause.Error()))
	}
	return attrs
}
