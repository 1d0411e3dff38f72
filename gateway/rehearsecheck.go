package gateway

import (
	"encoding/base64"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport-mcp/sallyport/config"
	"github.com/sallyport-mcp/sallyport/gateway/internal/rehearse"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/schema"
	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
	"github.com/sallyport-mcp/sallyport/plugins"
)

// maxExampleFile bounds a file that is the body of an example's answer, in
// bytes.
const maxExampleFile = 4 << 20

// buildExamples checks what can be said of examples without trying them, and
// makes answers of them where they are wanted.
func (b *builder) buildExamples() {
	for _, name := range b.sortedTools() {
		t := b.s.tools[name]
		for i := range t.source.Examples {
			b.checkExample(t, &t.source.Examples[i])
		}
	}
	if b.scene == nil || b.scene.mode == recording {
		return
	}
	for _, name := range b.sortedTools() {
		b.takeCases(b.s.tools[name])
	}
}

// checkExample checks one example of a tool.
func (b *builder) checkExample(t *tool, e *config.Example) {
	b.checkExampleArgs(t, e)
	b.checkExampleOutput(t, e)
	refuse := func(path []string, message, hint string) {
		b.problems = append(b.problems, e.ProblemAt(path, message, hint, -1))
	}
	stepped := t.has(programSteps)
	switch {
	case len(e.Upstream) > 0 && t.operator == nil:
		refuse([]string{"upstream"}, "the tool asks no service itself", "write upstreams: {TOOL: …}, if its steps do")
	case len(e.Upstreams) > 0 && !stepped:
		refuse([]string{"upstreams"}, "the tool has no steps that ask services", "write upstream: {json: …}")
	case e.Expect.Request != nil && t.operator == nil:
		refuse([]string{"expect", "request"}, "the tool makes no request itself", "expect it in an example of the tool that does")
	}
	for _, name := range slices.Sorted(maps.Keys(e.Upstreams)) {
		if b.m.Tools[name] == nil {
			refuse([]string{"upstreams", name}, fmt.Sprintf("there is no tool %q", name), near(name, b.toolNames))
		}
	}
	for i := range e.Upstream {
		b.checkAnswerFile(&e.Upstream[i])
	}
	for _, answers := range e.Upstreams {
		for i := range answers {
			b.checkAnswerFile(&answers[i])
		}
	}
}

// near proposes the name that was probably meant.
func near(name string, known []string) string {
	if meant := config.Nearest(name, known); meant != "" {
		return fmt.Sprintf("did you mean %q?", meant)
	}
	return ""
}

// checkExampleArgs checks an example's arguments against the tool's input,
// unless it is about wrong ones.
func (b *builder) checkExampleArgs(t *tool, e *config.Example) {
	if e.Expect.Refused != "" || e.Expect.Error != "" || len(e.Args) > 0 && e.Args[0] != '{' {
		return
	}
	args, err := exampleArgs(t.spec, e)
	if err != nil {
		b.problems = append(b.problems, e.ProblemAt([]string{"args"}, err.Error(), "", 0))
		return
	}
	for _, v := range t.spec.Input.Validate(args, nil) {
		path, offset := append([]string{"args"}, segments(v.Pointer)...), 0
		message := fmt.Sprintf("expected %s, got %s", v.Expected, v.Got)
		switch v.Fault {
		case schema.FaultMissing:
			message = "the example lacks the argument " + strings.TrimPrefix(v.Pointer, "/")
			path = path[:len(path)-1]
		case schema.FaultUnknown:
			message, offset = "the tool has no argument "+strings.TrimPrefix(v.Pointer, "/"), -1
		case schema.FaultValue:
		}
		b.problems = append(b.problems, e.ProblemAt(path, message, "or expect that it is refused: expect: {refused: invalid}", offset))
	}
}

// exampleArgs are an example's arguments as a call would have them before they
// are validated.
func exampleArgs(spec *plugins.Tool, e *config.Example) (any, error) {
	if len(e.Args) == 0 {
		return map[string]any{}, nil
	}
	args, err := strictjson.Decode(e.Args, 0)
	if err != nil {
		return nil, fmt.Errorf("the arguments can't be read: %w", err)
	}
	args, _ = spec.Input.Coerce(args)
	return args, nil
}

