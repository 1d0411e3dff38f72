// Package policy holds the built-in policies, one a file. Their order on a
// call's way is the list in plugins/standard.
package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/sallyport-mcp/sallyport/plugins"
)

// keep returns the value kept under the key over reloads, or makes it.
func keep[T io.Closer](env plugins.Env, key string, build func() T) (T, error) {
	if env.Keep == nil {
		return build(), nil
	}
	var zero T
	kept, err := env.Keep(key, func() (io.Closer, error) { return build(), nil })
	if err != nil {
		return zero, fmt.Errorf("keep %q: %w", key, err)
	}
	value, ok := kept.(T)
	if !ok {
		return zero, fmt.Errorf("%q keeps a %T, want %T", key, kept, zero)
	}
	return value, nil
}

// retained is embedded in what is kept over reloads and holds nothing that
// must be closed.
type retained struct{}

// Close does nothing.
func (retained) Close() error { return nil }

// upstreamOf names the upstream that a part is built for; without one the
// name of what it is built for keeps the states of parts apart.
func upstreamOf(env plugins.Env) string {
	if env.Upstream != "" {
		return env.Upstream
	}
	return env.Name
}

// failure returns the *plugins.Error in err; nil if there is none.
func failure(err error) *plugins.Error {
	e, _ := errors.AsType[*plugins.Error](err)
	return e
}

// subject names for a client what it called.
func subject(call *plugins.Call) string {
	if call.Tool == nil {
		return "the request"
	}
	return call.Tool.Name
}

// The kinds of what is called.
const (
	kindTool     = "tool"
	kindResource = "resource"
	kindPrompt   = "prompt"
)

// noun is what a client calls what it called: tool, resource or prompt.
func noun(tool *plugins.Tool) string {
	if tool == nil || tool.Kind == "" {
		return kindTool
	}
	return tool.Kind
}

// denied is the refusal that must not be told from what isn't there.
func denied(env plugins.Env) *plugins.Error {
	e := &plugins.Error{Kind: plugins.KindDenied, Message: "Unknown tool: " + env.Name}
	switch noun(env.Tool) {
	case kindResource:
		e.Message = "Resource not found"
	case kindPrompt:
		e.Message = "Unknown prompt: " + env.Name
	}
	return e
}

// declared are the arguments that expressions may name; nil for any, if the
// input schema allows others than it names.
func declared(tool *plugins.Tool) []string {
	if tool == nil {
		return nil
	}
	var input struct {
		Additional json.RawMessage `json:"additionalProperties"`
	}
	if err := json.Unmarshal(tool.InputSchema, &input); err != nil || string(input.Additional) != "false" {
		return nil
	}
	names := make([]string, 0, len(tool.Arguments))
	for i := range tool.Arguments {
		if tool.Arguments[i].Value == nil { // else it is not in a call
			names = append(names, tool.Arguments[i].Name)
		}
	}
	return names
}

// seconds writes a wait for people and models: whole seconds, rounded up.
func seconds(d time.Duration) string {
	n := int64((d + time.Second - 1) / time.Second)
	if n <= 1 {
		return "1 second"
	}
	return strconv.FormatInt(n, 10) + " seconds"
}

// positive refuses a duration that isn't above zero.
func positive(d time.Duration, path ...string) *plugins.FieldError {
	if d > 0 {
		return nil
	}
	return &plugins.FieldError{Path: path, Message: "want a duration above zero", Hint: `write e.g. 5s`}
}

// all returns the mistakes that are there as one error.
func all(mistakes ...*plugins.FieldError) error {
	var found plugins.FieldErrors
	for _, m := range mistakes {
		if m != nil {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 0:
		return nil
	case 1:
		return found[0]
	}
	return found
}
