package cmd

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// formField is one property of a form.
type formField struct {
	name     string
	required bool
	schema   fieldSchema
	// choices are the values that are allowed, labels what people read of them.
	choices, labels []string
}

// fieldSchema is what a form's property may say.
type fieldSchema struct {
	Type        string          `json:"type"`
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Default     json.RawMessage `json:"default"`
	Enum        []string        `json:"enum"`
	EnumNames   []string        `json:"enumNames"`
	OneOf       []choice        `json:"oneOf"`
	AnyOf       []choice        `json:"anyOf"`
	Items       *fieldSchema    `json:"items"`
}

// choice is one value of a choice, and its label.
type choice struct {
	Const string `json:"const"`
	Title string `json:"title"`
}

// formFields are the properties of a form, in its order.
func formFields(schema []byte) ([]formField, error) {
	var form struct {
		Properties json.RawMessage `json:"properties"`
		Required   []string        `json:"required"`
	}
	if err := json.Unmarshal(schema, &form); err != nil {
		return nil, fmt.Errorf("read form: %w", err)
	}
	if form.Properties == nil {
		return nil, nil
	}
	members, err := strictjson.Members(form.Properties, nil)
	if err != nil {
		return nil, fmt.Errorf("read form: %w", err)
	}
	fields := make([]formField, len(members))
	for i := range members {
		f := formField{name: members[i].Name, required: slices.Contains(form.Required, members[i].Name)}
		if err := json.Unmarshal(members[i].Value, &f.schema); err != nil {
			return nil, fmt.Errorf("read form: %w", err)
		}
		f.choose(&f.schema)
		fields[i] = f
	}
	return fields, nil
}

// choose notes the choices of a schema, or of its items.
func (f *formField) choose(s *fieldSchema) {
	if s.Items != nil {
		s = s.Items
	}
	f.choices, f.labels = s.Enum, s.EnumNames
	for _, c := range slices.Concat(s.OneOf, s.AnyOf) {
		f.choices, f.labels = append(f.choices, c.Const), append(f.labels, c.Title)
	}
}

// question is what the person reads before a field is filled in.
func (f *formField) question() string {
	out := []byte("  " + orElse(f.schema.Title, f.name))
	if f.schema.Description != "" {
		out = fmt.Appendf(out, " (%s)", f.schema.Description)
	}
	for i, value := range f.choices {
		out = fmt.Appendf(out, "\n    %d %s", i+1, value)
		if i < len(f.labels) && f.labels[i] != "" {
			out = fmt.Appendf(out, ": %s", f.labels[i])
		}
	}
	hint := f.schema.Type
	switch {
	case f.schema.Type == "boolean":
		hint = "y/n"
	case f.schema.Type == "array":
		hint = "several, with commas between"
	case f.choices != nil:
		hint = "one of these"
	case f.schema.Type == "string":
		hint = "text"
	}
	switch {
	case f.schema.Default != nil:
		hint += ", default " + string(f.schema.Default)
	case !f.required:
		hint += ", may be empty"
	}
	if f.choices != nil {
		return string(out) + "\n  [" + hint + "] "
	}
	return string(out) + " [" + hint + "] "
}

// read makes a value of what was typed; nil if the field is left out. The text
// says what is wanted instead.
func (f *formField) read(line string) (any, string) {
	if line == "" {
		switch {
		case f.schema.Default != nil:
			return f.schema.Default, ""
		case !f.required:
			return nil, ""
		case f.schema.Type == "string" && f.choices == nil:
			return "", ""
		}
		return nil, "an answer"
	}
	switch f.schema.Type {
	case "boolean":
		yes, ok := yesOrNo(line)
		if !ok {
			return nil, "y or n"
		}
		return yes, ""
	case "integer":
		if _, err := strconv.ParseInt(line, 10, 64); err != nil {
			return nil, "a whole number"
		}
		return json.Number(line), ""
	case "number":
		if !isNumber(line) {
			return nil, "a number"
		}
		return json.Number(line), ""
	case "array":
		return f.several(line)
	}
	if f.choices != nil {
		return f.one(line)
	}
	return line, ""
}

// one is a choice, typed as its number or as the value itself.
func (f *formField) one(text string) (any, string) {
	if slices.Contains(f.choices, text) {
		return text, ""
	}
	if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(f.choices) {
		return f.choices[n-1], ""
	}
	return nil, "one of these, or its number"
}

// several are choices with commas between.
func (f *formField) several(line string) (any, string) {
	chosen := []any{}
	for text := range strings.SplitSeq(line, ",") {
		value, wrong := f.one(strings.TrimSpace(text))
		if wrong != "" {
			return nil, "some of these, or their numbers, with commas between"
		}
		chosen = append(chosen, value)
	}
	return chosen, ""
}

// isNumber reports whether a text is a number of JSON.
func isNumber(text string) bool {
	var n json.Number
	return json.Unmarshal([]byte(text), &n) == nil && text[0] != '"'
}

// yesOrNo reads a y or an n; ok tells whether it is one.
func yesOrNo(line string) (yes, ok bool) {
	switch strings.ToLower(line) {
	case "y", "yes", "true":
		return true, true
	case "n", "no", "false":
		return false, true
	}
	return false, false
}

// example is how a question could be answered with --answer.
func example(q *mcp.Question) string {
	fields, err := formFields(q.Schema)
	if q.Kind != mcp.AskForm || err != nil || len(fields) == 0 {
		return q.Key + "=true, or =false"
	}
	out := []byte{'{'}
	for i := range fields {
		if i > 0 {
			out = append(out, ", "...)
		}
		out = append(strictjson.AppendString(out, fields[i].name), ": "...)
		out = append(out, fields[i].example()...)
	}
	return fmt.Sprintf("'%s=%s}'", q.Key, out)
}

// example is a value for a field.
func (f *formField) example() string {
	switch {
	case f.schema.Default != nil:
		return string(f.schema.Default)
	case f.schema.Type == "array":
		return "[" + string(strictjson.AppendString(nil, f.choices[0])) + "]"
	case f.choices != nil:
		return string(strictjson.AppendString(nil, f.choices[0]))
	case f.schema.Type == "boolean":
		return "true"
	case f.schema.Type == "string":
		return `"..."`
	}
	return "1"
}
