package policy

import (
	"context"
	"fmt"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// ArgumentsPart declares the validation of arguments. It is always on and has
// no key: what an input doesn't declare never reaches an upstream.
func ArgumentsPart() plugins.PolicyPart {
	part := plugins.NewPolicyPart("",
		"Validates the arguments against the input schema, tells all violations at once, and fills in the defaults of declared properties.",
		plugins.OnTool|plugins.OnResource|plugins.OnPrompt, newArguments)
	part.Always = true
	return part
}

// arguments validates what a client sent, and hands on what it means: coerced
// to the schema's types where these leave no doubt, and with the top-level
// defaults that the input declares, so that an upstream receives them.
type arguments struct {
	defaults map[string]any
}

func newArguments(_ struct{}, env plugins.Env) (plugins.Policy, error) {
	if env.Tool == nil {
		return nil, nil
	}
	defaults, err := defaultsOf(env.Tool)
	if err != nil {
		return nil, err
	}
	return &arguments{defaults: defaults}, nil
}

// defaultsOf reads the defaults of a tool's arguments, and refuses one that
// its own schema refuses.
func defaultsOf(tool *plugins.Tool) (map[string]any, error) {
	defaults := map[string]any{}
	for _, a := range tool.Arguments {
		if len(a.Schema) == 0 {
			continue
		}
		property, err := strictjson.Decode(a.Schema, 0)
		if err != nil {
			return nil, fmt.Errorf("schema of argument %q: %w", a.Name, err)
		}
		keywords, _ := property.(map[string]any)
		if value, ok := keywords["default"]; ok {
			defaults[a.Name] = value
		}
	}
	for _, v := range tool.Input.Validate(defaults, nil) {
		name := topLevel(v.Pointer)
		if _, ours := defaults[name]; ours {
			return nil, &plugins.FieldError{
				Path:    []string{"input", name, "default"},
				Message: "the default breaks its own schema: expected " + v.Expected + ", got " + v.Got,
			}
		}
	}
	return defaults, nil
}

// topLevel returns the first name of a JSON pointer (RFC 6901).
func topLevel(pointer string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(name)
}

// Wrap implements plugins.Policy.
func (a *arguments) Wrap(next plugins.Handler) plugins.Handler {
	return func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		args, err := a.read(call)
		if err != nil {
			return nil, err
		}
		return next(ctx, call.WithArgs(args))
	}
}

// read decodes, coerces and validates the arguments of a call.
func (a *arguments) read(call *plugins.Call) (map[string]any, error) {
	var value any = map[string]any{}
	if call.Arguments != nil {
		decoded, err := strictjson.Decode(call.Arguments, 0)
		if err != nil {
			return nil, &plugins.Error{
				Kind:    plugins.KindInvalid,
				Message: "The arguments of " + call.Tool.Name + " can't be read: " + err.Error() + ".",
				Cause:   err,
			}
		}
		value = decoded
	}
	sent := value
	value, coerced := call.Tool.Input.Coerce(value)
	if call.Record != nil {
		call.Record.Coerced += coerced
	}
	if violations := call.Tool.Input.Validate(value, nil); len(violations) > 0 {
		return nil, &plugins.Error{Kind: plugins.KindInvalid, Message: explain(call.Tool, violations, sent)}
	}
	args, ok := value.(map[string]any)
	if !ok {
		return nil, &plugins.Error{
			Kind:    plugins.KindInvalid,
			Message: "The arguments of " + call.Tool.Name + " must be one JSON object.",
		}
	}
	return a.fill(args), nil
}

// fill adds the defaults of what is absent. The map was decoded for this call;
// the values are shared by all calls, and like all arguments never changed.
func (a *arguments) fill(args map[string]any) map[string]any {
	for name, value := range a.defaults {
		if _, given := args[name]; !given {
			args[name] = value
		}
	}
	return args
}

// explain lists all violations so that a model can mend them at once, in terms
// of what it sent. Their number and texts are bounded by package schema.
func explain(tool *plugins.Tool, violations []schema.Violation, sent any) string {
	var b strings.Builder
	b.WriteString("The arguments of " + tool.Name + " don't fit its input schema:")
	if noun(tool) != kindTool { // these have arguments, but no schema that a client sees
		b.Reset()
		b.WriteString("The arguments of the " + noun(tool) + " " + tool.Name + " are not what it takes:")
	}
	for _, v := range violations {
		b.WriteString("\n- " + line(v.As(sent)))
	}
	return b.String()
}

// line puts one violation into words.
func line(v schema.Violation) string {
	switch v.Fault {
	case schema.FaultMissing:
		text := v.Pointer + " is required"
		switch {
		case v.Note == "":
		case strings.HasPrefix(v.Note, "beside "):
			text += " " + v.Note
		default:
			text += ": " + v.Note
		}
		return text
	case schema.FaultUnknown:
		text := v.Pointer + " is not a known property"
		if strings.Count(v.Pointer, "/") == 1 {
			text = v.Pointer + " is not an argument"
		}
		if v.Note != "" {
			text += "; " + v.Note
		}
		return text
	case schema.FaultValue:
	}
	place := v.Pointer
	if place == "" {
		place = "the arguments"
	}
	return place + ": expected " + v.Expected + ", got " + v.Got
}
