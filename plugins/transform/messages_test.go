package transform

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

func stepsEnv() plugins.Env {
	env := testEnv(nil)
	env.Upstream, env.Steps, env.Loads = "", []string{"order", "picture"}, []string{"customer", "tickets"}
	return env
}

func stepsCall() *plugins.Call {
	picture := []mcp.Block{{Text: []byte("a cat"), MIMEType: typeText}, {Type: mcp.ImageBlock, Data: []byte("png"), MIMEType: "image/png"}}
	return testCall().WithRun(&plugins.Run{
		Steps:      map[string]any{"order": map[string]any{"status": "new"}, "picture": "a cat"},
		StepBlocks: map[string][]mcp.Block{"picture": picture},
		Load:       map[string]any{"customer": map[string]any{"name": "Ann"}, "tickets": nil},
		LoadBlocks: map[string][]mcp.Block{"customer": picture},
	})
}

func TestAnswersOfSteps(t *testing.T) {
	for name, test := range map[string]struct {
		settings Settings
		want     string
	}{
		"nothing said": {Settings{}, "text Done."},
		"select":       {Settings{Select: "steps.order"}, "text {\"status\":\"new\"}\nstructured {\"status\":\"new\"}"},
		"text":         {Settings{Text: "It is ${{ steps.order.status }}, ${{ steps.order.x // \"nothing\" }}"}, "text It is new, nothing"},
		"select, then text": {Settings{Select: "steps.order", Text: "It is ${{ .status }}"},
			"text It is new\nstructured {\"status\":\"new\"}"},
		"blocks of steps": {Settings{Content: []BlockSettings{{Text: text("See")}, {Step: "picture"}, {Step: "order"}}},
			"text See\ntext a cat\nimage image/png data=\"png\""},
		"with annotations": {Settings{Content: []BlockSettings{{Step: "picture", Annotations: &AnnotationSettings{Audience: []string{"user"}}}}},
			"text for=user a cat\nimage image/png for=user data=\"png\""},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := build(test.settings, stepsEnv())
			if err != nil {
				t.Fatal(err)
			}
			result, err := tr.Transform(t.Context(), stepsCall(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := golden(result); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestMessages(t *testing.T) {
	m, err := buildMessages([]MessageSettings{
		{Role: "user", BlockSettings: BlockSettings{Load: "customer"}},
		{Role: "user", BlockSettings: BlockSettings{Load: "tickets"}}, // null has no blocks
		{Role: "assistant", BlockSettings: BlockSettings{Text: text("${{ args.id }} of ${{ load.customer.name }}: ${{ load.tickets // \"unavailable\" }}, ${{ steps.order.status }}")}},
		{Role: "user", BlockSettings: BlockSettings{Link: &LinkSettings{URI: "crm://${{ args.id }}", Name: "Order"}}},
	}, stepsEnv())
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Render(t.Context(), stepsCall())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, one := range all {
		got = append(got, one.Role+" "+golden(&mcp.Result{Content: []mcp.Block{one.Block}}))
	}
	want := "user text a cat|user image image/png data=\"png\"|assistant text ord_1 of Ann: unavailable, new|user link crm://ord_1 name=Order"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}

func TestMessageThatCannotBeMade(t *testing.T) {
	m, err := buildMessages([]MessageSettings{{Role: "user", BlockSettings: BlockSettings{Text: text("${{ load.customer.name.x }}")}}}, stepsEnv())
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Render(t.Context(), stepsCall())
	if e := failureOf(t, err); e.Kind != plugins.KindStatus || e.Message != "An expression of the tool's definition does not fit these values." {
		t.Errorf("got %+v", e)
	}
}

func TestMistakesInMessagesAndSteps(t *testing.T) {
	block := func(s BlockSettings) []MessageSettings { return []MessageSettings{{Role: "user", BlockSettings: s}} }
	for name, test := range map[string]struct {
		messages []MessageSettings
		want     string
	}{
		"none":         {nil, ": want at least one message (write e.g. [{role: user, text: ...}])"},
		"role":         {[]MessageSettings{{Role: "system", BlockSettings: BlockSettings{Text: text("x")}}}, "0.role: want user or assistant ()"},
		"two kinds":    {block(BlockSettings{Text: text("x"), Load: "customer"}), "0: want exactly one of text, image, audio, resource, link, step, load ()"},
		"unknown load": {block(BlockSettings{Load: "custmer"}), `0.load: there is no load "custmer" (did you mean "customer"?)`},
		"unknown step": {block(BlockSettings{Step: "x"}), `0.step: there is no step "x" (declared: order, picture)`},
		"body":         {block(BlockSettings{Text: text("${{ . }}")}), "0.text: there is no body here that `.` could be (write steps.picture)"},
		"load in text": {block(BlockSettings{Text: text("${{ load.custmer }}")}), `0.text: nothing named "custmer" is loaded (did you mean "customer"?)`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := buildMessages(test.messages, stepsEnv())
			if got := mistakes(err); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
	_, err := build(Settings{Content: []BlockSettings{{Step: "a"}, {Load: "b"}}, Poll: &PollSettings{
		Status: "GET jobs", Result: "/x", Every: time1, Until: "${{ . }}",
	}}, plugins.Env{Name: "t"})
	got := mistakes(err)
	for _, want := range []string{
		"content.0.step: there are no steps here", "content.1.load: nothing is loaded here", "poll.every: want 200ms to 60s",
		"poll.status: the path must start with /", "poll.result: not a request", "poll.until: want a jq expression", "poll: there is no upstream",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %s", want, got)
		}
	}
}

const time1 = 1 // a nanosecond

// mistakes shows all errors in one line.
func mistakes(err error) string {
	var all plugins.FieldErrors
	if !errors.As(err, &all) {
		return "none"
	}
	lines := make([]string, len(all))
	for i, e := range all {
		lines[i] = strings.Join(e.Path, ".") + ": " + e.Message + " (" + e.Hint + ")"
	}
	return strings.Join(lines, "|")
}

func TestTextBlocksHaveMediaTypes(t *testing.T) {
	for name, test := range map[string]struct {
		settings Settings
		answer   answer
		want     string
	}{
		"JSON":                    {Settings{}, answer{contentType: "application/json; charset=utf-8", body: `{}`}, "application/json"},
		"JSON of a kind":          {Settings{}, answer{contentType: "application/geo+json", body: `{}`}, "application/geo+json"},
		"JSON without a type":     {Settings{}, answer{body: `{}`}, "application/json"},
		"JSON by manifest":        {Settings{MIMEType: "application/ld+json"}, answer{contentType: "application/json", body: `{}`}, "application/ld+json"},
		"shaped JSON":             {Settings{Select: ".a"}, answer{contentType: "application/json", body: `{"a":{}}`}, "application/json"},
		"selected text":           {Settings{Select: ".a"}, answer{contentType: "application/json", body: `{"a":"x"}`}, "text/plain"},
		"rendered text":           {Settings{Text: "x"}, answer{contentType: "application/json", body: `{}`}, "text/plain"},
		"rendered, of a type":     {Settings{Text: "# x", MIMEType: "text/markdown", As: "json"}, answer{body: `{}`}, "text/markdown"},
		"text":                    {Settings{}, answer{contentType: "text/x-log", body: `x`}, "text/x-log"},
		"text without a type":     {Settings{}, answer{body: `x`}, "text/plain"},
		"HTML":                    {Settings{}, answer{contentType: "text/html", body: `<p>x</p>`}, "text/markdown"},
		"XML":                     {Settings{}, answer{contentType: "text/xml", body: `<a/>`}, "application/json"},
		"selected of XML by type": {Settings{MIMEType: "text/xml", Select: ".a"}, answer{body: `<a><b/></a>`}, "application/json"},
		"CSV":                     {Settings{}, answer{contentType: "text/csv", body: "a,b\n1,2\n"}, "text/csv"},
		"a block":                 {Settings{Content: []BlockSettings{{Text: text("x")}}}, answer{body: `{}`}, "text/plain"},
		"nothing":                 {Settings{}, answer{status: 204}, "text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			result, err := run(t, mustBuild(t, test.settings), test.answer)
			if err != nil {
				t.Fatal(err)
			}
			if got := result.Content[0].MIMEType; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
