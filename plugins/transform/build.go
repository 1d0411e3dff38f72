package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// The values of schema_check; strict is the default.
const (
	checkOff  = "off"
	checkWarn = "warn"
)

// none switches a default off.
const none = "none"

// kindResource is the Kind of what answers a resource.
const kindResource = "resource"

// failure compiles the setting failed, which sees what select sees.
func (b *builder) failure(text string) *expr.Query {
	if b.env.Upstream == "" {
		b.wrong("the tool asks no upstream that could fail", "take failed away, or give the tool a request", "failed")
		return nil
	}
	return b.query(text, "failed")
}

// builder compiles settings and collects what is wrong with them.
type builder struct {
	env   plugins.Env
	t     *transform
	scope expr.Scope
	errs  plugins.FieldErrors
}

func build(s Settings, env plugins.Env) (plugins.Transform, error) {
	t := &transform{
		name: env.Name, as: formOf(s.As), check: s.SchemaCheck,
		limit: int(s.MaxTokens), log: env.Log, now: time.Now,
	}
	if t.limit == 0 {
		t.limit = defaultTokens
	}
	if env.Tool != nil && env.Tool.Kind == kindResource {
		t.limit = unlimited // what reads it is a program
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	b := &builder{env: env, t: t, scope: expr.Scope{
		Names: []string{expr.NameArgs, expr.NameCaller, expr.NameStatus, expr.NameHeaders},
		Steps: env.Steps, Loads: env.Loads, Value: env.Value, Body: true,
	}}
	b.arguments()
	// Steps leave no body; what is selected of them takes its place.
	b.scope.Body = env.Upstream != "" || env.Steps == nil
	if s.Select != "" && s.Select != none {
		t.query = b.query(s.Select, "select")
		b.scope.Body = true
	}
	if s.Text != "" && s.Text != none {
		t.text = b.text(s.Text, "text")
	}
	if s.Failed != "" && s.Failed != none {
		t.failure = b.failure(s.Failed)
	}
	b.schema(s.Schema)
	b.refusals(s.Errors)
	t.blocks = b.content(s.Content, "content")
	b.poll(s.Poll)
	b.paginate(s.Paginate)
	b.place(s)
	b.sense(s)
	if len(b.errs) > 0 {
		return nil, b.errs
	}
	t.shaped = t.query != nil || t.failure != nil || t.text != nil || t.blocks != nil || t.schema != nil && t.check != checkOff
	return t, nil
}

// arguments lets expressions know the tool's arguments; any, if its input
// schema allows arguments that it doesn't name.
func (b *builder) arguments() {
	if b.env.Tool == nil {
		return
	}
	var input struct {
		Additional json.RawMessage `json:"additionalProperties"`
	}
	if err := json.Unmarshal(b.env.Tool.InputSchema, &input); err != nil || string(input.Additional) != "false" {
		return
	}
	b.scope.Arguments = make([]string, 0, len(b.env.Tool.Arguments))
	for i := range b.env.Tool.Arguments {
		if a := &b.env.Tool.Arguments[i]; a.Value == nil { // else it is not in a call
			b.scope.Arguments = append(b.scope.Arguments, a.Name)
		}
	}
}

// fail collects an error of the value that path leads to.
func (b *builder) fail(err error, path ...string) {
	var list plugins.FieldErrors
	var one *plugins.FieldError
	var inSchema *schema.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = plugins.FieldErrors{one}
	case errors.As(err, &inSchema):
		list = plugins.FieldErrors{{Path: inSchema.Path, Message: inSchema.Message, Hint: inSchema.Hint}}
	default:
		list = plugins.FieldErrors{{Message: err.Error()}}
	}
	for _, e := range list {
		under := *e
		under.Path = slices.Concat(path, e.Path)
		b.errs = append(b.errs, &under)
	}
}

