package steps

import (
	"encoding/json"
	"log/slog"
	"strconv"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// progressStep tells how far the call has come.
type progressStep struct {
	progress, total *expr.Template
	message         *expr.Text
}

// logStep sends a log message.
type logStep struct {
	level   mcp.Level
	logger  string
	message *expr.Text
	data    *expr.Template
}

// tell tells progress. It never falls, over all rounds; what can't be told
// doesn't matter enough to end the call.
func (r *run) tell(p *progressStep, v *expr.Values) {
	at, ok := r.number(p.progress, v)
	if !ok {
		return
	}
	out := mcp.Progress{Progress: at, Message: r.render(p.message, v)}
	if p.total != nil {
		if total, ok := r.number(p.total, v); ok {
			out.Total = &total
		}
	}
	r.mu.Lock()
	behind := r.state.Progress != nil && at <= *r.state.Progress
	if !behind {
		r.state.Progress = &at
	}
	r.mu.Unlock()
	if !behind && r.call.Talk != nil {
		r.call.Talk.Progress(out)
	}
}

// number evaluates a number.
func (r *run) number(t *expr.Template, v *expr.Values) (float64, bool) {
	value, err := t.Value(v)
	if err != nil {
		r.unsaid(err)
		return 0, false
	}
	switch n := value.(type) {
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	case int:
		return float64(n), true
	case float64:
		return n, true
	case string:
		f, err := strconv.ParseFloat(n, 64)
		return f, err == nil && f-f == 0 // neither NaN nor infinite
	}
	return 0, false
}

// say sends a log message.
func (r *run) say(l *logStep, v *expr.Values) {
	if r.call.Talk == nil {
		return
	}
	var data []byte
	if l.data != nil {
		var err error
		if data, err = l.data.Append(nil, v); err != nil {
			r.unsaid(err)
			data = nil
		}
	}
	if l.message != nil {
		text := strictjson.AppendString(nil, r.render(l.message, v))
		if data == nil {
			data = text
		} else {
			data = append(append(append(append([]byte(`{"message":`), text...), `,"data":`...), data...), '}')
		}
	}
	if data != nil {
		r.call.Talk.Log(mcp.LogMessage{Level: l.level, Logger: l.logger, Data: data})
	}
}

// render renders a message; empty if there is none, or if it can't be made.
func (r *run) render(t *expr.Text, v *expr.Values) string {
	if t == nil {
		return ""
	}
	out, err := t.Append(nil, v)
	if err != nil {
		r.unsaid(err)
		return ""
	}
	return clip(string(out))
}

// unsaid notes a message that could not be made.
func (r *run) unsaid(err error) {
	r.p.log.Warn("an expression of a message failed", slog.String("tool", r.p.env.Name), slog.Any("error", err))
}
