package steps

import (
	"encoding/json"
	"time"
)

// Step is one of a list of steps. It does exactly one thing: a call of a tool,
// a question to the client, a guard, a message, or steps side by side.
type Step struct {
	ID        string          `manifest:"id" doc:"Name of the step: expressions know its result as steps.ID, and it is the key of its question."`
	When      string          `manifest:"when" doc:"CEL condition; the step is skipped, and its result null, unless it holds."`
	Optional  bool            `manifest:"optional" doc:"A failure leaves null in place of ending the call; a question is asked only of a client that can answer it."`
	Otherwise string          `manifest:"otherwise" doc:"What the caller is told in place of the failure's own text; may have holes."`
	Tool      string          `manifest:"tool" doc:"A tool of this manifest, called with the caller's rights, limits and breakers."`
	Args      json.RawMessage `manifest:"args" doc:"The tool's arguments; strings may hold ${{ jq }}."`
	ForEach   string          `manifest:"for_each" doc:"jq, e.g. args.items: one call for each element, which expressions know as item; at most 1,000. The result is the list of results."`
	Parallel  *Parallel       `manifest:"parallel" doc:"With for_each, how many calls at once; the default is 1. Alone, a list of steps that run side by side."`
	Undo      *Undo           `manifest:"undo" doc:"A call that takes the step back when a later one fails. steps.ID is the step's result; with for_each that of the item."`
	Detach    bool            `manifest:"detach" doc:"The call goes on in the background; what becomes of it is told to nobody."`
	Ask       *Ask            `manifest:"ask" doc:"Asks the person (elicitation)."`
	Sample    *Sample         `manifest:"sample" doc:"Asks the client's model (sampling)."`
	Roots     *Roots          `manifest:"roots" doc:"Asks for the client's roots; write {}."`
	Require   string          `manifest:"require" doc:"CEL condition that ends the call unless it holds; otherwise says why."`
	Progress  json.RawMessage `manifest:"progress" doc:"Tells the client how far the call has come: a number, or a hole."`
	Total     json.RawMessage `manifest:"total" doc:"The progress at which the call is done: a number, or a hole."`
	Log       string          `manifest:"log" doc:"Sends a message of this level to the client's log." enum:"debug,info,notice,warning,error,critical,alert,emergency"`
	Message   string          `manifest:"message" doc:"Text of a progress or log message; may have holes."`
	Logger    string          `manifest:"logger" doc:"Name of the log message's logger; the default is the tool's."`
	Data      json.RawMessage `manifest:"data" doc:"Data of a log message; strings may hold ${{ jq }}."`
}

// Parallel is a bound of calls at once, or steps that run side by side.
type Parallel struct {
	Limit int    `manifest:"-"`
	Steps []Step `manifest:"-"`
}

// Either tells what the value may be written as: a number, or a list.
func (p *Parallel) Either() (scalar, list, mapping any) { return &p.Limit, &p.Steps, nil }

// Undo is the call that takes a step back.
type Undo struct {
	Tool string          `manifest:"tool,required" doc:"A tool of this manifest."`
	Args json.RawMessage `manifest:"args" doc:"Its arguments; strings may hold ${{ jq }}."`
}

// Ask is a question to the person: a form, or a page to visit.
type Ask struct {
	Message string          `manifest:"message,required" doc:"What the person reads; may have holes."`
	Schema  json.RawMessage `manifest:"schema" doc:"The form: property name to a schema of a text, number, boolean or choice, as in input. Never ask for secrets here."`
	URL     string          `manifest:"url" doc:"A page to visit in place of a form; https, may have holes."`
	Timeout time.Duration   `manifest:"timeout" doc:"How long the question may stand open." default:"5m" min:"1s"`
}

// Sample is a question to the client's model.
type Sample struct {
	Messages    []SampleMessage `manifest:"messages,required" doc:"The conversation so far."`
	System      string          `manifest:"system" doc:"System prompt; may have holes."`
	MaxTokens   int             `manifest:"max_tokens" doc:"Longest answer." default:"1000" min:"1"`
	Temperature *float64        `manifest:"temperature" doc:"Randomness of the answer." min:"0"`
	Stop        []string        `manifest:"stop" doc:"Texts that end the answer."`
}

// SampleMessage is one message of a conversation with a model.
type SampleMessage struct {
	Role string `manifest:"role,required" doc:"Who says it." enum:"user,assistant"`
	Text string `manifest:"text,required" doc:"What is said; may have holes."`
}

// Roots is a question for the client's roots; there is nothing to set.
type Roots struct{}

// Loading is a tool called before a prompt is rendered.
type Loading struct {
	Tool     string          `manifest:"tool,required" doc:"A tool of this manifest, called with the caller's rights."`
	Args     json.RawMessage `manifest:"args" doc:"Its arguments; strings may hold ${{ jq }}."`
	Optional bool            `manifest:"optional" doc:"A failure leaves null in place of ending the call."`
	When     string          `manifest:"when" doc:"CEL condition; without it nothing is loaded, and the value is null."`
}
