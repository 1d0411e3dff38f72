package steps

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
	"github.com/sallyport-mcp/sallyport/plugins/expr"
)

// idPattern is what an id looks like: a name that jq and CEL can have after a
// dot.
var idPattern = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// builder compiles settings and collects what is wrong with them.
type builder struct {
	env plugins.Env
	p   *program
	// scope is what expressions know at the step that is being compiled.
	scope expr.Scope
	// ids tells of each id the number of its step.
	ids   map[string]string
	calls map[string]bool
	errs  plugins.FieldErrors
}

func newBuilder(kind programKind, settings any, env plugins.Env) (*builder, error) {
	written, err := json.Marshal(settings)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	sum := sha256.Sum256(append([]byte{byte(kind)}, written...))
	p := &program{kind: kind, env: env, log: env.Log, print: hex.EncodeToString(sum[:8])}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	return &builder{
		env: env, p: p, ids: make(map[string]string), calls: make(map[string]bool),
		scope: expr.Scope{
			Names: []string{expr.NameArgs, expr.NameCaller}, Arguments: argumentsOf(env.Tool), Types: expr.TypesOf(env.Tool),
			Loads: env.Loads, Value: env.Value,
		},
	}, nil
}

// argumentsOf are the arguments that expressions may name; any, if the tool's
// input schema allows arguments that it doesn't name.
func argumentsOf(tool *plugins.Tool) []string {
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

func newSteps(list []Step, env plugins.Env) (plugins.Program, error) {
	b, err := newBuilder(kindSteps, list, env)
	if err != nil {
		return nil, err
	}
	b.scope.Steps, b.scope.Later = []string{}, idsOf(list)
	b.p.outlines = outlineSteps(list)
	if len(list) == 0 {
		b.wrong("want at least one step", "write e.g. [{id: order, tool: get_order}]")
	}
	for i := range list {
		s := b.step(&list[i], strconv.Itoa(i), "", strconv.Itoa(i))
		b.p.list = append(b.p.list, s)
		b.publish(s)
	}
	return b.done()
}

// idsOf are the ids of all steps.
func idsOf(list []Step) []string {
	var ids []string
	for i := range list {
		if list[i].ID != "" {
			ids = append(ids, list[i].ID)
		}
		if list[i].Parallel != nil {
			ids = append(ids, idsOf(list[i].Parallel.Steps)...)
		}
	}
	return ids
}

// publish lets the steps that follow know of a step.
func (b *builder) publish(s *step) {
	for _, one := range append([]*step{s}, s.side...) {
		if one.id != "" {
			b.scope.Steps = append(slices.Clip(b.scope.Steps), one.id)
			b.p.ids = append(b.p.ids, one.id)
		}
	}
}

func newConfirm(text string, env plugins.Env) (plugins.Program, error) {
	b, err := newBuilder(kindConfirm, text, env)
	if err != nil {
		return nil, err
	}
	if asked := strings.TrimSpace(text); asked == "" || asked == "true" || asked == "yes" || asked == "false" || asked == "no" {
		b.wrong("want the question to the person", `write e.g. "Delete ${{ args.id }}?"`)
	}
	b.p.outlines = outlineConfirm(text)
	q := &question{message: b.text(text), timeout: defaultTimeout}
	q.schema, q.form = emptyForm()
	b.p.list = []*step{{address: "0", id: confirmKey, label: confirmKey, question: q}}
	return b.done()
}

func newLoad(all map[string]Loading, env plugins.Env) (plugins.Program, error) {
	b, err := newBuilder(kindLoad, all, env)
	if err != nil {
		return nil, err
	}
	b.scope.Loads = nil
	b.p.outlines = outlineLoad(all)
	if len(all) == 0 {
		b.wrong("want at least one tool to load from", "write e.g. {customer: {tool: get_customer}}")
	}
	load := &step{address: "0"}
	for i, name := range slices.Sorted(maps.Keys(all)) {
		one := all[name]
		b.id(name, name, name)
		s := &step{address: below("0", i), id: name, label: name, optional: one.Optional}
		s.when = b.condition(one.When, name, "when")
		s.tool = b.call(one.Tool, one.Args, name)
		load.side = append(load.side, s)
		b.p.ids = append(b.p.ids, name)
	}
	b.p.list = []*step{load}
	return b.done()
}

// done returns the program, and all mistakes.
func (b *builder) done() (plugins.Program, error) {
	if len(b.errs) > 0 {
		return b.p, b.errs
	}
	b.p.tools = slices.Sorted(maps.Keys(b.calls))
	if err := b.detachment(); err != nil {
		return b.p, err
	}
	return b.p, nil
}

// id checks the id of a step, and that no other has it.
func (b *builder) id(id, number string, path ...string) {
	if !idPattern.MatchString(id) {
		b.wrong(fmt.Sprintf("%q can't be the name of a result", id), "write letters, digits and _, not beginning with a digit", path...)
		return
	}
	if other, used := b.ids[id]; used {
		b.wrong(fmt.Sprintf("the id %q is used twice", id), "step "+other+" has it", path...)
		return
	}
	b.ids[id] = number
}

// tool checks the name of a tool to be called.
func (b *builder) tool(name string, path ...string) {
	switch {
	case name == "":
		b.wrong("want the name of a tool", "", path...)
	case !slices.Contains(b.env.Tools, name):
		hint := ""
		if near := expr.Suggest(name, b.env.Tools); near != "" {
			hint = `did you mean "` + near + `"?`
		}
		b.wrong(fmt.Sprintf("there is no tool %q", name), hint, path...)
	case b.env.Tool != nil && b.env.Tool.Kind == "tool" && b.env.Tool.Name == name:
		b.wrong("a tool can't call itself", "", path...)
	default:
		b.calls[name] = true
	}
}

// call compiles a call of a tool: the keys tool and args at the path.
func (b *builder) call(name string, args json.RawMessage, path ...string) *toolStep {
	b.tool(name, under(path, "tool")...)
	return &toolStep{name: name, args: b.args(args, under(path, "args")...)}
}

// args compiles arguments: an object, or one hole that makes one; nil if there
// are none.
func (b *builder) args(raw json.RawMessage, path ...string) *expr.Template {
	if absent(raw) {
		return nil
	}
	t := b.template(raw, path...)
	b.bare(raw, path)
	if t == nil || raw[0] == '{' || raw[0] == '"' && t.Dynamic() {
		return t
	}
	b.wrong("want a mapping of arguments", "write e.g. {id: \"${{ args.id }}\"}", path...)
	return nil
}

// barePattern is an expression that somebody forgot to put into a hole.
var barePattern = regexp.MustCompile(`^(args|steps|item|load|caller)(\.[a-zA-Z_][a-zA-Z0-9_]*)+$`)

// bare refuses arguments that are the text of an expression.
func (b *builder) bare(raw json.RawMessage, path []string) {
	members, err := strictjson.Members(raw, nil)
	if err != nil {
		return
	}
	for i := range members {
		if text, err := strictjson.Unquote(members[i].Value); err == nil && barePattern.MatchString(text) {
			b.wrong(fmt.Sprintf("this is the text %q, not its value", text), `write "${{ `+text+` }}"`, under(path, members[i].Name)...)
		}
	}
}

// absent reports whether a value is not written.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

func (b *builder) template(raw json.RawMessage, path ...string) *expr.Template {
	t, err := expr.ParseJSON(raw, b.scope)
	if err != nil {
		b.fail(err, path...)
		return nil
	}
	return t
}

func (b *builder) text(text string, path ...string) *expr.Text {
	t, err := expr.ParseText(text, b.scope)
	if err != nil {
		b.fail(err, path...)
		return nil
	}
	return t
}

// mayText compiles a text, nil if there is none.
func (b *builder) mayText(text string, path ...string) *expr.Text {
	if text == "" {
		return nil
	}
	return b.text(text, path...)
}

// condition compiles CEL, nil if there is none.
func (b *builder) condition(text string, path ...string) *expr.Condition {
	if text == "" {
		return nil
	}
	c, err := expr.ParseCondition(text, b.scope)
	if err != nil {
		b.fail(err, path...)
		return nil
	}
	return c
}

// query compiles bare jq.
func (b *builder) query(text string, path ...string) *expr.Query {
	if strings.HasPrefix(strings.TrimSpace(text), "${{") {
		b.wrong("want a jq expression, found a hole", path[len(path)-1]+" is bare jq: take ${{ }} away", path...)
		return nil
	}
	q, err := expr.ParseQuery(text, b.scope)
	if err != nil {
		b.fail(err, path...)
		return nil
	}
	return q
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
		at := *e
		at.Path = slices.Concat(path, e.Path)
		b.errs = append(b.errs, &at)
	}
}

// wrong collects a mistake.
func (b *builder) wrong(message, hint string, path ...string) {
	b.errs = append(b.errs, &plugins.FieldError{Path: path, Message: message, Hint: hint})
}

// misplaced collects a key that makes no sense where it stands.
func (b *builder) misplaced(message, hint string, path ...string) {
	b.errs = append(b.errs, &plugins.FieldError{Path: path, Message: message, Hint: hint, Offset: -1})
}

// under is the path to a key below another.
func under(path []string, key ...string) []string { return slices.Concat(path, key) }
