// Package complete compiles where suggestions for arguments come from: the key
// `complete` of prompts' arguments and of templates' placeholders.
package complete

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// maxValues bounds the suggestions taken from one answer. A client is sent 100.
const maxValues = 10_000

// Part declares the source of suggestions.
func Part() plugins.CompletionPart { return plugins.CompletionPart{New: build} }

// completion is a source of suggestions that asks somebody.
type completion struct {
	args  *expr.Template // nil unless a tool is asked
	query *expr.Query
}

func build(s plugins.CompletionSettings, _ plugins.Env) (plugins.Completion, error) {
	scope := expr.Scope{Names: []string{expr.NameCaller, expr.NameArgs}, Value: true}
	c := &completion{}
	var all plugins.FieldErrors
	if s.Args != nil {
		var err error
		if c.args, err = expr.ParseJSON(s.Args, scope); err != nil {
			all = append(all, below("args", err)...)
		}
	}
	scope.Body = true
	if s.Select == "" {
		s.Select = "."
	}
	var err error
	if c.query, err = expr.ParseQuery(s.Select, scope); err != nil {
		all = append(all, below("select", err)...)
	}
	if len(all) > 0 {
		return nil, all
	}
	return c, nil
}

// below puts mistakes below a key.
func below(key string, err error) plugins.FieldErrors {
	var list plugins.FieldErrors
	var one *plugins.FieldError
	switch {
	case errors.As(err, &list):
		list = slices.Clone(list)
	case errors.As(err, &one):
		list = plugins.FieldErrors{one}
	default:
		list = plugins.FieldErrors{{Message: err.Error()}}
	}
	for i, e := range list {
		under := *e
		under.Path = append([]string{key}, e.Path...)
		list[i] = &under
	}
	return list
}

// Arguments implements plugins.Completion.
func (c *completion) Arguments(call *plugins.Call) ([]byte, error) {
	if c.args == nil {
		return []byte("{}"), nil
	}
	arguments, err := c.args.Append(nil, values(call))
	if err != nil {
		return nil, fmt.Errorf("arguments of a completion: %w", err)
	}
	return arguments, nil
}

// Values implements plugins.Completion.
func (c *completion) Values(ctx context.Context, call *plugins.Call, body []byte) ([]string, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v := values(call)
	if err := d.Decode(&v.Body); err != nil {
		return nil, &plugins.Error{Kind: plugins.KindUpstream, Message: "The suggestions can't be read.", Cause: err}
	}
	found, err := c.query.RunAll(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("select of a completion: %w", err)
	}
	return texts(nil, found), nil
}

func values(call *plugins.Call) *expr.Values {
	v := &expr.Values{Args: call.Args, Caller: call.Principal, Capabilities: call.Capabilities}
	if call.Run != nil {
		v.Value = call.Run.Value
	}
	return v
}

// texts appends values as texts; a list counts as its items.
func texts(all []string, found []any) []string {
	for _, v := range found {
		var text string
		switch v := v.(type) {
		case []any:
			all = texts(all, v)
			continue
		case string:
			text = v
		case json.Number:
			text = v.String()
		case int, float64, bool:
			text = fmt.Sprint(v)
		default:
			continue
		}
		if len(all) < maxValues {
			all = append(all, text)
		}
	}
	return all
}