// wrong collects a mistake.
func (b *builder) wrong(message, hint string, path ...string) {
	b.errs = append(b.errs, &plugins.FieldError{Path: path, Message: message, Hint: hint})
}

func (b *builder) query(text string, path ...string) *expr.Query {
	if strings.HasPrefix(strings.TrimSpace(text), "${{") {
		b.wrong("want a jq expression, found a hole", path[len(path)-1]+" is bare jq: take ${{ }} away", path...)
		return nil
	}
	q, err := expr.ParseQuery(text, b.scope)
	if err != nil {
		b.fail(err, path...)
	}
	return q
}

func (b *builder) text(text string, path ...string) *expr.Text {
	t, err := expr.ParseText(text, b.scope)
	if err != nil {
		b.fail(err, path...)
	}
	return t
}

// schema compiles the output schema.
func (b *builder) schema(raw json.RawMessage) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `"`+none+`"` {
		return
	}
	if raw[0] != '{' {
		b.wrong("want a JSON Schema, a mapping", "write e.g. {type: object}", "schema")
		return
	}
	var compacted bytes.Buffer
	if err := json.Compact(&compacted, raw); err != nil {
		b.wrong(err.Error(), "", "schema")
		return
	}
	compiled, err := schema.Compile(compacted.Bytes())
	if err != nil {
		b.fail(err, "schema")
		return
	}
	b.t.listed, b.t.schema = compacted.Bytes(), compiled
}

// refusalKey is a key of `errors`.
var refusalKey = regexp.MustCompile(`^([345][0-9][0-9]|[345]xx|failed|default)$`)

// refusals compiles the texts for failures.
func (b *builder) refusals(texts map[string]string) {
	outer := b.scope.Body
	b.scope.Body = true // that of the failure
	defer func() { b.scope.Body = outer }()
	b.t.refusal = make(map[string]*expr.Text, len(texts))
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		if !refusalKey.MatchString(key) {
			hint := ""
			if lower := strings.ToLower(key); refusalKey.MatchString(lower) {
				hint = "write " + lower
			} else if near := expr.Suggest(lower, []string{"3xx", "4xx", "5xx", "failed", "default"}); near != "" {
				hint = `did you mean "` + near + `"?`
			}
			b.wrong("want a status such as 404, a class such as 5xx, failed, or default", hint, "errors", key)
			b.errs[len(b.errs)-1].Offset = -1 // the key is wrong
			continue
		}
		if texts[key] != none {
			b.t.refusal[key] = b.text(texts[key], "errors", key)
		}
	}
}

// place compiles mime_type and uri.
func (b *builder) place(s Settings) {
	if s.MIMEType != "" && s.MIMEType != none {
		if b.t.media = mediaOf(s.MIMEType); b.t.media.name == "" {
			b.wrong("want a media type such as image/png", "", "mime_type")
		}
	}
	if s.URI == "" || s.URI == none {
		// The name may be none that a URI can have; that is told elsewhere.
		b.t.uri = b.text("sallyport://"+b.env.Name, "uri")
		return
	}
	b.t.uri = b.uri(s.URI, "uri")
}

// sense refuses settings that can't work together.
func (b *builder) sense(s Settings) {
	switch b.t.as {
	case formImage, formAudio, formBlob, formLink:
		if b.t.query != nil {
			b.wrong("there is nothing to select from with as: "+s.As, "take select away, or write as: json", "select")
		}
		if b.t.schema != nil {
			b.wrong("there is no structured content with as: "+s.As, "take schema away, or write as: json", "schema")
		}
	}
	about := s.As != "" && b.t.as != formAuto || b.t.schema != nil || s.MIMEType != "" || s.URI != ""
	if about && b.env.Upstream == "" && b.t.query == nil && b.t.text == nil && len(s.Content) == 0 && len(s.Errors) == 0 {
		b.wrong("the tool asks no upstream and has nothing to answer", "give it a request, or a response with text, select or content")
	}
}
