package steps

import (
	"errors"
	"strings"
	"testing"

	"github.com/sallyport-mcp/sallyport/plugins"
)

func TestMistakes(t *testing.T) {
	env := newWorld().env()
	env.Tools = append(env.Tools, "outer")
	env.Tool = &plugins.Tool{
		Kind: "tool", Name: "outer", InputSchema: []byte(`{"type":"object","additionalProperties":false}`),
		Arguments: []plugins.Argument{{Name: "amount"}},
	}
	ask := func(schema string) []Step { return []Step{{ID: "q", Ask: &Ask{Message: "?", Schema: raw(schema)}}} }
	for name, test := range map[string]struct {
		steps []Step
		want  string // all errors: path: message (hint)
	}{
		"nothing":                  {nil, `: want at least one step (write e.g. [{id: order, tool: get_order}])`},
		"no action":                {[]Step{{ID: "a"}}, `0: the step does nothing (give it one of tool, ask, sample, roots, require, progress, log, parallel)`},
		"two actions":              {[]Step{{Tool: "echo", Require: "true"}}, `0: a step does one thing, found tool and require (make several steps of it)`},
		"a key out of place":       {[]Step{{Require: "true", Undo: &Undo{Tool: "echo"}, ID: "x"}}, `0.id: id makes no sense with require (there may be when, otherwise)|0.undo: undo makes no sense with require (there may be when, otherwise)`},
		"unknown tool":             {[]Step{{Tool: "ecoh"}}, `0.tool: there is no tool "ecoh" (did you mean "echo"?)`},
		"itself":                   {[]Step{{Tool: "outer"}}, `0.tool: a tool can't call itself ()`},
		"unknown undo":             {[]Step{{Tool: "echo", Undo: &Undo{Tool: "refnd"}}}, `0.undo.tool: there is no tool "refnd" (did you mean "refund"?)`},
		"bad id":                   {[]Step{{ID: "a-b", Tool: "echo"}}, `0.id: "a-b" can't be the name of a result (write letters, digits and _, not beginning with a digit)`},
		"id used twice":            {[]Step{{ID: "a", Tool: "echo"}, {Parallel: &Parallel{Steps: []Step{{ID: "a", Tool: "echo"}}}}}, `1.parallel.0.id: the id "a" is used twice (step 1 has it)`},
		"undeclared step":          {[]Step{{ID: "pay", Tool: "echo"}, {Tool: "echo", Args: raw(`{"x":"${{ steps.pya }}"}`)}}, `1.args.x: there is no step "pya" before this (did you mean "pay"?)`},
		"a later step":             {[]Step{{Tool: "echo", Args: raw(`{"x":"${{ steps.pay }}"}`)}, {ID: "pay", Tool: "echo"}}, `0.args.x: there is no step "pay" before this (that step comes later, or runs beside this one)`},
		"a later step in CEL":      {[]Step{{Require: "steps.pay == 1"}, {ID: "pay", Tool: "echo"}}, `0.require: there is no step "pay" before this (that step comes later, or runs beside this one)`},
		"a step beside":            {[]Step{{Parallel: &Parallel{Steps: []Step{{ID: "a", Tool: "echo"}, {ID: "b", Tool: "echo", Args: raw(`"${{ steps.a }}"`)}}}}}, `0.parallel.1.args: there is no step "a" before this (that step comes later, or runs beside this one)`},
		"undeclared argument":      {[]Step{{Require: "args.amuont > 1"}}, `0.require: there is no argument "amuont" (did you mean "amount"?)`},
		"a hole in CEL":            {[]Step{{Require: "${{ true }}"}}, `0.require: want a CEL condition, found a hole (a condition is bare CEL: take ${{ }} away)`},
		"a hole in for_each":       {[]Step{{Tool: "echo", ForEach: "${{ args }}"}}, `0.for_each: want a jq expression, found a hole (for_each is bare jq: take ${{ }} away)`},
		"item without for_each":    {[]Step{{Tool: "echo", Args: raw(`{"x":"${{ item }}"}`)}}, `0.args.x: "item" is not known here (an item is known where there is for_each)`},
		"arguments that are none":  {[]Step{{Tool: "echo", Args: raw(`[1]`)}}, `0.args: want a mapping of arguments (write e.g. {id: "${{ args.id }}"})`},
		"parallel alone":           {[]Step{{Tool: "echo", Parallel: &Parallel{Limit: 2}}}, `0.parallel: parallel makes no sense without for_each (write for_each: args.items, or take parallel away)`},
		"parallel of a list":       {[]Step{{Tool: "echo", ForEach: "[1]", Parallel: &Parallel{Steps: []Step{{}}}}}, `0.parallel: a list of steps makes no sense with tool (write a number, with for_each)`},
		"parallel too wide":        {[]Step{{Tool: "echo", ForEach: "[1]", Parallel: &Parallel{Limit: 5000}}}, `0.parallel: want a number from 1 to 1000 ()`},
		"a lone number":            {[]Step{{Parallel: &Parallel{Limit: 3}}}, `0.parallel: a number goes with for_each (write parallel: [...] for steps side by side)`},
		"parallel in parallel":     {[]Step{{Parallel: &Parallel{Steps: []Step{{Parallel: &Parallel{Steps: []Step{{Tool: "echo"}}}}}}}}, `0.parallel.0.parallel: parallel can't stand in parallel (all of them run side by side anyway)`},
		"detach with undo":         {[]Step{{Tool: "echo", Detach: true, Optional: true, Undo: &Undo{Tool: "echo"}}}, `0.undo: undo makes no sense with detach (what becomes of a detached call is not waited for)|0.optional: optional makes no sense with detach (what becomes of a detached call is not waited for)`},
		"question without id":      {[]Step{{Roots: &Roots{}}}, `0: a question needs an id: it is its key (write id: NAME)`},
		"question without text":    {[]Step{{ID: "q", Ask: &Ask{}}}, `0.ask.message: want what the person shall read ()`},
		"form and page":            {[]Step{{ID: "q", Ask: &Ask{Message: "?", URL: "https://x.example/", Schema: raw("{}")}}}, `0.ask.schema: there is a form or a page, not both (take schema or url away)`},
		"page without https":       {[]Step{{ID: "q", Ask: &Ask{Message: "?", URL: "http://x.example/"}}}, `0.ask.url: want an https URL (write https://pay.example/…; http is for this machine only)`},
		"page with credentials":    {[]Step{{ID: "q", Ask: &Ask{Message: "?", URL: "https://u:p@x.example/"}}}, `0.ask.url: want an https URL (write https://pay.example/…; http is for this machine only)`},
		"place in a form":          {ask(`{"a":{"type":"string","in":"query"}}`), `0.ask.schema.a.in: in makes no sense in a question (it places arguments in requests)`},
		"optional of another type": {ask(`{"a":{"type":"string","optional":"yes"}}`), `0.ask.schema.a.optional: want true or false ()`},
		"default that doesn't fit": {ask(`{"a":{"type":"string","pattern":"^a$","default":"b"}}`), `0.ask.schema.a.default: the default breaks its own schema: expected string matching ^a$, got string "b" ()`},
		"sample without messages":  {[]Step{{ID: "q", Sample: &Sample{}}}, `0.sample.messages: want at least one message (write e.g. [{role: user, text: ...}])`},
		"sample of a stranger":     {[]Step{{ID: "q", Sample: &Sample{Messages: []SampleMessage{{"system", "x"}}}}}, `0.sample.messages.0.role: want user or assistant ()`},
		"progress of text":         {[]Step{{Progress: raw(`"much"`)}}, `0.progress: want a number, or a hole (write 50, or "${{ steps.load.done }}")`},
		"log of nothing":           {[]Step{{Log: "info"}}, `0: want a message, or data ()`},
		"log level":                {[]Step{{Log: "loud", Message: "x"}}, `0.log: want one of debug, info, notice, warning, error, critical, alert, emergency ()`},
		"several at once":          {[]Step{{Tool: "ecoh"}, {Tool: "ehco"}}, `0.tool: there is no tool "ecoh" (did you mean "echo"?)|1.tool: there is no tool "ehco" (did you mean "echo"?)`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newSteps(test.steps, env)
			if got := mistakes(err); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestFormIsFlat(t *testing.T) {
	_, err := newSteps([]Step{{ID: "q", Ask: &Ask{Message: "?", Schema: raw(`{"a":{"type":"object"}}`)}}}, newWorld().env())
	if got := mistakes(err); !strings.HasPrefix(got, "0.ask.schema.a") {
		t.Errorf("got %s, want a mistake at the property", got)
	}
}

// mistakes shows all errors in one line.
func mistakes(err error) string {
	var all plugins.FieldErrors
	if !errors.As(err, &all) {
		if err == nil {
			return "none"
		}
		return err.Error()
	}
	lines := make([]string, len(all))
	for i, e := range all {
		lines[i] = strings.Join(e.Path, ".") + ": " + e.Message + " (" + e.Hint + ")"
	}
	return strings.Join(lines, "|")
}

func TestOtherPartsHaveMistakes(t *testing.T) {
	env := newWorld().env()
	_, err := newConfirm(" ", env)
	if got := mistakes(err); got != `: want the question to the person (write e.g. "Delete ${{ args.id }}?")` {
		t.Error(got)
	}
	_, err = newConfirm("${{ steps.a }}", env)
	if got := mistakes(err); got != `: "steps" is not known here (known here: args, caller)` {
		t.Error(got)
	}
	_, err = newLoad(nil, env)
	if got := mistakes(err); got != `: want at least one tool to load from (write e.g. {customer: {tool: get_customer}})` {
		t.Error(got)
	}
	_, err = newLoad(map[string]Loading{"a b": {Tool: "echo"}, "c": {Tool: "ehco", Args: raw(`{"x":"${{ load.c }}"}`), When: "args."}}, env)
	if got := mistakes(err); !strings.Contains(got, `a b: "a b" can't be`) || !strings.Contains(got, `c.when`) || !strings.Contains(got, `c.tool`) || !strings.Contains(got, `c.args.x`) {
		t.Error(got)
	}
}

func TestWhatAProgramTellsOfItself(t *testing.T) {
	w := newWorld()
	p := w.program(t,
		Step{ID: "a", Tool: "text", Undo: &Undo{Tool: "refund"}},
		Step{Parallel: &Parallel{Steps: []Step{{ID: "b", Tool: "echo", Detach: true}, {ID: "c", Tool: "text"}}}})
	if got := strings.Join(p.Tools(), " "); got != "echo refund text" {
		t.Errorf("tools %s", got)
	}
	if got := strings.Join(p.Steps(), " "); got != "a b c" {
		t.Errorf("steps %s", got)
	}
	if p.Logs() {
		t.Error("no step logs")
	}
}
