// Package expr holds the manifest's expression languages for requests and
// answers: jq holes (`${{ jq }}`), which shape data, and RFC 6570 simple
// placeholders (`{name}`), which place arguments in URLs.
//
// Everything is compiled once, when a manifest is built, and is then safe for
// concurrent use. An expression knows the names its Scope lists and has no
// access to the environment, to files or to the network; time and output are
// bounded.
package expr

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport-mcp/sallyport/gateway/mcp"
	"github.com/sallyport-mcp/sallyport/plugins"
)

const (
	// maxSteps bounds one evaluation of one jq expression: some 200 ms of
	// processor time.
	maxSteps = 4_000_000
	// maxTime bounds it where single steps are slow. It is generous, so that
	// a busy machine doesn't fail small expressions.
	maxTime = time.Second
	// maxSize bounds the text a result would have as JSON, in bytes.
	maxSize = 8 << 20
	// maxOutputs bounds how many outputs an expression may have.
	maxOutputs = 10_000
	// maxIndex bounds the array positions an expression may name: an
	// assignment to a far one would allocate all before it.
	maxIndex = 1 << 20
	// maxSource bounds an expression's text, in bytes.
	maxSource = 64 << 10
)

// The names an expression can know. In jq they are functions, in CEL variables.
const (
	NameArgs    = "args"    // validated arguments
	NameCaller  = "caller"  // who calls
	NameStatus  = "status"  // the upstream's HTTP status
	NameHeaders = "headers" // the upstream's response headers, by name
	NameSteps   = "steps"   // what steps left, by id
	NameLoad    = "load"    // what a prompt has loaded, by name
	NameItem    = "item"    // the element of for_each
	NameValue   = "value"   // what is typed of an argument to be completed
)

// Scope says what an expression may refer to. It is used at compile time only.
type Scope struct {
	// Arguments are the declared arguments; nil allows any.
	Arguments []string
	// Types are the JSON types of arguments, as far as they are known. Only
	// conditions look at them.
	Types map[string]string
	// Names are those known, of NameArgs, NameCaller, NameStatus, NameHeaders.
	Names []string
	// Steps and Loads are the ids that may follow `steps` and `load`; nil if
	// that name is not known.
	Steps, Loads []string
	// Later are the ids of steps that are not finished here yet, for hints.
	Later []string
	// Item and Value say that `item` and `value` are known.
	Item, Value bool
	// Body says that `.` means something.
	Body bool
}

// names are all that are known, in the order of the documentation.
func (s *Scope) names() []string {
	names := slices.Clone(s.Names)
	if s.Steps != nil {
		names = append(names, NameSteps)
	}
	if s.Item {
		names = append(names, NameItem)
	}
	if s.Loads != nil {
		names = append(names, NameLoad)
	}
	if s.Value {
		names = append(names, NameValue)
	}
	return names
}

// Values are what an expression is evaluated on. They belong to one call and
// are not safe for concurrent use.
type Values struct {
	// Args are the validated arguments.
	Args map[string]any
	// Caller is who calls; nil is like a principal without any property.
	Caller *plugins.Principal
	// Capabilities are what the client declared.
	Capabilities mcp.ClientCapabilities
	// Status is the upstream's HTTP status.
	Status int
	// Header returns a response header's first value, or "".
	Header func(name string) string
	// Body is `.`: nil, bool, string, json.Number, int, float64, *big.Int,
	// []any or map[string]any.
	Body any
	// Steps and Load are what steps left and what was loaded, by id: of the
	// types that Body may be of.
	Steps, Load map[string]any
	// Item is the element of for_each, of the types that Body may be of.
	Item any
	// Value is what is typed of an argument to be completed; nil is null.
	Value *string
	// Demanding makes a hole that gives null an error, ErrNull.
	Demanding bool

	caller map[string]any // made when first asked for
}

// ErrNull is the cause of the error of demanding values.
var ErrNull = errors.New("the expression gives null")

// Error says that an expression could not be evaluated on these values.
type Error struct {
	// Message is safe for a client; it quotes no value.
	Message string
	// Cause is for the log.
	Cause error
}

// Error returns the safe message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

func failure(cause error) *Error {
	return &Error{Message: "An expression of the tool's definition does not fit these values.", Cause: cause}
}

var (
	errSize    = fmt.Errorf("the result is larger than %d MiB", maxSize>>20)
	errOutputs = fmt.Errorf("the expression has more than %d outputs", maxOutputs)
)

// named is what one of the names stands for, but for headers.
func (v *Values) named(name string) any {
	switch name {
	case NameArgs:
		return object(v.Args)
	case NameCaller:
		return v.callerValue()
	case NameStatus:
		return v.Status
	case NameSteps:
		return object(v.Steps)
	case NameLoad:
		return object(v.Load)
	case NameItem:
		return v.Item
	case NameValue:
		if v.Value != nil {
			return *v.Value
		}
	}
	return nil
}

// object is a map, empty if there is none.
func object(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

// callerValue is the caller as jq sees it.
func (v *Values) callerValue() map[string]any {
	if v.caller != nil {
		return v.caller
	}
	p := v.Caller
	if p == nil {
		p = &plugins.Principal{}
	}
	claims := map[string]any{}
	for name, claim := range p.Claims {
		claims[name] = plain(claim)
	}
	v.caller = map[string]any{
		"subject": p.Subject, "client": p.Client,
		"roles": list(p.Roles), "scopes": list(p.Scopes), "claims": claims,
		"capabilities": capabilities(v.Capabilities),
	}
	return v.caller
}

// callerFields are the members of caller, in the order of the documentation.
func callerFields() []string {
	return []string{"subject", "client", "roles", "scopes", "claims", "capabilities"}
}

func capabilities(c mcp.ClientCapabilities) map[string]any {
	return map[string]any{
		"elicitation": c.Elicitation, "elicitation.url": c.ElicitationURL,
		"sampling": c.Sampling, "roots": c.Roots,
	}
}

// plain turns the Go types a claim may come in into those of jq.
func plain(v any) any {
	switch v := v.(type) {
	case []string:
		return list(v)
	case int64:
		return int(v)
	case time.Time:
		return int(v.Unix())
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plain(e)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			out[name] = plain(e)
		}
		return out
	}
	return v
}

func list(l []string) []any {
	out := make([]any, len(l))
	for i, s := range l {
		out[i] = s
	}
	return out
}
