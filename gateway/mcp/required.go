package mcp

import (
	"strings"

	"github.com/sallyport-mcp/sallyport/gateway/mcp/strictjson"
)

// AppendInputRequired appends the response to a modern request that can't be
// answered before its client has answered questions
// (2026-07-28, "Multi Round-Trip Requests").
// The keys of the questions must differ. State is what the client sends back,
// byte by byte; empty if there is none. One of the two must be there.
func (e *Encoder) AppendInputRequired(dst []byte, id ID, questions []Question, state string) []byte {
	dst = append(appendHead(dst, id), `{"resultType":"input_required"`...)
	if len(questions) > 0 {
		dst = append(dst, `,"inputRequests":`...)
		dst = AppendInputRequests(dst, questions)
	}
	dst = appendMember(dst, "requestState", state)
	return append(e.appendServerMeta(dst, Newest), `}}`...)
}

// AppendInputRequests appends questions as the object that modern results and
// tasks hold, by their keys.
func AppendInputRequests(dst []byte, questions []Question) []byte {
	dst = append(dst, '{')
	for i := range questions {
		if i > 0 {
			dst = append(dst, ',')
		}
		q := &questions[i]
		dst = strictjson.AppendString(dst, q.Key)
		dst = append(dst, `:{"method":"`...)
		dst = append(dst, q.Method()...)
		dst = append(dst, `","params":`...)
		dst = q.AppendParams(dst, Newest)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// InputResponses is what a retried modern request brings besides the params of
// its method.
type InputResponses struct {
	// Answers are the client's, by the keys of the questions: objects as
	// written, which point into the params. Nil if there are none.
	Answers map[string][]byte
	// State is what the client was given to send back; it points into the params.
	State string
	// HasState says that there is a state, be it empty.
	HasState bool
}

// Present reports whether the request brings anything of it: its result must
// not be kept then.
func (in *InputResponses) Present() bool { return in.HasState || in.Answers != nil }

// DecodeInputResponses decodes params.inputResponses and params.requestState.
func DecodeInputResponses(params Params) (InputResponses, *Error) {
	var in InputResponses
	if raw := params.Get("requestState"); raw != nil {
		if in.State, in.HasState = text(raw); !in.HasState {
			return InputResponses{}, invalid("requestState must be a string")
		}
	}
	raw := params.Get("inputResponses")
	if raw == nil {
		return in, nil
	}
	members, ok := membersOf(raw)
	if !ok {
		return InputResponses{}, invalid("inputResponses must be an object")
	}
	in.Answers = make(map[string][]byte, len(members))
	for i := range members {
		if !isObject(members[i].Value) {
			return InputResponses{}, invalid("inputResponses." + clip(members[i].Name) + " must be an object")
		}
		in.Answers[strings.Clone(members[i].Name)] = members[i].Value
	}
	return in, nil
}
