package steps

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const said = `{"role":"assistant","content":{"type":"text","text":"Paris"},"model":"m1","stopReason":"endTurn"}`

func TestQuestions(t *testing.T) {
	sure := Step{ID: "ok", Ask: &Ask{Message: "Charge ${{ args.n }}?", Schema: raw(`{"sure":{"type":"boolean","default":true},"n":{"type":"integer"},"note":{"type":"string","optional":true}}`)}}
	with := func(s Step, change func(*Step)) Step { change(&s); return s }
	for name, test := range map[string]struct {
		step   Step
		client client
		caps   mcp.ClientCapabilities
		rounds int
		want   string
	}{
		"form":                         {sure, client{"ok": `{"action":"accept","content":{"n":4,"other":1}}`}, able, 1, `{"ok":{"n":4,"sure":true}}`},
		"form with a text for a count": {sure, client{"ok": `{"action":"accept","content":{"n":"4","sure":false}}`}, able, 1, `{"ok":{"n":4,"sure":false}}`},
		"form that breaks its schema":  {sure, client{"ok": `{"action":"accept","content":{"n":true}}`}, able, 2, "! The answer was not usable: n must be integer."},
		"form left empty":              {sure, client{"ok": `{"action":"accept"}`}, able, 2, "! The answer was not usable: n is missing."},
		"garbage":                      {sure, client{"ok": `[1]`}, able, 2, "! The answer was not usable: it is not of the form that the protocol wants."},
		"garbage to an optional one":   {with(sure, func(s *Step) { s.Optional = true }), client{"ok": `7`}, able, 2, `{"ok":null}`},
		"declined":                     {sure, client{"ok": `{"action":"decline"}`}, able, 1, "! The person declined: Charge 5?"},
		"cancelled":                    {sure, client{"ok": `{"action":"cancel"}`}, able, 1, "! The person declined: Charge 5?"},
		"declined, otherwise":          {with(sure, func(s *Step) { s.Otherwise = "Then not." }), client{"ok": `{"action":"decline"}`}, able, 1, "! Then not."},
		"declined, optional":           {with(sure, func(s *Step) { s.Optional = true }), client{"ok": `{"action":"decline"}`}, able, 1, `{"ok":null}`},
		"a client that can't":          {sure, nil, mcp.ClientCapabilities{Sampling: true}, 0, "! This needs a client that can ask a person: this one did not declare elicitation."},
		"a client that can't, optional": {with(sure, func(s *Step) { s.Optional = true }), client{"ok": accept},
			mcp.ClientCapabilities{}, 0, `{"ok":null}`},
		"page":                    {Step{ID: "p", Ask: &Ask{Message: "Log in", URL: "https://x.example/${{ args.n }}"}}, client{"p": `{"action":"accept"}`}, able, 1, `{"p":{}}`},
		"page of another scheme":  {Step{ID: "p", Ask: &Ask{Message: "Log in", URL: "${{ args.page }}"}}, nil, able, 0, "! The page to visit has no usable URL."},
		"page without url mode":   {Step{ID: "p", Ask: &Ask{Message: "Log in", URL: "https://x.example/"}}, nil, mcp.ClientCapabilities{Elicitation: true}, 0, "! This needs a client that can send a person to a page: this one did not declare elicitation.url."},
		"model":                   {Step{ID: "m", Sample: &Sample{Messages: []SampleMessage{{"user", "Capital of ${{ args.n }}?"}}}}, client{"m": said}, able, 1, `{"m":{"content":{"text":"Paris","type":"text"},"model":"m1","stop_reason":"endTurn","text":"Paris"}}`},
		"model declined":          {Step{ID: "m", Sample: &Sample{Messages: []SampleMessage{{"user", "?"}}}}, client{"m": `{"action":"decline"}`}, able, 1, "! The client declined to ask its model."},
		"roots":                   {Step{ID: "r", Roots: &Roots{}}, client{"r": `{"roots":[{"uri":"file:///a","name":"A"},{"uri":"file:///b"}]}`}, able, 1, `{"r":[{"name":"A","uri":"file:///a"},{"name":null,"uri":"file:///b"}]}`},
		"question without answer": {with(sure, func(s *Step) { s.When = "false" }), nil, able, 0, `{"ok":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			p := w.program(t, test.step)
			call := newCall(map[string]any{"n": 5, "page": "javascript:alert(1)"})
			call.Capabilities = test.caps
			run, rounds, err := drive(t, p, call, test.client)
			if got := outcomeOf(run, err); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if len(rounds) != test.rounds {
				t.Errorf("%d rounds of questions, want %d", len(rounds), test.rounds)
			}
		})
	}
}

func TestQuestionsAreRendered(t *testing.T) {
	w := newWorld()
	half := 0.5
	p := w.program(t, Step{Parallel: &Parallel{Steps: []Step{
		{ID: "name", Ask: &Ask{Message: "Name of ${{ caller.subject }}?", Schema: raw(`{"b":{"type":"string","optional":true,"title":"B"},"a":{"type":"string"}}`), Timeout: time.Minute}},
		{ID: "page", Ask: &Ask{Message: "Go", URL: "http://localhost:1/${{ args.n }}"}},
		{ID: "model", Sample: &Sample{Messages: []SampleMessage{{"user", "Hi ${{ args.n }}"}, {"assistant", "Yes"}}, System: "Be ${{ args.n }}", Temperature: &half, Stop: []string{"."}}},
		{ID: "roots", Roots: &Roots{}},
		{ID: "data", Tool: "echo"},
	}}})
	_, pending, err := p.Run(context.Background(), newCall(map[string]any{"n": 5}))
	if err != nil {
		t.Fatal(err)
	}
	if got := keys(pending); got != "name page model roots" || pending.Wait != 0 {
		t.Fatalf("asked %s, wait %s", got, pending.Wait)
	}
	q := pending.Questions
	if q[0].Kind != mcp.AskForm || q[0].Message != "Name of ann?" || q[0].Timeout != time.Minute ||
		string(q[0].Schema) != `{"type":"object","properties":{"b":{"type":"string","title":"B"},"a":{"type":"string"}},"required":["a"]}` {
		t.Errorf("form %+v %s", q[0], q[0].Schema)
	}
	if q[1].Kind != mcp.AskURL || q[1].URL != "http://localhost:1/5" || q[1].Timeout != defaultTimeout {
		t.Errorf("page %+v", q[1])
	}
	s := q[2].Sampling
	if q[2].Kind != mcp.AskModel || string(s.Messages[0].Block.Text) != "Hi 5" || s.Messages[1].Role != "assistant" || s.System != "Be 5" ||
		s.MaxTokens != defaultTokens || *s.Temperature != half || s.Stop[0] != "." {
		t.Errorf("model %+v", s)
	}
	if q[3].Kind != mcp.AskRoots {
		t.Errorf("roots %+v", q[3])
	}
}

func TestOnlyMissingAnswersAreAskedAgain(t *testing.T) {
	w := newWorld()
	p := w.program(t, Step{Parallel: &Parallel{Steps: []Step{
		{ID: "a", Ask: &Ask{Message: "A?"}}, {ID: "b", Ask: &Ask{Message: "B?", Schema: raw(`{"x":{"type":"integer"}}`)}}, {ID: "c", Tool: "echo"},
	}}})
	answer := func(pending *mcp.Pending, c client) *plugins.Call {
		answers := map[string][]byte{"nobody": []byte(accept)} // is ignored
		for k, v := range c {
			answers[k] = []byte(v)
		}
		return newCall(nil).WithRun(&plugins.Run{Resume: &plugins.Resume{State: pending.State, Answers: answers}})
	}
	_, first, err := p.Run(context.Background(), newCall(nil))
	if err != nil || keys(first) != "a b" {
		t.Fatalf("%v %v", first, err)
	}
	_, second, err := p.Run(context.Background(), answer(first, client{"a": accept}))
	if err != nil || keys(second) != "b" {
		t.Fatalf("%v %v", second, err)
	}
	_, third, err := p.Run(context.Background(), answer(second, client{"b": `{"action":"accept","content":{"x":"many"}}`}))
	if err != nil || keys(third) != "b" || !strings.Contains(third.Questions[0].Message, "x must be integer") {
		t.Fatalf("%v %v", third, err)
	}
	run, _, err := p.Run(context.Background(), answer(third, client{"b": `{"action":"accept","content":{"x":3}}`}))
	if got := outcomeOf(run, err); got != `{"a":{},"b":{"x":3},"c":{}}` {
		t.Error(got)
	}
	if n := len(w.done()); n != 1 {
		t.Errorf("echo was called %d times, want once", n)
	}
}

func TestAnswersMayComeFirst(t *testing.T) {
	w := newWorld()
	w.compose(t, "inner", Step{ID: "in", Ask: &Ask{Message: "?"}})
	p := w.program(t, Step{ID: "a", Ask: &Ask{Message: "?"}}, Step{ID: "b", Tool: "inner"}, Step{ForEach: "[1,2]", Tool: "inner"})
	call := newCall(nil).WithRun(&plugins.Run{Resume: &plugins.Resume{Answers: map[string][]byte{
		"a": []byte(accept), "b.in": []byte(accept), "2.0.in": []byte(accept), "2.1.in": []byte(accept),
	}}})
	run, pending, err := p.Run(context.Background(), call)
	if pending != nil {
		t.Fatalf("asked %s", keys(pending))
	}
	if got := outcomeOf(run, err); got != `{"a":{},"b":{"in":{}}}` {
		t.Error(got)
	}
}

func TestQuestionsOfCallees(t *testing.T) {
	w := newWorld()
	w.compose(t, "inner", Step{ID: "pre", Tool: "echo", Args: raw(`"${{ args }}"`)}, Step{ID: "sure", Ask: &Ask{Message: "Sure of ${{ args.x }}?"}}, Step{Tool: "job"})
	p := w.program(t, Step{ID: "each", ForEach: "[1,2,3]", Parallel: &Parallel{Limit: 2}, Tool: "inner", Args: raw(`{"x":"${{ item }}"}`)})
	call := newCall(nil)
	run, rounds, err := drive(t, p, call, client{"each.0.sure": accept, "each.1.sure": accept, "each.2.sure": accept})
	if got, want := outcomeOf(run, err), `{"each":[{"pre":{"x":1},"sure":{}},{"pre":{"x":2},"sure":{}},{"pre":{"x":3},"sure":{}}]}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := keys(rounds[0]); got != "each.0.sure each.1.sure" {
		t.Errorf("first asked %s: the third has no place yet", got)
	}
	if rounds[1].Wait != time.Second || rounds[1].Status != "working" || len(rounds[1].Questions) > 0 {
		t.Errorf("then %+v", rounds[1])
	}
	if n := strings.Count(strings.Join(w.done(), " "), "echo"); n != 3 {
		t.Errorf("echo was called %d times, want 3", n)
	}
}

func TestQuestionsComeBeforeWaits(t *testing.T) {
	w := newWorld()
	p := w.program(t, Step{Parallel: &Parallel{Steps: []Step{{ID: "j", Tool: "job"}, {ID: "a", Ask: &Ask{Message: "?"}}}}})
	_, pending, err := p.Run(context.Background(), newCall(nil))
	if err != nil || keys(pending) != "a" || pending.Wait != 0 {
		t.Errorf("pending %+v %v", pending, err)
	}
}

func TestLaterRoundsOfCallees(t *testing.T) {
	w := newWorld()
	var counted []bool
	var spent []time.Duration
	w.tool("asks", func(_ context.Context, call *plugins.Call) (*mcp.Result, error) {
		counted = append(counted, call.Counted())
		resume := call.Resumed()
		if resume == nil {
			spent = append(spent, -1)
			return &mcp.Result{Pending: &mcp.Pending{Wait: time.Second, State: []byte(`1`)}}, nil
		}
		spent = append(spent, resume.Spent)
		return structured(`{}`), nil
	})
	p := w.program(t, Step{Tool: "asks"}, Step{Tool: "asks"})
	if _, _, err := drive(t, p, newCall(nil), nil); err != nil {
		t.Fatal(err)
	}
	// The second call begins in a round of the outer call that isn't counted.
	if len(counted) != 4 || !counted[0] || counted[1] || !counted[2] || counted[3] {
		t.Errorf("counted %v, want the first round of each", counted)
	}
	if spent[1] <= 0 || spent[3] <= 0 {
		t.Errorf("spent %v, want what the first rounds took", spent)
	}
}

func TestFailureGivesUpWhatIsPending(t *testing.T) {
	w := newWorld()
	w.compose(t, "inner", Step{ID: "paid", Tool: "echo", Undo: &Undo{Tool: "refund", Args: raw(`{"inner":1}`)}}, Step{ID: "sure", Ask: &Ask{Message: "?"}})
	p := w.program(t, Step{Parallel: &Parallel{Steps: []Step{{ID: "in", Tool: "inner"}, {ID: "out", Ask: &Ask{Message: "Out?"}}}}})
	_, rounds, err := drive(t, p, newCall(nil), client{"out": `{"action":"decline"}`})
	if got := outcomeOf(nil, err); got != "! The person declined: Out?" || keys(rounds[0]) != "in.sure out" {
		t.Errorf("%s after %s", got, keys(rounds[0]))
	}
	if got := strings.Join(w.done(), " "); got != `echo{} refund{"inner":1}` {
		t.Errorf("calls %s", got)
	}
}

// TestRefusedRoundIsGivenUp: a policy that refuses a later round of a step's
// call does not keep what that did from being undone.
func TestRefusedRoundIsGivenUp(t *testing.T) {
	w := newWorld()
	w.compose(t, "inner", Step{ID: "paid", Tool: "echo", Undo: &Undo{Tool: "refund", Args: raw(`{"inner":1}`)}}, Step{ID: "sure", Ask: &Ask{Message: "?"}})
	inner, refusals := w.tools["inner"], 0
	w.tools["inner"] = func(ctx context.Context, call *plugins.Call) (*mcp.Result, error) {
		if call.Resumed() != nil && refusals == 0 {
			refusals++
			return nil, &plugins.Error{Kind: plugins.KindOverload, Message: "Busy."}
		}
		return inner(ctx, call)
	}
	_, _, err := drive(t, w.program(t, Step{ID: "in", Tool: "inner"}), newCall(nil), client{"in.sure": accept})
	if got := outcomeOf(nil, err); got != "! Busy." {
		t.Error(got)
	}
	refusals = 0
	run, _, err := drive(t, w.program(t, Step{ID: "in", Tool: "inner", Optional: true}), newCall(nil), client{"in.sure": accept})
	if got := outcomeOf(run, err); got != `{"in":null}` {
		t.Error(got)
	}
	if got := strings.Join(w.done(), " "); got != `echo{} refund{"inner":1} echo{} refund{"inner":1}` {
		t.Errorf("calls %s", got)
	}
}

func TestPendingCallIsGivenUp(t *testing.T) {
	w := newWorld()
	p := w.program(t, Step{ID: "paid", Tool: "echo", Undo: &Undo{Tool: "refund"}}, Step{ID: "sure", Ask: &Ask{Message: "?"}})
	_, pending, err := p.Run(context.Background(), newCall(nil))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err = p.Run(ctx, newCall(nil).WithRun(&plugins.Run{Resume: &plugins.Resume{State: pending.State}}))
	if got := outcomeOf(nil, err); got != "!cancelled The call was cancelled. Undone: paid." {
		t.Error(got)
	}
}

func TestStateOfAnotherProgram(t *testing.T) {
	w := newWorld()
	list := []Step{{ID: "paid", Tool: "echo", Undo: &Undo{Tool: "refund"}}, {ID: "sure", Ask: &Ask{Message: "?"}}}
	_, pending, err := w.program(t, list...).Run(context.Background(), newCall(nil))
	if err != nil {
		t.Fatal(err)
	}
	again := newCall(nil).WithRun(&plugins.Run{Resume: &plugins.Resume{State: pending.State}})
	list[1].Ask = &Ask{Message: "Really?"}
	_, _, err = w.program(t, list...).Run(context.Background(), again)
	if got := outcomeOf(nil, err); got != "! The tool was changed while the call was waiting, so that it can't be gone on with: call it again. Undone: paid." {
		t.Error(got)
	}
}

func TestStateIsBounded(t *testing.T) {
	w := newWorld()
	w.tool("much", func(context.Context, *plugins.Call) (*mcp.Result, error) {
		return structured(`{"x":"` + strings.Repeat("x", 300<<10) + `"}`), nil
	})
	sure := Step{ID: "sure", Ask: &Ask{Message: "?"}}
	_, _, err := drive(t, w.program(t, Step{ID: "a", Tool: "much"}, sure), newCall(nil), client{"sure": accept})
	if got := outcomeOf(nil, err); got != "! The results so far are too large to be kept while the call waits. Ask for less." {
		t.Error(got)
	}
	_, _, err = drive(t, w.program(t, Step{Tool: "much"}, sure), newCall(nil), client{"sure": accept})
	if err != nil {
		t.Errorf("what nobody can ask for is kept: %v", err)
	}
}

func TestConfirm(t *testing.T) {
	w := newWorld()
	p, err := newConfirm("Delete ${{ args.n }}?", w.env())
	if err != nil {
		t.Fatal(err)
	}
	call := newCall(map[string]any{"n": 5})
	run, rounds, err := drive(t, p, call, client{"confirm": accept})
	if err != nil || run.Steps != nil || len(p.Steps()) != 0 {
		t.Errorf("%v %v", run, err)
	}
	if q := rounds[0].Questions[0]; q.Key != "confirm" || q.Message != "Delete 5?" || string(q.Schema) != `{"type":"object","properties":{}}` {
		t.Errorf("asked %+v", q)
	}
	_, _, err = drive(t, p, call, client{"confirm": `{"action":"decline"}`})
	if got := outcomeOf(nil, err); got != "! The person declined: Delete 5?" {
		t.Error(got)
	}
	call.Capabilities = mcp.ClientCapabilities{}
	_, _, err = drive(t, p, call, nil)
	if got := outcomeOf(nil, err); got != "! A person has to confirm this, and this client can't ask one (it did not declare elicitation)." {
		t.Error(got)
	}
}

func TestLoad(t *testing.T) {
	w := newWorld()
	w.compose(t, "asks", Step{ID: "sure", Ask: &Ask{Message: "?"}})
	p, err := newLoad(map[string]Loading{
		"b": {Tool: "echo", Args: raw(`{"x":"${{ args.n }}"}`)}, "a": {Tool: "text"},
		"c": {Tool: "bad", Optional: true}, "d": {Tool: "echo", When: "false"}, "e": {Tool: "asks"},
	}, w.env())
	if err != nil {
		t.Fatal(err)
	}
	run, rounds, err := drive(t, p, newCall(map[string]any{"n": 5}), client{"e.sure": accept})
	if err != nil || jsonOf(run.Load) != `{"a":"two\nlines","b":{"x":5},"c":null,"d":null,"e":{"sure":{}}}` || run.Steps != nil || len(run.LoadBlocks["a"]) != 3 || len(rounds) != 1 {
		t.Errorf("%+v %v", run, err)
	}
	if got := strings.Join(p.Steps(), " "); got != "a b c d e" {
		t.Errorf("names %s", got)
	}
	p, err = newLoad(map[string]Loading{"c": {Tool: "bad"}}, w.env())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = p.Run(context.Background(), newCall(nil))
	if got := outcomeOf(nil, err); got != "! It is bad." {
		t.Error(got)
	}
}