// segments are the names of a JSON pointer.
func segments(pointer string) []string {
	if pointer == "" {
		return nil
	}
	names := strings.Split(pointer[1:], "/")
	for i := range names {
		names[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(names[i])
	}
	return names
}

// checkExampleOutput checks what an example expects against the output schema.
// It names but some members, so none is missing.
func (b *builder) checkExampleOutput(t *tool, e *config.Example) {
	if e.Expect.Structured == nil || t.spec.OutputSchema == nil {
		return
	}
	compiled, err := schema.Compile(t.spec.OutputSchema)
	if err != nil {
		return // told already
	}
	expected, err := strictjson.Decode(e.Expect.Structured, 0)
	if err != nil {
		return
	}
	for _, v := range compiled.Validate(expected, nil) {
		if v.Fault == schema.FaultMissing {
			continue
		}
		message := fmt.Sprintf("response.schema wants %s here, the example expects %s", v.Expected, v.Got)
		if v.Fault == schema.FaultUnknown {
			message = "response.schema knows no " + strings.TrimPrefix(v.Pointer, "/")
		}
		path := append([]string{"expect", "structured"}, segments(v.Pointer)...)
		b.problems = append(b.problems, e.ProblemAt(path, message, "", 0))
	}
}

// checkAnswerFile refuses a file that can't be read.
func (b *builder) checkAnswerFile(a *config.ExampleAnswer) {
	if a.File == "" {
		return
	}
	if info, err := os.Stat(a.File); err != nil {
		b.problems = append(b.problems, a.ProblemAt([]string{"file"}, "the file can't be read: "+pathError(err), "", 0))
	} else if info.Size() > maxExampleFile {
		b.problems = append(b.problems, a.ProblemAt([]string{"file"}, "the file is larger than 4 MiB", "", 0))
	}
}

// takeCases makes answers of a tool's examples.
func (b *builder) takeCases(t *tool) {
	own := b.casesOf(t.spec)
	own.required = requiredOf(t.spec)
	defaults := rehearse.Defaults(t.spec.Arguments)
	for i := range t.source.Examples {
		e := &t.source.Examples[i]
		for name, answers := range e.Upstreams {
			if callee := b.s.tools[name]; callee != nil {
				of := b.casesOf(callee.spec)
				of.borrowed = append(of.borrowed, b.answers(answers)...)
			}
		}
		value, err := exampleArgs(t.spec, e)
		args, isObject := value.(map[string]any)
		if err != nil || !isObject || t.operator == nil || e.Expect.Refused != "" {
			continue
		}
		own.list = append(own.list, rehearse.Case{Args: rehearse.Filled(args, defaults), Answers: b.answers(e.Upstream)})
	}
}

// casesOf are the cases of a tool; they are made if there are none.
func (b *builder) casesOf(spec *plugins.Tool) *cases {
	key := caseKey(spec.Kind, spec.Name)
	if b.scene.cases[key] == nil {
		b.scene.cases[key] = &cases{}
	}
	return b.scene.cases[key]
}

// answers are answers as the manifest has them, ready to be given.
func (b *builder) answers(written []config.ExampleAnswer) []rehearse.Answer {
	all := make([]rehearse.Answer, 0, len(written))
	for i := range written {
		answer, err := answerOf(&written[i])
		if err != nil {
			b.problems = append(b.problems, written[i].Problem(err.Error(), ""))
			continue
		}
		all = append(all, answer)
	}
	return all
}

// answerOf makes one answer of how it is written.
func answerOf(written *config.ExampleAnswer) (rehearse.Answer, error) {
	a := rehearse.Answer{Status: written.Status, Delay: written.Delay, Fault: rehearse.Fault(written.Error)}
	if written.Args != nil {
		value, err := strictjson.Decode(written.Args, 0)
		if err != nil {
			return a, fmt.Errorf("the arguments can't be read: %w", err)
		}
		a.Args, _ = value.(map[string]any)
	}
	mediaType := ""
	switch {
	case written.JSON != nil:
		a.Body, mediaType = written.JSON, "application/json"
	case written.Text != nil:
		a.Body, mediaType = []byte(*written.Text), "text/plain; charset=utf-8"
	case written.Base64 != nil:
		body, err := base64.StdEncoding.DecodeString(*written.Base64)
		if err != nil {
			return a, fmt.Errorf("the body is not base64: %w", err)
		}
		a.Body, mediaType = body, rehearse.MediaType("", body)
	case written.File != "":
		body, err := os.ReadFile(written.File)
		if err != nil {
			return a, fmt.Errorf("the file can't be read: %s", pathError(err))
		}
		a.Body, mediaType = body, rehearse.MediaType(written.File, body)
	}
	a.Header = rehearse.NewHeader(written.Headers, mediaType)
	if len(a.Body) > 0 {
		a.Header["Content-Length"] = strconv.Itoa(len(a.Body))
	}
	return a, nil
}
